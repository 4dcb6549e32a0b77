"""Alarms of one kind in many homes at once, which ring as one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0015"
down_revision = "0017"
branch_labels = None
depends_on = None

RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """To 0015."""
    op.create_table(
        "mass_alarm",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("began_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("back_at", Utc()),
        sa.Column("mender", sa.Text()),
        sa.Column("mender_at", Utc()),
        sa.Column("ended_at", Utc()),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisation.id"], name="fk_mass_alarm_org_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mass_alarm"),
    )
    op.create_index(
        "ix_mass_alarm_running",
        "mass_alarm",
        ["org_id"],
        unique=False,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_table(
        "mass_alarm_member",
        sa.Column("mass_id", sa.Text(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("joined_at", Utc(), nullable=False),
        sa.Column("rings", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mass_id"], ["mass_alarm.id"], name="fk_mass_alarm_member_mass_id_mass_alarm"
        ),
        sa.PrimaryKeyConstraint("mass_id", "alarm", name="pk_mass_alarm_member"),
    )
    op.create_index("ix_mass_alarm_member_alarm", "mass_alarm_member", ["alarm"], unique=False)
    op.create_index("ix_mass_alarm_member_home", "mass_alarm_member", ["home_id"], unique=False)


def downgrade() -> None:
    """To 0017."""
    op.drop_table("mass_alarm_member")
    op.drop_table("mass_alarm")
