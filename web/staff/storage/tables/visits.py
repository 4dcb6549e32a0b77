"""Visits that took place, as events tell, and those that did not.

Not for: what was planned (`web.staff.storage.plan_tables`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

visit = Table(
    "visit",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its visit.started
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("since", Utc),
    Column("since_source", Text),  # a `gateway.events.Stamp`
    Column("until", Utc),
    Column("until_source", Text),
    Column("overdue", Boolean, nullable=False, server_default=text("false")),
    Column("corrected_since", Utc),  # the original stays beside it
    Column("corrected_until", Utc),
    Column("corrected_by", Text),
    Column("correction_reason", Text),
    Column("corrected_ref", Text),  # the newest correction; a note may stand beside it
    Column("approved_by", Text),
    Column("approved_at", Utc),
    Index("ix_visit_home", "home_id", "since"),
    Index("ix_visit_person", "person", "since"),
    Index(
        "ix_visit_open",
        "home_id",
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)

visit_declined = Table(
    "visit_declined",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its visit.declined
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("at", Utc, nullable=False),
    Column("why", Text, nullable=False),  # a `gateway.events.Undone`
    Column("planned", Text),  # a `plan_visit`; None: the home had no plan
    Index("ix_visit_declined_home", "home_id", "at"),
)
