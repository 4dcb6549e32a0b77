"""Administration in the pages: the first administrator's code, trials of a rule's settings, and
batteries with their history, homes that are used no more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0043."""
    op.add_column("home", sa.Column("closed_at", Utc()))
    op.add_column("resident", sa.Column("moved_out_at", Utc()))
    op.create_table(
        "first_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("used_at", Utc()),
        sa.PrimaryKeyConstraint("id", name="pk_first_code"),
        sa.UniqueConstraint("code_hash", name="uq_first_code_code_hash"),
    )
    op.create_table(
        "rule_trial",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_rule_trial_home_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rule_trial"),
    )
    op.create_index("ix_rule_trial_home_id", "rule_trial", ["home_id"], unique=False)
    op.create_table(
        "battery_point",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("level_pct", sa.Integer()),
        sa.Column("low", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_battery_point"),
    )
    op.create_index(
        "ix_battery_point_device", "battery_point", ["home_id", "device", "at"], unique=False
    )
    op.create_table(
        "battery_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("planned", sa.Text()),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_battery_change_home_id"),
        sa.PrimaryKeyConstraint("id", name="pk_battery_change"),
    )
    op.create_index(
        "uq_battery_change_open",
        "battery_change",
        ["home_id", "device"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    """Back from 0043."""
    op.drop_table("battery_change")
    op.drop_table("battery_point")
    op.drop_table("rule_trial")
    op.drop_table("first_code")
    op.drop_column("resident", "moved_out_at")
    op.drop_column("home", "closed_at")
