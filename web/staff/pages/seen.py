"""What an open page showed: it says so itself, once for each alarm, and that is kept as an event.

One small form for all that a page shows, one transaction, and nothing at all is written for what
this person had before them already: in a storm each screen sends a few.

Not for: what is told to whom (`web.staff.ladders`), or that somebody read about a resident
(`web.staff.care.reads`).
"""

from __future__ import annotations

import secrets

from flask import Response, request
from flask_login import current_user
from sqlalchemy import Connection, select

from gateway.envelope import Draft
from gateway.events import AlarmShown, Ref
from web.staff.care import mass_alarms
from web.staff.channels.contract import Incoming, Proof, Report
from web.staff.core.context import staff
from web.staff.core.rights import Actor
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.ladders import provider_routes
from web.staff.pages.routes import post
from web.staff.storage import event_store
from web.staff.storage import tables as t
from web.staff.storage.alarm_tables import alarm_seen
from web.staff.storage.among import among
from web.staff.storage.ladder_tables import alarm_message

SEEN_MAX = 50
"""Alarms that one form tells of: a page shows fewer."""


@post("/visat", "seen", examples=({}, {"back": "shift"}))
def seen(actor: Actor) -> Response:
    """POST `/visat`: these alarms (`alarm`, several) stand on a page that is looked at, and those
    of these mass alarms (`mass`)."""
    told = list(dict.fromkeys(request.form.getlist("alarm")[:SEEN_MAX]))
    mass = request.form.getlist("mass")[:SEEN_MAX]
    me = int(current_user.id)
    with staff().db.read() as conn:
        told += _members(conn, actor, mass)
        new = _new(conn, actor, me, told)
    if new:
        homes = sorted(set(new.values()))
        for first in range(0, len(homes), HOMES_AT_ONCE):
            some = homes[first : first + HOMES_AT_ONCE]
            _write(actor, me, some, [alarm for alarm, home in new.items() if home in some])
        asked = _told_by_page(actor, told)
        if asked:
            provider_routes.took("live_page", Incoming(asked))
    return Response(status=204)


def _members(conn: Connection, actor: Actor, mass: list[str]) -> list[str]:
    """The alarms of these mass alarms, as far as this person answers for them."""
    if not mass:
        return []
    running = [one.id for one in mass_alarms.running(conn, actor) if one.care and one.id in mass]
    part = t.mass_alarm_member.c
    query = select(part.alarm).where(part.mass_id.in_(running), among(part.home_id, actor.homes))
    return list(conn.execute(query).scalars())


def _write(actor: Actor, me: int, homes: list[str], told: list[str]) -> None:
    """What is new of these alarms of these homes."""
    with staff().write() as tx:
        event_store.lock_homes(tx.conn, homes)
        new = _new(tx.conn, actor, me, told)  # another screen of this person's may be first
        now = staff().clock.now()
        rows = [{"alarm": alarm, "user_id": me, "at": now} for alarm in new]
        if rows:
            event_store.upsert_many(tx.conn, alarm_seen, ("alarm", "user_id"), rows)
        drafts: dict[str, list[Draft]] = {}
        for alarm, home in new.items():
            shown = AlarmShown(alarm=Ref(alarm), message=f"page-{secrets.token_hex(8)}")
            drafts.setdefault(home, []).append(Draft(shown, person=actor.person))
        write_many(staff(), tx, drafts)


def _told_by_page(actor: Actor, told: list[str]) -> list[Report]:
    """The ladders' messages to this person's open page about these alarms."""
    m = alarm_message.c
    query = select(m.id).where(
        m.channel == "live_page",
        m.person == actor.person,
        m.org_id == actor.org,
        among(m.alarm, told),
    )
    with staff().db.read() as conn:
        return [Report(Proof.SHOWN, id_) for id_ in conn.execute(query).scalars()]


def _new(conn: Connection, actor: Actor, me: int, told: list[str]) -> dict[str, str]:
    """Open alarms among these that this person has not had before them: each with its home."""
    if not told:
        return {}
    a, s = t.alarm.c, alarm_seen.c
    already = select(s.alarm).where(s.user_id == me, s.alarm == a.id)
    query = select(a.id, a.home_id).where(
        among(a.id, told), among(a.home_id, actor.homes), a.closed_at.is_(None), ~already.exists()
    )
    return {row.id: row.home_id for row in conn.execute(query)}
