"""What a call and a look have in common at the server: a row while it goes on, that person's alone;
orders to the home for now; a permit's times.

Not for: who may, or what a home says about it (`web.staff.homelink.call_signals`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table, delete, select, update

from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.homelink.call_signals import OVER
from web.staff.storage.changes import LockOrder
from web.staff.storage.database import Tx

KEPT = timedelta(days=1)
"""How long the row is kept; who listened or looked stands in the events."""


def row_of(conn: Connection, t: Table, actor: Actor, id_: str, gone: Why) -> Any:
    """The row of this person's call or look.  Raises `Refused`: `gone`."""
    query = select(t).where(t.c.id == id_, t.c.person == actor.person)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Refused(gone)
    return row


def add(tx: Tx, t: Table, values: dict[str, Any], until: datetime) -> None:
    """Begin a row, asked now; old ones go."""
    now = datetime.now(UTC)
    tx.conn.execute(delete(t).where(t.c.made_at < now - KEPT))
    begun = {"state": "asked", "why": "", "answer": "", "made_at": now, "until": until}
    tx.conn.execute(t.insert().values(**begun, **values))


def send(tx: Tx, row: Any, what: str, said: BaseModel) -> None:
    """Give the home an order after the commit, unless it is over."""
    if row.state not in OVER:
        tx.orders.append(LockOrder(row.home_id, said.model_dump_json(), what=what))


def was_not_sent(staff: Staff, t: Table, id_: str) -> None:
    """The home did not listen: it is over before it began."""
    with staff.write() as tx:
        over = {"state": "refused", "why": "not_connected"}
        tx.conn.execute(update(t).where(t.c.id == id_).values(**over))


def times(staff: Staff, life_s: float) -> tuple[datetime, datetime]:
    """From when until when a permit signed now is good: real seconds, whatever the pace of domain
    time."""
    now = staff.clock.now()
    return now, now + timedelta(seconds=life_s * (staff.clock.rate() or 1.0))
