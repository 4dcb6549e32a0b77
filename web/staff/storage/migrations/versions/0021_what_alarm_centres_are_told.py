"""What alarm centres call a home, what they were told, and what they answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0021."""
    op.create_table(
        "home_care_id",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("set_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_home_care_id_home_id_home"),
        sa.PrimaryKeyConstraint("home_id", name="pk_home_care_id"),
    )
    op.create_table(
        "scaip_message",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("centre_id", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("told_at", Utc(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answered_at", Utc()),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("ref", name="pk_scaip_message"),
    )
    op.create_index("ix_scaip_message_told_at", "scaip_message", ["told_at"])


def downgrade() -> None:
    """To 0020."""
    op.drop_table("scaip_message")
    op.drop_table("home_care_id")
