"""What many homes send at once is stored in few transactions, each home's as if it came alone."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from gateway.clock import ManualClock
from gateway.events import AlarmCancelled, AlarmRaised, AlarmType
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.test_statements import counted
from tests.staff.parts import EnrolledHome, add_home, pem_of
from web.staff.core.admission import ALARMS_TOGETHER, Lane
from web.staff.core.context import Staff
from web.staff.core.together import NotDone, Together, Work
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.homelink import heard, ingest, urgent
from web.staff.homelink.urgent import Came
from web.staff.runtime import writer
from web.staff.storage import event_store, tables
from web.staff.storage.afterwards import Afterwards
from web.staff.storage.changes import MANY_HOMES
from web.staff.storage.ladder_tables import escalation
from web.staff.storage.spool import Spool

WITHIN_S = 60.0


def homes(app: Flask, staff: Staff, clock: ManualClock, count: int) -> list[EnrolledHome]:
    """Enrolled homes, each with a first event of its own."""
    made = []
    for number in range(count):
        home = EnrolledHome(app, app.test_client(), f"u{number:02}", clock)
        add_home(app, home.home)
        home.origin = f"home:{home.home}"
        pem = pem_of(home.key)
        values = {
            "home_id": home.home,
            "public_key": pem,
            "sha256": hashlib.sha256(pem.encode()).hexdigest(),
            "origin": home.origin,
            "version": "0.1.0",
            "enrolled_at": clock.now(),
        }
        with staff.db.write() as tx:
            tx.conn.execute(insert(tables.gateway_key).values(values))
        made.append(home)
    return made


def call(home: EnrolledHome) -> Came:
    """What a home sends that calls for help."""
    raised = AlarmRaised.usual(AlarmType.PENDANT, home.clock.now())
    return Came(home.home, ingest.read_events(home.seal(raised), home.home), 0, None)


def by_id(row: Any) -> str:
    """What rows are put in order by."""
    return str(row.id)


def ids(staff: Staff) -> list[str]:
    """The alarms that there are."""
    return sorted(row.id for row in rows(staff, tables.alarm))


def test_forty_homes_cost_hardly_more_statements_than_one(
    staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """And one commit; every alarm is there, has its ladder, and its home was heard."""
    made = homes(staff_app, staff, clock, ALARMS_TOGETHER + 2)
    urgent._commit(staff, [call(made[0])])
    with counted(staff_app) as before:
        urgent._commit(staff, [call(made[1])])
    with counted(staff_app) as many:
        urgent._commit(staff, [call(home) for home in made[2:]])
    assert (before.commits, many.commits) == (1, 1)
    assert len(before.statements) <= 9, before.statements
    assert len(many.statements) <= len(before.statements) + 1, many.statements
    assert ids(staff) == [f"{home.origin}/1" for home in made]
    assert sorted(row.id for row in rows(staff, escalation)) == ids(staff)
    assert len(rows(staff, tables.urgent)) == len(rows(staff, tables.home_link)) == len(made)


def test_alarms_that_wait_for_the_database_are_stored_together(
    staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """The first one is at work; those that come meanwhile are answered after one commit, and each
    is told to a screen for itself."""
    made = homes(staff_app, staff, clock, MANY_HOMES + 1)
    answers: list[int] = []

    def send(home: EnrolledHome) -> None:
        raised = AlarmRaised.usual(AlarmType.PENDANT, clock.now())
        answers.append(home.post("urgent", home.seal(raised)).status_code)

    began, go_on = threading.Event(), threading.Event()

    def hold(_several: Sequence[Came]) -> Sequence[Came]:
        began.set()
        assert go_on.wait(WITHIN_S)
        return []

    blocker = threading.Thread(target=lambda: staff.urgent.do(None, hold))
    blocker.start()
    assert began.wait(WITHIN_S)
    threads = [threading.Thread(target=send, args=(home,)) for home in made[1:]]
    with staff.broker.subscribe({home.home for home in made}) as screen:
        for thread in threads:
            thread.start()
        _until(lambda: len(staff.urgent._waiting) == MANY_HOMES)
        with counted(staff_app) as cost:
            go_on.set()
            for thread in [blocker, *threads]:
                thread.join(WITHIN_S)
        told = [screen.get(0) for _ in range(MANY_HOMES)]
    assert answers == [200] * MANY_HOMES
    assert cost.commits == 1
    assert ids(staff) == [f"{home.origin}/1" for home in made[1:]]
    assert {message.home for message in told if message is not None} == {
        home.home for home in made[1:]
    }


def test_nobody_waits_for_a_home_about_which_somebody_writes(
    staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """An alarm among ten whose home is being written about, for as long as that takes: the nine
    others are stored meanwhile, and so is who comes after them; then it is stored too."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer: everybody waits for it")
    made = homes(staff_app, staff, clock, MANY_HOMES + 1)
    first, late, others = made[0], made[MANY_HOMES], made[1:MANY_HOMES]
    began, go_on = threading.Event(), threading.Event()

    def hold(_several: Sequence[Came]) -> Sequence[Came]:
        began.set()
        assert go_on.wait(WITHIN_S)
        return []

    def send(home: EnrolledHome) -> threading.Thread:
        came, store = call(home), partial(urgent._commit, staff)
        thread = threading.Thread(target=lambda: staff.urgent.do(came, store))
        thread.start()
        return thread

    blocker = threading.Thread(target=lambda: staff.urgent.do(None, hold))
    with staff.db.write() as tx:
        event_store.lock_home(tx.conn, first.home)
        blocker.start()
        assert began.wait(WITHIN_S)
        waits, *threads = [send(home) for home in (first, *others)]
        _until(lambda: len(staff.urgent._waiting) == MANY_HOMES)
        go_on.set()
        for thread in (blocker, *threads):
            thread.join(WITHIN_S)
        send(late).join(WITHIN_S)
        assert ids(staff) == [f"{home.origin}/1" for home in made[1:]]
        assert waits.is_alive()
    waits.join(WITHIN_S)
    assert ids(staff) == [f"{home.origin}/1" for home in made]


