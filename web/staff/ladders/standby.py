"""A home's second path that follows its ladder: whom the home tells by itself are those whom this
server would tell now, in the same order.

The watch looks once a minute, and a list that is another goes to the home as an event.  A home that
is cut off has the list of the last look: who was on call then.  Only homes for which somebody chose
it follow; a home without a modem would otherwise say that it has none.

Not for: the list's way to the home, or one that is set by hand (`web.staff.homelink.second_path`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.access.receiver_lists import RECEIVERS_MAX
from gateway.events import AlarmType, PathChannel, Severity
from web.staff.core.context import Staff
from web.staff.homelink import second_path
from web.staff.homelink.second_path import Receiver
from web.staff.ladders import choosing, receivers
from web.staff.ladders.receivers import CENTRE, Asked, Reached
from web.staff.storage.alarm_tables import alarm_centre, contact_point
from web.staff.storage.among import among
from web.staff.storage.database import Tx

EVERY_S = 60.0
"""Seconds between looks: somebody who goes on call is told of by a home that is cut off a minute
later."""

CHANNELS: Mapping[str, PathChannel] = {"sms": PathChannel.SMS, "scaip": PathChannel.SCAIP}
"""What a home can send by itself."""

AT_ONCE = 50
"""Homes that are told in one transaction."""


def look(staff: Staff) -> None:
    """Let every home that follows its ladder know of what changed."""
    with staff.db.read() as conn:
        held = second_path.following(conn)
        wanted = told(conn, held, staff.clock.now())
    changed = [home for home, now in held.items() if wanted.get(home, ()) != now.receivers]
    for first in range(0, len(changed), AT_ONCE):
        with staff.write() as tx:
            for home in changed[first : first + AT_ONCE]:
                now = held[home]
                second_path.receivers_changed(
                    staff,
                    tx,
                    home,
                    wanted.get(home, ()),
                    reply=now.reply,
                    wait_s=now.wait_s,
                    follows=True,
                )


def follow(staff: Staff, tx: Tx, home: str, person: str | None) -> bool:
    """Let a home follow its ladder from now on, by the choice of `person`.  False, and nothing
    changes: its ladder reaches nobody whom a home could tell."""
    wanted = told(tx.conn, {home}, staff.clock.now()).get(home, ())
    if not wanted:
        return False
    second_path.receivers_changed(staff, tx, home, wanted, person=person, follows=True)
    return True


def told(
    conn: Connection, homes: Collection[str], now: datetime
) -> dict[str, tuple[Receiver, ...]]:
    """Whom each of these homes would tell now, step by step; homes that tell nobody are left
    out."""
    ladders = choosing.read(conn, homes)
    severity = Severity.CARE.value
    climbed: dict[tuple[str, str], set[str]] = {}
    steps = {}
    for home, place in ladders.places.items():
        ladder = ladders.choose(home, AlarmType.PENDANT.value, severity, now)
        climbed.setdefault((place.org, ladder.id), set()).add(home)
        steps[place.org, ladder.id] = ladder.steps
    asked = [
        Asked(org, step, frozenset(climbed[org, id_]), severity)
        for (org, id_), own in steps.items()
        for step in own
    ]
    reached = receivers.resolve(conn, asked, CHANNELS, now)
    values = _values(conn, {one for by_home in reached for one in _contacts(by_home)})
    found: dict[str, dict[str, Receiver]] = {}
    for by_home in reached:
        for home, people in by_home.items():
            for one in people:
                _enter(found.setdefault(home, {}), one, values)
    return {home: tuple(own.values())[:RECEIVERS_MAX] for home, own in found.items() if own}


def _contacts(by_home: Mapping[str, Sequence[Reached]]) -> Iterator[str]:
    for people in by_home.values():
        yield from (contact.id for one in people for contact in one.contacts)


def _values(conn: Connection, ids: Collection[str]) -> dict[str, str]:
    """Numbers and addresses by the id of their row."""
    found: dict[str, str] = {}
    for table in (contact_point, alarm_centre):
        query = select(table.c.id, table.c.value).where(among(table.c.id, ids))
        found.update({row.id: row.value for row in conn.execute(query)})
    return found


def _enter(own: dict[str, Receiver], one: Reached, values: Mapping[str, str]) -> None:
    """Somebody once, at the first address that a home can send to."""
    key = one.key.removeprefix(CENTRE)
    for contact in one.contacts:
        channel, value = CHANNELS.get(contact.channel), values.get(contact.id)
        if channel is not None and value is not None and key not in own:
            own[key] = Receiver(key, channel, value)
