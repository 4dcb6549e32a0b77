"""A receiver's answer by a channel: it acknowledges the alarm as that person.

By text, the sender's address must be that of somebody who was told; `OK` is enough while one alarm
waits for an answer from that address, and with the two digits of its message it means that alarm.
Who was asked whether they are there says so with `FRAMME`; their `OK` says that they are on the
way.
By the button of a notification, the channel says which message it was, and it works once.  Whoever
is not the first is told so.

Not for: what an acknowledgement does (`web.staff.care.actions`), or a provider's form (channels).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from web.staff.care import actions, mass_alarms
from web.staff.care.actions import Refused, Why
from web.staff.channels.contract import Address, Message, Reply
from web.staff.core.context import Staff
from web.staff.core.i18n import N_, catalogue
from web.staff.core.rights import Actor
from web.staff.ladders import queueing
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.outbox import alarm_url, reply_code, severity_of
from web.staff.signin.auth import actor_of
from web.staff.storage import alarm_tables
from web.staff.storage import tables as t
from web.staff.storage.coming import Coming
from web.staff.storage.ladder_tables import alarm_message

ANSWERED_WITHIN = timedelta(hours=24)
"""How long after a message an answer to it is taken: an alarm that is open for longer is told
again."""

TOLD_MAX = 500
"""Messages to one address that are looked through, the newest first: what four alarms that nobody
takes tell in a day, each of them every quarter of an hour."""

MASS = "mass:"

_OK = re.compile(r"\s*(?:ok(?:ej|ay)?|(?P<there>framme))\b\W*(?P<code>\d{2})?\s*", re.IGNORECASE)


class Became(StrEnum):
    """What became of an answer."""

    TAKEN = "taken"
    STILL = "still"
    """It is theirs, and they are on the way still."""
    THERE = "there"
    OTHERS = "others"
    """Somebody else has it."""
    CLOSED = "closed"
    MAY_NOT = "may_not"
    WHICH = "which"
    """Several wait: which one is meant?"""
    USED = "used"
    """The button was pressed before."""
    NOTHING = "nothing"
    """No answer, or nobody who was told."""


WORDS = {
    Became.TAKEN: N_("Tack, du har tagit larmet. %(url)s"),
    Became.STILL: N_("Tack. Larmet är ditt, och du är på väg. %(url)s"),
    Became.THERE: N_("Tack, du är framme. %(url)s"),
    Became.OTHERS: N_("Larmet är redan taget. Se av vem: %(url)s"),
    Became.CLOSED: N_("Larmet är redan avslutat. %(url)s"),
    Became.MAY_NOT: N_("Du kan inte ta det här larmet. %(url)s"),
    Became.WHICH: N_("Flera larm väntar. Svara %(replies)s."),
}

TOLD = (
    *("id", "escalation", "org", "home", "alarm", "user", "contact", "value", "locale"),
    *("severity", "raised_at", "about"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A message that somebody answers.  `waits`: nobody has its alarm; `asks`: who answers has it,
    and was asked whether they are there."""

    id: str
    escalation: str
    org: str
    home: str
    alarm: str
    user: int
    contact: str
    value: str
    locale: str
    severity: str
    raised_at: datetime
    about: str
    waits: bool
    asks: bool

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Told:
        """From a row of `_told`."""
        *told, closed_at, taken_at, asked = row
        known = dict(zip(TOLD, told, strict=True))
        is_open = closed_at is None
        return cls(**known, waits=is_open and taken_at is None, asks=is_open and bool(asked))


def reply(staff: Staff, dispatcher: Dispatcher, channel: str, said: Reply) -> Became:
    """Take somebody's answer by text, and tell them what became of it."""
    match = _OK.match(said.text)
    if match is None:
        return Became.NOTHING
    told = _told_to(staff, channel, said)
    if said.message is not None and told and _is_used(staff, said.message):
        return Became.USED
    if match["code"] is not None:
        told = [one for one in told if reply_code(one.alarm) == match["code"]]
    there = match["there"] is not None
    if there:
        told = [one for one in told if one.asks]
    if not told:
        return Became.NOTHING
    waiting = {one.alarm: one for one in reversed(told) if one.waits or one.asks}
    if len(waiting) > 1 and match["code"] is None:
        _say(staff, dispatcher, channel, told[0], Became.WHICH, list(waiting))
        return Became.WHICH
    # several by one pair of digits: the one that was told first, and the next by the same answer
    one = next(iter(waiting.values()), told[0])
    became = arrive(staff, one, there=there) if one.asks else take(staff, one)
    if said.message is not None:
        _use_up(staff, said.message)
    _say(staff, dispatcher, channel, one, became, [one.alarm])
    return became