def test_as_many_as_call_at_once_are_one_transaction(staff: Staff) -> None:
    """However many call, one in forty waits for a transaction of its own, and no more come in at
    once than wait for it and begin the next: with ten together a thousand took five times as
    long."""
    groups: list[int] = []
    began, go_on = threading.Event(), threading.Event()

    def store(several: Sequence[int]) -> Sequence[int]:
        groups.append(len(several))
        began.set()
        assert go_on.wait(WITHIN_S)
        return []

    def send(number: int) -> threading.Thread:
        thread = threading.Thread(target=lambda: staff.urgent.do(number, store))
        thread.start()
        return thread

    threads = [send(0)]
    assert began.wait(WITHIN_S)
    threads += [send(number) for number in range(1, ALARMS_TOGETHER + 6)]
    _until(lambda: len(staff.urgent._waiting) == ALARMS_TOGETHER + 5)
    go_on.set()
    for thread in threads:
        thread.join(WITHIN_S)
    assert groups == [1, ALARMS_TOGETHER, 5]
    assert staff.admission.turns.limits.at_once[Lane.ALARM] > ALARMS_TOGETHER


@pytest.mark.parametrize("asked", [(0, 1), (1, 0)])
def test_alarms_and_signs_of_life_do_not_wait_for_each_other(
    staff_app: Flask, staff: Staff, clock: ManualClock, tmp_path: Path, asked: tuple[int, int]
) -> None:
    """Two homes give a sign of life, which is noted soon, and call in the other order: whatever
    comes first, neither ends in a deadlock."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer")
    made = homes(staff_app, staff, clock, 2)
    urgent._commit(staff, [call(home) for home in made])
    soon = [made[number] for number in asked]
    staff.afterwards = Afterwards(Spool(tmp_path, "x"))
    for home in soon:
        heard.note_soon(staff, home.home, known=True)
    failed: list[Exception] = []

    def run(work: Callable[[], object], waiting: int) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except OperationalError as error:
                failed.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        _until(lambda: _waiting(staff) == waiting)
        return thread

    calls = [call(home) for home in reversed(soon)]
    with staff.db.write() as tx:
        t = tables.home_link
        first = t.c.home_id == soon[0].home
        tx.conn.execute(select(t.c.home_id).where(first).with_for_update()).one()
        writes = run(lambda: writer.look(staff, staff.afterwards), 1)  # type: ignore[arg-type]
        stores = run(lambda: urgent._commit(staff, calls), 2)
    for thread in (writes, stores):
        thread.join(WITHIN_S)
    assert failed == []
    staff.afterwards.spool.close()
    staff.afterwards = None


def test_a_ladder_that_is_climbed_is_not_waited_for(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A home gives an alarm's number to another one while that alarm's ladder is climbed: who does
    so has the ladder and waits for the home, so that the home waits for nobody and comes again."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer")
    before = (enrolled_home.seq, enrolled_home.previous)
    raised = AlarmRaised.usual(AlarmType.PENDANT, enrolled_home.clock.now())
    enrolled_home.send_urgent(raised)
    enrolled_home.seq, enrolled_home.previous = before
    enrolled_home.clock.advance(60)
    events = enrolled_home.seal(raised)
    answers: list[int] = []
    thread = threading.Thread(
        target=lambda: answers.append(enrolled_home.post("events", events).status_code)
    )
    with staff.db.write() as tx:
        tx.conn.execute(select(escalation.c.id).with_for_update()).all()
        thread.start()
        _until(lambda: not thread.is_alive() or _waiting(staff) > 0)
        assert (thread.is_alive(), answers) == (False, [503])
        assert event_store.lock_home(tx.conn, "h1")
    assert enrolled_home.post("events", events).status_code == 200
    ladders = {row.id for row in rows(staff, escalation)}
    assert ladders == {row.id for row in rows(staff, tables.alarm)}
    assert len(ladders) == 2


def test_an_alarm_waits_for_no_other_homes_ladder(
    staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """Two homes call together, and one of them gives the number of an alarm that it lost to another
    one, while the lost one's ladder is climbed: the other home's alarm is stored all the same, and
    the first one's when it comes again."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer")
    reuses, other = homes(staff_app, staff, clock, 2)
    before = (reuses.seq, reuses.previous)
    urgent._commit(staff, [call(reuses)])
    reuses.seq, reuses.previous = before
    clock.advance(60)
    again, calls = call(reuses), call(other)
    began, go_on = threading.Event(), threading.Event()
    failed: dict[str, Exception] = {}

    def hold(_several: Sequence[Came]) -> Sequence[Came]:
        began.set()
        assert go_on.wait(WITHIN_S)
        return []

    def send(came: Came) -> None:
        try:
            staff.urgent.do(came, partial(urgent._commit, staff))
        except OperationalError as error:
            failed[came.home] = error

    threads = [threading.Thread(target=lambda: staff.urgent.do(None, hold))]
    with staff.db.write() as tx:
        tx.conn.execute(select(escalation.c.id).with_for_update()).all()
        threads[0].start()
        assert began.wait(WITHIN_S)
        for came in (again, calls):
            threads.append(threading.Thread(target=send, args=(came,)))
            threads[-1].start()
        _until(lambda: len(staff.urgent._waiting) == 2)
        go_on.set()
        for thread in threads:
            thread.join(WITHIN_S)
    assert set(failed) == {reuses.home}
    assert f"{other.origin}/1" in ids(staff)
    urgent._commit(staff, [again])
    assert len(ids(staff)) == 3


