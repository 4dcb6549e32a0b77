"""A radio device that is dead is told, however often the home restarts, and told once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LONG_LIVED_INDEX
from gateway.envelope import Draft
from gateway.events import (
    DeviceHeard,
    DeviceOffline,
    DeviceOnline,
    GatewayStarted,
    GatewayStopped,
    MotionDetected,
    PendantPressed,
    PreviousRun,
)
from gateway.rules import bind
from tests.conftest import START, sealed_chain
from tests.rules.conftest import Story, Tell, home_of
from tests.test_engine import Home, running

CUT = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
CLEAN = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CLEAN)
STOPPED = GatewayStopped(reason="stopped")


def offline(story: Story) -> list[str]:
    return story.said("device.offline")


@pytest.mark.parametrize("clean", [True, False])
def test_a_daily_restart_hides_no_dead_device(tell: Tell, clean: bool) -> None:
    """Stopped in order or cut: the day of waiting goes on over the restart."""
    story = tell("pendant")
    story.at("22:00", PendantPressed(verified=True), "pendant")
    for _ in range(4):
        story.until("03:58")
        if clean:
            story.at("03:59", STOPPED)
        story.at("04:00", CLEAN if clean else CUT)
    story.until("04:30")
    assert offline(story) == [f"22:0{int(clean)}:00 device.offline pendant silent"]


def test_a_device_never_heard_is_told_in_spite_of_daily_restarts(tell: Tell) -> None:
    """One that was dead when the home was set up."""
    story = tell("pendant")
    for _ in range(4):
        story.until("03:59")
        story.at("04:00", CUT)
    assert offline(story) == ["04:15:00 device.offline pendant silent"]


def test_the_time_in_which_nobody_listened_does_not_count(tell: Tell) -> None:
    """Stopped for twenty hours: nothing could be heard, and the device has the rest of its day."""
    story = tell("motion")
    story.at("22:00", MotionDetected(), "motion")
    story.at("23:00", STOPPED)
    story.at("19:00", CLEAN)
    story.until("17:59")
    assert offline(story) == []
    story.until("18:05")
    assert offline(story) == ["18:00:00 device.offline motion silent"]


def test_after_days_without_power_the_waiting_begins_anew(tell: Tell) -> None:
    """Nobody knows when a run ended that was cut; after two days in which nothing was written the
    home was off."""
    story = tell("motion")
    story.at("22:00", MotionDetected(), "motion")
    for _ in range(2):
        story._clock += timedelta(days=1)
    story.at("23:00", CUT)
    story.until("22:59")
    assert offline(story) == []
    story.until("23:01")
    assert offline(story) == ["23:00:00 device.offline motion silent"]


def test_after_a_cut_a_device_may_speak_up_first(tell: Tell) -> None:
    """What was heard last before a power cut of a night is not called offline before it could be
    heard."""
    story = tell("pendant", "motion")
    story.at("22:00", DeviceHeard(), "pendant")
    story.at("22:00", MotionDetected(), "motion")
    story._clock += timedelta(days=1)
    story.at("22:30", CUT)
    story.at("22:35", DeviceHeard(), "pendant")
    story.until("22:50")
    assert offline(story) == ["22:45:00 device.offline motion silent"]


def test_what_is_offline_stays_so_over_restarts_until_it_is_heard(tell: Tell) -> None:
    """It is told once, and that it is back too."""
    story = tell("pendant")
    story.at("22:00", PendantPressed(verified=True), "pendant")
    for _ in range(5):
        story.at("21:59", STOPPED)
        story.at("22:01", CLEAN)
    story.at("23:00", PendantPressed(verified=True), "pendant")
    assert story.said("device.offline", "device.online") == [
        "22:02:00 device.offline pendant silent",
        "23:00:00 device.online pendant",
    ]


def test_a_press_that_is_not_proved_is_no_sign_of_life(tell: Tell) -> None:
    """Anybody can send it: a dead pendant stays dead."""
    story = tell("pendant")
    story.at("22:00", PendantPressed(verified=True), "pendant")
    story.at("04:00", PendantPressed(verified=False), "pendant")
    story.until("22:30")
    story.until("22:00")
    assert offline(story) == ["22:00:00 device.offline pendant silent"]
    story.at("23:00", PendantPressed(verified=False), "pendant")
    assert story.said("device.online") == []


async def test_twelve_days_of_restarts_tell_it_once(tmp_path: Path) -> None:
    """With a real log, whose last seven days a start reads: a pendant that was heard on the first
    day is told once, also when that lies before what is read."""
    rules = [rule for rule in bind({}, home_of("pendant")) if rule.name == "device_silent"]
    for day in range(12):
        clock = ManualClock(START + timedelta(days=day))
        again = Home(tmp_path, clock=clock, rules=rules)
        again.engine.rebuild()
        async with running(again) as home:
            await home.engine.write(Draft(CUT))
            if day == 0:
                await home.engine.write(Draft(PendantPressed(verified=True), device="pendant"))
            await home.pass_time(hours=23, minutes=50)
            await home.engine.write(Draft(MotionDetected(), device="other"))
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    told = [event for event, _ in log.since() if event.kind == "device.offline"]
    log.close()
    assert [event.at for event in told] == [START + timedelta(days=1, minutes=15)]


def test_a_log_of_an_earlier_version_reads_what_is_offline(tmp_path: Path) -> None:
    """What lasts has an index in the file; one of an earlier list is made anew."""
    path = tmp_path / "events.sqlite"
    EventLog.open(path, "home:h1").close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP INDEX {LONG_LIVED_INDEX}")
        db.execute(
            'CREATE INDEX event_long_lived ON event (row) WHERE instr(body, \'"kind":"alarm.\') > 0'
        )
    log = EventLog.open(path, "home:h1")
    rows = sealed_chain([DeviceOffline(reason="silent"), MotionDetected(), DeviceOnline()])
    log.append(rows, lambda _error: None)
    log.close()
    log = EventLog.open(path, "home:h1")
    kinds = [event.kind for event, _ in log.since(START + timedelta(days=30))]
    log.close()
    assert kinds == ["device.offline", "device.online"]
