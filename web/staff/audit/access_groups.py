"""The access log with repeated reads as one row: the same person, the same home's record, the same
hour.  Everything else is a row of its own, as it is in the log.

Grouped in the database, so that a page of rows is a page, however often somebody looked.  Not for:
the log itself, its file and its samples (`access_log`), which have every row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, case, cast, func, literal, select, text

from gateway.events import RecordRead
from web.staff.audit import access_log
from web.staff.audit.access_log import AccessRow
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.hours import hour_of
from web.staff.storage.tables import ACCESS_SQL
from web.staff.texts.visit_words import READ_WHAT

READ = RecordRead.KIND


@dataclass(frozen=True, slots=True)
class AccessGroup:
    """Rows of the log that say the same.  `row` is one of them with the latest time; `whats` what
    was opened, by the code of `READ_WHAT`; `hour` counts from 1970 (`storage.hours`)."""

    row: AccessRow
    count: int
    since: datetime
    whats: tuple[str, ...]
    hour: int


def read(
    conn: Connection,
    homes: Collection[str],
    start: datetime,
    end: datetime,
    *,
    person: str | None = None,
    action: str | None = None,
    limit: int | None = None,
) -> list[AccessGroup]:
    """The log about these homes from `start` to `end`, grouped, the newest first."""
    e = t.event.c
    at, hour = e.corrected_at, hour_of(e.corrected_at)
    number = e.origin + "/" + cast(e.seq, String)
    own = case((e.kind == READ, literal("")), else_=number)
    latest = func.max(at, type_=at.type)
    query = (
        select(
            *(func.max(column).label(column.name) for column in (e.origin, e.seq, e.device)),
            func.max(e.body).label("body"),
            *(e.kind, e.home_id, e.person),
            latest.label("corrected_at"),
            func.min(at, type_=at.type).label("since"),
            func.count().label("count"),
            hour.label("hour"),
            *(_opened(code) for code in READ_WHAT),
        )
        .where(among(e.home_id, homes), text(ACCESS_SQL), at >= start, at < end)
        .group_by(e.kind, e.home_id, e.person, hour, own)
        .order_by(latest.desc(), func.max(e.origin).desc(), func.max(e.seq).desc())
    )
    if person is not None:
        query = query.where(e.person == person)
    if action is not None:
        query = query.where(e.kind == action)
    found = conn.execute(query.limit(limit)).all()
    rows = access_log.rows_of(conn, found)
    return [_group(row, one) for row, one in zip(rows, found, strict=True)]


def _opened(code: str) -> Any:
    """How many of the rows are readings of this page."""
    e = t.event.c
    said = e.body.contains(f'"what":"{code}"', autoescape=True)
    return func.sum(case(((e.kind == READ) & said, 1), else_=0)).label(f"what_{code}")


def _group(row: AccessRow, found: Any) -> AccessGroup:
    values = found._mapping
    whats = tuple(code for code in READ_WHAT if values[f"what_{code}"])
    return AccessGroup(row, values["count"], values["since"], whats, values["hour"])
