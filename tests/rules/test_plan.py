"""The rule `plan`, and what the rules for checks do with a plan that the server set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.events import (
    CheckAnswered,
    CheckAsked,
    CheckMethod,
    ConsentSettled,
    Finding,
    GatewayStarted,
    Looked,
    MatPressed,
    Night,
    PlanHeld,
    PlanPause,
    PlanRefusal,
    PlanSet,
    PlanTerms,
    PreviousRun,
    Unknown,
)
from tests.rules.conftest import Story, Tell
from tests.rules.test_night_check import CHECK, answer, due

TERMS = PlanTerms(times=("02:00",), nights=Night.offered(), recheck_min=40)
STARTED = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CLEAN)


def held(story: Story) -> list[tuple[int, PlanTerms | None, bool]]:
    """What the home said that it holds."""
    found = [event.data for event in story.decided("plan.held")]
    return [(data.number, data.terms, data.looks_agreed) for data in found]


def test_the_last_plan_that_was_set_holds(tell: Tell) -> None:
    """Said when it comes, at each start, and every third day."""
    story = tell()
    story.at("21:10", STARTED)
    assert held(story) == []  # nothing was ever set: the file holds
    story.staff("22:00", PlanSet(number=1, terms=TERMS), "p9")
    story.staff("22:10", PlanSet(number=2, terms=replace(TERMS, recheck_min=20)), "p9")
    story.at("23:00", STARTED)
    for minute in (59, 58, 57, 56):
        story.until(f"22:{minute}")  # a day on
    assert [number for number, _, _ in held(story)] == [1, 2, 2, 2]
    assert story.decided("plan.held")[-1].at.hour == 22  # 23:00 in Stockholm, three days later


def test_a_plan_that_cannot_be_followed_is_refused_once_and_the_one_before_goes_on(
    tell: Tell,
) -> None:
    """One of a newer version, and one with a value that no plan may have; each said once."""
    story = tell()
    story.staff("22:00", PlanSet(number=1, terms=TERMS))
    newer = {"number": 2, "terms": {"times": ["02:00"], "method": "drone"}}
    story.staff("22:10", Unknown("plan.set", newer))
    story.staff("22:20", PlanSet(number=3, terms=replace(TERMS, times=("25:00",))))
    story.staff("22:30", Unknown("plan.set", {"number": "four"}))
    refused = [(event.data.number, event.data.why) for event in story.decided("plan.refused")]
    assert refused == [
        (2, PlanRefusal.NOT_UNDERSTOOD),
        (3, PlanRefusal.OUT_OF_RANGE),
        (None, PlanRefusal.NOT_UNDERSTOOD),
    ]
    story.at("23:00", STARTED)
    assert [number for number, _, _ in held(story)] == [1, 1]


def test_looks_are_agreed_to_as_the_server_says_and_not_where_that_cannot_be_read(
    tell: Tell,
) -> None:
    """Beside the plan, and without one; what is not understood is no consent."""
    story = tell()
    story.staff("22:00", ConsentSettled(held=True))
    story.staff("22:10", PlanSet(number=1, terms=TERMS))
    story.staff("22:20", ConsentSettled(held=False))
    story.staff("22:30", ConsentSettled(held=True))
    story.staff("22:40", Unknown("consent.settled", {"held": True, "until": "2027"}))
    told = [(number, agreed) for number, _, agreed in held(story)]
    assert told == [(0, True), (1, True), (1, False), (1, True), (1, False)]


@pytest.mark.parametrize("method", [CheckMethod.CAMERA, CheckMethod.VISIT])
def test_where_the_plan_says_so_a_person_is_asked_whatever_the_sensors_say(
    tell: Tell, method: CheckMethod
) -> None:
    """In bed and pressed now, and asked all the same; again after the plan's own delay."""
    story = tell()
    story.staff("21:30", PlanSet(number=1, terms=replace(TERMS, method=method)))
    story.at("22:00", MatPressed(), "mat")
    due(story)
    answer(story, "02:05", Finding.UNCLEAR)
    story.until("02:50")
    assert story.said(*CHECK) == [
        f"02:00:00 check.asked {method.value}",
        f"02:45:00 check.asked {method.value}",
    ]


