"""SSH for an hour: what the gateway asks of root's half, and what it tells of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.envelope import Event
from gateway.events import (
    Data,
    SshCalledOff,
    SshClosed,
    SshEnd,
    SshOpened,
    SshRefusal,
    SshRefused,
    SshWanted,
    SshWhy,
)
from gateway.services.ssh_hour import ANSWER_S, END_LATE_S, HOUR_S, SshHour

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
BOOT = "abcdef01"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Home:
    """The gateway's half, with its disk; what it tells is folded as the log would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.root.mkdir(exist_ok=True)
        self.clock, self.since_start, self.sure = ManualClock(NOW), 1000.0, True
        self.told: list[Data] = []
        self.kept: list[Event] = []
        self.seq = 0
        self.restart()

    def restart(self, boot: str = BOOT) -> None:
        self.hour = SshHour(
            self.folder,
            clock=self.clock,
            sure_of_time=lambda: self.sure,
            boot=boot,
            record=self._record,
            root=self.root,
            look_s=0.01,
            boottime=lambda: self.since_start,
        )
        for event in self.kept:
            self.hour.apply(event)

    def _record(self, data: Data) -> None:
        self.told.append(data)
        self.happens(data, "home:h1")

    def happens(self, data: Data, origin: str = "staff:h1") -> str:
        self.seq += 1
        now, mono = self.clock.now(), self.clock.mono_s()
        event = Event(origin, self.seq, now, "synced", BOOT, mono, data)
        self.kept.append(event)
        self.hour.apply(event)
        self.hour.see_live(event)
        return event.ref

    def want(self, key: str = KEY) -> str:
        return self.happens(SshWanted(key=key, why=SshWhy.FAULT))

    def asked(self) -> tuple[str, str] | None:
        """What stands on the disk for root's half; it is not taken."""
        path = self.folder / "ssh/request.json"
        if not path.exists():
            return None
        said = json.loads(path.read_text())
        assert set(said) == {"id", "key", "boot"} and said["boot"] == BOOT
        return said["id"], said["key"]

    def take(self) -> tuple[str, str] | None:
        asked = self.asked()
        (self.folder / "ssh/request.json").unlink(missing_ok=True)
        return asked

    def says(self, which: str, state: str, **more: Any) -> None:
        said = {"id": which, "state": state, "boot": f"{BOOT}-0000", **more}
        if state == "open":
            said = {"until_s": self.since_start + HOUR_S, "host_key": KEY} | said
        (self.root / "state.json").write_text(json.dumps(said))

    def open(self) -> str:
        ref = self.want()
        self.hour.round()
        assert self.take() == (ref, KEY)
        self.says(ref, "open")
        self.hour.round()
        return ref


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_disk_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    """Who looks after a home whose card dies asks for SSH just then: the home's loop writes nothing
    itself, and says when nothing came of it."""
    home = Home(tmp_path)
    waiting: list[Callable[[], None]] = []
    home.hour._background = waiting.append
    ref = home.want()
    home.hour.round()
    assert (home.asked(), len(waiting)) == (None, 1)
    home.since_start += ANSWER_S + 1
    home.hour.round()
    assert home.told == [SshRefused(request=ref, why=SshRefusal.FAILED)]
    for write in waiting:
        write()
    assert home.asked() == (ref, ""), "the last word counts"


def why_not(home: Home) -> SshRefusal:
    """The one thing that was told."""
    [told] = home.told
    assert isinstance(told, SshRefused)
    return told.why


def closed(home: Home, ref: str) -> SshEnd:
    """Of what was told last."""
    told = home.told[-1]
    assert isinstance(told, SshClosed) and told.request == ref
    assert home.hour.opened is None
    return told.why


def test_it_is_asked_for_opened_and_ends(home: Home) -> None:
    """Each is told once, however often it is looked at; and until when by the home's clock."""
    ref = home.open()
    for _ in range(3):
        home.hour.round()
    [opened] = home.told
    assert isinstance(opened, SshOpened) and opened == home.hour.opened
    assert (opened.request, opened.until) == (ref, NOW + timedelta(hours=1))
    assert opened.host_key == KEY and opened.fingerprint.startswith("SHA256:")
    assert home.asked() is None
    home.says(ref, "closed", why="time")
    home.hour.round()
    home.hour.round()
    assert closed(home, ref) is SshEnd.TIME and len(home.told) == 2


