"""Who goes first, when a home is to come again, how large a batch is, whose the connections are."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.events import MatPressed
from gateway.wire import BATCH_MAX
from tests.staff.parts import EnrolledHome
from web.staff.core import admission
from web.staff.core.admission import (
    ALARMS_FEW,
    LATELY_S,
    PAGES_BESIDE,
    POSTGRES,
    SQLITE,
    YIELDS_S,
    Lane,
    NoTurn,
    Turns,
    Way,
)
from web.staff.core.context import Staff
from web.staff.core.pace import BATCH_MIN, LOOK_BATCHES, TARGET_S, Pace
from web.staff.homelink import ingest
from web.staff.storage import event_store, shares
from web.staff.storage.database import Database, parse_url
from web.staff.storage.shares import CONNECTIONS, Share, WriteTurn, working_for

PATIENCE_S = 60.0
"""Far more than anything here takes; only a failing test waits for it."""


def yields(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Who lets others go first does so for as long."""
    monkeypatch.setattr(admission, "YIELDS_S", seconds)
    monkeypatch.setattr(admission, "PATIENCE_S", {Lane.PAGE: seconds, Lane.HISTORY: seconds})


class Line:
    """Who was worked for, in order; each one ends when the next is asked for."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self._threads: list[threading.Thread] = []
        self._names: dict[tuple[Lane, float], str] = {}
        begin = turns._begin

        def noted(waiter: Any) -> None:
            begin(waiter)
            name = self._names.get((waiter.lane, round(waiter.came_s - waiter.since_s)), waiter.who)
            self.order.append(name)

        turns._begin = noted  # type: ignore[method-assign]

    def join(self, name: str, lane: Lane, waited_s: float = 0.0) -> None:
        """One more waits."""
        before = self.turns.waiting()
        self._names[lane, round(waited_s)] = name

        def wait() -> None:
            with self.turns.turn(lane, waited_s):
                pass

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        self._threads.append(thread)
        until = time.monotonic() + PATIENCE_S
        while self.turns.waiting() == before and thread.is_alive():
            assert time.monotonic() < until
            time.sleep(0.001)

    def end(self) -> list[str]:
        """All are worked for."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        return self.order


@contextmanager
def at_work(turns: Turns, lane: Lane, times: int = 1) -> Iterator[None]:
    """So many of a lane are worked for meanwhile."""
    with turns._lock:
        turns._at_work[lane] += times
    yield
    with turns._lock:
        turns._at_work[lane] -= times
        turns._call()


@pytest.mark.parametrize("limits", [SQLITE, POSTGRES], ids=["sqlite", "postgresql"])
def test_alarms_go_first_and_history_last(limits: object) -> None:
    """Whoever came first: alarms, orders, what happens now, streams, history; of history who has
    waited longest."""
    turns = Turns(limits)  # type: ignore[arg-type]
    line = Line(turns)
    with turns._lock:
        turns._at_work.update(dict.fromkeys(Lane, 40))
    for name, lane, waited_s in (
        ("new", Lane.HISTORY, 0.0),
        ("long waited", Lane.HISTORY, 100.0),
        ("stream", Lane.STREAM, 0.0),
        ("now", Lane.LIVE, 0.0),
        ("alarm", Lane.ALARM, 0.0),
    ):
        line.join(name, lane, waited_s)
    with turns._lock:
        turns._at_work.subtract(dict.fromkeys(Lane, 40))
        turns._call()
    assert line.end() == ["alarm", "now", "stream", "long waited", "new"]