def _waiting(staff: Staff) -> int:
    """How many wait for a lock in PostgreSQL."""
    with staff.db.read() as conn:
        query = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(conn.execute(query).scalar_one())


def _until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def test_together_or_one_after_the_other_ends_in_the_same_tables(
    staff_app: Flask, staff: Staff, clock: ManualClock
) -> None:
    """Also where one request comes twice among them, and one cancels what another raised; folded
    anew it is the same."""
    made = homes(staff_app, staff, clock, 4)
    first, second, third, fourth = (call(home) for home in made)
    urgent._commit(staff, [second])
    cancelled = made[2].seal(AlarmCancelled(alarm=f"{made[2].origin}/1", reason="button"))
    over = Came(third.home, ingest.read_events(cancelled, third.home), 0, 3)
    urgent._commit(staff, [first, second, third, over, first, fourth])
    assert ids(staff) == [f"{home.origin}/1" for home in made]
    before = sorted(rows(staff, tables.alarm), key=by_id)
    assert [row.id for row in before if row.closed_at is not None] == [f"{made[2].origin}/1"]
    assert len(rows(staff, tables.urgent)) == len(made) + 1
    for home in made:
        with staff.db.write() as tx:
            rebuild_home(tx.conn, home.home)
    assert sorted(rows(staff, tables.alarm), key=by_id) == before


