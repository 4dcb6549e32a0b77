"""The technician is told, once each, that an alarm's way is broken; and a planned check that nobody
reported is the home's own alarm when the server does not say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    CheckAsked,
    CheckDue,
    CheckPlanned,
    CheckUnreported,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayStarted,
    GatewayTestFailed,
    GatewayTestPassed,
    PreviousRun,
)
from tests.rules.conftest import BEGIN, Story, Tell

FAILED = GatewayTestFailed(test="home:h1/1", hop="server")
PASSED = GatewayTestPassed(test="home:h1/1")
LOST = GatewaySecondPathFailed(why="no_network")
READY = GatewaySecondPathReady(signal_pct=61)
SLOT = BEGIN + timedelta(minutes=60)
PLANNED = CheckPlanned(check="n@1", slot=SLOT, report_by=SLOT + timedelta(minutes=10))


def raised(story: Story) -> list[str]:
    return story.said("alarm.raised")


def test_a_test_that_did_not_come_back_is_told_once(tell: Tell) -> None:
    """However often it fails, until one goes through; then again."""
    story = tell("mat")
    story.at("06:04", FAILED)
    story.at("07:04", FAILED)
    assert raised(story) == ["06:04:00 alarm.raised chain_broken technical"]
    story.at("08:00", PASSED)
    assert story.said("alarm.cancelled") == ["08:00:00 alarm.cancelled recovered"]
    story.at("09:00", PASSED)
    story.at("10:00", FAILED)
    assert raised(story)[1:] == ["10:00:00 alarm.raised chain_broken technical"]


def test_the_gateways_own_way_is_told_beside_it(tell: Tell) -> None:
    """Each for itself: the modem that is back does not end the other."""
    story = tell("mat")
    story.at("06:00", LOST)
    story.at("06:01", replace(LOST, why="refused"))
    story.at("06:04", FAILED)
    assert [line.split()[2] for line in raised(story)] == ["second_path_down", "chain_broken"]
    story.at("06:10", READY)
    assert story.said("alarm.cancelled") == ["06:10:00 alarm.cancelled recovered"]


def test_who_closed_it_is_not_told_again(tell: Tell) -> None:
    """Closed by a person it does not come back for the same trouble; what the server raises about
    its own part is not the home's to end."""
    story = tell("mat")
    story.at("06:04", FAILED)
    (alarm,) = [event for event, _ in story.log if event.kind == "alarm.raised"]
    closed = AlarmResolved(alarm=alarm.ref, outcome=AlarmOutcome.MENDED)
    story.staff("06:30", closed, person="p1")
    theirs = AlarmRaised.usual(AlarmType.CHAIN_BROKEN, BEGIN)
    story.staff("06:40", theirs, person=None)
    story.at("07:04", FAILED)
    story.at("08:00", PASSED)
    ours = [line for line in raised(story) if line.startswith("06:04")]
    assert ours == ["06:04:00 alarm.raised chain_broken technical"]
    assert story.said("alarm.cancelled") == []


def unreported(story: Story) -> list[str]:
    return [line for line in raised(story) if "check_unreported" in line]


def test_a_check_that_nobody_rang(tell: Tell) -> None:
    """Neither rung nor told by the server: the home's own alarm, three minutes after the server's
    time, and once."""
    story = tell("mat")
    story.at("21:10", PLANNED)
    story.at("23:59", READY)
    (line,) = unreported(story)
    assert line == "22:13:00 alarm.raised check_unreported care"


def test_a_check_that_was_reported(tell: Tell) -> None:
    """Asked, or called unreported by the server: nothing is added."""
    for told in (
        CheckAsked(check="n@1", why="no_sensor", answer_by=SLOT + timedelta(minutes=15)),
        None,
    ):
        story = tell("mat")
        story.at("21:10", PLANNED)
        if told is None:
            story.staff("22:11", CheckUnreported(check="n@1"), person=None)
        else:
            story.at("22:01", told)
        story.at("23:59", READY)
        assert unreported(story) == []


def test_a_gateway_that_was_off_at_the_time_rings_first(tell: Tell) -> None:
    """What came due meanwhile is rung at the start, and then it is the night check's."""
    story = tell("mat")
    story.at("21:10", PLANNED)
    started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
    story.at("22:45", started)
    story.at("22:45", CheckDue(check="n@1", slot=SLOT))
    story.at("23:59", READY)
    assert unreported(story) == []