def test_who_waits_costs_nobody_else_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand homes wait to begin to listen: whoever comes or goes looks at none of them, but at
    who is next."""
    turns, looked = Turns(POSTGRES), list[Lane]()
    may_begin = turns._may_begin

    def noted(waiter: Any, now_s: float) -> bool:
        looked.append(waiter.lane)
        return may_begin(waiter, now_s)

    at_once = POSTGRES.at_once[Lane.STREAM]
    line = Line(turns)
    with at_work(turns, Lane.STREAM, at_once):
        for _ in range(50):
            line.join("stream", Lane.STREAM)
        monkeypatch.setattr(turns, "_may_begin", noted)
        line.join("alarm", Lane.ALARM)
        line.join("page", Lane.PAGE)
        assert looked == [Lane.ALARM, Lane.PAGE]
    assert line.end() == ["alarm", "page", *["stream"] * 50]


def test_history_does_not_begin_beside_an_alarm_nor_twice_beside_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lets them go first, until it has waited long enough."""
    yields(monkeypatch, PATIENCE_S)
    turns = Turns(POSTGRES)
    line = Line(turns)
    with at_work(turns, Lane.ALARM):
        line.join("history", Lane.HISTORY)
        assert line.order == []
    assert line.end() == ["history"]
    with at_work(turns, Lane.PAGE), at_work(turns, Lane.HISTORY):
        line.join("second", Lane.HISTORY)
        assert line.order == ["history"]
    assert line.end() == ["history", "second"]
    yields(monkeypatch, 0.5)
    with at_work(turns, Lane.ALARM):  # alarms without end do not leave a home unheard
        began_s = time.monotonic()
        line.join("at last", Lane.HISTORY)
        assert line.end()[-1] == "at last"
        assert time.monotonic() - began_s >= 0.25


@pytest.mark.parametrize("lane", [Lane.STREAM, Lane.LIVE])
def test_others_stand_back_beside_a_crowd_of_alarms(lane: Lane) -> None:
    """Forty that are stored together are no longer in line, and would yet share the interpreter
    with whoever comes; not longer than anybody stands back, and not beside a few."""
    turns = Turns(POSTGRES)
    line = Line(turns)
    with at_work(turns, Lane.ALARM, ALARMS_FEW):
        line.join("beside few", lane)
        assert line.end() == ["beside few"]
        with at_work(turns, Lane.ALARM):
            line.join("beside many", lane)
            waiter = turns._waiting[lane][0]
            assert not turns._may_begin(waiter, waiter.came_s + YIELDS_S / 2)
            assert turns._may_begin(waiter, waiter.came_s + YIELDS_S)
    assert line.end() == ["beside few", "beside many"]


def test_streams_begin_one_at_a_time_beside_a_page() -> None:
    """A thousand homes begin to listen after an outage, and somebody looks at a page."""
    turns = Turns(SQLITE)
    line = Line(turns)
    with at_work(turns, Lane.STREAM):
        with at_work(turns, Lane.PAGE):
            line.join("second", Lane.STREAM)
            assert line.order == []
        assert line.end() == ["second"]
        line.join("without a page", Lane.STREAM)
        assert line.end() == ["second", "without a page"]


