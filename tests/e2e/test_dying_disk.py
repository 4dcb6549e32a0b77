"""The home's card dies while the home runs, or was dead when it began, with both programs for real
and errors that the system calls give: alarms ring, checks are asked, doors open, and what was kept
arrives afterwards.

Not for: the other files of the state folder one by one (the tests of who writes them), or a card
that lost something (`test_recovery`).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage, stage
from gateway.engine.engine import HANG_S, PULSE_S
from gateway.engine.log_reader import LogReader
from gateway.errors import LogError
from gateway.origin import is_in_memory
from tests.e2e.conftest import EVENING, at_server
from tests.e2e.faulty_disk import WRITES, FaultyDisk, fill, mounted, remount
from tests.e2e.test_kill import LoadedHome
from tests.ports import free_port
from tests.test_watchdog import Systemd

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TOLD_S = 60.0
"""Real seconds within which an alarm, or a turn of a lock, stands at the server whatever the disk
does, on a machine that has other work too; it takes half a second, or what a lock needs."""

FAULTS = {
    "EIO at the sync": ("EIO", "sync"),
    "full": ("ENOSPC", "write"),
    "read-only": ("EROFS", WRITES),
    "writes half": ("SHORT", "write"),
    "hangs at the sync": ("HANG", "sync"),
    "hangs at any write": ("HANG", WRITES),
}


class Dying:
    """A stage whose home stands on a faulty disk and is watched by systemd."""

    def __init__(self, made: Stage, disk: FaultyDisk, systemd: Systemd) -> None:
        self.made, self.disk, self.systemd = made, disk, systemd
        account = made.account("caregiver")
        self.caregiver = StaffClient(made.url, account.email, account.password)

    @contextmanager
    def on_it(self) -> Iterator[None]:
        """Processes that are started in the block stand on the disk, and tell systemd."""
        before = os.environ.copy()
        os.environ.update(self.disk.variables() | {"NOTIFY_SOCKET": str(self.systemd.path)})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        assert self.made.home is not None
        return self.made.home.do(what, **more)

    def at_server(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind that the server has, by either lane; asked at once, for one may just
        go from the one to the other."""
        asked = (
            "SELECT body FROM event WHERE kind = :kind "
            "UNION ALL SELECT body FROM urgent WHERE kind = :kind"
        )
        with closing(sqlite3.connect(self.made.database, timeout=60)) as db:
            return [json.loads(body) for (body,) in db.execute(asked, {"kind": kind})]

    def ring(self, home: LoadedHome) -> tuple[str, int]:
        """Raise an alarm in a home under load; its origin and number, once it is at the server."""
        before = self._raised()
        home.say("alarm")
        within(lambda: self._raised() - before, "the alarm")
        return min(self._raised() - before)

    def _raised(self) -> set[tuple[str, int]]:
        """The alarms that `ring` raises, not what the home says of its card."""
        raised = self.at_server("alarm.raised")
        return {(one["origin"], one["seq"]) for one in raised if one["data"]["type"] == "test"}

    def press(self) -> None:
        """Press the pendant; it is at the server in time."""
        before = len(self.at_server("pendant.pressed"))
        self.do("pendant")
        within(lambda: len(self.at_server("pendant.pressed")) > before, "the alarm")

    def open_door(self) -> dict[str, Any]:
        """Order the door open as a caregiver does; how it ended."""
        key = f"key-{time.monotonic()}"
        sent = self.caregiver.post("/pass/h1/las", device="door", action="unlock", key=key)
        found: list[dict[str, Any]] = []

        def ended() -> bool:
            for kind in ("unlock.ended", "unlock.refused"):
                found.extend(
                    one["data"]
                    for one in self.at_server(kind)
                    if one["data"]["grant"] == sent["grant"]
                )
            return bool(found)

        within(ended, "the end of the order")
        return found[0]

    def is_alive(self) -> bool:
        """Whether systemd goes on hearing the home."""
        self.systemd.forget()
        return self.systemd.hears("WATCHDOG=1", 4 * PULSE_S)

    def is_well(self) -> bool:
        """Whether the log is on the card, and the server has all of it."""
        told = self.do("tell")
        held = at_server(self.made).get(told["origin"], {})
        on_card = not is_in_memory(told["origin"])
        return bool(on_card and told["backlog"] == 0 and told["durable"] <= len(held))


