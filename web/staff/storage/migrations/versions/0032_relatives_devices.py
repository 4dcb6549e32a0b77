"""Relatives: the devices that they let be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0032"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0032."""
    op.create_table(
        "relative_device",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("relative_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_sha256", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("gone_at", Utc()),
        sa.ForeignKeyConstraint(
            ["relative_id"],
            ["relative.id"],
            name="fk_relative_device_relative_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_relative_device"),
        sa.UniqueConstraint("value_sha256", name="uq_relative_device_value_sha256"),
    )
    op.create_index(
        "ix_relative_device_relative_id", "relative_device", ["relative_id"], unique=False
    )


def downgrade() -> None:
    """To 0029."""
    op.drop_table("relative_device")
