"""What a home that is being installed hears: for the page that asked, until it is closed.

Not for: asking (`web.staff.installs.hearing`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, update

from gateway.wire import HeardSignal
from web.staff.core.context import Staff
from web.staff.homelink.ingest import Refused
from web.staff.storage.install_tables import hearing


def receive(staff: Staff, home: str, signal: HeardSignal) -> None:
    """Keep it in place of what was told before; of one that ended, nothing.  Raises `Refused` for a
    hearing that this home has none of, or that nobody looks at any more."""
    h, now = hearing.c, datetime.now(UTC)
    mine = (h.id == signal.hearing) & (h.home_id == home)
    with staff.write() as tx:
        if signal.state == "ended":
            found = tx.conn.execute(delete(hearing).where(mine)).rowcount
        else:
            told = {"told": signal.model_dump_json(), "told_at": now}
            query = update(hearing).where(mine, h.until > now).values(**told)
            found = tx.conn.execute(query).rowcount
        if not found:
            raise Refused(404, "no_hearing", "Nobody listens to this home any more.")
