"""Putting messages into the outbox: one row to one address, before anything is sent.

Not for: whom a step means (`receivers`), or sending (`outbox`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from web.staff.ladders.receivers import Contact, Reached
from web.staff.storage import event_store
from web.staff.storage.deadlines import Moment
from web.staff.storage.ladder_tables import alarm_message

ADDRESSES_MAX = 8
"""Addresses of one receiver that are told at once: the browsers and phones of one person."""


@dataclass(frozen=True, slots=True)
class About:
    """What a message is about, and where in its ladder it stands."""

    escalation: str
    org: str
    home: str
    alarm: str
    others: int
    step: int
    round: int
    says: str | None = None
    """None: that there is an alarm; else a `held.Says`."""


def new_id() -> str:
    """A message's id: random, and its name at the provider too."""
    return secrets.token_hex(16)


def first_of(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    """The addresses that are tried first: those of the lowest place, together."""
    if not contacts:
        return ()
    place = min(one.place for one in contacts)
    return tuple(one for one in contacts if one.place == place)[:ADDRESSES_MAX]


def rows_for(
    about: About, to: Reached, contacts: Iterable[Contact], made_at: datetime, boot: str
) -> list[dict[str, Any]]:
    """A row for each of these addresses of a receiver."""
    return [
        {
            "id": new_id(),
            "escalation": about.escalation,
            "org_id": about.org,
            "home_id": about.home,
            "alarm": about.alarm,
            "others": about.others,
            "step": about.step,
            "round": about.round,
            "receiver": to.key,
            "person": to.person,
            "contact": contact.id,
            "place": contact.place,
            "channel": contact.channel,
            "says": about.says,
            "state": "queued",
            "made_at": made_at,
            **Moment.real(boot).values(),
        }
        for contact in contacts
    ]


def put(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Into the outbox; they go out after the commit."""
    if rows:
        event_store.upsert_many(conn, alarm_message, ("id",), rows)
