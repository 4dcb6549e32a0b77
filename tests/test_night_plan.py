"""A plan that was set at the server: what may stand in it, and its dated slots."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadPlan
from gateway.events import CheckMethod, Night, PlanPause, PlanTerms
from gateway.night_plan import PlanFault, evening_of, minutes_of, night_plan, slots
from gateway.schedule import local_to_utc, zone

SWEDEN = "Europe/Stockholm"
ALL = Night.offered()
HOURLY: dict[str, Any] = {"every_min": 60, "begins": "22:00", "ends": "06:00"}


def rung(terms: PlanTerms, day: str, days: int = 1) -> list[str]:
    """The local times of the slots from noon of this day on."""
    noon = local_to_utc(date.fromisoformat(day), datetime.min.time().replace(hour=12), zone(SWEDEN))
    found = slots(night_plan(terms), SWEDEN, noon, noon + timedelta(days=days))
    return [f"{slot.at.astimezone(zone(SWEDEN)):%d %H:%M}" for slot in found]


def test_a_night_begins_at_noon() -> None:
    """Times before noon are of the night that began the evening before: a plan for Mondays rings at
    half past two on Tuesday."""
    terms = PlanTerms(times=("23:00", "02:30"), nights=(Night.MON,))
    assert rung(terms, "2026-11-23", 7) == ["23 23:00", "24 02:30"]


def test_an_interval_goes_over_midnight_to_its_end() -> None:
    """Both ends are checks; together with times, each minute is one check."""
    terms = PlanTerms(times=("02:00",), every_min=120, begins="22:00", ends="06:00", nights=ALL)
    assert rung(terms, "2026-11-23") == ["23 22:00", "24 00:00", "24 02:00", "24 04:00", "24 06:00"]


@pytest.mark.parametrize(
    ("day", "hours", "half_past_two"),
    [("2026-03-28", 8, "29 03:00"), ("2026-10-24", 10, "25 02:30"), ("2026-11-23", 9, "24 02:30")],
    ids=["March", "October", "any night"],
)
def test_daylight_saving_nights(day: str, hours: int, half_past_two: str) -> None:
    """A time of day rings once; an interval counts the hours that pass: one fewer in March, one
    more in October, and never two hours without a look."""
    assert rung(PlanTerms(times=("02:30",), nights=ALL), day) == [half_past_two]
    found = rung(PlanTerms(nights=ALL, **HOURLY), day)
    assert len(found) == hours
    start = datetime.fromisoformat(f"{day}T11:00+00:00")
    at = [
        slot.at
        for slot in slots(
            night_plan(PlanTerms(nights=ALL, **HOURLY)),
            SWEDEN,
            start,
            start + timedelta(days=1),
        )
    ]
    assert {b - a for a, b in pairwise(at)} == {timedelta(hours=1)}


def test_a_check_whose_minute_changes_is_the_same_check() -> None:
    """It is named after the time that it was planned for."""
    noon = datetime(2026, 11, 23, 11, tzinfo=UTC)
    found = [
        slots(
            night_plan(
                PlanTerms(times=("02:30",), nights=ALL, tolerance_min=10, offset_min=offset)
            ),
            SWEDEN,
            noon,
            noon + timedelta(days=1),
        )[0]
        for offset in (0, 7)
    ]
    assert [slot.check for slot in found] == ["night@2026-11-24T01:30Z"] * 2
    assert [slot.at.minute for slot in found] == [30, 37]


def test_a_pause_is_of_evenings_and_its_slots_are_still_there() -> None:
    """So that each can be said to be missed."""
    pause = PlanPause(first="2026-11-23", last="2026-11-24")
    terms = PlanTerms(times=("23:00", "02:30"), nights=ALL, pauses=(pause,))
    plan = night_plan(terms)
    noon = datetime(2026, 11, 22, 11, tzinfo=UTC)
    found = slots(plan, SWEDEN, noon, noon + timedelta(days=4))
    evenings = [evening_of(plan, SWEDEN, slot.at) for slot in found]
    assert [plan.paused(evening) for evening in evenings] == [False] * 2 + [True] * 4 + [False] * 2


def test_a_slot_is_of_one_window_alone() -> None:
    """Whoever asks for one window after the other is given each slot once: of the one that it
    begins."""
    plan = night_plan(PlanTerms(times=("23:00",), nights=ALL))
    at = datetime(2026, 11, 23, 22, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert [slot.at for slot in slots(plan, SWEDEN, at, at + hour)] == [at]
    assert slots(plan, SWEDEN, at - hour, at) == []


def test_noon_is_of_the_night_that_begins() -> None:
    """A time at noon is of that day's evening; one whose minute was put past noon is of the evening
    before, as the time that it was planned for."""
    noon = PlanTerms(times=("12:00",), nights=(Night.MON,))
    at = datetime(2026, 11, 23, 11, tzinfo=UTC)
    (slot,) = slots(night_plan(noon), SWEDEN, at, at + timedelta(days=7))
    assert (slot.at, evening_of(night_plan(noon), SWEDEN, slot.at)) == (at, date(2026, 11, 23))
    late = night_plan(PlanTerms(times=("11:50",), nights=ALL, tolerance_min=20, offset_min=20))
    moved = datetime(2026, 11, 23, 11, 10, tzinfo=UTC)
    assert evening_of(late, SWEDEN, moved) == date(2026, 11, 22)


@pytest.mark.parametrize(
    "right",
    [
        {"times": tuple(f"{hour:02}:00" for hour in range(24))},
        {"times": (), "every_min": 15, "begins": "22:00", "ends": "06:00"},
        {"times": (), "every_min": 720, "begins": "20:00", "ends": "08:00"},
        {"recheck_min": 1},
        {"recheck_min": 240},
        {"tolerance_min": 60, "offset_min": 60},
        {"pauses": (PlanPause(first="2026-12-24", last="2026-12-24"),) * 50},
    ],
)
def test_what_a_plan_may_just_hold(right: dict[str, Any]) -> None:
    """The last value of each kind is one."""
    night_plan(PlanTerms(**{"times": ("23:00",), "nights": ALL, **right}))


@pytest.mark.parametrize("left_out", ["every_min", "begins", "ends"])
def test_an_interval_has_three_parts(left_out: str) -> None:
    """None is guessed."""
    with pytest.raises(BadPlan) as caught:
        night_plan(PlanTerms(nights=ALL, **{**HOURLY, left_out: None}))
    assert caught.value.why is PlanFault.INTERVAL_PARTS


def test_the_minutes_of_a_usual_night() -> None:
    """What spreading goes by, over midnight too."""
    terms = PlanTerms(
        times=("23:55",), nights=(Night.SUN,), tolerance_min=10, offset_min=7, **HOURLY
    )
    minutes = minutes_of(night_plan(terms))
    assert minutes[0] == 2
    assert 22 * 60 + 7 in minutes
    assert len(minutes) == 10


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"times": ("2:30",)}, PlanFault.TIME),
        ({"times": ("24:00",)}, PlanFault.TIME),
        ({"times": ("02:30:00",)}, PlanFault.TIME),
        ({"times": ("02:30+01:00",)}, PlanFault.TIME),
        ({"times": ("T0230",)}, PlanFault.TIME),
        ({"times": tuple(f"0{n % 10}:{n}" for n in range(10, 35))}, PlanFault.TIMES_MANY),
        ({"every_min": 60}, PlanFault.INTERVAL_PARTS),
        ({"begins": "22:00", "ends": "23:00"}, PlanFault.INTERVAL_PARTS),
        ({**HOURLY, "every_min": 14}, PlanFault.INTERVAL_RANGE),
        ({**HOURLY, "every_min": 721}, PlanFault.INTERVAL_RANGE),
        ({**HOURLY, "begins": "06:00"}, PlanFault.WINDOW),
        ({**HOURLY, "begins": "07:00"}, PlanFault.WINDOW),
        ({**HOURLY, "begins": "11:00", "ends": "13:00"}, PlanFault.WINDOW),
        ({"nights": ()}, PlanFault.NIGHTS),
        ({"nights": (Night.MON, Night.UNKNOWN)}, PlanFault.NIGHTS),
        ({"nights": (Night.MON, Night.MON)}, PlanFault.NIGHTS),
        ({"method": CheckMethod.UNKNOWN}, PlanFault.METHOD),
        ({"recheck_min": 0}, PlanFault.RECHECK),
        ({"recheck_min": 241}, PlanFault.RECHECK),
        ({"tolerance_min": 61}, PlanFault.TOLERANCE),
        ({"offset_min": 1}, PlanFault.TOLERANCE),
        ({"offset_min": -1, "tolerance_min": 5}, PlanFault.TOLERANCE),
        ({"pauses": (PlanPause(first="2026-11-24", last="2026-11-23"),)}, PlanFault.PAUSE_ORDER),
        ({"pauses": (PlanPause(first="20261124", last="2026-11-25"),)}, PlanFault.DATE),
        ({"pauses": (PlanPause(first="", last=""),)}, PlanFault.DATE),
        (
            {"pauses": (PlanPause(first="2026-11-24", last="2026-11-24"),) * 51},
            PlanFault.PAUSES_MANY,
        ),
    ],
)
def test_what_no_plan_may_hold(wrong: dict[str, Any], why: PlanFault) -> None:
    """Each is told by a word of its own."""
    with pytest.raises(BadPlan) as bad:
        night_plan(PlanTerms(**{"times": ("02:30",), "nights": ALL, **wrong}))
    assert bad.value.why is why


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 366 * 24 * 60),
    st.lists(st.integers(1, 60 * 40), min_size=1, max_size=4),
)
def test_windows_compose(start: int, minutes: list[int]) -> None:
    """However a stretch is cut, its slots are the same, each once."""
    plan = night_plan(
        PlanTerms(times=("02:30", "11:59"), nights=(Night.SAT, Night.SUN, Night.TUE),
                  tolerance_min=10, offset_min=9, **HOURLY)
    )  # fmt: skip
    cuts = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)]
    for step in minutes:
        cuts.append(cuts[-1] + timedelta(minutes=step))
    parts = [slot for a, b in pairwise(cuts) for slot in slots(plan, SWEDEN, a, b)]
    assert parts == slots(plan, SWEDEN, cuts[0], cuts[-1])
    assert len({slot.check for slot in parts}) == len(parts)
