"""The truth: every event and the head of each chain; `urgent`, what came over the urgent lane and
is not yet confirmed by its batch; and `set_aside`, what is neither shown nor counted.

The body is text on both databases: it is byte for byte what the hash seals.  JSONB would rewrite
numbers and refuses the character 0, and an event is never refused for what is in it.  In
PostgreSQL `body::jsonb` reads it.  Not for: what events mean (`projections`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text, text

from gateway.events import ACCESS_KINDS
from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

ACCESS_SQL = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in sorted(ACCESS_KINDS)))
"""Which events the access log shows, as the index says it: a query must say it in the same words
to use the index."""

event = Table(
    "event",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # None: origin `staff`, or set aside; no foreign key: an event outlives everything
    Column("home_id", Text),
    Column("at", Utc, nullable=False),  # as the writer wrote it
    Column("corrected_at", Utc, nullable=False),  # moved by the offset of the boot's clock.synced
    Column("kind", Text, nullable=False),
    Column("device", Text),
    Column("person", Text),
    Column("boot", Text, nullable=False),
    Column("synced", Boolean, nullable=False),  # False: `at` came from an unsynced clock
    Column("body", Text, nullable=False),  # canonical JSON without the hash
    Column("hash", LargeBinary, nullable=False),
    Column("received_at", Utc, nullable=False),
    # a `web.staff.events.judgement.Mark`; one that is refused has the kind `refused`, whatever its
    # body says, no person, and the server's time
    Column("mark", Text),
    # the latest events of a home
    Index("ix_event_home_latest", "home_id", "corrected_at", "origin", "seq"),
    # the access log: `gateway.events.ACCESS_KINDS`
    Index(
        "ix_event_access",
        "home_id",
        "corrected_at",
        sqlite_where=text(ACCESS_SQL),
        postgresql_where=text(ACCESS_SQL),
    ),
    # correcting a boot's times
    Index(
        "ix_event_unsynced",
        "origin",
        "boot",
        sqlite_where=text("NOT synced"),
        postgresql_where=text("NOT synced"),
    ),
)

head = Table(
    "head",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("home_id", Text),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("tampered", Boolean, nullable=False, server_default=text("false")),  # told already
)

urgent = Table(
    "urgent",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", Utc, nullable=False),
    # the batch brought another event with this number: both stay
    Column("orphan", Boolean, nullable=False, server_default=text("false")),
    Column("mark", Text),  # as in `event`
)

set_aside = Table(
    "set_aside",
    metadata,
    # a request that an event be neither shown nor counted, and what became of it
    Column("id", Text, primary_key=True),  # the reference of its event.aside_asked
    Column("home_id", Text, nullable=False),
    Column("event", Text),
    Column("why", Text),  # a code
    Column("asked_by", Text),
    Column("asked_at", Utc),
    Column("answer", Text),  # event.set_aside or event.aside_declined; None: it waits
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Index("ix_set_aside_home", "home_id", "asked_at"),
)
