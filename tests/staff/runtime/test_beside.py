"""Who begins beside whom, and who does not: each pair that `web.staff.core.admission` tells apart.

Not for: who goes first, how long anybody stands back, or batches (`test_admission`).
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.staff.runtime.test_admission import PATIENCE_S, Line, at_work, used, yields
from web.staff.core import admission
from web.staff.core.admission import ALARMS_AT_ONCE, POSTGRES, SQLITE, Lane, NoTurn, Turns, Way


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stands back does so until the test is over."""
    yields(monkeypatch, PATIENCE_S)
    patient = {Lane.ORDER: PATIENCE_S, Lane.PAGE: PATIENCE_S, Lane.HISTORY: PATIENCE_S}
    monkeypatch.setattr(admission, "PATIENCE_S", patient)


A, O, L, S, P, H = Lane  # noqa: E741 - in the order in which they are worked for


@pytest.mark.parametrize(
    ("beside", "lane", "is_sqlite", "begins"),
    [
        ({L: 1}, O, True, False),  # SQLite has one writer
        ({H: 1}, O, True, False),
        ({O: 1}, L, True, False),
        ({O: 1}, H, True, False),
        ({A: 1}, O, True, True),
        ({L: 1}, S, True, True),  # who only reads does not wait for it
        ({H: 1}, P, True, True),
        ({L: 1}, O, False, True),
        ({O: 1}, L, False, True),
        ({P: 1}, S, False, True),  # one stream, or one batch, beside a page
        ({P: 1, S: 1}, S, False, False),
        ({S: 1}, S, False, True),
        ({P: 1}, H, False, True),
        ({P: 1, H: 1}, H, False, False),
        ({H: 1}, H, False, True),
        ({H: 2}, H, False, False),
        ({A: 1}, H, False, False),
        ({P: 4}, P, False, False),
        ({A: ALARMS_AT_ONCE}, A, False, False),
    ],
)
def test_who_begins_beside_whom(
    beside: dict[Lane, int], lane: Lane, is_sqlite: bool, begins: bool
) -> None:
    """Who does not begins when those are done."""
    turns = Turns(SQLITE if is_sqlite else POSTGRES)
    line = Line(turns)
    turns._at_work = Counter(beside)
    line.join("who", lane)
    assert line.order == (["who"] if begins else [])
    with turns._lock:
        turns._at_work -= Counter(beside)
        turns._call()
    assert line.end() == ["who"]


@pytest.mark.parametrize("lane", [Lane.LIVE, Lane.STREAM, Lane.HISTORY])
def test_others_stand_back_while_an_order_waits(lane: Lane) -> None:
    """Somebody stands at a door; when the order has its place they begin."""
    turns = Turns(POSTGRES)
    line = Line(turns)
    with at_work(turns, Lane.ORDER, POSTGRES.at_once[Lane.ORDER]):
        line.join("order", Lane.ORDER)
        line.join("other", lane)
        assert line.order == []
    assert line.end() == ["order", "other"]


def test_history_that_could_begin_has_its_part_as_well() -> None:
    """While it has had less of the processor than pages, one page is worked for at a time, also
    where history only waits to begin; but not while it stands back behind alarms, which a page
    beside another takes nothing from."""
    turns = Turns(POSTGRES)
    used(turns, Lane.PAGE, 5.0)
    line = Line(turns)
    with at_work(turns, Lane.ORDER, POSTGRES.at_once[Lane.ORDER]):
        line.join("order", Lane.ORDER)
        line.join("history", Lane.HISTORY)
        line.join("first page", Lane.PAGE)
        assert line.order == ["first page"]
        with at_work(turns, Lane.PAGE):
            line.join("second page", Lane.PAGE, 9.0)
            assert line.order == ["first page"]
            with at_work(turns, Lane.ALARM):
                line.join("third page", Lane.PAGE, 5.0)
                assert line.order == ["first page", "second page", "third page"]
    assert set(line.end()[3:]) == {"history", "order"}


@pytest.mark.parametrize("lane", Lane)
def test_no_more_begin_than_there_are_places(lane: Lane) -> None:
    """However many wait when some become free: the others go on waiting, in their order."""
    places = POSTGRES.at_once[lane]
    turns = Turns(POSTGRES)
    waiting = [admission._Waiter(lane, float(n), 0.0) for n in range(2 * places)]
    turns._waiting[lane] = list(waiting)
    turns._at_work[lane] = places
    with turns._lock:
        turns._call()
        assert turns._waiting[lane] == waiting
        turns._at_work[lane] = 0
        turns._call()
    assert turns._at_work[lane] == places
    assert turns._waiting[lane] == waiting[places:]
    assert [one.called.is_set() for one in waiting] == [True] * places + [False] * places


def test_as_many_batches_begin_as_the_database_takes() -> None:
    """What was found (`web.staff.core.pace`), not what was thought."""
    turns = Turns(POSTGRES)
    turns.history_at_once = 1
    line = Line(turns)
    with at_work(turns, Lane.HISTORY):
        line.join("history", Lane.HISTORY)
        assert line.order == []
    assert line.end() == ["history"]


def test_who_gave_up_has_no_place() -> None:
    """Nor does one that was promised a time of its own wait for longer than that."""
    turns = Turns(POSTGRES)
    with at_work(turns, Lane.ALARM, ALARMS_AT_ONCE):
        with pytest.raises(NoTurn), turns.turn(Lane.ALARM, within_s=0.01):
            pass
        assert turns.waiting() == 0
    assert not turns.is_at_work(Lane.ALARM)


@pytest.mark.parametrize(("lane", "stands"), [(A, True), (O, False), (P, False)])
def test_a_small_batch_stands_still_for_an_alarm_alone(
    monkeypatch: pytest.MonkeyPatch, lane: Lane, stands: bool
) -> None:
    """Not for an order, which waits for the same lock, nor for a page: what happens now is soon
    done."""
    monkeypatch.setattr(admission, "GIVES_WAY_S", 0.1)
    turns = Turns(POSTGRES)
    way = Way(turns)
    with at_work(turns, lane):
        way.give_alarms()
    assert way.stood_s >= 0.09 if stands else way.stood_s == 0.0
