"""Signing in: passkeys, signed-in browsers, and what was tried and failed.

Not for: the account itself (`people.user`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from web.staff.storage.column_types import CommaList, Utc
from web.staff.storage.tables.base import metadata


def _naive_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


passkey = Table(
    "passkey",
    metadata,
    # the columns are Flask-Security's; its times are naive UTC
    Column("id", Integer, primary_key=True),
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False, server_default=text("0")),
    Column("transports", CommaList),
    Column("extensions", Text),
    Column("backup_state", Boolean, nullable=False),
    Column("device_type", Text, nullable=False),
    Column("lastuse_datetime", DateTime, nullable=False),
    Column("create_datetime", DateTime, nullable=False, default=_naive_now),
    Column("name", Text, nullable=False),  # what its owner calls it
    Column("usage", Text, nullable=False),
)

session = Table(
    "session",
    metadata,
    # one signed-in browser; all times are real
    Column("id", Text, primary_key=True),  # SHA-256 of what is in the browser's cookie
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("factor", Text, nullable=False),  # a `web.staff.signin.sessions.Factor`
    Column("began_at", Utc, nullable=False),
    Column("ends_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("browser", Text, nullable=False),  # "Chrome, Android": for its owner to know it again
    Column("browser_sha256", Text, nullable=False),  # keyed; another browser ends the session
    Column("address_sha256", Text, nullable=False),  # keyed; where it was seen last
    Column(
        "network", Text, nullable=False, server_default=text("''")
    ),  # `192.0.2.x`, for its owner
    Column("ended_at", Utc),  # None: not ended by hand
)

failed_sign_in = Table(
    "failed_sign_in",
    metadata,
    # what was tried and failed; bounded by `web.staff.signin.failed_attempts`; all times are real
    Column("id", Integer, primary_key=True),
    Column("account_sha256", Text, nullable=False),  # keyed; also of addresses that are no account
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), index=True),
    Column("what", Text, nullable=False),  # a `web.staff.signin.failed_attempts.What`
    Column("at", Utc, nullable=False),
    Column("device_sha256", Text),  # the browser, when the account had used it; None: a strange one
    Column("browser", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("forgiven", Boolean, nullable=False, server_default=text("false")),  # counts no more
    Index("ix_failed_sign_in_account", "account_sha256", "at"),
)
