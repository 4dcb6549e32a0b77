"""Since when a home's disk refuses its log, which goes on in memory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0017."""
    op.add_column("home_state", sa.Column("memory_since", Utc()))
    op.add_column("home_state", sa.Column("memory_origin", sa.Text()))
    op.add_column("home_state", sa.Column("memory_seq", sa.BigInteger()))


def downgrade() -> None:
    """To the one before."""
    with op.batch_alter_table("home_state", schema=None) as batch_op:
        for name in ("memory_since", "memory_origin", "memory_seq"):
            batch_op.drop_column(name)
