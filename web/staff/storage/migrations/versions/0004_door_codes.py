"""One-time codes for the door."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0004."""
    op.create_table(
        "door_code",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("kid", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("not_before", Utc(), nullable=True),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_code")),
    )
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.create_index("ix_door_code_home", ["home_id", "expires_at"], unique=False)
        batch_op.create_index("ix_door_code_expires", ["expires_at"], unique=False)
    with op.batch_alter_table("turn", schema=None) as batch_op:
        batch_op.create_index("ix_turn_expires", ["expires_at"], unique=False)


def downgrade() -> None:
    """To 0003."""
    with op.batch_alter_table("turn", schema=None) as batch_op:
        batch_op.drop_index("ix_turn_expires")
    op.drop_table("door_code")
