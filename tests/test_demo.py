"""The town of the demo: the product takes its plan, at any clock; and one pace for all homes."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers import camera_virtual
from drivers.pictures.bedroom import Shows
from drivers.virtual.bedroom_seen import seen
from gateway.clock import FileClock, ManualClock
from gateway.config import home_file
from gateway.demo import cli, town
from gateway.demo.cli import BEGIN
from gateway.demo.home_process import StageError
from gateway.demo.pace import FASTEST, NEEDED, Pace
from gateway.demo.resident import LIES, LOOK_S, STEADY_S, Act, House, Resident
from gateway.demo.scene import Scene
from gateway.envelope import GENESIS, Draft, Event, seal
from gateway.events import (
    LOOKING_ROLE,
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    CheckAsked,
    CheckEscalated,
    CheckVisitSettled,
    Data,
    Settled,
    Severity,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from gateway.ports import Form
from gateway.rules import on_floor
from web.staff.core.rights import Role
from web.staff.visits import plan_files
from web.staff.visits.followup import REACH
from web.staff.visits.plan_import import Draft as Planned
from web.staff.visits.plan_import import to_utc

HERE = ZoneInfo("Europe/Stockholm")
EVENING = datetime(2026, 3, 2, *BEGIN, tzinfo=HERE)


def visits(evening: datetime) -> list[Planned]:
    """The plan as the product reads it."""
    return list(plan_files.read_csv(town.plan(evening)))


def utc(at: datetime) -> datetime:
    return to_utc(at, HERE.key)


@pytest.mark.parametrize(
    "evening",
    [EVENING, EVENING.replace(month=10, day=24), EVENING.replace(month=3, day=28)],
    ids=["any night", "summer time ends", "summer time begins"],
)
def test_the_first_homes_door_opens_at_any_time(evening: datetime) -> None:
    """From the beginning on, over midnight and over a change of the clocks: whoever tries the
    phone stands within a planned visit's time, and the visit is taken for the planned one."""
    margin = timedelta(minutes=town.OPEN_MIN)
    assert margin <= REACH
    mine = [one for one in visits(evening) if one.home == town.HOME.id]
    until = evening.astimezone(UTC)
    for one in mine:
        assert utc(one.since) - margin <= until, f"nothing opens before {one.external_id}"
        assert one.until > one.since
        until = utc(one.until) + margin
    assert until - evening.astimezone(UTC) > timedelta(days=town.DAYS - 1)


def test_the_plan_begins_with_the_round_that_is_under_way() -> None:
    """No visit was over when the demo began, so that none is missed from the first minute; both
    homes come soon."""
    plan = visits(EVENING)
    assert min(utc(one.until) for one in plan) > EVENING
    soon = [one for one in plan if utc(one.since) < EVENING + timedelta(minutes=90)]
    assert [one.home for one in soon] == [town.HOME.id, town.NEIGHBOUR.id]
    assert {one.staff_needed for one in plan} == {1, 2}
    assert {one.team for one in plan} == {None, town.TEAM}
    assert len({(one.home, one.external_id) for one in plan}) == len(plan)


def test_everybody_in_the_plan_has_an_account_and_each_role_one() -> None:
    """And all have one password, long enough, that nobody mistypes."""
    people = town.accounts()
    assert [role for one in people for role in one.roles] == list(Role)
    named = {name for one in visits(EVENING) for name in one.people}
    assert named <= {one.email for one in people}
    (password,) = {one.password for one in people}
    assert len(password) == 19
    assert {one.password for one in town.accounts()} != {password}


def written(data: Data, seq: int) -> Event:
    event, _, _ = seal(
        Draft(data),
        origin="home:h1",
        seq=seq,
        at=EVENING,
        clock="synced",
        boot="b1",
        mono_s=0.0,
        previous=GENESIS,
    )
    return event


def test_time_is_slow_for_all_while_one_home_needs_somebody(tmp_path: Path) -> None:
    """An alarm in one home: the other does not hurry the clock on; closed, both go on."""
    clock = FileClock.create(tmp_path / "clock", EVENING, 1.0)
    said: list[str] = []
    one, other = (
        Pace(clock, 60.0, said.append, tmp_path / "needed" / home) for home in ("h1", "h2")
    )
    one.apply()
    assert clock.rate() == 60.0
    raised = AlarmRaised(type=AlarmType.ON_FLOOR, severity=Severity.CARE, since=EVENING)
    one.see(written(raised, 1))
    other.apply()
    assert clock.rate() == 1.0
    one.see(written(AlarmResolved(alarm="home:h1/1", outcome=AlarmOutcome.HELPED), 2))
    other.apply()
    assert clock.rate() == 60.0
    assert said == ["speed 60", NEEDED, "speed 60"]
    assert "n + Enter" in NEEDED, "what to do where the night is to go on"


