"""Which hour a time lies in, for `GROUP BY` on both databases.

Hours are counted from 1970 in UTC: an hour of UTC is an hour of every zone that homes are in.
Not for: days, which differ by zone and by season.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

HOURS_MAX = 24 * 366 * 230
"""Hours from 1970 that an address may name: to the year 2200."""

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class _HourOf(FunctionElement[int]):
    name = "hour_of"
    type = Integer()
    inherit_cache = True


def hour_of(column: ColumnElement[Any]) -> ColumnElement[int]:
    """The number of the hour in which a column's time lies."""
    return _HourOf(column)


def hour_begins(number: int) -> datetime:
    """When the hour `number` begins (aware UTC)."""
    return _FIRST + timedelta(hours=number)


def hours_in(text: str) -> tuple[datetime, datetime] | None:
    """When the hours of an address begin and end: `498741`, or `498741-498746`; None for what is
    no hour."""
    parts = text.split("-", 1)
    if not all(part.isascii() and part.isdecimal() and len(part) < 9 for part in parts):
        return None
    first, last = int(parts[0]), int(parts[-1])
    if not first <= last < HOURS_MAX:
        return None
    return hour_begins(first), hour_begins(last + 1)


@compiles(_HourOf, "sqlite")
def _hour_sqlite(element: _HourOf, compiler: SQLCompiler, **more: Any) -> str:
    (column,) = (compiler.process(clause, **more) for clause in element.clauses)
    return f"({column} / 3600000)"  # whole milliseconds


@compiles(_HourOf, "postgresql")
def _hour_postgres(element: _HourOf, compiler: SQLCompiler, **more: Any) -> str:
    (column,) = (compiler.process(clause, **more) for clause in element.clauses)
    return f"CAST(floor(extract(epoch FROM {column}) / 3600) AS integer)"
