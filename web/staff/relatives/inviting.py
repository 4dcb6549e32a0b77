"""Who invites a relative, what is agreed, and that it ends.

A relative is no account of staff: no role, no password, and a cookie of its own (`visiting`).  Each
bond rests on the resident's consent; withdrawn, the bond goes in the same transaction, with what
waits to be told and, after the last one, the relative's browsers.  Not for: what a relative sees
(`visiting`) or is told (`telling`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from gateway.events import ConsentAbout, ConsentHow
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.people import consents
from web.staff.people.accounts import ADDRESS, Refused, Wrong, note
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.relative_tables import (
    relative,
    relative_bond,
    relative_device,
    relative_message,
    relative_session,
)

NAME_MAX = 80
"""Characters of a relative's name."""

PER_RESIDENT_MAX = 10
"""Relatives of one resident."""

LINK_FOR = timedelta(days=3)
"""How long a one-time link may be used: it is handed over at a visit or read out on the phone."""

NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
"""A telephone number as channels need it (E.164)."""

ADDRESSES: Mapping[str, re.Pattern[str]] = {"sms": NUMBER, "email": ADDRESS}
"""Channels that a relative may be told by, and what an address of theirs is."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a relative is told of a resident, and whether they may register an absence."""

    arrived: bool = False
    departed: bool = False
    absence: bool = False
    notes_absence: bool = False

    def is_any(self) -> bool:
        """Whether anything was agreed."""
        return self.arrived or self.departed or self.absence or self.notes_absence


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom the coordinator invites, and where they are reached (`channel` empty: nowhere)."""

    name: str
    agreed: Agreed
    channel: str = ""
    address: str = ""


def sha256(token: str) -> str:
    """How links and cookies are kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(
    staff: Staff,
    actor: Actor,
    home: str,
    resident: str,
    invited: Invited,
    *,
    asked_on: date,
    how: ConsentHow,
) -> str:
    """Invite a relative of the resident, who agreed on that day; returns the token of a one-time
    link, which is kept hashed.  Somebody of that name and address who is a relative already (of
    another resident) stays one person.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EMPTY (no name, or
    nothing agreed), TOO_LONG, BAD_ADDRESS, EXISTS (invited already, or too many), OUT_OF_RANGE."""
    _need(actor, home)
    one = _checked(invited)
    with staff.write() as tx:
        _ours(tx.conn, actor, home, resident)
        append.hold(tx, home)
        b = relative_bond
        query = select(func.count()).where(b.c.resident == resident)
        if tx.conn.execute(query).scalar_one() >= PER_RESIDENT_MAX:
            raise Refused(Wrong.EXISTS)
        who = _known(tx.conn, actor.org, one) or _add(staff, tx, actor, one)
        bound = select(b.c.relative_id).where(b.c.relative_id == who, b.c.resident == resident)
        if tx.conn.execute(bound).first() is not None:
            raise Refused(Wrong.EXISTS)
        consents.give(
            staff,
            tx,
            actor,
            home,
            resident,
            ConsentAbout.RELATIVE,
            asked_on=asked_on,
            how=how,
            subject=who,
        )
        values = {"relative_id": who, "resident": resident, "home_id": home}
        since = staff.clock.now()
        tx.conn.execute(insert(b).values(**values, since=since, **_told(one.agreed)))
        return _link(staff, tx, who)


def new_link(staff: Staff, actor: Actor, home: str, who: str) -> str:
    """Another one-time link for a relative of the home; an older one is void.  Raises `Refused`:
    NO_RIGHT, NOT_FOUND."""
    _need(actor, home)
    with staff.write() as tx:
        _bound(tx.conn, home, who)
        note(staff, tx, actor, "relative_link")
        return _link(staff, tx, who)


def end(staff: Staff, actor: Actor, home: str, who: str, resident: str) -> None:
    """The resident agrees no longer: the relative sees and hears nothing more of them from the
    commit on.  Raises `Refused`: NO_RIGHT, NOT_FOUND."""
    _need(actor, home)
    b, m = relative_bond, relative_message
    with staff.write() as tx:
        append.hold(tx, home)
        mine = (b.c.relative_id == who, b.c.resident == resident, b.c.home_id == home)
        if not tx.conn.execute(delete(b).where(*mine)).rowcount:
            raise Refused(Wrong.NOT_FOUND)
        about = ConsentAbout.RELATIVE
        consents.withdraw(staff, tx, actor, home, resident, about, subject=who)
        tx.conn.execute(delete(m).where(m.c.relative_id == who, m.c.resident == resident))
        if tx.conn.execute(select(b.c.resident).where(b.c.relative_id == who)).first() is None:
            for theirs in (relative_session, relative_device):
                tx.conn.execute(delete(theirs).where(theirs.c.relative_id == who))
            tx.conn.execute(delete(relative).where(relative.c.id == who))


