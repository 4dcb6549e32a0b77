"""`/healthz` for the service manager and `/metrics` for Prometheus (text format 0.0.4).

Counts only: no names, no ids of homes.  Not for: alarms, which are events.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from web.staff.core.admission import Lane
from web.staff.core.context import Staff, staff
from web.staff.ladders import outbox, provider_routes
from web.staff.realtime.broker import TURNED_AWAY_TOLD_S
from web.staff.runtime.saving_watch import status
from web.staff.runtime.security_txt import expired
from web.staff.runtime.watch import Watch
from web.staff.storage import tables
from web.staff.storage.schema_now import SchemaTooNew

blueprint = Blueprint("health", __name__)

WATCH_LATE_S = 60
"""Seconds without a finished round of the watch until the server calls itself ill."""


def ill(parts: Staff, watch: Watch) -> str | None:
    """What is wrong, in a word: `database`, `watch`, `schema` (a newer version took away from the
    database what this one needs); None when all is well."""
    try:
        with parts.db.read() as conn:
            conn.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "database"
    last = watch.last_look_s
    if last is not None and time.monotonic() - last > WATCH_LATE_S:
        return "watch"
    if watch.failing.get("schema") == SchemaTooNew.__name__:
        return "schema"
    return None


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 `ok`, or 503 and the word.  A step of the watch that fails is told likewise
    (`watch: silence OverflowError`; `ladders: …` where people are told of alarms), and a disk that
    takes nothing (`saves nothing since …`); the server does the rest and is not started anew for
    it.  A line `full: …` says that a home or a screen found no room at this worker lately, or a
    request no connection to the database; `busy: …` that homes with history are told to wait, and
    how many seconds of work that is; `broken: …` that a way to tell people fails;
    `expired: …` that a file says no more whom to tell of a hole."""
    watch: Watch = current_app.extensions["tryggve.watch"]
    failing = ", ".join(f"{step} {why}" for step, why in sorted(watch.failing.items()))
    parts = staff()
    unsaved = status(parts.db.saving.now)
    dispatcher = provider_routes.dispatcher()
    wrong = ill(parts, watch) or unsaved or (f"watch: {failing}" if failing else None)
    wrong = wrong or dispatcher.ill()
    full = "".join(f"\nfull: {what} (listen.{what})" for what in parts.broker.turned_away())
    if parts.db.exhausted_within(TURNED_AWAY_TOLD_S):
        full += "\nfull: connections to the database"
    full += "".join(f"\nbroken: channel {name}" for name in dispatcher.broken)
    full += "\nexpired: security.txt" if expired(parts.config, parts.clock.now()) else ""
    behind_s = parts.admission.waits.behind_s()
    if behind_s:
        full += f"\nbusy: {behind_s:.0f} s of history"
    return Response(f"{wrong or 'ok'}{full}", 503 if wrong else 200, mimetype="text/plain")


def _admission(parts: Staff) -> list[tuple[str, str, float]]:
    """Who is let in at this worker."""
    one = parts.admission
    inside, behind_s = one.turns.inside(Lane.HISTORY), round(one.waits.behind_s(), 1)
    return [
        ("tryggve_history_behind_seconds", "Work that homes were told to wait for.", behind_s),
        ("tryggve_history_inside", "Batches of history inside.", inside),
        ("tryggve_history_at_once", "Batches that are worked on at once.", one.pace.at_once),
        ("tryggve_batch_events", "Events that the next batch is to have.", one.pace.next_batch),
        ("tryggve_told_to_wait", "Batches told to wait, since the start.", one.waits.told),
        ("tryggve_gone", "Batches whose home had hung up, since the start.", one.gone),
        ("tryggve_no_room", "Pages and small batches turned away.", one.turned_away),
        ("tryggve_pool_exhausted", "Requests that found no connection.", parts.db.exhausted),
    ]


@blueprint.get("/metrics")
def metrics() -> Response:
    """Gauges of the whole installation, and of this worker."""
    parts = staff()
    a, s, h = tables.alarm, tables.home_state, tables.home
    with parts.db.read() as conn:
        open_alarms = conn.execute(
            select(func.count()).where(a.c.closed_at.is_(None), a.c.raised_at.is_not(None))
        ).scalar_one()
        silent = conn.execute(
            select(func.count()).where(s.c.silent_since.is_not(None))
        ).scalar_one()
        homes = conn.execute(select(func.count()).select_from(h)).scalar_one()
        events = conn.execute(select(func.coalesce(func.sum(tables.head.c.seq), 0))).scalar_one()
        waiting = conn.execute(select(func.count()).select_from(tables.urgent)).scalar_one()
        unsent = sum(outbox.waiting_by_channel(conn).values())
    screens, streams = parts.broker.counts()
    failing = current_app.extensions["tryggve.watch"].failing
    full = parts.broker.turned_away()
    saving = int(parts.db.saving.now is None)
    gauges = (
        ("tryggve_homes", "Homes of this installation.", homes),
        ("tryggve_homes_silent", "Homes that are not heard.", silent),
        ("tryggve_alarms_open", "Alarms that nobody has closed.", open_alarms),
        ("tryggve_events_stored", "Events stored, of all writers.", events),
        ("tryggve_urgent_waiting", "Urgent events not yet confirmed by a batch.", waiting),
        ("tryggve_messages_waiting", "Messages about alarms that are not out yet.", unsent),
        ("tryggve_turned_away", "Homes or screens (1, both: 2) found no room lately.", len(full)),
        ("tryggve_saving", "Whether what is written is saved (1; else 0).", saving),
        ("tryggve_unsaved_alarms", "Alarms that ring and are not saved.", len(parts.unsaved)),
        ("tryggve_watch_failing", "Steps of this worker's watch that fail.", len(failing)),
        ("tryggve_screens", "Screens open at this worker.", screens),
        ("tryggve_home_streams", "Homes that listen at this worker.", streams),
        *_admission(parts),
    )
    lines = [
        f"# HELP {name} {help_text}\n# TYPE {name} gauge\n{name} {value}\n"
        for name, help_text, value in gauges
    ]
    return Response("".join(lines), mimetype="text/plain; version=0.0.4")
