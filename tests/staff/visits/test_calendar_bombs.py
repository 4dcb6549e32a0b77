"""Calendars that are made to take long, or to fill a page, are refused in a sentence."""

from __future__ import annotations

from datetime import date, timedelta
from time import process_time

import pytest

from gateway.errors import UserError
from tests.staff.visits.calendars import MORNING, calendar, drafts, event, morning
from web.staff.visits import ical_zones, plan_files, plan_ical
from web.staff.visits.plan_import import SAID_MAX, PlanRefused


def dates(count: int) -> str:
    """Many days, named one by one: each morning from 1970 on."""
    days = (date(1970, 1, 1) + timedelta(days=n) for n in range(count))
    return "RDATE:" + ",".join(f"{day:%Y%m%d}T080000" for day in days)


def moved(day: date) -> str:
    """A change of the visit on that day."""
    return event(f"RECURRENCE-ID;VALUE=DATE:{day:%Y%m%d}", *MORNING.split("\n"))


def test_dates_named_one_by_one_count_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change that stands for a day looks at all of them: some thousand changes of a series
    with as many dates are seconds of work, a file full of both were hours."""
    monkeypatch.setattr(plan_ical, "WALK_MAX_DAYS", 5_000)
    series = morning(dates(2_000))
    changes = [moved(date(1970, 2, 1) + timedelta(days=n)) for n in range(30)]
    assert len(drafts(calendar(series, *changes[:5]))) >= 1
    with pytest.raises(UserError, match="began too long ago"):
        drafts(calendar(series, *changes))


def test_visits_cancelled_one_by_one_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held against every visit of its series that is planned."""
    monkeypatch.setattr(plan_ical, "CLAIMS_MAX", 3)
    series = morning("RRULE:FREQ=DAILY")

    def gone(count: int) -> list[str]:
        return [
            morning(f"RECURRENCE-ID;TZID=Europe/Stockholm:202612{n:02}T080000", "STATUS:CANCELLED")
            for n in range(1, count + 1)
        ]

    assert drafts(calendar(series, *gone(3)))
    with pytest.raises(UserError, match="more than 3 cancelled visits"):
        drafts(calendar(series, *gone(4)))
    with pytest.raises(UserError, match="more than 3 cancelled visits"):
        drafts(calendar(*gone(4)))


def test_one_visit_in_many_homes_is_found_by_its_home() -> None:
    """The same id in each of a thousand homes; the second in one home is told."""
    many = [morning(home=f"h{n}") for n in range(1_000)]
    assert len(drafts(calendar(*many))) == 1_000
    with pytest.raises(UserError, match="line 6003: the visit a is on line 3003 already"):
        drafts(calendar(*many, morning(home="h500")))


def zone(parts: int, more: str = "") -> str:
    """A time zone that the file describes, with so many changes of its clock."""
    change = (
        f"BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\n{more}"
        "END:STANDARD\n"
    )
    return f"BEGIN:VTIMEZONE\nTZID:Ours\n{change * parts}END:VTIMEZONE"


def test_a_described_time_zone_is_bounded() -> None:
    """Whole libraries of clock changes are no time zone of anybody."""
    visit = event("DTSTART;TZID=Ours:20261130T080000", "DURATION:PT30M")
    assert len(drafts(calendar(zone(2), visit))) == 1
    named = ",".join(["20200101T000000"] * (ical_zones.DATES_MAX + 1))
    for described in (zone(ical_zones.CHANGES_MAX + 1), zone(1, f"RDATE:{named}\n")):
        with pytest.raises(UserError, match="'Ours' is not known"):
            drafts(calendar(described, visit))


def test_a_described_time_zone_with_all_that_it_may_have_takes_no_time() -> None:
    """A hundred changes a year, and a visit in each year that a plan may have."""
    rule = "RRULE:FREQ=YEARLY;BYDAY=-1SU,1MO,2TU,3WE,4TH\n"
    visits = [
        event(f"DTSTART;TZID=Ours:{year}0601T080000", "DURATION:PT30M", uid=f"a{year}")
        for year in range(1971, 2999)
    ]
    began = process_time()
    assert len(drafts(calendar(zone(ical_zones.CHANGES_MAX, rule), *visits))) == len(visits)
    assert process_time() - began < 30


def test_what_a_file_says_is_said_back_shortened() -> None:
    """A cell may be a book; fifty of them are no page."""
    book = "x" * 100_000
    with pytest.raises(PlanRefused) as caught:
        plan_files.read_csv(f"id;home;start;end\n1;h1;{book};08:45\n")
    (line,) = caught.value.lines
    assert SAID_MAX < len(line.text) < SAID_MAX + 100
    with pytest.raises(UserError) as told:
        drafts(calendar(morning(f"RRULE:{book}")))
    assert len(told.value.text) < SAID_MAX + 100
