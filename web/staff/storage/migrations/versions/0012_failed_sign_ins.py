"""Failed sign-ins, counted for an account as a whole; roughly where a session is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0012."""
    op.create_table(
        "failed_sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_sha256", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("device_sha256", sa.Text()),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("forgiven", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_failed_sign_in_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_sign_in")),
    )
    op.create_index(op.f("ix_failed_sign_in_user_id"), "failed_sign_in", ["user_id"])
    op.create_index("ix_failed_sign_in_account", "failed_sign_in", ["account_sha256", "at"])
    network = sa.Column("network", sa.Text(), server_default=sa.text("''"), nullable=False)
    op.add_column("session", network)


def downgrade() -> None:
    """To 0011."""
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("network")
    op.drop_table("failed_sign_in")
