"""What a home says about a call with it: kept for the page that began it.

A signal may come late, twice, or not at all: a call only goes forward, and its events say how it
ended.  Not for: beginning a call (`web.staff.talk`).
"""

from __future__ import annotations

from sqlalchemy import select, update

from gateway.errors import DescriptionRefused
from gateway.media import description
from gateway.wire import CallSignal
from web.staff.core.context import Staff
from web.staff.homelink.ingest import Refused
from web.staff.storage import tables

ORDER = ("asked", "answered", "begun", "ended", "refused")
"""Of a call's states; the last two are its end."""


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
        row = tx.conn.execute(select(t.c.state).where(mine)).one_or_none()
        if row is None:
            raise Refused(404, "no_call", "There is no such call with this home.")
        values = {"answer": answer} if answer else {}
        if ORDER.index(signal.state) > ORDER.index(row.state) and row.state != "ended":
            values |= {"state": signal.state, "why": signal.why}
        if signal.state in ("ended", "refused"):
            values["answer"] = ""
        if values:
            tx.conn.execute(update(t).where(mine).values(values))
