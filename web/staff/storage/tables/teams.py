"""Teams and areas: who is in a team is assigned to every home of the areas that the team covers.

Not for: what comes of it for one person (`people.assignment`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint, text

from web.staff.storage.tables.base import metadata

team = Table(
    "team",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("org_id", "name"),
)

area = Table(
    "area",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("org_id", "name"),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    # false: only a group of single sign-on gives it (`web.staff.people.group_rights`)
    Column("by_hand", Boolean, nullable=False, server_default=text("true")),
)

team_area = Table(
    "team_area",
    metadata,
    Column("team_id", Integer, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "area_id", Integer, ForeignKey("area.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

area_home = Table(
    "area_home",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),  # a home is in one area
    Column(
        "area_id", Integer, ForeignKey("area.id", ondelete="CASCADE"), nullable=False, index=True
    ),
)