def test_it_is_ended_when_somebody_ends_it(home: Home) -> None:
    ref = home.open()
    home.happens(SshCalledOff(request="staff:h1/99"))
    home.hour.round()
    assert home.asked() is None
    home.happens(SshCalledOff(request=ref))
    home.hour.round()
    assert home.take() == (ref, "")
    assert home.hour.opened is not None, "said before it is so"
    home.says(ref, "closed", why="asked")
    home.hour.round()
    assert closed(home, ref) is SshEnd.ASKED


def test_a_home_without_roots_half_says_so(home: Home) -> None:
    home.root.rmdir()
    home.want()
    home.hour.round()
    assert why_not(home) is SshRefusal.NO_UNIT and home.asked() is None


@pytest.mark.parametrize("key", ["", "hej", f"{KEY}\n{KEY}", f"{KEY[:-1]}", f"x {KEY}"])
def test_the_home_looks_at_the_key_itself(home: Home, key: str) -> None:
    home.want(key)
    home.hour.round()
    assert why_not(home) is SshRefusal.BAD_KEY and home.asked() is None


def test_a_wish_is_good_for_minutes(home: Home) -> None:
    """A home that was away opens nothing for who has gone home."""
    home.want()
    home.clock.advance(11 * 60)
    home.hour.round()
    assert why_not(home) is SshRefusal.TOO_LATE and home.asked() is None


def test_who_is_not_sure_of_the_time_opens_nothing(home: Home) -> None:
    home.sure = False
    home.want()
    home.hour.round()
    assert why_not(home) is SshRefusal.TIME_UNKNOWN


def test_what_was_ended_before_is_not_opened(home: Home) -> None:
    home.happens(SshCalledOff(request=home.want()))
    home.hour.round()
    assert why_not(home) is SshRefusal.CALLED_OFF and home.asked() is None


def test_only_the_server_wants_it(home: Home) -> None:
    """Not what stands in the home's own log."""
    home.happens(SshWanted(key=KEY, why=SshWhy.FAULT), "home:h1")
    home.hour.round()
    assert home.told == [] and home.asked() is None


def test_no_answer_is_an_answer_and_what_comes_too_late_is_ended(home: Home) -> None:
    """Root's half had taken the request and opens after all: nobody was told, so it is shut."""
    ref = home.want()
    home.hour.round()
    assert home.take() == (ref, KEY)
    home.since_start += ANSWER_S + 1
    home.hour.round()
    assert why_not(home) is SshRefusal.FAILED
    assert home.take() == (ref, "")
    home.says(ref, "open")
    home.hour.round()
    assert home.take() == (ref, "")
    assert len(home.told) == 1 and home.hour.opened is None


def test_the_newest_wish_takes_the_place_of_one_that_was_not_taken(home: Home) -> None:
    """Else the first would be opened, and nobody told."""
    home.want()
    home.hour.round()
    second = home.want()
    home.hour.round()
    assert home.take() == (second, KEY)


def test_another_wish_while_the_first_opens_is_the_one_that_is_asked(home: Home) -> None:
    """Both came between two looks: to end the first would take the second's request away.  The
    first is ended by the second, or once that is refused."""
    first = home.want()
    home.hour.round()
    assert home.take() == (first, KEY)
    home.says(first, "open")
    second = home.want()
    home.hour.round()
    assert home.take() == (second, KEY)
    home.hour.round()
    assert home.asked() is None
    home.since_start += ANSWER_S + 1
    home.hour.round()
    home.hour.round()
    assert home.take() == (first, "")


def test_another_wish_ends_what_is_open(home: Home) -> None:
    first = home.open()
    second = home.want()
    home.hour.round()
    assert home.take() == (second, KEY)
    home.says(second, "open")
    home.hour.round()
    assert [type(one) for one in home.told] == [SshOpened, SshClosed, SshOpened]
    assert home.told[1] == SshClosed(request=first, why=SshEnd.ASKED)
    assert home.hour.opened is not None and home.hour.opened.request == second


