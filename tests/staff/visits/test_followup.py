"""Planned against done: what answers what, and what differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web.staff.visits.followup import Compared, Deviation, DoneVisit, Undone, compare
from web.staff.visits.plan import PlannedVisit

EIGHT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)
NIGHT = EIGHT + timedelta(hours=14)


def plan(
    id_: str = "a", at: int = 0, length: int = 30, *people: str, needed: int = 1
) -> PlannedVisit:
    since = EIGHT + at * MIN
    until = since + length * MIN
    return PlannedVisit(id_, "h1", since, until, "", people, None, needed, "prov", id_)


def done(ref: str, at: int, length: int | None = 30, person: str = "p1", **more: bool) -> DoneVisit:
    since = EIGHT + at * MIN
    until = None if length is None else since + length * MIN
    return DoneVisit(ref, "h1", person, since, until, **more)


def lines(
    planned: list[PlannedVisit],
    visits: list[DoneVisit],
    undone: tuple[Undone, ...] = (),
    **m: object,
) -> list[Compared]:
    given: dict[str, object] = {"now": NIGHT, "tolerance": 15 * MIN} | m
    return compare(planned, visits, undone, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("visit", "differs"),
    [
        (done("1", 0), []),
        (done("1", 15), []),
        (done("1", 16, 20), ["late"]),
        (done("1", -16, 40), ["early"]),
        (done("1", 0, 14), ["short"]),
        (done("1", 0, 15), []),
        (done("1", 0, 46), ["long"]),
        (done("1", 0, None), []),
        (done("1", 0, None, overdue=True), ["no_departure"]),
        (done("1", 0, 30, "p2"), ["somebody_else"]),
        (done("1", 20, 5, "p2"), ["late", "short", "somebody_else"]),
    ],
)
def test_how_a_visit_differs(visit: DoneVisit, differs: list[str]) -> None:
    """Within the tolerance nothing is said; a missing departure says nothing of the length."""
    (line,) = lines([plan("a", 0, 30, "p1")], [visit])
    assert list(line.deviations) == differs
    assert line.done == (visit,)


def test_a_visit_that_nobody_made() -> None:
    """Missed only when its time and the tolerance have passed; not when somebody told why, nor
    while the resident is known to be away."""
    assert lines([plan()], [])[0].deviations == (Deviation.MISSED,)
    assert lines([plan()], [], now=EIGHT + 45 * MIN)[0].deviations == ()
    said = Undone("staff:h1/5", "h1", "p1", EIGHT, "declined", "a")
    (line,) = lines([plan()], [], (said,))
    assert (line.undone, line.deviations) == (said, (Deviation.DECLINED,))
    assert lines([plan()], [], is_away=lambda _h, _a: True)[0].deviations == (Deviation.ABSENT,)


def test_double_staffing() -> None:
    """Two answer it; one is too few; the same person twice is not two."""
    both = [done("1", 0), done("2", 3, person="p2")]
    (line,) = lines([plan(needed=2)], both)
    assert ([one.ref for one in line.done], line.deviations) == (["1", "2"], ())
    assert lines([plan(needed=2)], both[:1])[0].deviations == (Deviation.FEWER,)
    twice = lines([plan(needed=2)], [done("1", 0), done("2", 40)])
    assert [line.deviations for line in twice] == [(Deviation.FEWER,), (Deviation.UNPLANNED,)]


def test_each_visit_answers_one_and_the_nearest() -> None:
    """Two planned close together, two made: each its own; the named person goes first."""
    planned = [plan("a", 0), plan("b", 60)]
    found = lines(planned, [done("1", 20), done("2", 55)])
    assert [[one.ref for one in line.done] for line in found] == [["1"], ["2"]]
    named = [plan("a", 0, 30, "p1"), plan("b", 10, 30, "p2")]
    found = lines(named, [done("1", 10, 30, "p1"), done("2", 0, 30, "p2")])
    assert [[one.ref for one in line.done] for line in found] == [["1"], ["2"]]


def test_what_was_not_planned() -> None:
    """A visit too far from anything planned stands by itself, and the planned one was missed."""
    found = lines([plan()], [done("1", 200)])
    assert [line.deviations for line in found] == [(Deviation.MISSED,), (Deviation.UNPLANNED,)]
    other_home = DoneVisit("1", "h2", "p1", EIGHT, None)
    assert lines([plan()], [other_home])[1].deviations == (Deviation.UNPLANNED,)
    (alone,) = lines([], [], (Undone("r", "h1", "p1", EIGHT, "absent", None),))
    assert alone.deviations == (Deviation.ABSENT,)
