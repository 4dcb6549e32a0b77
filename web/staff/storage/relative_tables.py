"""The tables of relatives, on the `MetaData` of `tables`.

- `relative`: a person outside the organisation who was invited; no account of staff, no role;
- `relative_bond`: whom a relative is told of, and what was agreed;
- `relative_session`: a browser that a one-time link opened;
- `relative_device`: a device of theirs that is told too;
- `relative_message`: the outbox of what is to be told.

They hold names and addresses, may be erased, and are never part of an event.  Not for: consent
(`place_tables.consent`), which each bond rests on.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

relative = Table(
    "relative",
    metadata,
    Column("id", Text, primary_key=True),  # `rel-…`: the `person` of the readings that they make
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("channel", Text, nullable=False),  # a name in `web.staff.channels`; empty: none
    Column("address", Text, nullable=False),  # what the channel needs; empty: none
    Column("made_at", Utc, nullable=False),
    Column("link_sha256", Text, unique=True),  # of the one-time link; None: it was used
    Column("link_until", Utc),
)

relative_bond = Table(
    "relative_bond",
    metadata,
    Column("relative_id", Text, ForeignKey("relative.id", ondelete="CASCADE"), primary_key=True),
    Column("resident", Text, ForeignKey("resident.id"), primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("arrived", Boolean, nullable=False),  # what was agreed to be told
    Column("departed", Boolean, nullable=False),
    Column("absence", Boolean, nullable=False),
    Column("notes_absence", Boolean, nullable=False),  # may register one
    Column("since", Utc, nullable=False),  # nothing of before is told
)

relative_session = Table(
    "relative_session",
    metadata,
    Column("sha256", Text, primary_key=True),  # of what is in the browser's cookie
    Column(
        "relative_id",
        Text,
        ForeignKey("relative.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("ends_at", Utc, nullable=False),
)

relative_device = Table(
    "relative_device",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column(
        "relative_id",
        Text,
        ForeignKey("relative.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("value", Text, nullable=False),  # a push subscription as JSON
    Column("value_sha256", Text, nullable=False, unique=True),  # of its endpoint
    Column("made_at", Utc, nullable=False),
    Column("gone_at", Utc),  # its push service said that it is no longer
)

relative_message = Table(
    "relative_message",
    metadata,
    Column("id", Text, primary_key=True),  # random; what the channel calls it
    Column("relative_id", Text, ForeignKey("relative.id", ondelete="CASCADE"), nullable=False),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("resident", Text, nullable=False),
    Column("what", Text, nullable=False),  # a `web.staff.relatives.telling.News`
    Column("about", Text, nullable=False),  # the visit, or the number of the absence
    Column("at", Utc, nullable=False),  # when it was
    Column("again_at", Utc, nullable=False),  # when it is to be sent, or may be taken again
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("ended", Text),  # `sent`, or why not; None: it waits
    UniqueConstraint("relative_id", "what", "about"),
    Index(
        "ix_relative_message_waiting",
        "again_at",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
)
