"""Which alarm centre may call a home: said down its stream, signed, as soon as a centre's answer to
an open alarm asks for a call, and again when the home listens anew.

It follows from what is in the database, so that a restart loses nothing; numbers and addresses
stand in no event.  Not for: the call, which goes between centre and home (docs/voice.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

from sqlalchemy import select

from gateway.access import centre_calls
from gateway.access.centre_calls import LIFE_S, MEDIA, PLACES_MAX, CentreCall
from gateway.events import AlarmDelivered, Severity
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.alarm_tables import alarm_centre
from web.staff.storage.ladder_tables import alarm_message

NAMED = f'"kind":"{AlarmDelivered.KIND}"'
"""What stands in the body of the event that may have brought an answer."""

CHANNEL = "scaip"
"""The channel whose answers ask for a call."""

AT_ONCE_MAX = 8
"""Calls that a home is told of at once: it has some alarms open, and one centre or two."""


def tokens(staff: Staff, home: str) -> Iterator[str]:
    """Who may call this home now, each signed."""
    if CHANNEL not in staff.config.channels:
        return
    a, m, c = tables.alarm.c, alarm_message.c, alarm_centre.c
    query = (
        select(m.answer, m.delivered_at, a.ref, c.value, c.second_value)
        .join_from(tables.alarm, alarm_message, m.alarm == a.id)
        .join(alarm_centre, c.id == m.contact)
        .where(a.home_id == home, a.closed_at.is_(None), a.severity != Severity.TECHNICAL.value)
        .where(m.channel == CHANNEL, m.answer.is_not(None), m.delivered_at.is_not(None))
        .order_by(m.delivered_at.desc())
        .limit(AT_ONCE_MAX)
    )
    with staff.db.read() as conn:
        rows = conn.execute(query).all()
    for row in rows:
        answer = json.loads(row.answer)
        if answer.get("media") in MEDIA:
            uris = [uri for uri in (row.value, row.second_value) if uri]
            places = _places(staff, uris, answer)
            lives = timedelta(seconds=LIFE_S * (staff.clock.rate() or 1.0))
            call = CentreCall(
                *(home, row.ref, places, answer.get("number"), answer["media"]),
                *(row.delivered_at, row.delivered_at + lives),
            )
            yield centre_calls.sign(call, staff.keys.private, staff.keys.kid)


def _places(staff: Staff, uris: list[str], answer: Mapping[str, str]) -> tuple[str, ...]:
    """Where the centre's calls may come from: its addresses, whom its answer names, and what the
    channel's configuration takes its answers from."""
    also = tuple(map(str, staff.config.channels[CHANNEL].get("answers_from", ())))
    return (*centre_calls.places_of(uris, answer.get("number")), *also)[:PLACES_MAX]
