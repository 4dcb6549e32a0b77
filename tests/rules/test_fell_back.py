"""The technician is told that a gateway runs without one of its files, until it has them again."""

from __future__ import annotations

from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    GatewayFellBack,
    GatewayStarted,
    PreviousRun,
    StandIn,
    StartFile,
)
from tests.rules.conftest import Story, Tell

LACKS = GatewayFellBack(
    what=StartFile.HOME_FILE, stand_in=StandIn.COPY, said="home.toml: is empty; write it anew."
)
KEY = GatewayFellBack(what=StartFile.KEY, stand_in=StandIn.NOTHING, said="the key is empty.")
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)


def alarms(story: Story) -> list[str]:
    return story.said("alarm.raised")


def test_told_once_however_often_it_starts_and_over_when_all_is_there(tell: Tell) -> None:
    """One alarm for all files and starts; a start that lacks nothing cancels it; then another."""
    story = tell("mat")
    for at in ("03:12", "03:20"):
        story.at(at, LACKS)
        story.at(at, KEY)
        story.at(at, STARTED)
    assert alarms(story) == ["03:12:00 alarm.raised home_fell_back technical"]
    assert story.said("alarm.cancelled") == []
    story.at("04:00", STARTED)
    assert story.said("alarm.cancelled") == ["04:00:00 alarm.cancelled recovered"]
    story.at("05:00", STARTED)
    story.at("06:00", LACKS)
    assert alarms(story)[1:] == ["06:00:00 alarm.raised home_fell_back technical"]


def test_who_closed_it_is_told_again_only_after_a_whole_start(tell: Tell) -> None:
    """Closed by a person, it does not come back while the same goes on."""
    story = tell("mat")
    story.at("03:12", LACKS)
    story.at("03:12", STARTED)
    (raised,) = [event for event, _ in story.log if event.kind == "alarm.raised"]
    story.staff("03:30", AlarmResolved(alarm=raised.ref, outcome=AlarmOutcome.NO_NEED), person="p1")
    story.at("04:00", LACKS)
    story.at("04:00", STARTED)
    assert len(alarms(story)) == 1
    story.at("05:00", STARTED)
    story.at("06:00", LACKS)
    assert len(alarms(story)) == 2
