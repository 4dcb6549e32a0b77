"""What is odd about an event that a home sent: refused, or far from the server's time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0008.  `tryggve staff rebuild` looks for what came before."""
    op.add_column("event", sa.Column("mark", sa.Text()))
    op.add_column("urgent", sa.Column("mark", sa.Text()))


def downgrade() -> None:
    """To 0007."""
    with op.batch_alter_table("urgent", schema=None) as batch_op:
        batch_op.drop_column("mark")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_column("mark")