def test_sensor_first_is_as_without_a_plan_but_for_the_delay(tell: Tell) -> None:
    """Done without anybody looking; unclear is asked again after the plan's delay, the sensors
    first."""
    story = tell(bed_exit={"enabled": False})
    story.staff("21:30", PlanSet(number=1, terms=TERMS))
    due(story)
    answer(story, "02:05", Finding.UNCLEAR)
    story.until("02:50")
    assert [one.split()[-1] for one in story.said(*CHECK)] == ["reading_stale", "recheck"]
    assert story.said("check.asked")[1].startswith("02:45:00")
    story.at("03:00", MatPressed(), "mat")
    due(story, "04:00", "night@b")
    assert story.said("check.done") == ["04:00:00 check.done night@b sensor"]


def test_a_plan_that_is_set_while_a_check_is_open_holds_from_the_next_one(tell: Tell) -> None:
    """The open one keeps its delay and its way; the next has the new ones."""
    story = tell()
    story.staff("21:30", PlanSet(number=1, terms=replace(TERMS, method=CheckMethod.CAMERA)))
    due(story)
    new = replace(TERMS, method=CheckMethod.VISIT, recheck_min=5)
    story.staff("02:03", PlanSet(number=2, terms=new))
    answer(story, "02:05", Finding.UNCLEAR)
    story.until("02:50")
    due(story, "04:00", "night@b")
    assert [one.split(" check.asked ")[0] for one in story.said("check.asked")] == [
        "02:00:00", "02:45:00", "04:00:00",
    ]  # fmt: skip
    assert [event.data.why for event in story.decided("check.asked")] == [
        "camera", "camera", "visit",
    ]  # fmt: skip


def test_a_paused_night_is_said_to_be_missed(tell: Tell) -> None:
    """The night that begins on Monday the 23rd is paused, and the next is not."""
    story = tell()
    pause = PlanPause(first="2026-11-23", last="2026-11-23")
    story.staff("21:30", PlanSet(number=1, terms=replace(TERMS, pauses=(pause,))))
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.missed paused"]
    story.at("22:00", MatPressed(), "mat")
    due(story, "02:00", "night@b")
    assert story.said(*CHECK)[1:] == ["02:00:00 check.done night@b sensor"]


def test_a_look_that_a_rule_asked_for_takes_the_plans_delay_too(tell: Tell) -> None:
    """Unclear: again after the plan's delay, and to go there where the plan says visit."""
    story = tell()
    story.staff("21:30", PlanSet(number=1, terms=replace(TERMS, method=CheckMethod.VISIT)))
    name = "look-bed_exit@2026-11-23T21:00:00Z"
    answer_by = story._clock + timedelta(hours=1)
    story.at("22:00", CheckAsked(check=name, why="not_back", answer_by=answer_by))
    unclear = CheckAnswered(check=name, finding=Finding.UNCLEAR, looked=Looked.IN_PERSON)
    story.staff("22:05", unclear, "p5")
    story.until("22:50")
    (asked,) = story.decided("check.asked")
    assert (asked.data.check, asked.data.why) == (name, "visit")
    assert story.said("check.asked")[0].startswith("22:45:00")


def test_held_by_a_log_of_another_version_changes_nothing(tell: Tell) -> None:
    """Terms that this version could not follow pause nothing and break nothing."""
    story = tell()
    odd = replace(TERMS, pauses=(PlanPause(first="soon", last="later"),))
    story.at("21:30", PlanHeld(number=7, terms=odd, looks_agreed=False))
    story.at("22:00", MatPressed(), "mat")
    due(story)
    assert story.said(*CHECK) == ["02:00:00 check.done sensor"]
