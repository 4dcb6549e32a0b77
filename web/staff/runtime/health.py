"""`/healthz` for the service manager and `/metrics` for Prometheus (text format 0.0.4).

Counts only: no names, no ids of homes.  Not for: alarms, which are events.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from web.staff.core.context import Staff, staff
from web.staff.runtime.saving_watch import status
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
    (`watch: silence OverflowError`), and a disk that takes nothing (`saves nothing since …`); the
    server does the rest and is not started anew for it.  A line `full: …` says that a home or a
    screen found no room at this worker."""
    watch: Watch = current_app.extensions["tryggve.watch"]
    failing = ", ".join(f"{step} {why}" for step, why in sorted(watch.failing.items()))
    parts = staff()
    unsaved = status(parts.db.saving.now)
    wrong = ill(parts, watch) or unsaved or (f"watch: {failing}" if failing else None)
    full = "".join(f"\nfull: {what} (listen.{what})" for what in parts.broker.turned_away())
    return Response(f"{wrong or 'ok'}{full}", 503 if wrong else 200, mimetype="text/plain")


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
        ("tryggve_turned_away", "Homes or screens (1, both: 2) found no room lately.", len(full)),
        ("tryggve_saving", "Whether what is written is saved (1; else 0).", saving),
        ("tryggve_unsaved_alarms", "Alarms that ring and are not saved.", len(parts.unsaved)),
        ("tryggve_watch_failing", "Steps of this worker's watch that fail.", len(failing)),
        ("tryggve_screens", "Screens open at this worker.", screens),
        ("tryggve_home_streams", "Homes that listen at this worker.", streams),
    )
    lines = [
        f"# HELP {name} {help_text}\n# TYPE {name} gauge\n{name} {value}\n"
        for name, help_text, value in gauges
    ]
    return Response("".join(lines), mimetype="text/plain; version=0.0.4")
