"""What a home says about a call with it: kept for the page that began it.

A signal may come late, twice, or not at all: a call only goes forward, and its events say how it
ended.  One whose state only a newer home knows moves nothing, and what else it says is kept.
Not for: beginning a call (`web.staff.talk`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, select, update

from gateway.errors import DescriptionRefused
from gateway.media import description
from gateway.wire import CallSignal
from web.staff.core.context import Staff
from web.staff.homelink.ingest import Refused
from web.staff.storage import tables
from web.staff.storage.database import Tx

ORDER = ("asked", "answered", "begun", "ended", "refused")
"""Of a call's states; the last two are its end."""

OVER = ("ended", "refused")
"""The end of a call or a look."""

STILL = ("unknown", "extended")
"""What a home says that moves nothing."""


def receive(staff: Staff, home: str, signal: CallSignal) -> None:
    """Keep it.  Raises `Refused` for a call that this home has none of, and for a description that
    is none."""
    t = tables.media_call
    try:
        answer = description.clean(signal.sdp) if signal.sdp else ""
    except DescriptionRefused as error:
        raise Refused(400, "bad_request", f"sdp: {error.text}.") from error
    with staff.write() as tx:
        mine = (t.c.id == signal.call) & (t.c.home_id == home)
        more = {"answer": answer} if answer else {}
        state = None if signal.state in STILL else signal.state
        if not forward(tx, t, mine, ORDER, state, signal.why, more):
            raise Refused(404, "no_call", "There is no such call with this home.")


def forward(
    tx: Tx,
    t: Table,
    mine: ColumnElement[bool],
    order: Sequence[str],
    state: str | None,
    why: str,
    more: Mapping[str, Any],
) -> bool:
    """Have the row of a call or a look say what the home says, if that is no step back; False:
    there is none.  `state` None: the one that it has.  What it said on the way (`more`) is gone
    with its end."""
    row = tx.conn.execute(select(t).where(mine)).one_or_none()
    if row is None:
        return False
    if row.state in OVER:
        return True  # the first end stands
    values = dict(more)
    if state is not None and _is_further(order, state, row.state):
        values |= {"state": state, "why": why}
    if state in OVER:
        values |= {name: "" for name in ("answer", "key") if name in t.c}
    if values:
        tx.conn.execute(update(t).where(mine).values(values))
    return True


def _is_further(order: Sequence[str], state: str, now: str) -> bool:
    """Whether `state` comes after the one of now; one that a newer worker kept is only followed by
    an end."""
    return state in OVER if now not in order else order.index(state) > order.index(now)
