"""Test alarms of homes: answered by whoever would have told somebody, and missed when they do not
come.

A home's test alarm is folded like any event (`chain_test`).  `answer_due` is called in each round
of what sends alarms out, so that an answer means that this lives; `look` belongs to the watch,
which lives by itself.  Not for: trying channels (`web.staff.runtime.channel_watch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    HomeTestMissed,
    ServerTestAnswered,
)
from web.staff.core.context import Staff
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.storage import event_store, tables

ANSWER_WITHIN = timedelta(hours=1)
"""An older test alarm is not answered: the home has given up on it, and the next one comes."""

LATE = timedelta(minutes=4)
"""How long after its time a test may still come: with the watch's round, a broken hop is known
within five minutes."""


def answer_due(staff: Staff, broken: Sequence[str]) -> int:
    """Answer the test alarms that came since the last call; `broken` are the channels that do not
    hold.  Returns how many were answered."""
    c = tables.chain_test.c
    unanswered = (
        c.test.is_not(None),
        c.answered_at.is_(None),
        c.sent_at > staff.clock.now() - ANSWER_WITHIN,
    )
    query = select(c.home_id).where(*unanswered).order_by(c.home_id)
    with staff.db.read() as conn:
        homes = list(conn.execute(query).scalars())
    for first in range(0, len(homes), HOMES_AT_ONCE):
        part = homes[first : first + HOMES_AT_ONCE]
        with staff.write() as tx:
            event_store.lock_homes(tx.conn, part)
            tests = select(c.home_id, c.test).where(c.home_id.in_(part), *unanswered)
            answer = tuple(sorted(broken))
            told = {
                home: [Draft(ServerTestAnswered(test=test, broken=answer))]
                for home, test in tx.conn.execute(tests)
            }
            write_many(staff, tx, told)
    return len(homes)


def look(staff: Staff) -> None:
    """Tell of homes whose test alarm did not come though they are heard, and that it came again."""
    now = staff.clock.now()
    c, s, a = tables.chain_test.c, tables.home_state.c, tables.alarm.c
    overdue = select(c.home_id).where(c.next_by < now - LATE, c.missed_at.is_(None))
    overdue = overdue.join_from(tables.chain_test, tables.home_state, s.home_id == c.home_id)
    overdue = overdue.where(s.silent_since.is_(None))
    back = (
        select(c.home_id, c.missed_alarm)
        .join_from(tables.chain_test, tables.alarm, a.id == c.missed_alarm)
        .where(c.missed_at.is_(None), a.closed_at.is_(None))
    )
    with staff.db.read() as conn:
        missed = list(conn.execute(overdue.order_by(c.home_id)).scalars())
        again = [row.home_id for row in conn.execute(back.order_by(c.home_id))]
    for first in range(0, len(missed), HOMES_AT_ONCE):
        with staff.write() as tx:
            part = missed[first : first + HOMES_AT_ONCE]
            event_store.lock_homes(tx.conn, part)
            still = list(tx.conn.execute(overdue.where(c.home_id.in_(part))).scalars())
            raised = AlarmRaised.usual(AlarmType.CHAIN_BROKEN, now)
            drafts = [Draft(HomeTestMissed(hop="home")), Draft(raised)]
            write_many(staff, tx, dict.fromkeys(still, drafts))
    for first in range(0, len(again), HOMES_AT_ONCE):
        with staff.write() as tx:
            part = again[first : first + HOMES_AT_ONCE]
            event_store.lock_homes(tx.conn, part)
            over = {
                home: [Draft(AlarmCancelled(alarm=ref, reason="recovered"))]
                for home, ref in tx.conn.execute(back.where(c.home_id.in_(part)))
            }
            write_many(staff, tx, over)
