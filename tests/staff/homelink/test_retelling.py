"""What holds in a home is decided once more for a new card and a new log: as it was, by whom it
was, and nothing that is over."""

from __future__ import annotations

from datetime import timedelta

from gateway.envelope import Draft
from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    ConfigSet,
    ConfigWhy,
    ConsentSettled,
    Data,
    LogRecovered,
    Night,
    PlanSet,
    PlanTerms,
)
from tests.staff.parts import EnrolledHome
from web.staff.checks import plans
from web.staff.configs import changes
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import event_store, tables

TERMS = PlanTerms(times=("23:00",), nights=Night.offered())
OLD = ConfigSet(number=1, why=ConfigWhy.MENDED, text='{"devices":{},"rules":{}}')
NEW = ConfigSet(number=2, why=ConfigWhy.UNDONE, text='{"devices":{},"rules":{}}', undoes=0)


def decide(staff: Staff, *data: Data) -> None:
    with staff.write() as tx:
        for one in data:
            append.write(staff, tx, "h1", Draft(one, person="p-plan"))


def decided(staff: Staff, after: int) -> list[tuple[str, Data, str | None]]:
    """What the server decided about the home after that number: kind, data, by whom."""
    e = tables.event.c
    mine = (e.origin == "staff:h1", e.seq > after)
    with staff.db.read() as conn:
        rows = conn.execute(tables.event.select().where(*mine).order_by(e.seq)).all()
    found = (event_store.to_event(row.body, row.hash) for row in rows)
    return [(one.kind, one.data, one.person) for one in found]


def test_a_new_card_and_a_new_log_are_told_what_holds(home: EnrolledHome, staff: Staff) -> None:
    """The newest of each, once; the history says who it was and when, as before."""
    plan, consent = PlanSet(number=1, terms=TERMS), ConsentSettled(held=True)
    away = AbsenceStarted(until=None)
    decide(staff, OLD, plan, consent, away, NEW)
    with staff.db.read() as conn:
        before = changes.newest(conn, "h1"), plans.newest(conn, "h1")
    before_seq = len(decided(staff, 0))
    home.clock.advance(timedelta(hours=1).total_seconds())
    home.enroll()
    told = decided(staff, before_seq)
    assert told[0][0] == "home.enrolled"
    again = [(one.KIND, one, "p-plan") for one in (NEW, plan, consent, away)]
    assert told[1:] == again
    decide(staff, AbsenceEnded())
    seq = before_seq + len(told) + 1
    home.send(LogRecovered(set_aside="events.sqlite", why="it was lost", continues=home.origin))
    assert decided(staff, seq) == again[:-1]
    with staff.db.read() as conn:
        assert (changes.newest(conn, "h1"), plans.newest(conn, "h1")) == before
