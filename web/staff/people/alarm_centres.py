"""The alarm centres outside that an organisation may put into its ladders.

Not for: what is sent to them (`web.staff.channels.scaip`), or when (ladders).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from gateway.errors import BadMessage, UserError
from gateway.scaip.sip import Target
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.people import accounts, registry
from web.staff.people.accounts import ABOUT_MAX, By, Refused, Wrong
from web.staff.storage.alarm_tables import alarm_centre


def add(staff: Staff, actor: By, name: str, address: str, second: str | None) -> str:
    """Add a centre that takes SCAIP over SIP; returns its id.  `second` is told where the first
    address does not answer.  Raises `UserError`: an address that is none, a name that is taken;
    `Refused`: NO_RIGHT."""
    if not actor.may(Right.ADMINISTER):
        raise Refused(Wrong.NO_RIGHT)
    for uri in (address, second):
        try:
            if uri is not None:
                Target.of(uri)
        except BadMessage as error:
            mend = "write it as sip:larm@centre.example;transport=tls."
            raise UserError(f"{error.text}; {mend}") from error
    called = " ".join(name.split())
    if not 0 < len(called) <= ABOUT_MAX:
        raise UserError(f"The alarm centre needs a name of at most {ABOUT_MAX} characters.")
    c, new = alarm_centre.c, secrets.token_hex(8)
    with staff.write() as tx:
        registry.check_org(tx.conn, actor.org)
        taken = select(c.id).where(c.org_id == actor.org, c.name == called)
        if tx.conn.execute(taken).first() is not None:
            raise UserError(f"There is an alarm centre {called} already; choose another name.")
        tx.conn.execute(
            insert(alarm_centre).values(
                id=new,
                org_id=actor.org,
                name=called,
                value=address,
                second_value=second,
                created_at=datetime.now(UTC),
            )
        )
        accounts.note(staff, tx, actor, "alarm_centre")
    return new


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
