"""Response times and figures, of a history made by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.staff.care import alarm_figures
from web.staff.care.alarm_figures import HIDDEN, by, figures, once_each
from web.staff.care.few import FEW, hidden
from web.staff.care.response_times import (
    UNKNOWN,
    Answered,
    Response,
    arrival,
    between,
    percentile,
)

AT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half past two on the night on which summer time ends in Sweden."""
MIN = timedelta(minutes=1)


def one(
    minutes: float = 0, *, home: str = "h1", about: str = "pendant", **more: object
) -> Answered:
    """An alarm so many minutes after `AT`, taken after a minute."""
    made = Answered(
        home, about, "care", AT + minutes * MIN, "no_need", None, replace(UNKNOWN, acknowledged=MIN)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_an_hour_that_comes_twice_is_an_hour() -> None:
    """Times between are of the clock that does not turn: summer time moves none."""
    took = between(AT, AT + MIN, AT + 60 * MIN, AT + 61 * MIN, AT + 120 * MIN)
    assert took == Response(MIN, 60 * MIN, 61 * MIN, 120 * MIN)


@pytest.mark.parametrize(
    ("early_s", "took"), [(0, timedelta()), (59, timedelta()), (61, None), (86_400, None)]
)
def test_what_seems_to_come_before_the_alarm(early_s: float, took: timedelta | None) -> None:
    """Two clocks a moment apart are at once; a clock that is wrong says nothing."""
    assert between(AT, AT - timedelta(seconds=early_s), None, None, None).delivered == took


def test_who_was_there_already_arrived_with_the_alarm() -> None:
    """And a visit that was never told is when the server learned of it."""
    assert arrival(AT, AT - 20 * MIN, AT + MIN) == AT
    assert arrival(AT, AT + 5 * MIN, AT + 50 * MIN) == AT + 5 * MIN
    assert arrival(AT, None, AT + 50 * MIN) == AT + 50 * MIN
    assert arrival(AT, AT + 5 * MIN, None) is None


def test_a_percentile_is_one_of_the_values() -> None:
    """By the nearest rank, over those that are known."""
    values = [timedelta(seconds=n) for n in (10, 2, 4, 6, 8)]
    assert percentile([None, *values], 0.5) == timedelta(seconds=6)
    assert percentile(values, 0.9) == timedelta(seconds=10)
    assert percentile([None], 0.5) is None


def test_what_rang_in_many_homes_is_one() -> None:
    """Of one cause within minutes; answered with the first, over with the last; four homes are
    four, and another hour is another failure."""
    silent = [one(n, home=f"h{n}", about="home_silent") for n in range(6)]
    few = [one(300 + n, home=f"h{n}", about="home_silent") for n in range(4)]
    closed = replace(silent[3], response=Response(2 * MIN, MIN, None, 4 * MIN))
    alone = [one(n, home=f"h{n}") for n in range(6)]
    told = once_each([*silent[:3], closed, *silent[4:], *few, *alone])
    assert len(told) == 1 + 4 + 6
    (together,) = [made for made in told if not made.home]
    assert together.response == Response(5 * MIN, MIN, None, None)


def test_trials_take_no_part_in_how_long_it_took() -> None:
    """They count; and of nine there is no ninth decile."""
    tests = [one(finding="test", response=Response(None, 500 * MIN, None, None))] * 5
    group = figures([*tests, *[one()] * 9])
    assert group.count == 14
    assert (group.acknowledged.p50, group.acknowledged.p90) == (MIN, None)
    assert figures([one()] * 10).acknowledged.p90 == MIN
    assert figures([one()] * 4).acknowledged.p50 is None


def test_false_alarms_are_told_of_no_few() -> None:
    """Neither how many were false nor how many were not, where either is a few."""
    wrong, right = one(finding="sensor_wrong"), one(finding="fall")
    assert figures([wrong] * 5 + [right] * 5).false == 5
    assert figures([wrong] * 4 + [right] * 9).false is None
    assert figures([wrong] * 9 + [right] * 4).false is None
    assert figures([right] * 9).false == 0
    assert alarm_figures.is_false(one(outcome="false"))
    assert not alarm_figures.is_false(one(outcome="false", finding="fall"))


def test_a_group_of_few_is_hidden_with_another() -> None:
    """Else the total less what is shown would be it."""
    assert hidden({"a": 3, "b": 9, "c": 20}) == {"a", "b"}
    assert hidden({"a": 1, "b": 2, "c": 20}) == {"a", "b", "c"}
    assert hidden({"a": 3, "b": 3, "c": 20}) == {"a", "b"}
    assert hidden({"a": 5, "b": 6}) == set()
    assert hidden({"a": 2}) == {"a"}


def test_a_part_whose_sum_is_known_hides_two_of_its_own() -> None:
    """The false alarms are summed beside the table of what alarms were."""
    counts = {"false_press": 3, "sensor_wrong": 9, "fall": 2, "no_need": 30, "helped": 8}
    gone = hidden(counts, part=lambda code: code in ("false_press", "sensor_wrong"))
    assert gone == {"false_press", "sensor_wrong", "fall", "helped"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 12), min_size=1))
def test_no_difference_gives_a_few_away(counts: dict[str, int]) -> None:
    """Whoever knows the total and all that is shown cannot say what a hidden group has, nor that
    all hidden ones together are a few, unless everything is hidden."""
    gone = hidden(counts)
    assert all(counts[name] >= FEW for name in counts if name not in gone)
    if not gone or len(gone) == len(counts):
        return
    rest = sum(counts.values()) - sum(counts[name] for name in counts if name not in gone)
    assert rest >= FEW
    assert len(gone) >= 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=2, max_size=6))
def test_no_difference_gives_a_few_false_ones_away(groups: list[tuple[int, int]]) -> None:
    """The same of the false ones, whose sum stands above."""
    alarms = [
        one(home=f"h{number}", finding="sensor_wrong" if k < false else "fall")
        for number, (count, false) in enumerate(groups)
        for k in range(count)
    ]
    shown = by(alarms, lambda made: made.home)
    total = sum(map(alarm_figures.is_false, alarms))
    told = {name: found.false for name, found in shown.items() if found.false is not None}
    dark = [name for name in shown if name not in told]
    if dark and told:
        assert len(dark) >= 2
        rest = total - sum(told.values())
        assert rest == 0 or rest >= FEW
    assert all(found.count is not None for name, found in shown.items() if name in told)


def test_groups_come_with_the_largest_first() -> None:
    """And hidden ones have no figure at all."""
    alarms = list(
        itertools.chain(
            [one(home="a")] * 6, [one(home="b")] * 2, [one(home="c")] * 9, [one(home="d")] * 7
        )
    )
    shown = by(alarms, lambda made: made.home)
    assert list(shown) == ["c", "d", "a", "b"]
    assert shown["b"] == shown["a"] == HIDDEN
    assert shown["c"].count == 9
