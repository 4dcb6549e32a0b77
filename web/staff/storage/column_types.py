"""The column types that the staff server's tables share on SQLite and PostgreSQL.

Not for: the tables themselves (`tables`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970 of an aware time, cut (not rounded)."""
    return (at - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The aware UTC time of `ms` milliseconds since 1970."""
    return _EPOCH + ms * _MS


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""What stands for a time that Python cannot tell: a row of a table must not darken a page."""


class Utc(TypeDecorator[datetime]):
    """An aware UTC time with milliseconds: `timestamptz` on PostgreSQL, whole milliseconds since
    1970 on SQLite (which has no type for times, and sorts and indexes numbers best)."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """A naive time is a defect, not a guess: it raises `ValueError`."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without an offset cannot be stored")
        if dialect.name == "postgresql":
            return value
        return to_ms(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """None on PostgreSQL, whose connection reads times as aware UTC (`pg_connection`)."""
        if dialect.name == "postgresql":
            return None
        return super().result_processor(dialect, coltype)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware UTC of milliseconds."""
        if value is None:
            return None
        try:
            return from_ms(value)
        except OverflowError:
            return LATEST if value > 0 else EARLIEST


class CommaList(TypeDecorator[list[str]]):
    """A list of words without commas, as text with commas between; None is an empty list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """None and an empty list are stored as NULL."""
        return ",".join(value) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str]:  # noqa: ARG002
        """The words again."""
        return value.split(",") if value else []