def test_an_order_does_not_wait_long_for_who_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody stands at a door: after half a second it is worked for beside the writer, where
    orders have a place at all."""
    monkeypatch.setattr(admission, "PATIENCE_S", {Lane.ORDER: 0.05})
    turns = Turns(SQLITE)
    line = Line(turns)
    with at_work(turns, Lane.LIVE):
        line.join("beside one who writes", Lane.ORDER)
        assert line.end() == ["beside one who writes"]
        with at_work(turns, Lane.ORDER, SQLITE.at_once[Lane.ORDER]):
            began_s = time.monotonic()
            with pytest.raises(NoTurn), turns.turn(Lane.ORDER, within_s=0.1):
                pass
            assert time.monotonic() - began_s < PATIENCE_S / 2
    assert turns.waiting() == 0


def test_who_is_preferred_goes_before_who_came_first() -> None:
    """Also where it waits already; nobody else of the lane loses a place to another."""
    turns = Turns(SQLITE)
    line = Line(turns)
    threads = []
    with at_work(turns, Lane.STREAM, 2):
        for n, who in enumerate(("a", "b", "c")):
            line._names[Lane.STREAM, n] = who
            turn = turns.turn(Lane.STREAM, n, who=who)
            threads.append(threading.Thread(target=_taken, args=(turn,), daemon=True))
            threads[-1].start()
            while turns.waiting() <= n:
                time.sleep(0.001)
        waiting = turns._waiting[Lane.STREAM]
        assert [one.who for one in waiting] == ["c", "b", "a"]
        turns.prefer(Lane.STREAM, "a", 120.0)
        turns.prefer(Lane.STREAM, "nobody", 120.0)
        assert [one.who for one in waiting] == ["a", "c", "b"]
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def _taken(turn: AbstractContextManager[None]) -> None:
    with turn:
        pass


def test_a_batch_under_way_lets_pages_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still while a page, an alarm or an order is worked for, and goes on as soon as they
    are done, or when it has stood for long enough altogether; while it holds what an alarm may wait
    for it does not stand behind one."""
    turns = Turns(POSTGRES)

    def given(way: Way, *, holding: bool = False) -> threading.Thread:
        thread = threading.Thread(target=lambda: way.give(holding=holding), daemon=True)
        thread.start()
        return thread

    monkeypatch.setattr("web.staff.core.admission.GIVES_WAY_S", PATIENCE_S)
    monkeypatch.setattr("web.staff.core.admission.GIVES_PAGES_S", PATIENCE_S)
    for lane, holding in (
        (Lane.PAGE, False),
        (Lane.PAGE, True),
        (Lane.ALARM, False),
        (Lane.ORDER, False),
    ):
        with turns.turn(lane):
            behind = given(Way(turns), holding=holding)
            behind.join(0.05)
            assert behind.is_alive()
        behind.join(PATIENCE_S)
        assert not behind.is_alive()
    with turns.turn(Lane.PAGE), turns.turn(Lane.ALARM):
        began_s = time.monotonic()
        Way(turns).give(holding=True)
        assert time.monotonic() - began_s < PATIENCE_S / 2
    monkeypatch.setattr("web.staff.core.admission.GIVES_WAY_S", 0.05)
    with turns.turn(Lane.PAGE):
        began_s, way = time.monotonic(), Way(turns)
        for _ in range(100):
            way.give()
        assert 0.04 <= time.monotonic() - began_s < PATIENCE_S / 2


def used(turns: Turns, lane: Lane, cpu_s: float) -> None:
    """A turn of the lane used so much of the processor."""
    with turns._lock:
        turns._used.note(lane, cpu_s)


def test_what_a_turn_uses_is_noted_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor's time, not the clock's; what is older counts for less.  Where neither used any
    history is not behind, and stands for pages as it should."""
    turns = Turns(POSTGRES)
    assert not turns.is_behind()
    with turns.turn(Lane.PAGE):
        until_s = time.thread_time() + 0.05
        while time.thread_time() < until_s:
            pass
        time.sleep(0.2)
    assert 0.03 <= turns._used.of(Lane.PAGE) <= 0.15
    assert turns.is_behind() and turns._used.of(Lane.HISTORY) == 0
    now_s = [1000.0]
    monkeypatch.setattr("web.staff.core.admission.time.monotonic", lambda: now_s[0])
    lately = admission.Used()
    lately.note(Lane.PAGE, 3.0)
    now_s[0] += LATELY_S
    for _ in range(3):  # however often it is asked for
        assert lately.of(Lane.PAGE) == pytest.approx(3.0 / math.e)
    lately.note(Lane.PAGE, 3.0)
    assert lately.of(Lane.PAGE) == pytest.approx(3.0 / math.e + 3.0)
    assert lately.of(Lane.HISTORY) == 0.0


def test_history_has_as_much_of_the_server_as_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are looked at: while it has had less of the processor, `PAGES_BESIDE` are worked
    for beside it; where it had more, and where there is none, as many as ever."""
    yields(monkeypatch, PATIENCE_S)
    turns = Turns(POSTGRES)
    used(turns, Lane.PAGE, 5.0)
    line = Line(turns)
    with at_work(turns, Lane.PAGE, PAGES_BESIDE):
        line.join("no history", Lane.PAGE)
        assert line.end() == ["no history"]
        with at_work(turns, Lane.HISTORY):
            line.join("beside history", Lane.PAGE, 9.0)
            assert line.order == ["no history"]
            used(turns, Lane.HISTORY, 10.0)
            line.join("more", Lane.PAGE, 5.0)
            assert line.end()[1:] == ["beside history", "more"]
            used(turns, Lane.PAGE, 10.0)
            yields(monkeypatch, 0.5)
            began_s = time.monotonic()
            line.join("at last", Lane.PAGE)  # a page that hangs keeps no other waiting
            assert line.end()[-1] == "at last"
            assert time.monotonic() - began_s >= 0.25


