"""The alarm centres outside, and other programs (webhooks), that an organisation may put into its
ladders.

Not for: what is sent to them (`web.staff.channels.scaip`), or when (ladders).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, insert, select, update

from gateway.errors import BadMessage
from gateway.scaip.sip import Target
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.people import accounts
from web.staff.people.accounts import ABOUT_MAX, By, Refused, Wrong
from web.staff.storage.alarm_tables import alarm_centre

ADDRESS_MAX = 300
"""Characters of an https address."""


def known(conn: Connection) -> Sequence[Row[Any]]:
    """Every centre of every organisation, also those that are no longer used."""
    c = alarm_centre.c
    return conn.execute(select(alarm_centre).order_by(c.org_id, c.name)).all()


def add(staff: Staff, actor: By, name: str, address: str, second: str | None) -> str:
    """Add a centre that takes SCAIP over SIP, or a program at an https address; returns its id.
    `second` is told where the first address does not answer (a program has none).  Raises
    `Refused`: NO_RIGHT, NO_SIP, EMPTY, TOO_LONG, EXISTS."""
    if not actor.may(Right.ADMINISTER):
        raise Refused(Wrong.NO_RIGHT)
    channel = "webhook" if address.startswith("https://") else "scaip"
    if channel == "webhook" and (second is not None or not _leads_somewhere(address)):
        raise Refused(Wrong.NO_SIP)
    for uri in (address, second):
        try:
            if uri is not None and channel == "scaip":
                Target.of(uri)
        except BadMessage as error:
            raise Refused(Wrong.NO_SIP) from error
    called = " ".join(name.split())
    if not called:
        raise Refused(Wrong.EMPTY)
    if len(called) > ABOUT_MAX:
        raise Refused(Wrong.TOO_LONG)
    c, new = alarm_centre.c, secrets.token_hex(8)
    with staff.write() as tx:
        taken = select(c.id).where(c.org_id == actor.org, c.name == called)
        if tx.conn.execute(taken).first() is not None:
            raise Refused(Wrong.EXISTS)
        tx.conn.execute(
            insert(alarm_centre).values(
                id=new,
                org_id=actor.org,
                name=called,
                channel=channel,
                value=address,
                second_value=second,
                created_at=datetime.now(UTC),
            )
        )
        accounts.note(staff, tx, actor, "alarm_centre")
    return new


def _leads_somewhere(address: str) -> bool:
    """Whether an https address has a host, no password, and a length to be kept."""
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    return named and len(address) <= ADDRESS_MAX and address.isprintable()


def end(staff: Staff, actor: By, name: str) -> bool:
    """End the use of a centre: ladders pass it over.  Whether there was one of this name in use.
    Raises `Refused`: NO_RIGHT."""
    if not actor.may(Right.ADMINISTER):
        raise Refused(Wrong.NO_RIGHT)
    c = alarm_centre.c
    used = (c.org_id == actor.org, c.name == name, c.ended_at.is_(None))
    with staff.write() as tx:
        now = datetime.now(UTC)
        ended = tx.conn.execute(update(alarm_centre).where(*used).values(ended_at=now)).rowcount
        if ended:
            accounts.note(staff, tx, actor, "alarm_centre")
    return bool(ended)
