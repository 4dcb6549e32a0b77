"""Who is told when the server itself has a fault: technicians and administrators, each over the
first of their ways that works, outside of any ladder.

Not for: alarms of homes (`web.staff.ladders`), or who notices the fault.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from gateway.events import Ref, Severity
from web.staff.channels.contract import Address, Message
from web.staff.core.context import Staff
from web.staff.core.i18n import say_in
from web.staff.core.rights import Role
from web.staff.storage import tables as t
from web.staff.storage.alarm_tables import contact_point


@dataclass(frozen=True, slots=True)
class Way:
    """One way of somebody; `user` is their account."""

    user: int
    org: str
    channel: str
    address: Address


def ways(staff: Staff, channels: Collection[str]) -> list[Way]:
    """Every proved way of theirs on these channels, each person's in the order of their own."""
    c, u, ur, r = contact_point.c, t.user.c, t.user_role.c, t.role.c
    query = (
        select(c.id, c.user_id, c.channel, c.value, u.locale, u.person_id, u.org_id)
        .join(t.user, u.id == c.user_id)
        .where(u.active, c.proved_at.is_not(None), c.gone_at.is_(None))
        .where(c.channel.in_(sorted(channels)))
        .where(
            select(ur.user_id)
            .join(t.role, r.id == ur.role_id)
            .where(ur.user_id == u.id)
            .where(r.name.in_([Role.TECHNICIAN.value, Role.ADMINISTRATOR.value]))
            .exists()
        )
        .order_by(c.user_id, c.place, c.id)
    )
    with staff.db.read() as conn:
        return [
            Way(
                row.user_id,
                row.org_id,
                row.channel,
                Address(row.id, row.value, row.locale, row.person_id),
            )
            for row in conn.execute(query)
        ]


def first_of_each(found: Collection[Way]) -> Iterator[Way]:
    """The first way of each person."""
    told: set[int] = set()
    for way in found:
        if way.user not in told:
            told.add(way.user)
            yield way


def message(staff: Staff, way: Way, about: str, text: str, **said: str) -> Message:
    """What somebody is told, in their language.  `text` may name `url`, the page that says more."""
    url = f"{staff.config.public_url or ''}/larmvagar"
    return Message(
        id=secrets.token_hex(8),
        org=way.org,
        home="",
        alarm=Ref(about),
        type="",
        severity=Severity.TECHNICAL,
        raised_at=staff.clock.now(),
        url=url,
        said=say_in(way.address.locale, text, url=url, **said),
    )
