"""The tables of the plan and of what is kept beside visits, on the `MetaData` of `tables`.

- `plan_visit`, `plan_staff`: what is planned, as it was imported; it is no event, and may be
  changed and erased;
- `absence`: when a resident will be away, told in advance; what began is an event;
- `door_tag`: the NFC or QR tag at a home's door;
- `visit_note`: words beside an event, which may name somebody and so are no part of it;
- `night_baseline`: what a night's round was before there were night checks, as somebody said it;
- `api_token`: what lets another system of the organisation in, and for what.

Not for: visits that took place (`tables.visit`, a fold over events).
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
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

plan_visit = Table(
    "plan_visit",
    metadata,
    Column("id", Text, primary_key=True),  # random; what `visit.declined` names
    Column("home_id", Text, ForeignKey("home.id"), nullable=False),
    Column("source", Text, nullable=False),  # which system or file it came from
    Column("external_id", Text, nullable=False),  # what it is called there
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("what", Text, nullable=False, server_default=text("''")),  # "Morgonhjälp"
    Column("team_id", Integer, ForeignKey("team.id", ondelete="SET NULL")),
    Column("staff_needed", Integer, nullable=False, server_default=text("1")),  # 2: double staffing
    Column("imported_at", Utc, nullable=False),
    Column("withdrawn_at", Utc),  # taken out of the plan; kept to be followed up
    UniqueConstraint("home_id", "source", "external_id"),
    Index("ix_plan_visit_home", "home_id", "since"),
    Index("ix_plan_visit_since", "since"),
)

plan_staff = Table(
    "plan_staff",
    metadata,
    # who is to go; nobody named: the team, or whoever is assigned to the home
    Column("plan_id", Text, ForeignKey("plan_visit.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", Text, primary_key=True, index=True),
)

absence = Table(
    "absence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc),  # None: until somebody ends it
    Column("noted_by", Text, nullable=False),
    Column("noted_at", Utc, nullable=False),
    Column("started_at", Utc),  # when `absence.started` was written; None: still ahead
    Column("ended_at", Utc),  # ended, or taken back before it began
    Index(
        "ix_absence_open",
        "since",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

door_tag = Table(
    "door_tag",
    metadata,
    Column("sha256", Text, primary_key=True),  # of what stands in the tag's link; shown once
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("made_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)

visit_note = Table(
    "visit_note",
    metadata,
    Column("ref", Text, primary_key=True),  # the event that it stands beside
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
)

night_baseline = Table(
    "night_baseline",
    metadata,
    # every one that was ever said, the newest holds
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("visits", Float, nullable=False),  # to a home in a night
    Column("minutes", Float, nullable=False),  # of such a visit, the way there included
    Column("km", Float, nullable=False),  # of the way to it
    Column("set_by", Text, nullable=False),
    Column("set_at", Utc, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("sha256", Text, primary_key=True),  # of the token; shown once
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("scope", Text, nullable=False),  # `plan`
    Column("name", Text, nullable=False),  # what the administrator calls it
    Column("made_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("revoked_at", Utc),
)