def test_a_batch_that_is_behind_stands_for_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still while history has had as much as pages, and hardly while it has not."""
    monkeypatch.setattr("web.staff.core.admission.GIVES_WAY_S", 2.0)
    monkeypatch.setattr("web.staff.core.admission.GIVES_PAGES_S", 0.01)
    turns = Turns(POSTGRES)
    with turns.turn(Lane.PAGE):
        used(turns, Lane.PAGE, 60.0)
        behind = Way(turns)
        behind.give()
        behind.give()
        assert behind.stood_s <= 1.5
        used(turns, Lane.HISTORY, 120.0)
        ahead = Way(turns)
        ahead.give()
        assert ahead.stood_s >= 1.9


def test_history_is_read_and_folded_in_pieces(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a page is worked for a batch of history is not stored, one of a few events is; when the
    page is done the rest follows."""
    monkeypatch.setattr("web.staff.core.admission.GIVES_WAY_S", PATIENCE_S)
    monkeypatch.setattr("web.staff.core.admission.GIVES_PAGES_S", PATIENCE_S)
    few = [enrolled_home.seal(MatPressed(), device="bed")[0] for _ in range(5)]
    many = [enrolled_home.seal(MatPressed(), device="bed")[0] for _ in range(40)]
    with staff.admission.turns.turn(Lane.PAGE):
        have = ingest.receive_batch(staff, "h1", few, 0)
        thread = threading.Thread(
            target=ingest.receive_batch, args=(staff, "h1", many, 0), daemon=True
        )
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert _head(staff) == have
    thread.join(PATIENCE_S)
    assert _head(staff) == have + 40


def _head(staff: Staff) -> int:
    with staff.db.read() as conn:
        return event_store.read_head(conn, "home:h1").seq


def test_a_batch_is_as_large_as_the_server_is_quick() -> None:
    """So many events as take the target's time: fewer at a slow server, all at a quick one."""
    pace = Pace(1, 1)
    assert pace.next_batch == BATCH_MAX
    for _ in range(100):
        pace.note(500, 5.0, 0.0, crowded=False)  # ten milliseconds each
    assert pace.next_batch == pytest.approx(TARGET_S / 0.01, abs=1)
    for _ in range(100):
        pace.note(25, 25.0, 0.0, crowded=False)
    assert pace.next_batch == BATCH_MIN
    for _ in range(200):
        pace.note(20, 0.001, 0.0, crowded=False)
    assert pace.next_batch == BATCH_MAX


def test_homes_are_called_as_fast_as_batches_end() -> None:
    """What batches stand back for others counts: the pace is that of their ends while others wait,
    not of their work; a pause of a minute says nothing."""
    pace = Pace(2, 2)
    for n in range(100):
        pace.note(100, 0.2, float(n), crowded=True)
    assert pace.batch_s == pytest.approx(1.0, abs=0.05)
    pace.note(100, 0.2, 1000.0, crowded=True)
    assert pace.batch_s < 1.5
    for n in range(100):
        pace.note(100, 0.2, 1000.0 + n, crowded=False)
    assert pace.batch_s == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("best", "at_most"), [(1, 4), (3, 4), (4, 4)])