def test_the_gateway_starts_anew_in_mid_hour(home: Home) -> None:
    """It goes on; nothing is told twice, and its end is told."""
    ref = home.open()
    home.restart()
    assert home.hour.opened is not None
    home.hour.round()
    assert len(home.told) == 1 and home.asked() is None
    home.says(ref, "closed", why="time")
    home.hour.round()
    assert closed(home, ref) is SshEnd.TIME


def test_the_gateway_dies_between_asking_and_telling(home: Home) -> None:
    """What came of it meanwhile is told; and a request that is late by then is taken back."""
    ref = home.want()
    home.hour.round()
    home.restart()
    home.says(ref, "closed", why="time")
    home.hour.round()
    assert closed(home, ref) is SshEnd.TIME

    home.want()
    home.hour.round()
    assert home.asked() is not None
    home.clock.advance(3600)
    home.restart()
    home.hour.round()
    assert home.asked() is None and isinstance(home.told[-1], SshRefused)


def test_the_machine_starts_anew_in_mid_hour(home: Home) -> None:
    """What root's half said is of another run, or gone: SSH is closed, and told so."""
    ref = home.open()
    home.restart("99999999")
    home.hour.round()
    assert closed(home, ref) is SshEnd.RESTARTED


def test_what_root_says_long_after_its_hour_is_not_believed(home: Home) -> None:
    """Killed with nobody to say so: systemd has ended it by then."""
    ref = home.open()
    home.since_start += HOUR_S + END_LATE_S - 1
    home.hour.round()
    assert home.hour.opened is not None
    home.since_start += 2
    home.hour.round()
    assert closed(home, ref) is SshEnd.FAILED and home.asked() is None


@pytest.mark.parametrize(
    "said",
    [
        *("", "{", "[]", "null", "[" * 3_000, '{"boot": 1}', "9" * 5_000, "x" * 100_000),
        json.dumps({"id": "staff:h1/1", "state": "open", "boot": BOOT, "until_s": float("nan")}),
        json.dumps({"id": "staff:h1/1", "state": "open", "boot": BOOT, "until_s": float("inf")}),
        json.dumps({"id": "staff:h1/1", "state": "open", "boot": BOOT, "until_s": [1]}),
    ],
    ids=range(11),
)
def test_what_cannot_be_read_is_no_answer(home: Home, said: str) -> None:
    home.want()
    home.hour.round()
    (home.root / "state.json").write_text(said)
    home.hour.round()
    assert home.told == []


@pytest.mark.parametrize(
    ("until_s", "left"), [(1e12, 3600), (-1e12, None), (1000.0, 0), (1600.0, 600)]
)
def test_no_hour_is_longer_than_an_hour(home: Home, until_s: float, left: float | None) -> None:
    ref = home.want()
    home.hour.round()
    home.take()
    home.says(ref, "open", until_s=until_s, host_key="<b>x</b>")
    home.hour.round()
    opened = home.told[0]
    assert isinstance(opened, SshOpened) and opened.host_key == ""
    assert opened.until == NOW + timedelta(seconds=left or 0)


@pytest.mark.parametrize(
    ("why", "told"), [("broken", SshRefusal.BAD_KEY), ("x", SshRefusal.FAILED)]
)
def test_what_root_refuses_is_told(home: Home, why: str, told: SshRefusal) -> None:
    ref = home.want()
    home.hour.round()
    home.says(ref, "refused", why=why)
    home.hour.round()
    assert why_not(home) is told


async def test_it_sleeps_until_somebody_wants_it(home: Home) -> None:
    """And is awake while it is open; a disk that refuses is tried again."""
    running = asyncio.create_task(home.hour.run())
    rounds = [0]
    real = home.hour.round

    def counted() -> None:
        rounds[0] += 1
        if rounds[0] == 2:
            raise OSError("full")
        real()

    home.hour.round = counted  # type: ignore[method-assign]
    await asyncio.sleep(0.1)
    assert rounds[0] <= 1
    ref = home.want()
    await until(lambda: home.asked() is not None)
    home.says(ref, "open")
    await until(lambda: home.hour.opened is not None)
    home.says(ref, "closed", why="time")
    await until(lambda: home.hour.opened is None)
    await asyncio.sleep(0.1)
    slept = rounds[0]
    await asyncio.sleep(0.1)
    assert rounds[0] == slept
    running.cancel()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.01)