def of_home(conn: Connection, home: str) -> list[Any]:
    """The relatives of a home with what was agreed, by name."""
    b, r = relative_bond.c, relative.c
    query = select(
        *(r.id, r.name, r.channel, r.address, r.link_until, r.link_sha256),
        *(b.resident, b.arrived, b.departed, b.absence, b.notes_absence, b.since),
    ).join(relative_bond, b.relative_id == r.id)
    return list(conn.execute(query.where(b.home_id == home).order_by(r.name, r.id)).all())


def unreached(conn: Connection, home: str) -> frozenset[str]:
    """Relatives of the home whose newest message reached nobody."""
    m = relative_message.c
    query = select(m.relative_id, m.ended).where(m.home_id == home, m.ended.is_not(None))
    newest = {row.relative_id: row.ended for row in conn.execute(query.order_by(m.at))}
    return frozenset(who for who, ended in newest.items() if ended != "sent")


def names_of(org: str) -> Select[tuple[str, str]]:
    """The query for the organisation's relatives: the person id of their readings, and the name."""
    return select(relative.c.id, relative.c.name).where(relative.c.org_id == org)


def _need(actor: Actor, home: str) -> None:
    if not actor.may(Right.INVITE_RELATIVES):
        raise Refused(Wrong.NO_RIGHT)
    if not actor.sees(home):
        raise Refused(Wrong.NOT_FOUND)


def _ours(conn: Connection, actor: Actor, home: str, resident: str) -> None:
    r, h = tables.resident.c, tables.home.c
    lives = (
        select(r.id)
        .join(tables.home, h.id == r.home_id)
        .where(r.id == resident, h.id == home, h.org_id == actor.org, r.moved_out_at.is_(None))
    )
    if conn.execute(lives).first() is None:
        raise Refused(Wrong.NOT_FOUND)


def _bound(conn: Connection, home: str, who: str) -> None:
    b = relative_bond.c
    query = select(b.resident).where(b.relative_id == who, b.home_id == home)
    if conn.execute(query).first() is None:
        raise Refused(Wrong.NOT_FOUND)


def _checked(invited: Invited) -> Invited:
    name = " ".join(invited.name.split())
    if not name or not invited.agreed.is_any():
        raise Refused(Wrong.EMPTY)
    if len(name) > NAME_MAX or len(invited.address) > NAME_MAX * 2:
        raise Refused(Wrong.TOO_LONG)
    address = invited.address.strip()
    if invited.channel == "sms":
        address = re.sub(r"[ -]", "", address)
        address = f"+46{address[1:]}" if re.fullmatch(r"0[1-9][0-9]+", address) else address
    if invited.channel and not ADDRESSES[invited.channel].fullmatch(address):
        raise Refused(Wrong.BAD_ADDRESS)
    return Invited(name, invited.agreed, invited.channel, address if invited.channel else "")


def _told(agreed: Agreed) -> dict[str, bool]:
    return {
        "arrived": agreed.arrived,
        "departed": agreed.departed,
        "absence": agreed.absence,
        "notes_absence": agreed.notes_absence,
    }


def _known(conn: Connection, org: str, one: Invited) -> str | None:
    r = relative.c
    if not one.address:
        return None
    query = select(r.id).where(r.org_id == org, r.name == one.name, r.address == one.address)
    found: str | None = conn.execute(query.limit(1)).scalar_one_or_none()
    return found


def _add(staff: Staff, tx: Tx, actor: Actor, one: Invited) -> str:
    who = f"rel-{secrets.token_hex(5)}"
    row = {
        "id": who,
        "org_id": actor.org,
        "name": one.name,
        "channel": one.channel,
        "address": one.address,
        "made_at": staff.clock.now(),
    }
    event_store.upsert_many(tx.conn, relative, ("id",), [row])
    return who


def _link(staff: Staff, tx: Tx, who: str) -> str:
    token = secrets.token_urlsafe(24)
    until = staff.clock.now() + LINK_FOR
    changed = update(relative).where(relative.c.id == who)
    tx.conn.execute(changed.values(link_sha256=sha256(token), link_until=until))
    return token
