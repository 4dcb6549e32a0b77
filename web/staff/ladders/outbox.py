"""Messages taken from the outbox to be sent, under a lease.

Who takes one notes when the lease ends, and sends it outside of any transaction.  A worker that
dies in between lets it run out, and another sends the same message again, by the same id: at least
once.  What somebody took meanwhile is not sent any more.

Not for: sending (`senders`), or what came of it (`noting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row, func, select, update

from gateway.events import Severity
from web.staff.channels.contract import SEND_MAX_S, Address, Message
from web.staff.core.context import Staff
from web.staff.ladders import held
from web.staff.ladders.held import Says
from web.staff.ladders.receivers import PAGE
from web.staff.storage import alarm_tables
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.coming import Coming
from web.staff.storage.deadlines import Moment
from web.staff.storage.ladder_tables import alarm_message

LEASE_S = SEND_MAX_S + 10.0
"""Real seconds after which a message that was taken, and of which nothing was heard, is taken
again: as long as a channel may take, and what waits before it in its thread's queue."""

READY = ("queued", "sending")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message to be sent; `address` None: it is no longer."""

    id: str
    channel: str
    message: Message
    address: Address | None


def take(staff: Staff, room: Mapping[str, int]) -> list[Taken]:
    """Take what is due by each channel, as many as it has room for."""
    m = alarm_message.c
    now = Moment.real(staff.boot)
    wanted = [name for name, free in room.items() if free > 0]
    if not wanted:
        return []
    is_ready = m.state.in_(READY) & now.is_due(alarm_message)
    with staff.db.read() as conn:
        query = select(m.channel).where(m.channel.in_(wanted), is_ready).distinct()
        due = list(conn.execute(query).scalars())
    if not due:
        return []
    with staff.write() as tx:
        rows: list[Row[Any]] = []
        for channel in due:
            query_rows = (
                select(alarm_message)
                .where(m.channel == channel, is_ready)
                .order_by(m.due_at, m.id)
                .limit(room[channel])
                .with_for_update(skip_locked=True)
            )
            rows += tx.conn.execute(query_rows)
        known = _open(tx.conn, {row.alarm for row in rows})
        going = [row for row in rows if _is_news(row, known.get(row.alarm))]
        left = {row.id for row in going}
        taken = {"state": "sending", "tries": m.tries + 1, **now.values(LEASE_S)}
        _change(tx.conn, going, taken)
        _change(tx.conn, [row for row in rows if row.id not in left], {"state": "dropped"})
        return _made(staff, tx.conn, going)


def _change(conn: Connection, rows: Sequence[Row[Any]], values: Mapping[str, Any]) -> None:
    """Change all of these in one statement."""
    if rows:
        these = among(alarm_message.c.id, {row.id for row in rows})
        conn.execute(update(alarm_message).where(these).values(values))


def _open(conn: Connection, alarms: set[str]) -> dict[str, Any]:
    """Those of these alarms that are open: who has each, and how far they have come."""
    a = t.alarm.c
    query = select(a.id, a.acknowledged_by, a.acknowledged_at, a.coming, a.arrived_at).where(
        among(a.id, alarms), a.closed_at.is_(None)
    )
    return {row.id: row for row in conn.execute(query)}


def _is_news(row: Row[Any], alarm: Any | None) -> bool:
    """Whether a message still says what is so; of a closed alarm none does."""
    if alarm is None:
        return False
    theirs = bool(alarm.acknowledged_by == row.person)
    if row.says is None:
        return bool(alarm.acknowledged_at is None)
    if row.says == Says.ASKS:
        return bool(theirs and alarm.coming == Coming.ASKED and alarm.arrived_at is None)
    return not theirs if row.says == Says.LAPSED else theirs


def _made(staff: Staff, conn: Connection, rows: Sequence[Row[Any]]) -> list[Taken]:
    a, h = t.alarm.c, t.home.c
    query = (
        select(a.id, a.ref, a.type, a.severity, a.raised_at, h.label, h.protected)
        .join(t.home, h.id == a.home_id)
        .where(among(a.id, {row.alarm for row in rows}))
    )
    about = {row.id: row for row in conn.execute(query)}
    addresses = _addresses(conn, rows)
    taken = []
    for row in rows:
        alarm, address = about[row.alarm], addresses.get((row.person, row.contact))
        url, reply = alarm_url(staff, row.alarm), f"OK {reply_code(row.alarm)}"
        said, by_text = None, None
        if row.says is not None and address is not None:
            said, by_text = held.said(row.says, address.locale, url, reply)
        message = Message(
            id=row.id,
            org=row.org_id,
            home=row.home_id,
            alarm=row.alarm,
            type=alarm.type,
            severity=severity_of(alarm.severity),
            raised_at=alarm.raised_at,
            url=url,
            home_name=None if alarm.protected or row.others else alarm.label,
            others=row.others,
            reply=reply,
            repeat=row.round,
            said=said,
            said_reply=by_text,
        )
        taken.append(Taken(row.id, row.channel, message, address))
    return taken


def severity_of(word: str | None) -> Severity:
    """A severity as a table has it; what is not known counts as the gravest."""
    return Severity(word) if word in set(Severity) else Severity.unread()


def alarm_url(staff: Staff, alarm: str) -> str:
    """Where an alarm is shown, after a sign-in."""
    return f"{staff.config.public_url or ''}/larm/{quote(alarm, safe='/:~')}"


def reply_code(alarm: str) -> str:
    """Two digits that tell one of a few open alarms in an answer by text; the same for everybody
    who was told of it."""
    number = sum(byte * (place + 7) for place, byte in enumerate(alarm.encode()))
    return str(10 + number % 90)


def _addresses(conn: Connection, rows: Sequence[Row[Any]]) -> dict[tuple[str | None, str], Address]:
    """The address of each message, by its receiver and its row."""
    c, u, centre = alarm_tables.contact_point.c, t.user.c, alarm_tables.alarm_centre.c
    contacts = {row.contact for row in rows}
    people = (
        select(c.id, c.value, u.locale, u.person_id)
        .join(t.user, u.id == c.user_id)
        .where(among(c.id, contacts), c.gone_at.is_(None), u.active)
    )
    found: dict[tuple[str | None, str], Address] = {}
    for contact, value, locale, person in conn.execute(people):
        found[person, contact] = Address(contact, value, locale, person)
    pages = select(u.id, u.locale, u.person_id).where(
        among(u.person_id, {row.person for row in rows if row.contact.startswith(PAGE)}), u.active
    )
    for user, locale, person in conn.execute(pages):
        found[person, f"{PAGE}{user}"] = Address(f"{PAGE}{user}", str(user), locale, person)
    outside = select(centre.id, centre.value).where(
        among(centre.id, contacts), centre.ended_at.is_(None)
    )
    for contact, value in conn.execute(outside):
        found[None, contact] = Address(contact, value)
    return found


def waiting_by_channel(conn: Connection) -> dict[str, int]:
    """How many messages are not out yet, by channel."""
    m = alarm_message.c
    query = select(m.channel, func.count()).where(m.state.in_(READY)).group_by(m.channel)
    return {row[0]: row[1] for row in conn.execute(query)}
