"""One alarm: its way to a person, why it was raised, what was done, and what can be.

Who sees the home sees it; who may help at an alarm of others sees it while it is open, and who took
it until the shift is over.  Each reading is noted.  Not for: the steps (`alarm_way`), or what the
forms do (`forms`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import abort
from sqlalchemy import Connection, func, select

from gateway.events import Severity
from web.staff.care import acute, helpers, response_times
from web.staff.core.context import staff
from web.staff.core.rights import Actor, Right
from web.staff.ladders import progress
from web.staff.pages import alarm_way, incidents, lookups, reading
from web.staff.pages.layout import is_fragment, main_attributes, page
from web.staff.pages.routes import get
from web.staff.storage import tables as t
from web.staff.storage.rows import AlarmRow, read_one
from web.staff.talk import calls
from web.staff.texts import alarm_words

TAKEN_FOR = timedelta(hours=12)
"""How long who took an alarm of others sees it after its end: to write what it was, that shift."""


@get("/larm/<path:alarm>", "alarm_one", examples=({}, {"fragment": "1"}))
def one(actor: Actor, alarm: str) -> str:
    """The page `/larm/<id>`."""
    parts = staff()
    with parts.db.read() as conn:
        row = read_one(conn, AlarmRow, select(t.alarm).where(t.alarm.c.id == alarm))
        if row is None:
            abort(404)
        elsewhere = not actor.sees(row.home_id)
        _may_see(conn, actor, row, elsewhere=elsewhere)
        if elsewhere:
            acute.note_reads(parts, actor, [row], only_new=is_fragment())
        elif actor.may(Right.SEE_CARE):
            reading.note(actor, {row.home_id}, "alarm")
        places = lookups.places(conn, actor, beyond=[row.home_id])
        place = places[row.home_id]
        names = lookups.names(conn, actor)
        now = parts.clock.now()
        seen = actor.homes | {row.home_id}
        raised = lookups.events_by_ref(conn, [row.id], seen)
        (card,) = incidents.explained(
            conn, actor, incidents.of_rows([row], actor, places, names, now, raised=raised)
        )
        return page(
            "alarm.html",
            conn,
            actor,
            alarm=row,
            card=card,
            place=place,
            names=names,
            elsewhere=elsewhere,
            # how one gets in otherwise is for who works there, or goes there
            fallback=place.fallback if not elsewhere or row.acknowledged_by == actor.person else "",
            silent_since=_silent_since(conn, row.home_id) if row.closed_at is None else None,
            chain=progress.of_alarm(parts, conn, row.id) if row.closed_at is None else None,
            steps=alarm_way.read(conn, row, now, place.zone),
            because=lookups.reasons(conn, raised.values(), seen),
            response=response_times.of(row, _visit_since(conn, row)),
            lasted=alarm_words.lasted,
            may_answer=card.may_answer,
            may_talk=calls.may_talk(conn, actor, row),
            may_look=row.severity != Severity.TECHNICAL.value,
            may_tell=actor.may(Right.SEE_CARE) or row.severity == Severity.TECHNICAL.value,
            **main_attributes(kinds="alarm visit elsewhere", home="" if elsewhere else row.home_id),
        )


def _may_see(conn: Connection, actor: Actor, row: AlarmRow, *, elsewhere: bool) -> None:
    """End with 404 where this person may not know of the alarm."""
    if not elsewhere:
        technical = row.severity in (Severity.TECHNICAL.value, None)
        if not (actor.may(Right.SEE_CARE) or technical):
            abort(404)
        return
    if helpers.may_take(conn, actor, row.id):
        return
    h = t.home.c
    ours = conn.execute(select(h.id).where(h.id == row.home_id, h.org_id == actor.org)).first()
    mine = actor.person in (row.acknowledged_by, row.arrived_by, row.closed_by)
    recent = row.closed_at is None or staff().clock.now() - row.closed_at < TAKEN_FOR
    if ours is None or not (helpers.may_help(actor) and mine and recent):
        abort(404)


def _silent_since(conn: Connection, home: str) -> datetime | None:
    h = t.home_state.c
    since: datetime | None = conn.execute(
        select(h.silent_since).where(h.home_id == home)
    ).scalar_one_or_none()
    return since


def _visit_since(conn: Connection, row: AlarmRow) -> datetime | None:
    v = t.visit.c
    if row.arrived_visit is None:
        return None
    query = select(func.coalesce(v.corrected_since, v.since, type_=v.since.type))
    since: datetime | None = conn.execute(query.where(v.id == row.arrived_visit)).scalar()
    return since