def _is_used(staff: Staff, message: str) -> bool:
    m = alarm_message.c
    used = select(m.id).where(m.id == message, m.answered_at.is_not(None))
    with staff.db.read() as conn:
        return conn.execute(used).first() is not None


def _use_up(staff: Staff, message: str) -> None:
    """Once the alarm is taken, and not before: a device whose press was lost to a database that
    went away presses again by itself, and must not be told that all is done."""
    m = alarm_message.c
    with staff.write() as tx:
        once = update(alarm_message).where(m.id == message, m.answered_at.is_(None))
        tx.conn.execute(once.values(answered_at=staff.clock.now()))


def take(staff: Staff, told: Told) -> Became:
    """Acknowledge as the person who was told."""

    def do(actor: Actor) -> None:
        _acknowledge(staff, actor, told)

    return _as_told(staff, told, do) or Became.TAKEN


def arrive(staff: Staff, told: Told, *, there: bool) -> Became:
    """Say as the person who was asked whether they are there."""

    def do(actor: Actor) -> None:
        actions.answer_arrival(staff, actor, told.alarm, there=there)

    return _as_told(staff, told, do) or (Became.THERE if there else Became.STILL)


def _as_told(staff: Staff, told: Told, do: Callable[[Actor], None]) -> Became | None:
    """Do something as the person who was told; why that was not done, or None."""
    actor = actor_of(staff, told.user)
    if actor is None or actor.org != told.org:
        return Became.MAY_NOT
    try:
        do(actor)
    except Refused as error:
        return {Why.NOT_FIRST: Became.OTHERS, Why.CLOSED: Became.CLOSED}.get(
            error.why, Became.MAY_NOT
        )
    return None


def _acknowledge(staff: Staff, actor: Actor, told: Told) -> None:
    if told.escalation.startswith(MASS):
        mass_alarms.take(staff, actor, told.escalation.removeprefix(MASS))
    else:
        actions.acknowledge(staff, actor, told.alarm)


def _told_to(staff: Staff, channel: str, said: Reply) -> list[Told]:
    """The messages that this address has got, the newest first."""
    m = alarm_message.c
    since = staff.clock.now() - ANSWERED_WITHIN
    which = (m.channel == channel) & _is_of(said.sender) & (m.made_at > since)
    if said.message is not None:
        which &= m.id == said.message
    with staff.db.read() as conn:
        return _told(conn, which)


def _is_of(sender: str) -> ColumnElement[bool]:
    """Whether an address is the sender's: by what it is, or by the name that we gave it."""
    c = alarm_tables.contact_point.c
    return (c.value == sender) | (c.id == sender)


def _told(conn: Connection, which: ColumnElement[bool]) -> list[Told]:
    """Messages that went out to a person's own address, and what they are about."""
    m, c, u, a = alarm_message.c, alarm_tables.contact_point.c, t.user.c, t.alarm.c
    query = (
        select(
            *(m.id, m.escalation, m.org_id, m.home_id, m.alarm, u.id, c.id, c.value, u.locale),
            *(a.severity, a.raised_at, a.type, a.closed_at, a.acknowledged_at),
            and_(a.acknowledged_by == m.person, a.coming == Coming.ASKED.value),
        )
        .join(alarm_tables.contact_point, c.id == m.contact)
        .join(t.user, u.id == c.user_id)
        .join(t.alarm, a.id == m.alarm)
        .where(u.person_id == m.person, u.org_id == m.org_id, u.active, m.tries > 0, which)
        .order_by(m.made_at.desc(), m.id)
        .limit(TOLD_MAX)
    )
    return [Told.of(tuple(row)) for row in conn.execute(query)]


def _say(
    staff: Staff,
    dispatcher: Dispatcher,
    channel: str,
    told: Told,
    became: Became,
    alarms: Sequence[str],
) -> None:
    """Write back to the address that wrote."""
    words = catalogue(told.locale).gettext(WORDS[became])
    url = alarm_url(staff, alarms[0])
    replies = ", ".join(dict.fromkeys(f"OK {reply_code(alarm)}" for alarm in alarms))
    message = Message(
        id=queueing.new_id(),
        org=told.org,
        home=told.home,
        alarm=alarms[0],
        type=told.about,
        severity=severity_of(told.severity),
        raised_at=told.raised_at,
        url=url,
        said=words % {"url": url, "replies": replies},
    )
    dispatcher.say(channel, message, Address(told.contact, told.value, told.locale))
