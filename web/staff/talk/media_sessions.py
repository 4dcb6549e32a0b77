"""What a call and a look have in common at the server: a row while it goes on, that person's alone;
orders to the home for now; a permit's times.

Not for: who may, or what a home says about it (`web.staff.homelink.call_signals`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table, delete, select, update

from gateway.envelope import Draft
from web.staff.care.actions import Refused, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.homelink.call_signals import OVER
from web.staff.storage.changes import LockOrder
from web.staff.storage.database import Tx

KEPT = timedelta(days=1)
"""How long the row is kept; who listened or looked stands in the events."""

SETTING_UP_S = 60
"""Seconds that one may take to be set up: the permit's life, a light or a shutter, a way, and the
other way."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Calls, or looks: their table, what their orders are called on a home's stream, and why there
    is none when one is asked about."""

    rows: Table
    order: str
    none: Why


@dataclass(frozen=True, slots=True)
class Begun:
    """One that is begun: its row's values beside the usual, the server's word about it for the
    home's log, what the home is told now, and when it is over at the latest (real time)."""

    row: dict[str, Any]
    told: Draft
    order: BaseModel
    until: datetime


def new_id() -> str:
    """Of a call, a look or a permit: nobody guesses it."""
    return secrets.token_urlsafe(16)


def row_of(conn: Connection, kind: Kind, actor: Actor, id_: str) -> Any:
    """The row of this person's call or look.  Raises `Refused`: the kind's."""
    t = kind.rows
    query = select(t).where(t.c.id == id_, t.c.person == actor.person)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Refused(kind.none)
    return row


def require_listening(staff: Staff, tx: Tx, home: str) -> None:
    """Raise `Refused` (NOT_CONNECTED) unless the home hears an order now."""
    if not staff.relay.listens(tx, home):
        raise Refused(Why.NOT_CONNECTED, silent_since=None)


def begin(staff: Staff, tx: Tx, kind: Kind, begun: Begun) -> LockOrder:
    """Write it, and give the home its order after the commit; old rows go."""
    now, t, home = datetime.now(UTC), kind.rows, begun.row["home_id"]
    append.write(staff, tx, home, begun.told)
    tx.conn.execute(delete(t).where(t.c.made_at < now - KEPT))
    usual = {"state": "asked", "why": "", "answer": "", "made_at": now, "until": begun.until}
    tx.conn.execute(t.insert().values(**usual, **begun.row))
    sent = LockOrder(home, begun.order.model_dump_json(), what=kind.order)
    tx.orders.append(sent)
    return sent


def require_sent(staff: Staff, kind: Kind, sent: LockOrder, id_: str) -> None:
    """After the commit: raise `Refused` (NOT_CONNECTED) where the home did not listen; it is over
    before it began."""
    if sent.reached:
        return
    with staff.write() as tx:
        over = {"state": "refused", "why": "not_connected"}
        tx.conn.execute(update(kind.rows).where(kind.rows.c.id == id_).values(**over))
    raise Refused(Why.NOT_CONNECTED, silent_since=None)


def send(tx: Tx, kind: Kind, row: Any, said: BaseModel) -> None:
    """Give the home an order after the commit, unless it is over."""
    if row.state not in OVER:
        tx.orders.append(LockOrder(row.home_id, said.model_dump_json(), what=kind.order))


def tell(staff: Staff, kind: Kind, actor: Actor, id_: str, said: BaseModel) -> None:
    """Give the home an order about this person's call or look.  Raises `Refused`: the kind's."""
    with staff.write() as tx:
        send(tx, kind, row_of(tx.conn, kind, actor, id_), said)


def times(staff: Staff, life_s: float) -> tuple[datetime, datetime]:
    """From when until when a permit signed now is good: real seconds, whatever the pace of domain
    time."""
    now = staff.clock.now()
    return now, now + timedelta(seconds=life_s * (staff.clock.rate() or 1.0))