def test_as_many_at_once_as_are_quickest(best: int, at_most: int) -> None:
    """A database that is quickest with so many is soon given so many, or one beside it."""
    pace, now_s, held = Pace(2, at_most), 0.0, []
    for _ in range(LOOK_BATCHES * 40):
        rate = 1000.0 / (1 + abs(pace.at_once - best))
        now_s += 100 / rate
        pace.note(100, 0.1, now_s, crowded=True)
        held.append(pace.at_once)
    later = held[len(held) // 2 :]
    assert set(later) <= {best - 1, best, best + 1}
    assert later.count(best) >= len(later) / 3


def test_who_is_patient_writes_last() -> None:
    """At SQLite's lock an alarm goes before the batches that came before it."""
    turn, order = WriteTurn(), list[str]()

    def write(name: str, share: Share) -> None:
        with working_for(share), turn:
            order.append(name)

    threads = []
    with turn:
        for name, share in (("batch", Share.BATCH), ("page", Share.OTHER), ("alarm", Share.URGENT)):
            thread = threading.Thread(target=write, args=(name, share), daemon=True)
            thread.start()
            threads.append(thread)
            while len(turn._waiting) < len(threads):
                time.sleep(0.001)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["page", "alarm", "batch"]


def test_nobody_waits_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a database that hangs a place and a turn to write are waited for so long and no
    longer; who gave up is in nobody's way afterwards."""
    monkeypatch.setattr("web.staff.core.admission.TURN_WITHIN_S", 0.02)
    monkeypatch.setattr("web.staff.storage.shares.WRITE_WITHIN_S", 0.02)
    turns = Turns(POSTGRES)
    with ExitStack() as hanging:
        for _ in range(POSTGRES.at_once[Lane.ALARM]):
            hanging.enter_context(turns.turn(Lane.ALARM))
        with pytest.raises(NoTurn), turns.turn(Lane.ALARM):
            pass
    with turns.turn(Lane.ALARM):
        pass
    writing = WriteTurn()
    with writing, pytest.raises(PoolTimeout), writing:
        pass
    with writing:
        pass


def test_no_share_takes_anothers_connections(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that hold all that they have leave alarms and pages theirs; one more batch is told
    so, and finds a place when one is given back."""
    monkeypatch.setattr("web.staff.storage.database.POOL_TIMEOUT_S", 0.01)
    database = Database(parse_url(f"{postgres_url}shared"))
    with working_for(Share.BATCH):
        held = [database.engine.connect() for _ in range(CONNECTIONS[Share.BATCH])]
        with pytest.raises(PoolTimeout):
            database.engine.connect()
    for share in (Share.URGENT, Share.STREAM, Share.OTHER):
        with working_for(share), database.read() as conn:
            assert conn.exec_driver_sql("SELECT 1").scalar_one() == 1
    held.pop().close()
    with working_for(Share.BATCH):
        held.append(database.engine.connect())
    for conn in held:
        conn.close()
    assert database.exhausted == 1
    database.close()


def test_a_connection_that_broke_gives_its_place_back(postgres_url: str) -> None:
    """Whatever becomes of it: opened in vain, or thrown away."""
    database = Database(parse_url(f"{postgres_url}shared"))
    with working_for(Share.STREAM):
        for _ in range(CONNECTIONS[Share.STREAM] + 1):
            with database.engine.connect() as conn:
                conn.invalidate()
    free = database.engine.pool._free[Share.STREAM]  # type: ignore[attr-defined]
    assert free._value == CONNECTIONS[Share.STREAM]
    database.close()
    gone = Database(parse_url("postgresql://nobody@127.0.0.1:1/none"))
    for _ in range(3):
        with pytest.raises(Exception, match="1"):
            gone.engine.connect()
    free = gone.engine.pool._free[Share.OTHER]  # type: ignore[attr-defined]
    assert free._value == shares.CONNECTIONS[Share.OTHER]


def test_what_a_batch_stands_still_for_is_no_part_of_its_cost(
    enrolled_home: EnrolledHome, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or batches would shrink with the pages beside them, and stand as long for each few events."""
    monkeypatch.setattr("web.staff.core.admission.GIVES_WAY_S", 0.5)
    monkeypatch.setattr("web.staff.core.admission.GIVES_PAGES_S", 0.5)
    costs = []

    def note(events: int, took_s: float, *_: object, **__: object) -> None:
        costs.append((events, took_s))

    monkeypatch.setattr(staff.admission.pace, "note", note)
    many = [enrolled_home.seal(MatPressed(), device="bed")[0] for _ in range(40)]
    with staff.admission.turns.turn(Lane.PAGE):
        began_s = time.monotonic()
        assert enrolled_home.post("events", many, packed=False).status_code == 200
        stood_s = time.monotonic() - began_s
    [(events, took_s)] = costs
    assert events == 40
    assert took_s <= stood_s - 0.49
