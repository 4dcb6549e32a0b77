"""A log in memory is bounded: what sensors said goes first, and what matters never goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine import memory_bound
from gateway.engine.disk_watch import DiskWatch
from gateway.engine.engine import Engine
from gateway.engine.log_folder import FILE
from gateway.engine.log_reader import LogReader
from gateway.engine.memory_bound import LOOK_EVERY, NOISE
from gateway.engine.turns import Hooks
from gateway.envelope import Draft
from gateway.events import (
    KINDS,
    MatPressed,
    MatReleased,
    PendantPressed,
    TemperatureMeasured,
)
from tests.test_engine import empty_rule
from tests.test_log_in_memory import Home, kinds, origins, running

ROOM_BYTES = 400_000


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_bound, "MEMORY_BYTES", ROOM_BYTES)


@pytest.fixture
async def home(tmp_path: Path, small: None) -> Home:
    """A home whose disk is not there."""
    (tmp_path / "memory").mkdir()
    return Home(tmp_path / "disk", tmp_path / "memory")


def test_only_what_sensors_say_goes() -> None:
    """No alarm, visit, turn of a lock, check, button or pendant is among what goes first."""
    assert set(NOISE) <= set(KINDS)
    assert {kind.partition(".")[0] for kind in NOISE} == {
        *("mat", "contact", "motion", "moisture", "temperature", "device"),
    }
    assert not any(KINDS[kind].URGENT for kind in NOISE)


async def flood(home: Home, until: int) -> None:
    """A thermometer that talks without end."""
    for number in range(until):
        home.engine.submit(Draft(TemperatureMeasured(celsius=20 + number % 7), device="air"))
        if number % LOOK_EVERY == 0:
            await home.engine.write(Draft(PendantPressed(verified=True), device="p"))


async def test_what_the_server_has_goes_first(home: Home, tmp_path: Path) -> None:
    """While the server takes what is sent, memory holds what matters of all, and is never full;
    what is left goes to the disk and is whole there."""
    async with running(home):
        log = home.engine.log
        for _ in range(12):
            await flood(home, 600)
            log.mark_forwarded(log.durable)
        assert not log.full
        assert "log.thinned" not in kinds(log.path)
        held = kinds(log.path)
        assert held.count("pendant.pressed") == 36
        assert held.count("temperature.measured") < 3000 < log.durable
        name, last = log.origin, log.durable
        (tmp_path / "disk").mkdir()
        await home.until(lambda: not home.in_memory)
        await home.engine.write(Draft(MatPressed(), device="bed"))
    names = origins(tmp_path / "disk" / FILE)
    assert names[-1] == "home:h1/2"
    assert f"{name}/{last}" in names
    assert kinds(tmp_path / "disk" / FILE).count("pendant.pressed") == 36


async def test_without_disk_and_server_rules_still_judge(home: Home, tmp_path: Path) -> None:
    """Full of what nobody took: sensors are judged and not kept, which is told with a count; the
    alarm that comes of it is kept and names what tells so; when there is room what each sensor said
    last is kept."""
    home.engine = Engine(
        eventlog=home.engine.log,
        reopen=home.folder.reopen,
        rules=[empty_rule()],
        clock=home.clock,
        boot="b1",
        down_origin="staff:h1",
        hooks=Hooks(on_urgent=lambda rows: home.urgent.extend(row.event for row in rows)),
    )
    home.watch = DiskWatch(home.folder, home.engine, first_s=0.02)
    async with running(home):
        log = home.engine.log
        while not log.full:
            await flood(home, 400)
        home.engine.submit(Draft(MatReleased(), device="bed"))
        durable = log.durable
        await flood(home, 400)
        assert log.durable < durable + 20, "nothing of it is kept"
        home.clock.advance(660)
        home.engine.nudge()
        await home.until(lambda: any(event.kind == "alarm.raised" for event in home.urgent))
        alarm = next(event for event in home.urgent if event.kind == "alarm.raised")
        told = [obj for obj in LogReader(log.path).events() if obj["kind"] == "log.thinned"]
        assert alarm.because is not None
        assert alarm.because.events == (f"{log.origin}/{told[0]['seq']}",)
        assert told[0]["data"] == {"count": 0}
        (tmp_path / "disk").mkdir()
        await home.until(lambda: not home.in_memory)
        await home.engine.write(Draft(MatPressed(), device="bed"))
    events = list(LogReader(tmp_path / "disk" / FILE).events())
    last = [obj for obj in events if obj["origin"] == "home:h1"]
    assert [obj["kind"] for obj in last] == [
        "log.thinned",
        "mat.released",
        "temperature.measured",
        "log.returned",
        "mat.pressed",
    ]
    (count,) = [obj["data"]["count"] for obj in last if obj["kind"] == "log.thinned"]
    assert count >= 400
