"""What an alarm centre calls a home: its care id (`cid`), digits that were agreed with the centre.

No name and no address: the centre looks it up in its own register.  A home without one is told of
under the server's own (docs/scaip.md).  Not for: sending (`web.staff.channels.scaip`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.scaip.message import CID
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.homelink import second_path
from web.staff.people import accounts
from web.staff.people.accounts import By, Refused, Wrong
from web.staff.storage import tables
from web.staff.storage.alarm_tables import home_care_id


def cid_of(conn: Connection, home: str) -> str | None:
    """The care id of a home; None: it has none."""
    c = home_care_id.c
    return conn.execute(select(c.cid).where(c.home_id == home)).scalar_one_or_none()


def homes_without(conn: Connection, org: str, *, at_most: int) -> list[tuple[str, str]]:
    """Homes of an organisation that have none: id and label, by label."""
    h, c = tables.home.c, home_care_id.c
    query = (
        select(h.id, h.label)
        .outerjoin(home_care_id, c.home_id == h.id)
        .where(h.org_id == org, c.home_id.is_(None))
        .order_by(h.label, h.id)
        .limit(at_most)
    )
    return [(row.id, row.label) for row in conn.execute(query)]


def set_cid(staff: Staff, actor: By, home: str, said: str) -> bool:
    """Let this be the home's care id, empty for none; spaces and dashes are no part of it.  Whether
    that changed anything.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EXISTS (another home of the
    organisation has it), NO_DIGITS."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    cid = re.sub(r"[\s-]", "", said)
    if cid and CID.fullmatch(cid) is None:
        raise Refused(Wrong.NO_DIGITS)
    h, c = tables.home.c, home_care_id.c
    with staff.write() as tx:
        mine = select(h.id).where(h.id == home, h.org_id == actor.org)
        if tx.conn.execute(mine).first() is None:
            raise Refused(Wrong.NOT_FOUND)
        if cid == (cid_of(tx.conn, home) or ""):
            return False
        others = (
            select(c.home_id)
            .join(tables.home, h.id == c.home_id)
            .where(c.cid == cid, h.org_id == actor.org, h.id != home)
        )
        if cid and tx.conn.execute(others).first() is not None:
            raise Refused(Wrong.EXISTS)
        tx.conn.execute(delete(home_care_id).where(c.home_id == home))
        if cid:
            now = datetime.now(UTC)
            tx.conn.execute(insert(home_care_id).values(home_id=home, cid=cid, set_at=now))
        second_path.details_changed(staff, tx, home)
        accounts.note(staff, tx, actor, "care_id")
    return True