# --- who does it


def test_nobody_fails_for_anothers_sake() -> None:
    """One of five cannot be done: it alone hears of it, the others are done.  What would meet each
    of them meets all at once, and is not tried again."""
    done: list[int] = []

    def work(numbers: Sequence[int]) -> Sequence[int]:
        tried.append(list(numbers))
        if 3 in numbers:
            raise error
        done.extend(numbers)
        return []

    for error, well in ((ValueError(), [0, 1, 2, 4, 5]), (ConnectionError(), [0])):
        done.clear()
        tried: list[list[int]] = []
        assert sorted(_all_at_once(work, 6)) == sorted(set(range(6)) - set(well))
        assert sorted(done) == well
        assert len(tried) == (7 if isinstance(error, ValueError) else 2)


def _all_at_once(work: Work[int], count: int, together: Together[int] | None = None) -> list[int]:
    """Let so many do it while the first one is at work; who failed."""
    together = together or Together(10, lambda error: isinstance(error, ConnectionError))
    began, go_on = threading.Event(), threading.Event()
    failed: list[int] = []

    def first(numbers: Sequence[int]) -> Sequence[int]:
        began.set()
        assert go_on.wait(WITHIN_S)
        return work(numbers)

    def do(number: int) -> None:
        try:
            together.do(number, first if number == 0 else work)
        except (ValueError, ConnectionError):
            failed.append(number)

    threads = [threading.Thread(target=do, args=(number,)) for number in range(count)]
    threads[0].start()
    assert began.wait(WITHIN_S)
    for thread in threads[1:]:
        thread.start()
    _until(lambda: len(together._waiting) == count - 1)
    go_on.set()
    for thread in threads:
        thread.join(WITHIN_S)
    return failed


def test_who_is_left_out_is_done_alone_and_keeps_nobody() -> None:
    """One of five would have kept the others waiting: it is done in its own thread, while they are
    answered and the next ones are done."""
    together: Together[int] = Together(10, lambda _error: False)
    go_on = threading.Event()
    done: list[int] = []

    def work(numbers: Sequence[int]) -> Sequence[int]:
        left = [number for number in numbers if number == 3]
        if len(numbers) == 1 and left:
            assert go_on.wait(WITHIN_S)
            left = []
        done.extend(number for number in numbers if number not in left)
        return left

    thread = threading.Thread(target=_all_at_once, args=(work, 6, together))
    thread.start()
    _until(lambda: sorted(done) == [0, 1, 2, 4, 5])
    together.do(7, work)
    assert 3 not in done
    go_on.set()
    thread.join(WITHIN_S)
    assert sorted(done) == [0, 1, 2, 3, 4, 5, 7]


def test_who_is_not_served_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one at work hangs: who waits behind it gives up, and is done for nobody later."""
    monkeypatch.setattr("web.staff.core.together.WITHIN_S", 0.05)
    together: Together[int] = Together(10, lambda _error: False)
    began, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def hang(numbers: Sequence[int]) -> Sequence[int]:
        began.set()
        assert go_on.wait(WITHIN_S)
        done.extend(numbers)
        return []

    thread = threading.Thread(target=lambda: together.do(1, hang))
    thread.start()
    assert began.wait(WITHIN_S)
    with pytest.raises(NotDone):
        together.do(2, hang)
    go_on.set()
    thread.join(WITHIN_S)
    together.do(3, hang)
    assert done == [1, 3]
