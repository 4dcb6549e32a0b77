"""The technician is told that a home's disk refuses its log, at once and once."""

from __future__ import annotations

from dataclasses import replace

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    GatewayStarted,
    LogLeftDisk,
    LogReturned,
    PreviousRun,
)
from gateway.rules import log_in_memory as rule
from gateway.rules.common.told_once import ToldOnce
from gateway.rules.log_in_memory import Settings, State
from tests.rules.conftest import BEGIN, Story, Tell

LEFT = LogLeftDisk(why="database or disk is full", continues="home:h1")
BACK = LogReturned(held=7, since=BEGIN)
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)


def alarms(story: Story) -> list[str]:
    return story.said("alarm.raised")


def test_told_at_once_and_over_when_the_disk_takes_again(tell: Tell) -> None:
    """One alarm, however often the log leaves the disk before it returns; then another."""
    story = tell("mat")
    story.at("03:12", LEFT)
    story.at("03:20", LEFT)
    assert alarms(story) == ["03:12:00 alarm.raised log_in_memory technical"]
    story.at("04:00", BACK)
    assert story.said("alarm.cancelled") == ["04:00:00 alarm.cancelled recovered"]
    story.at("05:00", BACK)
    story.at("06:00", LEFT)
    assert alarms(story)[1:] == ["06:00:00 alarm.raised log_in_memory technical"]


def test_a_start_on_the_disk_ends_it(tell: Tell) -> None:
    """A home that was switched off in memory and found its disk again has nothing to say of it but
    that it started."""
    story = tell("mat")
    story.at("03:12", LEFT)
    story.at("04:00", STARTED)
    assert story.said("alarm.cancelled") == ["04:00:00 alarm.cancelled recovered"]


def test_who_closed_it_is_not_told_again(tell: Tell) -> None:
    """Closed by a person, it does not come back for the same refusal."""
    story = tell("mat")
    story.at("03:12", LEFT)
    (raised,) = [event for event, _ in story.log if event.kind == "alarm.raised"]
    story.staff("03:30", AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED), person="p1")
    story.at("04:00", LEFT)
    story.at("05:00", BACK)
    assert len(alarms(story)) == 1
    assert story.said("alarm.cancelled") == []


def test_a_start_in_memory_ends_nothing(tell: Tell) -> None:
    """A program that was killed in memory starts there again: the disk still refuses."""
    event = tell("mat").at("04:00", STARTED)
    there = replace(event, origin="home:h1~memory-b1-9.1.7")
    state = State(ToldOnce({rule.ALARM: "home:h1~memory-b1-9.1.7/2"}))
    assert rule.step(state, there, Settings()) == (state, ())