def paced(tmp_path: Path) -> tuple[FileClock, Pace]:
    """A home's pace at 60, and the clock that it sets."""
    clock = FileClock.create(tmp_path / "clock", EVENING, 1.0)
    return clock, Pace(clock, 60.0, lambda _: None, tmp_path / "needed" / "h1")


def test_time_stays_slow_until_the_caregiver_acted(tmp_path: Path) -> None:
    """From the alarm on: taking it is no help yet, being there neither; slow until it is closed and
    the visit ended.  However long that takes: nothing here counts seconds."""
    clock, pace = paced(tmp_path)
    pace.see(
        written(AlarmRaised(type=AlarmType.ON_FLOOR, severity=Severity.CARE, since=EVENING), 1)
    )
    helped = AlarmResolved(alarm="home:h1/1", outcome=AlarmOutcome.HELPED)
    for seq, data, rate in (
        (2, AlarmAcknowledged(alarm="home:h1/1"), 1.0),
        (3, VisitStarted(since=EVENING, source=Stamp.UNLOCK), 1.0),
        (4, helped, 1.0),
        (5, VisitEnded(visit="home:h1/3", until=EVENING, source=Stamp.TAP), 60.0),
    ):
        pace.see(written(data, seq))
        pace.apply()
        assert clock.rate() == rate, data


def test_a_check_that_nobody_could_answer_needs_somebody_there(tmp_path: Path) -> None:
    """Asked, escalated: slow until a visit, until it is told that none is needed, or until whoever
    watches says that nobody comes."""
    clock, pace = paced(tmp_path)
    pace.see(written(CheckAsked(check="c", why="bed_empty", answer_by=EVENING), 1))
    pace.see(written(CheckEscalated(check="c", why="no_answer"), 2))
    assert clock.rate() == 1.0
    pace.see(written(VisitStarted(since=EVENING, source=Stamp.TAP), 3))
    pace.see(written(VisitEnded(visit="home:h1/3", until=EVENING, source=Stamp.TAP), 4))
    assert clock.rate() == 60.0
    pace.see(written(CheckEscalated(check="d", why="help"), 5))
    assert clock.rate() == 1.0
    pace.see(written(CheckVisitSettled(check="d", why=Settled.CALLED), 6))
    assert clock.rate() == 60.0
    pace.see(written(CheckEscalated(check="e", why="help"), 7))
    pace.go_on()
    assert clock.rate() == 60.0


class Felt:
    """A mat or a detector that feels and tells nobody."""

    def press(self) -> None: ...

    def release(self) -> None: ...

    def close(self) -> None: ...

    def open(self) -> None: ...


async def test_the_residents_plan_waits_while_somebody_is_needed() -> None:
    """Who is out of bed and has rung is not back in it by the plan before anybody came."""
    clock, needed = ManualClock(EVENING), True
    house = House(Felt(), Felt(), Felt())
    resident = Resident(1, house, clock, HERE.key, waits=lambda: needed)
    task = asyncio.create_task(resident.run())
    await asyncio.sleep(5 * LOOK_S)
    clock.advance(3600.0)  # past bedtime
    for _ in range(5):
        await asyncio.sleep(2 * LOOK_S)
        assert not resident.in_bed
    needed = False
    async with asyncio.timeout(60):
        while not resident.in_bed:
            await asyncio.sleep(LOOK_S)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_was_said_before_a_fall_helps_nobody_up() -> None:
    """The server tells the home later than its pages that an alarm was closed: whoever fell
    meanwhile still lies there, and is found."""
    clock = ManualClock(EVENING)
    resident = Resident(1, House(Felt(), Felt(), Felt()), clock, HERE.key)
    for fall in LIES:
        before = clock.now()
        clock.advance(1.0)
        resident.do(fall)
        resident.helped(before)
        assert resident.lies
        clock.advance(1.0)
        resident.helped(clock.now())
        assert not resident.lies
        assert resident.in_bed


def test_every_step_of_setting_up_is_told(tmp_path: Path) -> None:
    """Each command has its words, and the same step is not told twice in a row under another
    name."""
    lines = town.commands(tmp_path / "clock", town.accounts(), tmp_path / "plan.csv")
    told = [town.step_text(line) for line in lines]
    assert len(set(told)) > 8
    assert "the home h1" in told
    assert "an account for natt@demo.example" in told


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "1000", "fast"])
def test_a_speed_that_cannot_be_is_said_at_once(
    speed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not after a minute of setting the stage."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--speed", speed])
    assert ended.value.code == 2
    assert f"{speed!r} is no number from 1 to 120" in capsys.readouterr().err