def within(held: Any, what: str, seconds: float = TOLD_S) -> None:
    """Wait for `held`."""
    until = time.monotonic() + seconds
    while not held():
        assert time.monotonic() < until, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dying]:
    """One stage for all scenes, an hour before the first check of the night."""
    folder = tmp_path_factory.mktemp("dying")
    where = {"at": EVENING, "port": free_port(), "home_port": free_port()}
    with stage(folder / "stage", home=False, **where) as made:  # type: ignore[arg-type]
        systemd = Systemd(folder / "notify")
        scene = Dying(made, FaultyDisk(folder / "disk", folder / "stage" / "home"), systemd)
        with scene.on_it():
            made.start_home("--still", "--awake")
        yield scene
        scene.disk.end()
        systemd.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_home_lives_on_while_its_card_dies(dying: Dying, fault: str) -> None:
    """An alarm rings at the server, systemd hears the home, and the door opens for who has the
    right; when the card is well, everything of the time is on it and at the server, once."""
    within(dying.is_well, "what was before")
    with dying.disk.fault(*FAULTS[fault]):
        dying.press()
        if fault.startswith("hangs"):
            time.sleep(HANG_S)
        assert dying.is_alive()
        assert dying.open_door()["outcome"] == "done"
    within(dying.is_well, "what was kept in memory")
    assert dying.is_alive()
    assert not lost_from(dying, dying.made.home_log), "what rang from memory is on the card"


def test_a_check_is_asked_while_the_card_refuses(dying: Dying) -> None:
    """The night's check comes due, nobody is in bed: the night watch is asked at once."""
    within(dying.is_well, "what was before")
    with dying.disk.fault("EIO", "write,sync"):
        dying.made.clock.set(at=EVENING.replace(hour=22, minute=59, second=58))
        within(lambda: bool(dying.at_server("check.asked")), "the check")
        assert dying.is_alive()
    within(dying.is_well, "what was kept in memory")
    assert len(dying.at_server("check.asked")) == 1, "stored once, after it rang"


AT_START = ("EIO at the sync", "hangs at any write", "full for real", "read-only for real")


@contextmanager
def small_card(scene: Dying) -> Iterator[Path]:
    """The home's state on a small file system of its own; on the usual one again afterwards."""
    state = scene.made.folder / "home"
    kept = scene.made.folder / "home-kept"
    shutil.copytree(state, kept)
    with mounted(state, "12m"):
        shutil.copytree(kept, state, dirs_exist_ok=True)
        yield state
        shutil.rmtree(kept)
        shutil.copytree(state, kept)
    shutil.copytree(kept, state, dirs_exist_ok=True)
    shutil.rmtree(kept)


@contextmanager
def dead_card(scene: Dying, how: str) -> Iterator[Callable[[], None]]:
    """The card as `how` says; what is yielded makes it well again."""
    if how in FAULTS:
        with scene.disk.fault(*FAULTS[how]):
            yield scene.disk.end
        return
    with small_card(scene) as state:
        if how == "full for real":
            big = fill(state)
            yield lambda: big.unlink(missing_ok=True)
        else:
            remount(state, "ro")
            yield lambda: remount(state, "rw")


