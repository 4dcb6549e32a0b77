"""An alarm that somebody has: how long they may be about it, when they are asked, and what they
are told.

Who sets out is asked after the time that the organisation gave the way; who does not answer has the
alarm no longer, and hears so.  Arriving, or a word of theirs, is known by the alarm itself
(`alarms.Stage`).  Not for: deciding (`climbing`), or sending (`outbox`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from web.staff.core.i18n import N_, say_in
from web.staff.ladders import queueing, steps
from web.staff.ladders.alarms import Alarm, Stage
from web.staff.ladders.receivers import Contact, Reached, is_usable, page_of
from web.staff.ladders.steps import Ladder
from web.staff.storage import alarm_tables
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.ladder_tables import alarm_message

NOT_OF_A_STEP = 0
"""The step and round of such a message."""


class Says(StrEnum):
    """What a message says that is not the alarm itself."""

    ASKS = "asks"
    """To who set out: are you there?"""
    LAPSED = "lapsed"
    """To who had it: it goes to others now."""
    LEFT = "left"
    """To who has it: whoever came has left, and it is open still."""


WORDS = {
    Says.ASKS: N_("Är du framme? Svara här: %(url)s"),
    Says.LAPSED: N_("Larmet går nu vidare till andra, för ingen har kommit fram. %(url)s"),
    Says.LEFT: N_("Besöket är slut, men larmet är inte avslutat. Avsluta det här: %(url)s"),
}

BY_TEXT = {
    Says.ASKS: N_("Eller svara %(word)s om du är på väg, FRAMME om du är där."),
}
"""How to answer where an answer by text comes back."""


@dataclass(frozen=True, slots=True)
class Word:
    """Something to be said to who has an alarm, or had it (`alarm.taken_by`)."""

    row: Row[Any]
    alarm: Alarm
    says: Says


def limit_s(alarm: Alarm, ladder: Ladder) -> float | None:
    """Seconds that who has it may be at this stage; None: as long as it takes."""
    match alarm.stage:
        case Stage.TAKEN:
            return ladder.lapse_s(alarm.severity)
        case Stage.COMING:
            return ladder.arrive_s(alarm.severity)
        case Stage.ASKED:
            return steps.answer_s(alarm.severity)
        case Stage.THERE:
            return None


def said(says: str, locale: str, url: str, reply: str) -> tuple[str, str | None]:
    """A message's words in a language, and how to answer it by text; of a word of a newer version
    only where to read more."""
    try:
        known = Says(says)
    except ValueError:
        return url, None
    by_text = BY_TEXT.get(known)
    answer = None if by_text is None else say_in(locale, by_text, word=reply)
    return say_in(locale, WORDS[known], url=url), answer


def left(conn: Connection, alarms: Collection[str]) -> set[str]:
    """Those of these alarms whose visit has ended, and of which nobody was told so yet."""
    if not alarms:
        return set()
    a, v, m = t.alarm.c, t.visit.c, alarm_message.c
    told = select(m.id).where(m.alarm == a.id, m.says == Says.LEFT.value).exists()
    query = (
        select(a.id)
        .join(t.visit, v.id == a.arrived_visit)
        .where(among(a.id, alarms), func.coalesce(v.corrected_until, v.until).is_not(None), ~told)
    )
    return set(conn.execute(query).scalars())


def messages(
    conn: Connection,
    told: Sequence[Word],
    channels: Collection[str],
    made_at: datetime,
    boot: str,
) -> list[dict[str, Any]]:
    """The rows of the outbox, read for all of them at once: to every address of a person, for they
    drive, and there is no next step to try another."""
    if not told:
        return []
    reached = _reached(conn, {one.alarm.taken_by or "" for one in told}, channels)
    rows = []
    for one in told:
        about = queueing.About(
            escalation=one.row.id,
            org=one.row.org_id,
            home=one.alarm.home,
            alarm=one.alarm.id,
            others=0,
            step=NOT_OF_A_STEP,
            round=NOT_OF_A_STEP,
            says=one.says.value,
        )
        to = reached.get((one.row.org_id, one.alarm.taken_by or ""))
        if to is not None:
            contacts = to.contacts[: queueing.ADDRESSES_MAX]
            rows += queueing.rows_for(about, to, contacts, made_at, boot)
    return rows


def _reached(
    conn: Connection, people: Collection[str], channels: Collection[str]
) -> dict[tuple[str, str], Reached]:
    """These people by organisation and id, with their addresses; who has none is told on an open
    page."""
    u, c = t.user.c, alarm_tables.contact_point.c
    mine = and_(c.user_id == u.id, is_usable(), c.channel.in_(sorted(channels)))
    query = (
        select(u.org_id, u.person_id, u.id, c.id, c.channel, c.place)
        .outerjoin(alarm_tables.contact_point, mine)
        .where(among(u.person_id, people), u.active)
        .order_by(u.id, c.place, c.id)
    )
    found: dict[tuple[str, str, int], list[Contact]] = {}
    for org, person, user, *contact in conn.execute(query):
        known = found.setdefault((org, person, user), [])
        if contact[0] is not None:
            known.append(Contact(*contact))
    return {
        (org, person): Reached(person, person, tuple(known) or page_of(user, channels))
        for (org, person, user), known in found.items()
    }
