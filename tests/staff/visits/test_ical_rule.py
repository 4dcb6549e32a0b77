"""Rules to repeat: the same times as python-dateutil finds, and every part honoured or refused."""

from __future__ import annotations

import datetime as datetime_module
import time
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from tests.staff.visits.calendars import HERE, calendar, morning
from web.staff.visits import ical_lines
from web.staff.visits.ical_lines import Property, Wrong
from web.staff.visits.ical_rule import DAYS, Rule, names_start, read, walk
from web.staff.visits.ical_zones import Zones

START = datetime(2026, 11, 30, 8, 0)  # noqa: DTZ001 a Monday, on the wall


def rule_of(text: str) -> Rule:
    zones = Zones(ical_lines.read(calendar(morning()))[0].parts)
    return read(Property("RRULE", {}, text, 7), zones, HERE)


def some(low: int, high: int, signed: bool = True) -> st.SearchStrategy[str]:
    """One to three numbers of a range, counted from the end too."""
    number = st.integers(low, high)
    if signed:
        number = st.one_of(number, number.map(lambda n: -n))
    return st.lists(number, min_size=1, max_size=3, unique=True).map(
        lambda found: ",".join(map(str, found))
    )


plain_days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True)
counted_days = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, -1, -2]), st.sampled_from(DAYS)),
    min_size=1,
    max_size=3,
    unique=True,
).map(lambda found: [f"{number}{day}" for number, day in found])


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules as planning systems write them, and odder ones."""
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 4))}"]
    parts += [f"WKST={draw(st.sampled_from(DAYS))}"]

    def maybe(name: str, values: st.SearchStrategy[str], when: bool = True) -> None:
        if when and draw(st.booleans()):
            parts.append(f"{name}={draw(values)}")

    # either kind: dateutil takes `MO,1FR` for days that are both
    kinds = [plain_days, counted_days] if freq in ("MONTHLY", "YEARLY") else [plain_days]
    maybe("BYDAY", st.one_of(kinds).map(",".join))
    maybe("BYMONTH", some(1, 12, signed=False))
    maybe("BYMONTHDAY", some(1, 31), freq != "WEEKLY")
    maybe("BYYEARDAY", some(1, 366), freq == "YEARLY")
    maybe("BYHOUR", some(0, 23, signed=False))
    maybe("BYMINUTE", some(0, 59, signed=False))
    maybe("COUNT", st.integers(1, 40).map(str))
    choose = any(part.startswith("BY") for part in parts)
    # of the first week dateutil sees only what is left of it (the test below)
    maybe("BYSETPOS", some(1, 5), choose and freq != "WEEKLY")
    return ";".join(parts)


@given(
    rules(),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 on the wall
    st.integers(0, 500),
    st.integers(0, 400),
)
@example("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", START, 0, 200)
@example("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", START, 30, 60)
@example("FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3,10", START, 0, 400)
def test_a_rule_names_what_dateutil_finds(
    text: str, start: datetime, skipped: int, days: int
) -> None:
    """In any window, from the beginning on or later."""
    start = start.replace(second=0, microsecond=0)
    first = start + timedelta(days=skipped)
    last = first + timedelta(days=days)
    with pytest.MonkeyPatch.context() as patched:
        # how far dateutil looks for a rule that never comes; else 25 s each
        patched.setattr(datetime_module, "MAXYEAR", last.year + 1)
        found = takewhile(lambda at: at <= last, rrulestr(text, dtstart=start))
        expected = [at for at in found if at >= first]
    assert list(walk(rule_of(text), start, first, last)) == expected


def test_the_first_of_a_week_is_the_first_of_all_of_it() -> None:
    """BYSETPOS counts in the whole week, also in that of the beginning."""
    thursday = datetime(2026, 12, 3, 8)  # noqa: DTZ001 on the wall
    rule = rule_of("FREQ=WEEKLY;BYDAY=MO,TH;BYSETPOS=1")
    found = list(walk(rule, thursday, thursday, thursday + timedelta(days=12)))
    assert [at.day for at in found] == [7, 14]


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=6;BYYEARDAY=1",
        "FREQ=DAILY;BYDAY=MO;BYSETPOS=5",
    ],
)
def test_a_rule_that_never_comes_costs_nothing(text: str) -> None:
    """It is known by its beginning, and walked no further than it is asked for."""
    rule, began = rule_of(text), time.process_time()
    assert names_start(rule, START) is False
    assert list(walk(rule, START, START, START + timedelta(days=100))) == []
    assert time.process_time() - began < 0.5  # dateutil: 2 to 25 s


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("FREQ=HOURLY", "more often than daily"),
        ("FREQ=DAILY;BYHOUR=6,7,8,9,10,11,12;BYMINUTE=0,10,20,30,40,50,55", "more often"),
        ("FREQ=FORTNIGHTLY", "no FREQ that is known"),
        ("INTERVAL=2", "no FREQ"),
        ("", "cannot be read"),
        ("FREQ=DAILY;COUNT", "cannot be read at 'COUNT'"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "cannot be read at 'COUNT=3'"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0 is no number"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is no number"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1 is no number"),
        ("FREQ=YEARLY;BYWEEKNO=7", "BYWEEKNO, which is not honoured"),
        ("FREQ=MONTHLY;RSCALE=CHINESE;SKIP=OMIT", "RSCALE, SKIP, which is not honoured"),
        ("FREQ=DAILY;BYEASTER=0", "BYEASTER"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH=13 is no such number"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY=0 is no such number"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR=-1 is no such number"),
        ("FREQ=WEEKLY;BYDAY=2MO", "a WEEKLY rule cannot count"),
        ("FREQ=WEEKLY;BYDAY=XX", "no day of the week"),
        ("FREQ=MONTHLY;BYDAY=54MO", "no day of the week"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "no BYMONTHDAY"),
        ("FREQ=DAILY;BYYEARDAY=1", "no BYYEARDAY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "chooses among nothing"),
        ("FREQ=DAILY;UNTIL=soon", "no time"),
        ("FREQ=DAILY;UNTIL=20261201,20261202", "more than one time"),
    ],
)
def test_what_a_rule_cannot_say(text: str, sentence: str) -> None:
    """No part of it is passed over: one sentence, with the rule's line."""
    with pytest.raises(Wrong, match=sentence) as caught:
        rule_of(text)
    assert caught.value.line == 7


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20261202", 2),  # a day is the last one
        ("20261202T070000Z", 2),  # 08:00 here
        ("20261202T065959Z", 1),
        ("20261202T080000", 2),  # in the zone of the series
        ("20261202T075959", 1),
        ("20261129", None),  # before it began: there is nothing left
    ],
)
def test_the_end_of_a_rule(until: str, last: int | None) -> None:
    """A day, an instant, or a local time: the last one that is not after it counts."""
    from web.staff.visits.ical_values import Moment

    rule = rule_of(f"FREQ=DAILY;UNTIL={until}")
    found = [
        at.day
        for at in walk(rule, START, START, START + timedelta(days=9))
        if not rule.ended(Moment(at, HERE))
    ]
    assert (found[-1] % 30 if found else None) == last
    assert Moment(START, HERE).utc() == datetime(2026, 11, 30, 7, tzinfo=UTC)
