"""Requests that an event be neither shown nor counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0011."""
    op.create_table(
        "set_aside",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("asked_at", Utc(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside")),
    )
    with op.batch_alter_table("set_aside", schema=None) as batch_op:
        batch_op.create_index("ix_set_aside_home", ["home_id", "asked_at"], unique=False)


def downgrade() -> None:
    """To 0010."""
    op.drop_table("set_aside")
