"""The column types that the staff server's tables share on SQLite and PostgreSQL.

Not for: the tables themselves (`tables`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect
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

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware UTC on both databases."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return from_ms(value)