@pytest.mark.parametrize("how", AT_START)
def test_a_home_starts_on_a_card_that_is_dead(dying: Dying, how: str) -> None:
    """The home is ready in time for systemd and stays, its alarm rings at the server; when the card
    is well, what memory held is on it and at the server."""
    if dying.made.home is not None:
        dying.made.home.stop()
        dying.made.home = None
    log = dying.made.home_log
    with dead_card(dying, how) as mend:
        dying.systemd.forget()
        with dying.on_it():
            home = LoadedHome(dying.made.folder, "--events", "1", env=os.environ.copy())
        try:
            assert dying.systemd.hears("READY=1", 85), "TimeoutStartSec is 90 s"
            returned = len(dying.at_server("log.returned"))
            rung = dying.ring(home)
            assert dying.is_alive()
            mend()
            # by its own name: it comes ahead of all else that the server will hear of its log
            if is_in_memory(rung[0]):
                # until then a part is on the card already, and what comes anew goes to memory
                within(lambda: len(dying.at_server("log.returned")) > returned, "the way back", 90)
            within(lambda: not is_in_memory(dying.ring(home)[0]), "an alarm from the card", 90)
            within(lambda: not lost_from(dying, log), "what was kept in memory", 90)
            assert dying.is_alive()
            home.end()
        finally:
            home.process.kill()
            home.close()
        assert not lost_from(dying, log)
        assert rung in {(event["origin"], event["seq"]) for event in LogReader(log).events()}


PAGE_BYTES = 4096
"""Of SQLite's file: what a read of it asks for."""


@pytest.mark.parametrize("large", [False, True], ids=["checked whole", "too large to be checked"])
def test_a_block_that_cannot_be_read_does_not_end_the_start(dying: Dying, *, large: bool) -> None:
    """In the middle of the log: it is set aside and a new one begins with what was before the
    block, and with the alarm that was raised after it; the home is ready, systemd hears it, and the
    next alarm rings."""
    if dying.made.home is not None:
        dying.made.home.stop()
        dying.made.home = None
    log = dying.made.home_log
    with loaded(dying, "--events", "3000") as home:
        home.acknowledged(until=3000)
        home.say("alarm")
        home.acknowledged(until=1)
        home.end()
    before, origin = list(LogReader(log).events()), LogReader(log).origin
    raised = [event["hash"] for event in before if event["kind"] == "alarm.raised"][-1]
    size, file = log.stat().st_size, f"#{log.stat().st_ino}"
    middle = before[len(before) // 2]["hash"]
    page = log.read_bytes().index(bytes.fromhex(middle)) // PAGE_BYTES * PAGE_BYTES
    block = (page, page + PAGE_BYTES)
    with dying.disk.fault("EIO", "read", file, block):
        dying.systemd.forget()
        with loaded(dying, "--events", "1", *(["--large"] if large else [])) as home:
            assert dying.systemd.hears("READY=1", 85), "TimeoutStartSec is 90 s"
            rung = len(dying.at_server("alarm.raised"))
            home.say("alarm")
            within(lambda: len(dying.at_server("alarm.raised")) > rung, "the alarm")
            assert dying.is_alive()
            home.end()
    held = {event["hash"]: event for event in LogReader(log).events()}
    told = [event for event in held.values() if event["kind"] == "log.recovered"][-1]
    assert told["data"]["continues"] == origin != told["origin"]
    assert (log.parent / told["data"]["set_aside"]).stat().st_size == size
    assert before[0]["hash"] in held
    assert raised in held
    assert middle not in held
    assert before[len(before) // 3]["hash"] in held


@contextmanager
def loaded(scene: Dying, *options: str) -> Iterator[LoadedHome]:
    """The home under load, on the disk; ended whatever happens."""
    with scene.on_it():
        home = LoadedHome(scene.made.folder, *options, env=os.environ.copy())
    try:
        yield home
    finally:
        home.process.kill()
        home.close()


def lost_from(scene: Dying, log: Path) -> set[tuple[str, int]]:
    """What the server has of the home and the card has not."""
    try:
        on_card = {event["hash"] for event in LogReader(log).events()}
    except LogError:
        on_card = set()
    return {
        (origin, seq)
        for origin, events in at_server(scene.made).items()
        for seq, digest in events.items()
        if origin.startswith("home:") and digest not in on_card
    }
