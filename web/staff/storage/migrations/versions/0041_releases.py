"""Which home is to run which release, in which ring it is, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0041"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0041."""
    op.create_table(
        "home_update",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Integer(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("state_at", Utc(), nullable=True),
        sa.Column("wanted_at", Utc(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("system_origin", sa.Text(), nullable=True),
        sa.Column("system_seq", sa.BigInteger(), nullable=True),
        sa.Column("system_at", Utc(), nullable=True),
        sa.Column("system_automatic", sa.Boolean(), nullable=True),
        sa.Column("system_pending", sa.Integer(), nullable=True),
        sa.Column("system_restart", sa.Boolean(), nullable=True),
        sa.Column("system_ran_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("home_id"),
    )
    op.create_table(
        "release_plan",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.Column("ring_done_at", Utc(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("limit_pct", sa.Integer(), nullable=False),
        sa.Column("wait_h", sa.Integer(), nullable=False),
        sa.Column("over_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    under_way = sa.text("state IN ('running', 'stopped')")
    op.create_index(
        "ix_release_plan_running",
        "release_plan",
        ["org_id"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )
    op.create_table(
        "home_ring",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"]),
        sa.PrimaryKeyConstraint("home_id"),
    )


def downgrade() -> None:
    """Back from 0041."""
    op.drop_table("home_ring")
    op.drop_index("ix_release_plan_running", table_name="release_plan")
    op.drop_table("release_plan")
    op.drop_table("home_update")