@pytest.mark.parametrize("smoke", [True, False], ids=["judged", "played"])
def test_a_demo_that_failed_leaves_the_log_that_it_names(
    smoke: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And one that went well leaves nothing."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cli, "stage", fails)
    monkeypatch.setattr("gateway.demo.smoke.stage", fails)
    assert cli.main(["--smoke"] if smoke else []) == 1
    said = capfd.readouterr()
    [named] = re.findall(r"see (/\S+?home\.log)", said.out + said.err)
    assert Path(named).read_text() == "why"
    monkeypatch.setattr(cli, "smoke", lambda *_: {"ok": True})
    before = list(tmp_path.iterdir())
    assert cli.main(["--smoke"]) == 0
    assert list(tmp_path.iterdir()) == before


def fails(folder: Path, **_: object) -> None:
    """In the place of `stage`: a home that does not start."""
    folder.mkdir(parents=True)
    (folder / "home.log").write_text("why")
    raise StageError(f"the home did not start; see {folder / 'home.log'}")


def test_at_no_speed_is_a_step_a_fall(tmp_path: Path) -> None:
    """A foot stays on the mat for real time: at the fastest pace still for less than somebody who
    lies there."""
    clock = FileClock.create(tmp_path / "clock", EVENING, 1.0)
    pace = Pace(clock, 1000.0, lambda _: None, tmp_path / "needed" / "h1")
    for rate in (None, 5000.0):
        if rate is not None:
            pace.set_rate(rate)
        pace.apply()
        assert clock.rate() == FASTEST
    assert on_floor.Settings.model_fields["lie_s"].default > STEADY_S * FASTEST
    pace.set_rate(0.1)
    assert clock.rate() == 1.0


async def test_the_camera_sees_what_the_virtual_home_knows(tmp_path: Path) -> None:
    """In bed, on the floor, helped up, about: whoever looks sees just that; while nothing happens
    at a person's pace the file is not touched, and the wall's clock is the home's."""
    at = datetime(2026, 3, 2, 22, 15, tzinfo=UTC)
    clock = ManualClock(at)
    resident = Resident(1, House(Felt(), Felt(), Felt()), clock, HERE.key)
    scene = Scene(tmp_path / "home.scene", resident, clock, HERE.key)
    scene.tell()
    settings = {"picture": "edges", "scene": str(tmp_path / "home.scene")}
    eye = camera_virtual.open_eye(settings, Form.FRAMES)
    assert seen(eye.read()) is Shows.AWAY
    for act, shows in (
        (Act.TO_BED, Shows.BED),
        (Act.FALL, Shows.FLOOR),
        (Act.TO_BED, Shows.BED),
        (Act.FALL_BEYOND, Shows.FLOOR),
        (Act.LIE_STILL, Shows.BED),
        (Act.GET_UP, Shows.AWAY),
    ):
        resident.do(act)
        scene.tell()
        assert seen(eye.read()) is shows
    written = (tmp_path / "home.scene").stat().st_mtime_ns
    scene.tell()
    assert (tmp_path / "home.scene").stat().st_mtime_ns == written
    ahead_s = json.loads((tmp_path / "home.scene").read_text())["ahead_s"]
    wall = datetime.fromtimestamp(time.time() + ahead_s, UTC)
    assert abs(wall - at.replace(hour=23)) < timedelta(seconds=30)
    clock.advance(60)
    scene.tell()
    assert (tmp_path / "home.scene").stat().st_mtime_ns > written


def test_the_demos_homes_can_be_looked_into_and_older_ones_not(tmp_path: Path) -> None:
    """A camera and its lamp in each; without both options a file that every release reads."""
    for home, picture in ((town.HOME, "normal"), (town.NEIGHBOUR, "edges")):
        toml = town.home_toml(home, "http://127.0.0.1:9", 0, scene=tmp_path / "scene")
        config = home_file.parse(toml.encode(), tmp_path / "home.toml")
        assert config.devices["eye"].settings.model_dump()["picture"] == picture
        assert config.devices["look"].role == LOOKING_ROLE
        plain = town.home_toml(home, "http://127.0.0.1:9", 0, sound=False)
        assert "camera" not in plain and "looking" not in plain and "speaker" not in plain
