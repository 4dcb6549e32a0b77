"""A file with a plan, read: CSV or iCalendar, for the command line, the API and the page.

Not for: what stands in a line (`plan_files`, `plan_ical`), or keeping it (`plan_store`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from web.staff.visits import plan_files, plan_ical, plan_import
from web.staff.visits.plan_store import Sent


def read(
    conn: Connection,
    org: str,
    data: bytes,
    *,
    ical: bool,
    now: datetime,
    source: str | None = None,
    home: str | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> Sent:
    """What the file says; `source` None: the kind of the file; `home` is that of an iCalendar
    file's events that name none; `span` as in `Sent`.  Raises `UserError`, with `PlanRefused` for
    lines that are wrong."""
    if source is None:
        source = "ical" if ical else "csv"
    plan_import.check_source(source)
    if not ical:
        return Sent(source, plan_files.read_csv(plan_files.text_of(data)), span)
    before = plan_import.before(conn, org, source, now)
    days = plan_ical.days_of(now, span)
    reading = plan_ical.read_ical(data, days, home=home, before=before)
    return Sent(source, reading.drafts, span, reading.claims)
