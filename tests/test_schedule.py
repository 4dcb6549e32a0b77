"""The night plan over clock changes: `gateway.schedule`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.schedule import Pause, Plan, check_id, local_to_utc, merged, slots, zone

STOCKHOLM = "Europe/Stockholm"
ZONES = [STOCKHOLM, "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "UTC"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan(*times: str, **more: object) -> Plan:
    return Plan.model_validate({"name": "night", "times": times, **more})


def test_spring_night_runs_once_at_the_next_time_that_exists() -> None:
    """02:30 does not exist on 29 March 2026 in Stockholm: the check runs at 03:00, once."""
    found = slots(plan("02:30"), STOCKHOLM, utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    assert [slot.at for slot in found] == [utc("2026-03-29T01:00")]
    assert found[0].check == "night@2026-03-29T01:00Z"
    assert found[0].at.astimezone(ZoneInfo(STOCKHOLM)).time() == time(3, 0)


def test_autumn_night_runs_once_the_first_time() -> None:
    """02:30 occurs twice on 25 October 2026: the check runs once, in summer time."""
    found = slots(plan("02:30"), STOCKHOLM, utc("2026-10-24T12:00"), utc("2026-10-25T12:00"))
    assert [slot.at for slot in found] == [utc("2026-10-25T00:30")]


def test_times_that_meet_in_the_gap_are_one_slot() -> None:
    """02:15, 02:30 and 03:00 of the spring night are the same minute: one check, not three."""
    found = slots(
        plan("02:15", "02:30", "03:00"), STOCKHOLM, utc("2026-03-29T00:00"), utc("2026-03-29T02:00")
    )
    assert [slot.at for slot in found] == [utc("2026-03-29T01:00")]


def test_half_hour_change() -> None:
    """Lord Howe moves its clock by 30 minutes: 02:15 does not exist, 01:45 occurs twice."""
    tz = zone("Australia/Lord_Howe")
    spring = local_to_utc(date(2026, 10, 4), time(2, 15), tz)
    assert spring == utc("2026-10-03T15:30")
    assert spring.astimezone(tz).time() == time(2, 30)
    autumn = local_to_utc(date(2026, 4, 5), time(1, 45), tz)
    assert autumn == utc("2026-04-04T14:45")
    assert autumn.astimezone(tz).fold == 0


def test_a_day_that_never_was() -> None:
    """Apia left out 30 December 2011: its 02:30 runs at the first moment of the 31st."""
    tz = zone("Pacific/Apia")
    assert local_to_utc(date(2011, 12, 30), time(2, 30), tz) == utc("2011-12-30T10:00")
    found = slots(plan("02:30"), "Pacific/Apia", utc("2011-12-29T00:00"), utc("2011-12-31T00:00"))
    assert utc("2011-12-30T10:00") in [slot.at for slot in found]


def test_weekdays_and_pauses() -> None:
    """A plan rests on its pauses (both dates included) and on the weekdays it does not name."""
    week = plan(
        "01:30", weekdays=["mon", "tue"], pauses=[{"first": "2026-11-23", "last": "2026-11-23"}]
    )
    found = slots(week, STOCKHOLM, utc("2026-11-22T12:00"), utc("2026-12-02T12:00"))
    assert [slot.at.date().isoformat() for slot in found] == [
        "2026-11-24",
        "2026-11-30",
        "2026-12-01",
    ]


def test_several_plans_are_merged_in_order() -> None:
    """Slots of two plans come sorted by time, each with its own plan's name."""
    other = Plan.model_validate({"times": ["23:00", "04:00"]})
    found = merged(
        {"night": plan("02:00"), "late": other},
        "UTC",
        utc("2026-01-01T12:00"),
        utc("2026-01-02T12:00"),
    )
    assert [slot.check for slot in found] == [
        "late@2026-01-01T23:00Z",
        "night@2026-01-02T02:00Z",
        "late@2026-01-02T04:00Z",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "night", "times": []},
        {"name": "night", "times": ["25:00"]},
        {"name": "night", "times": ["02:30:15"]},
        {"name": "Natt @", "times": ["02:30"]},
        {"name": "night", "times": ["02:30"], "wekdays": ["mon"]},
        {
            "name": "night",
            "times": ["02:30"],
            "pauses": [{"first": "2026-02-02", "last": "2026-02-01"}],
        },
    ],
)
def test_bad_plans_are_refused(bad: dict[str, object]) -> None:
    """No time, an impossible time, a name that breaks the check's id, an unknown key: refused."""
    with pytest.raises(ValidationError):
        Plan.model_validate(bad)


def test_a_plan_without_a_name_is_refused() -> None:
    """Two nameless plans would share their checks' ids."""
    with pytest.raises(ValueError, match="without a name"):
        slots(Plan(times=(time(2, 0),)), "UTC", utc("2026-01-01T00:00"), utc("2026-01-02T00:00"))


def test_bad_windows_and_zones_are_refused() -> None:
    """A naive window and a zone that does not exist are errors, not guesses."""
    with pytest.raises(ValueError, match="aware"):
        slots(plan("02:30"), "UTC", datetime(2026, 1, 1), utc("2026-01-02T00:00"))  # noqa: DTZ001
    for name in ("Europe/Atlantis", "../etc/passwd"):
        with pytest.raises(ValueError, match="no time zone"):
            slots(plan("02:30"), name, utc("2026-01-01T00:00"), utc("2026-01-02T00:00"))


minutes = st.integers(0, 1439).map(lambda m: time(m // 60, m % 60))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(minutes, min_size=1, max_size=3, unique=True),
    moments,
    st.integers(0, 6 * 24),
    st.integers(0, 6 * 24),
)
def test_windows_compose_and_each_local_time_runs_once(
    tz: str, times: list[time], start: datetime, hours: int, more: int
) -> None:
    """Slots of [a, b) and [b, c) are those of [a, c), sorted and unique; and each local date and
    time of the plan is there exactly once."""
    made = Plan(name="night", times=tuple(times))
    middle, end = start + timedelta(hours=hours), start + timedelta(hours=hours + more)
    whole = slots(made, tz, start, end)
    assert slots(made, tz, start, middle) + slots(made, tz, middle, end) == whole
    assert whole == sorted(set(whole))
    assert len({slot.check for slot in whole}) == len(whole)
    first, last = start.astimezone(zone(tz)).date(), end.astimezone(zone(tz)).date()
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        for local in times:
            at = local_to_utc(day, local, zone(tz))
            named = [slot for slot in whole if slot.check == check_id("night", at)]
            assert len(named) == (1 if start <= at < end else 0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(2024, 1, 1), date(2028, 1, 1)), minutes)
def test_a_slot_shows_its_local_time_or_the_next_that_exists(tz: str, day: date, at: time) -> None:
    """Read on the home's clock, the slot is the planned time; in a gap, the end of the gap."""
    there = zone(tz)
    moment = local_to_utc(day, at, there)
    shown = moment.astimezone(there).replace(tzinfo=None)
    planned = datetime.combine(day, at)
    if shown != planned:
        just_before = (moment - timedelta(seconds=1)).astimezone(there).replace(tzinfo=None)
        assert just_before < planned < shown
    assert moment.astimezone(there).fold == 0


def test_pause_includes_both_ends() -> None:
    """A pause of one day is that day."""
    assert Pause(first=date(2026, 1, 1), last=date(2026, 1, 1)).first == date(2026, 1, 1)
    assert not plan("02:30", pauses=[{"first": "2026-01-01", "last": "2026-01-02"}]).runs_on(
        date(2026, 1, 2)
    )
