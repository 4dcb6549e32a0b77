"""When visits that repeat are due: instants, across the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import UserError
from tests.staff.visits.calendars import HERE, calendar, drafts, event, morning, times

MIN = timedelta(minutes=1)


def first_showing(day: date, at: clock) -> datetime:
    """By looking at every minute of the night: when a clock on the wall first shows this time; on
    the night that skips it, when an hour later is shown."""
    wanted = datetime.combine(day, at)
    minute = datetime.combine(day, clock(), UTC) - timedelta(hours=3)
    for _ in range(33 * 60):
        if minute.astimezone(HERE).replace(tzinfo=None) == wanted:
            return minute
        minute += MIN
    return first_showing(day, wanted.replace(hour=wanted.hour + 1).time())


NIGHTS = (date(2026, 10, 25), date(2027, 3, 28))
"""Summer time ends, and begins."""


@given(
    st.sampled_from(NIGHTS),
    st.times(clock(0, 0), clock(3, 59)).map(lambda t: t.replace(second=0, microsecond=0)),
    st.integers(1, 24 * 60 - 1),
    st.sampled_from([-2, -1, 0, 1, 2]),
    st.booleans(),
)
@example(NIGHTS[0], clock(2, 30), 30, 0, True)
@example(NIGHTS[1], clock(2, 30), 30, 0, True)
def test_a_series_over_a_night_that_changes_the_clock(
    night: date, at: clock, minutes: int, gone: int, in_utc: bool
) -> None:
    """A daily visit begins when the clock on the wall first shows its time, lasts exactly as long
    as it says, and the one that is left out is found however it is named."""
    days = [night + timedelta(days=n) for n in range(-2, 3)]
    starts = {day: first_showing(day, at) for day in days}
    left_out = night + timedelta(days=gone)
    named = (
        f"EXDATE:{starts[left_out]:%Y%m%dT%H%M%SZ}"
        if in_utc
        else f"EXDATE;TZID=Europe/Stockholm:{left_out:%Y%m%d}T{at:%H%M%S}"
    )
    series = event(
        f"DTSTART;TZID=Europe/Stockholm:{days[0]:%Y%m%d}T{at:%H%M%S}",
        f"DURATION:PT{minutes}M",
        "RRULE:FREQ=DAILY;COUNT=5",
        named,
    )
    found = [(one.since, one.until) for one in drafts(calendar(series), starts[days[0]])]
    assert found == [
        (start, start + minutes * MIN) for day, start in starts.items() if day != left_out
    ]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("20261024T220000", "DURATION:PT9H", "24 22:00-06:00"),  # exact
        ("20261024T220000", "DURATION:PT540M", "24 22:00-06:00"),
        ("20261024T220000", "DTEND;TZID=Europe/Stockholm:20261025T070000", "24 22:00-07:00"),
        ("20261024T220000", "DTEND:20261025T050000Z", "24 22:00-06:00"),
        ("20261024T120000", "DURATION:PT24H", "24 12:00-11:00"),
        ("20270327T220000", "DURATION:PT9H", "27 22:00-08:00"),
        ("20270327T120000", "DURATION:P1D", "27 12:00-12:00"),  # by the clock on the wall
        ("20270327T120000", "DURATION:PT24H", "27 12:00-13:00"),
        ("20270327T090000", "DURATION:P0DT1H", "27 09:00-10:00"),
        ("20261025T024500", "DTEND;TZID=Europe/Stockholm:20261025T021500", "25 02:45-02:15"),
        # in the hour that is skipped: as long as it says
        ("20270328T023000", "DTEND;TZID=Europe/Stockholm:20270328T030000", "28 03:30-04:00"),
        ("20270328T024500", "DTEND;TZID=Europe/Stockholm:20270328T031500", "28 03:45-04:15"),
    ],
)
def test_how_long_a_visit_is_when_the_clock_changes(start: str, length: str, expected: str) -> None:
    """Hours are exact, days go by the clock on the wall (RFC 5545, 3.3.6)."""
    data = calendar(event(f"DTSTART;TZID=Europe/Stockholm:{start}", length))
    assert times(data) == [expected]
    (one,) = drafts(data)
    assert one.until > one.since  # 02:45 to 02:15 is half an hour on one of these nights


def test_a_series_of_exact_lengths() -> None:
    """The nights around the change are as long as the others: by DURATION in hours, and by an end,
    whose distance holds for all (RFC 5545, 3.8.5.3)."""
    now = datetime(2026, 10, 24, tzinfo=UTC)
    for length in ("DURATION:PT9H", "DTEND;TZID=Europe/Stockholm:20261024T070000"):
        data = calendar(
            event(
                "DTSTART;TZID=Europe/Stockholm:20261023T220000", length, "RRULE:FREQ=DAILY;COUNT=3"
            )
        )
        assert times(data, now) == ["23 22:00-07:00", "24 22:00-06:00", "25 22:00-07:00"]


ALL = ["30 08:00-08:30", "01 08:00-08:30", "02 08:00-08:30", "03 08:00-08:30"]
WITHOUT = [ALL[0], *ALL[2:]]


@pytest.mark.parametrize(
    "named",
    [
        "EXDATE;TZID=Europe/Stockholm:20261201T080000",
        "EXDATE:20261201T070000Z",
        "EXDATE;TZID=Europe/London:20261201T070000",
        "EXDATE;TZID=W. Europe Standard Time:20261201T080000",
        "EXDATE:20261201T080000",  # in the zone of the series
        "EXDATE;VALUE=DATE:20261201",
        "EXDATE:20261201",
        "EXDATE:20261120T070000Z,20261201T070000Z",
        "EXRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=1",
    ],
)
def test_a_visit_that_is_left_out(named: str) -> None:
    """However it is named, in whatever zone, it is the same instant."""
    rule = "RRULE:FREQ=DAILY;COUNT=4"
    if named.startswith("EXRULE"):  # what it names, its own beginning among it
        data = calendar(morning(rule, "EXRULE:FREQ=DAILY;INTERVAL=3"))
        assert times(data) == [ALL[1], ALL[2]]
        return
    assert times(calendar(morning(rule, named))) == WITHOUT


@pytest.mark.parametrize("named", [";TZID=Europe/Stockholm:20261201T000000", ":20261201T000000Z"])
def test_a_day_that_is_written_as_its_midnight(named: str) -> None:
    """As some programs leave out a day; in a series that has visits at midnight it is that one."""
    rule = "RRULE:FREQ=DAILY;COUNT=4"
    assert times(calendar(morning(rule, f"EXDATE{named}"))) == WITHOUT
    night = event("DTSTART:20261130T000000Z", "DURATION:PT30M", rule, f"EXDATE{named}")
    left = ["30 01:00-01:30", "02 01:00-01:30", "03 01:00-01:30"]
    if named.endswith("Z"):
        assert times(calendar(night)) == left
    hours = "RRULE:FREQ=DAILY;COUNT=8;BYHOUR=0,8"
    two = event("DTSTART;TZID=Europe/Stockholm:20261130T000000", "DURATION:PT30M", hours)
    both = two.replace("END:VEVENT", "EXDATE;TZID=Europe/Stockholm:20261201T000000\nEND:VEVENT")
    assert set(times(calendar(two))) - set(times(calendar(both))) == {"01 00:00-00:30"}


def test_an_instant_that_is_another_is_not_left_out() -> None:
    """08:00 in UTC is 09:00 here: what two clocks show alike is not the same."""
    rule = "RRULE:FREQ=DAILY;COUNT=4"
    assert times(calendar(morning(rule, "EXDATE:20261201T080000Z"))) == ALL


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("RDATE;TZID=Europe/Stockholm:20261202T080000", "02 08:00-08:30"),
        ("RDATE:20261202T070000Z", "02 08:00-08:30"),
        ("RDATE:20261202T170000", "02 17:00-17:30"),  # in the zone of the series
        ("RDATE;VALUE=DATE:20261202", "02 08:00-08:30"),  # at the time of the series
        ("RDATE;VALUE=PERIOD:20261202T110000Z/PT2H", "02 12:00-14:00"),
        ("RDATE;VALUE=PERIOD:20261202T110000Z/20261202T113000Z", "02 12:00-12:30"),
        (
            "RDATE;VALUE=PERIOD;TZID=Europe/Stockholm:20261202T120000/20261202T121500",
            "02 12:00-12:15",
        ),
        ("RDATE;TZID=Europe/Stockholm:20270602T080000", "02 08:00-08:30"),  # named, so it is kept
    ],
)
def test_dates_beside_and_without_a_rule(named: str, expected: str) -> None:
    """A series of dates is one; each counts once, as it is written."""
    assert times(calendar(morning(named))) == ["30 08:00-08:30", expected]
    assert times(calendar(morning("RRULE:FREQ=DAILY;COUNT=2", named))) == [*ALL[:2], expected]
    assert times(calendar(morning("RRULE:FREQ=DAILY;COUNT=2", "RDATE:20261201T070000Z"))) == ALL[:2]


def test_times_without_a_zone_are_the_homes() -> None:
    """Also where another time of the series is in UTC."""
    data = calendar(
        event(
            "DTSTART:20261130T080000",
            "DURATION:PT30M",
            "RRULE:FREQ=DAILY;COUNT=4",
            "EXDATE:20261201T070000Z",
        )
    )
    assert times(data) == WITHOUT


CUSTOM = """\
BEGIN:VTIMEZONE
TZID:Vår egen
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE"""

IN_CUSTOM = event(
    "DTSTART;TZID=Vår egen:20261024T080000",
    "DTEND;TZID=Vår egen:20261024T083000",
    "RRULE:FREQ=DAILY;COUNT=3",
)


def test_a_zone_that_the_file_describes() -> None:
    """Is honoured, across its change of the clock."""
    found = drafts(calendar(CUSTOM, IN_CUSTOM), datetime(2026, 10, 24, tzinfo=UTC))
    assert [f"{one.since:%d %H:%M}" for one in found] == ["24 06:00", "25 07:00", "26 07:00"]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((IN_CUSTOM,), "line 6: the time zone 'Vår egen' is not known"),
        (
            (CUSTOM.replace("BYDAY=-1SU;BYMONTH=10", "BYMONTHDAY=30;BYMONTH=2"), IN_CUSTOM),
            "line 21: the time zone 'Vår egen' is not known",
        ),
        ((CUSTOM.replace("TZOFFSETTO:+0100\n", ""), IN_CUSTOM), "'Vår egen' is not known"),
        ((morning("RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"),), "line 9: .* more than one rule"),
        ((morning("RRULE:FREQ=WEEKLY;BYDAY=TU"),), "line 8: the rule .* own beginning"),
        ((morning("EXRULE:FREQ=SECONDLY"),), "line 8: .* more often than daily"),
        ((morning("EXDATE;VALUE=PERIOD:20261201T070000Z/PT1H"),), "line 8: EXDATE cannot be a PE"),
        ((morning("EXDATE;VALUE=DATE:20261201T070000Z"),), "line 8: EXDATE says that it is a DATE"),
        ((morning("RDATE:i morgon"),), "line 8: RDATE has 'i morgon', which is no time"),
        ((morning("RDATE:20261301"),), "line 8: RDATE has '20261301', which is no day"),
        ((morning("RDATE:99991231T000000Z"),), "line 8: RDATE has the year 9999"),
        ((morning("RDATE:20261201T000000Z/P"),), "line 8: 'P' is no length"),
        ((morning("RDATE:20261201T000000Z/-PT1H"),), "line 8: the visit ends before"),
        ((morning("DURATION:PT1H"),), "line 8: the event has both DTEND and DURATION"),
        ((morning("DTSTART:20261201T000000Z"),), "line 8: DTSTART is there twice"),
        ((event("DTSTART:20261201T070000Z", "DURATION:1h"),), "line 7: '1h' is no length"),
        ((event("DTSTART:20261201T070000Z"),), "line 3: the event has no end"),
        ((event("DTSTART:20261201T070000Z,20261202T070000Z"),), "line 6: DTSTART has more"),
        ((event("DTSTART;VALUE=DATE:20261201", "DURATION:P1D"),), "line 6: .* a day and no time"),
    ],
)
def test_what_cannot_be_honoured_is_told_by_its_line(parts: tuple[str, ...], sentence: str) -> None:
    """One sentence; nothing is passed over."""
    with pytest.raises(UserError, match=sentence):
        times(calendar(*parts))
