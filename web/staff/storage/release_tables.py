"""The tables of which home is to run which release, on the `MetaData` of `tables`.

What came of it is a fold over events (`tables.home_update`).  Not for: the releases themselves,
which are files (`web.staff.homelink.mirror`).
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

# a decision that an organisation's homes run a release, ring by ring
release_plan = Table(
    "release_plan",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),  # running stopped done off
    Column("ring", Integer, nullable=False),  # which one is taking it: 1 2 3
    Column("ring_done_at", Utc),  # this ring is through, and is looked at for a while
    Column("made_by", Text),  # a person id
    Column("made_at", Utc, nullable=False),
    Column("limit_pct", Integer, nullable=False),  # share of a ring that may fail
    Column("wait_h", Integer, nullable=False),  # hours between two rings
    Column("over_at", Utc),
    # an organisation has one at a time
    Index(
        "ix_release_plan_running",
        "org_id",
        unique=True,
        sqlite_where=text("state IN ('running', 'stopped')"),
        postgresql_where=text("state IN ('running', 'stopped')"),
    ),
)

# homes of the first rings; all others are of the last
home_ring = Table(
    "home_ring",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("ring", Integer, nullable=False),  # 1 2
)
