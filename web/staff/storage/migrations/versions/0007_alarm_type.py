"""What an alarm is about is its type; `alarm` is a reference everywhere else."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0007.  What the column says is kept."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.alter_column("alarm", new_column_name="type")


def downgrade() -> None:
    """To 0006."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.alter_column("type", new_column_name="alarm")
