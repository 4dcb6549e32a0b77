"""Configurations of homes, edited here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0040"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0040."""
    op.create_table(
        "home_config",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("set_at", Utc()),
        sa.Column("set_by", sa.Text()),
        sa.Column("set_seq", sa.BigInteger()),
        sa.Column("why", sa.Text()),
        sa.Column("undoes", sa.Integer()),
        sa.Column("text", sa.Text()),
        sa.PrimaryKeyConstraint("home_id", "number", name=op.f("pk_home_config")),
    )
    op.create_table(
        "config_state",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("held", sa.Integer()),
        sa.Column("held_at", Utc()),
        sa.Column("file_text", sa.Text()),
        sa.Column("unpaired", sa.Text()),
        sa.Column("refused", sa.Integer()),
        sa.Column("refused_at", Utc()),
        sa.Column("refused_why", sa.Text()),
        sa.Column("refused_about", sa.Text()),
        sa.Column("refused_field", sa.Text()),
        sa.Column("refused_said", sa.Text()),
        sa.Column("waits", sa.Integer()),
        sa.Column("waits_at", Utc()),
        sa.Column("waits_why", sa.Text()),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_config_state")),
    )


def downgrade() -> None:
    """Back to 0032."""
    op.drop_table("config_state")
    op.drop_table("home_config")
