"""Orders to turn a lock that go from one worker to another: who takes one, or takes it back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0010."""
    op.create_table(
        "lock_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_lock_order_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_order")),
    )


def downgrade() -> None:
    """To 0009."""
    op.drop_table("lock_order")
