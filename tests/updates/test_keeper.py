"""The gateway's half: it takes what is wanted, ends only when nobody needs it, and tells what came
of it once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.envelope import Event
from gateway.errors import LinkDown
from gateway.events import (
    Data,
    GatewayTestPassed,
    Severity,
    UpdateBegun,
    UpdateCalledOff,
    UpdateFetched,
    UpdateHeld,
    UpdateRefused,
    UpdateReturned,
    UpdateWanted,
    UpdateWhy,
)
from gateway.state.home_view import CheckView, OpenAlarm, OpenVisit, Snapshot
from gateway.updates import fetch, install, quiet
from gateway.updates.exchange import Inbox
from gateway.updates.keeper import UpdateKeeper
from gateway.updates.slots import PACKAGE, TRIAL_S, Slots
from tests.updates.signed import KEYS, Signed, small
from web.staff.homelink.mirror import Mirror

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


class Answer:
    """What the server answers."""

    def __init__(self, status: int, data: bytes) -> None:
        self.status, self._data = status, data

    def read1(self, most: int) -> bytes:
        piece, self._data = self._data[:most], self._data[most:]
        return piece

    def close(self) -> None:
        return


class Lane:
    """The home's line to its server's mirror; `spoil` changes what comes, `asked` was asked for."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.asked: list[tuple[str, str]] = []
        self.down_after: int | None = None
        self.spoil: Any = None

    def get(self, path: str, headers: dict[str, str]) -> Answer:
        self.asked.append((path, headers.get("Range", "")))
        if self.down_after is not None and len(self.asked) > self.down_after:
            raise LinkDown("no answer")
        what, name = path.removeprefix("/update-").split("/")
        first = int(headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        data = self.mirror.piece(what, name, first)
        if data is not None and self.spoil is not None:
            data = self.spoil(name if what == "metadata" else what, data)
        return Answer(404, b"") if data is None else Answer(206 if what == "targets" else 200, data)

    def close(self) -> None:
        return


class Home:
    """A gateway of 0.2.0 with a keeper; time is the test's."""

    def __init__(self, folder: Path, place: str = PACKAGE, version: str = "0.2.0") -> None:
        self.folder, self.now_s = folder, 0.0
        self.needed: str | None = None
        self.sure = True
        self.ended = False
        self.written: list[Data] = []
        self.slots = Slots(folder / "releases", folder / "state/updates/proved.json")
        self.inbox = Inbox(folder / "state")
        self.keeper = UpdateKeeper(
            inbox=self.inbox,
            releases=folder / "releases",
            version=version,
            lane=lambda: self.lane,  # type: ignore[arg-type,return-value]
            needed_by=lambda: self.needed,
            online=lambda: True,
            sure_of_time=lambda: self.sure,
            record=self.tell,
            end=self._end,
            root=(folder / "root.json").read_bytes,
            here=folder / place if place == PACKAGE else folder / "releases" / place,
            monotonic=lambda: self.now_s,
        )
        self.lane = Lane(Mirror(folder / "repo"))
        self._seq = 0

    def _end(self) -> None:
        self.ended = True

    def tell(self, data: Data, origin: str = "home:h1") -> None:
        """An event happens."""
        self._seq += 1
        event = Event(
            origin=origin, seq=self._seq, at=NOW, clock="synced", boot="b", mono_s=0.0, data=data
        )
        if origin == "home:h1":
            self.written.append(data)
        self.keeper.apply(event)
        self.keeper.see_live(event)

    def want(self, version: str = "0.3.0", plan: int = 7) -> None:
        self.tell(UpdateWanted(plan=plan, version=version), "staff:h1")

    def pass_s(self, seconds: float) -> None:
        """So long later it looks again."""
        self.now_s += seconds
        asyncio.run(self.keeper._round())

    def take(self) -> None:
        """Root's half does its part."""
        install.take(self.slots, self.inbox, (self.folder / "root.json").read_bytes())

    @property
    def last(self) -> Data | None:
        return self.written[-1] if self.written else None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    signed = Signed(tmp_path)
    signed.add("0.3.0")
    (tmp_path / "root.json").write_bytes(signed.root)
    small(tmp_path / PACKAGE, "0.2.0")
    (tmp_path / "releases").mkdir()
    (tmp_path / "state").mkdir()
    yield Home(tmp_path)


def test_it_ends_only_when_nobody_needs_the_home(home: Home) -> None:
    """The release is fetched and taken in while somebody does; the program ends after a minute in
    which nobody did, and says so before."""
    home.needed = "visit"
    home.want()
    home.pass_s(1)
    assert home.last == UpdateFetched(plan=7, version="0.3.0")
    home.take()
    assert home.slots.current() == "a"
    home.pass_s(600)
    home.needed = None
    home.pass_s(30)
    home.needed = "alarm"
    home.pass_s(30)
    home.needed = None
    home.pass_s(59)
    assert not home.ended
    home.pass_s(2)
    assert home.ended
    assert home.last == UpdateBegun(plan=7, version="0.3.0")


def test_the_new_one_proves_itself_by_its_test_alarm(home: Home) -> None:
    """Not by running: it says what it lacks until then; once held it is told, once."""
    home.want()
    home.pass_s(1)
    home.take()
    new = Home(home.folder, "a", "0.3.0")
    new.want()
    new.written.clear()
    new.slots.boot("m", 1.0)
    new.pass_s(1)
    assert new.slots.look("m", 2.0) is None
    assert new.inbox.lacked((new.slots.trial() or {})["id"]) == "test"
    new.tell(GatewayTestPassed(test="home:h1/1"))
    new.written.clear()
    new.pass_s(1)
    assert new.slots.look("m", 3.0) == "held"
    new.pass_s(1)
    assert isinstance(new.last, UpdateHeld)
    assert new.last.plan == 7
    new.pass_s(1)
    assert len(new.written) == 1


def test_what_was_gone_back_from_is_told_with_its_reason(home: Home) -> None:
    """By the one before, once, also after another start; and it is not taken again."""
    home.want()
    home.pass_s(1)
    home.take()
    home.slots.boot("m", 1.0)
    trial = (home.slots.trial() or {})["id"]
    home.inbox.lack(trial, "server")
    home.slots.look("m", 2 + TRIAL_S)
    back = Home(home.folder)
    back.want()
    back.pass_s(1)
    told = UpdateReturned(
        plan=7, version="0.3.0", why=UpdateWhy.NOT_PROVED, trial=trial, missing="server"
    )
    assert back.last == told
    again = Home(home.folder)
    for data in (UpdateWanted(plan=7, version="0.3.0"), told):
        again.tell(data, "staff:h1" if isinstance(data, UpdateWanted) else "home:h1")
    again.written.clear()
    for _ in range(3):
        again.pass_s(60)
    assert again.written == []
    assert again.lane.asked == []


def altered(what: str, data: bytes) -> bytes:
    return data if what != "targets" else data[:-1] + bytes([data[-1] ^ 1])


def stranger(folder: Path) -> Any:
    other = Mirror(Signed(folder / "other", KEYS[1:]).repo.folder)

    def spoil(what: str, data: bytes) -> bytes:
        return data if what == "targets" else other.piece("metadata", what, 0) or data

    return spoil


@pytest.mark.parametrize(("how", "why"), [("altered", "altered"), ("stranger", "wrongly_signed")])
def test_what_is_wrong_is_refused_and_told(home: Home, how: str, why: str, tmp_path: Path) -> None:
    """Once; root is not even asked."""
    home.lane.spoil = altered if how == "altered" else stranger(tmp_path)
    home.want()
    home.pass_s(1)
    told = home.last
    assert isinstance(told, UpdateRefused)
    assert told.why == why
    assert told.text.endswith(".")
    assert home.inbox.request() is None
    assert not home.inbox.artefact.exists()
    home.pass_s(60)
    assert home.written == [told]


def test_what_root_refuses_is_told(home: Home) -> None:
    """Its word, once."""
    home.want()
    home.pass_s(1)
    home.inbox.artefact.write_bytes(b"changed since")
    home.take()
    home.pass_s(1)
    told = home.last
    assert isinstance(told, UpdateRefused)
    assert told.why is UpdateWhy.ALTERED
    home.pass_s(60)
    assert home.last is told


def test_a_download_goes_on_where_the_line_broke(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came is kept, and nothing of it is asked for twice."""
    monkeypatch.setattr(fetch, "UPDATE_PIECE_BYTES", 100)
    home.lane.spoil = lambda what, data: data[:100] if what == "targets" else data
    home.lane.down_after = 7
    home.want()
    home.pass_s(1)
    have = home.inbox.artefact.stat().st_size
    assert 0 < have < 1000
    asked = [said for path, said in home.lane.asked if "targets/" in path]
    home.lane.down_after = None
    home.pass_s(1)
    assert home.written == []  # it gives the line some time
    home.pass_s(1000)
    assert home.last == UpdateFetched(plan=7, version="0.3.0")
    later = [said for path, said in home.lane.asked if "targets/" in path][len(asked) :]
    assert later[0].startswith(f"bytes={have}-")
    home.take()
    assert home.slots.current() == "a"


def test_an_alarm_has_the_line_for_itself(home: Home) -> None:
    """While somebody is in an alarm nothing of a release is asked for."""
    home.needed = "alarm"
    home.want()
    home.pass_s(1)
    assert [path for path, _ in home.lane.asked if "targets/" in path] == []
    assert home.written == []


def test_what_is_called_off_is_not_taken(home: Home) -> None:
    """Nor is what somebody else than the server wants."""
    home.want()
    home.tell(UpdateCalledOff(plan=7), "staff:h1")
    home.pass_s(1)
    home.tell(UpdateWanted(plan=8, version="0.3.0"))
    home.written.clear()
    home.pass_s(1)
    assert home.lane.asked == []
    assert home.written == []


def test_who_runs_it_already_says_so(home: Home) -> None:
    """A package brought it meanwhile."""
    home.want("0.2.0")
    home.pass_s(1)
    assert home.last == UpdateHeld(plan=7, version="0.2.0", trial="")


def test_a_checkout_takes_no_releases(home: Home) -> None:
    """It says that it was not installed as one."""
    shutil.rmtree(home.folder / PACKAGE)
    home.want()
    home.pass_s(1)
    assert isinstance(home.last, UpdateRefused)
    assert home.last.why is UpdateWhy.NOT_INSTALLED


# --- whether somebody needs the home --------------------------------------------------------------


def snapshot(**more: Any) -> Snapshot:
    usual: dict[str, Any] = {
        "at": NOW,
        "devices": (),
        "alarms": (),
        "bed": None,
        "visits": (),
        "checks": (),
        "last": (),
        "mains": None,
        "away": False,
        "timezone": None,
        "plan": None,
        "looks_agreed": False,
    }
    return Snapshot(**{**usual, **more})


def alarm(severity: Severity) -> OpenAlarm:
    return OpenAlarm("home:h1/1", "bed_exit", severity, NOW, NOW, None)  # type: ignore[arg-type]


def check(state: str, minutes: float) -> CheckView:
    return CheckView("n@1", NOW + timedelta(minutes=minutes), state, NOW)


VISIT = OpenVisit("home:h1/2", "p7", NOW, "tap")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("home", "more", "needed"),
    [
        (snapshot(), {}, None),
        (snapshot(alarms=(alarm(Severity.CARE),)), {}, "alarm"),
        (snapshot(alarms=(alarm(Severity.TECHNICAL),)), {}, None),
        (snapshot(visits=(VISIT,)), {}, "visit"),
        (snapshot(checks=(check("asked", -5),)), {}, "check"),
        (snapshot(checks=(check("planned", 14),)), {}, "check"),
        (snapshot(checks=(check("planned", 16),)), {}, None),
        (snapshot(checks=(check("done", 0),)), {}, None),
        (snapshot(mains=False), {}, "power"),
        (snapshot(look=object()), {}, "call"),
        (snapshot(), {"turning": True}, "lock"),
        (snapshot(), {"speaking": True}, "call"),
    ],
)
def test_what_a_home_is_needed_for(home: Snapshot, more: dict[str, bool], needed: str) -> None:
    """An alarm of care, a check or one that is near, a visit, a call, a look, a turn, the mains
    gone; a battery that is low for weeks holds nothing up."""
    said = {"turning": False, "speaking": False, **more}
    assert quiet.needed_by(home, NOW, **said) == needed
