"""SSH for an hour: what was wanted in a home, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0049."""
    op.create_table(
        "ssh_hour",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("wanted_at", Utc(), nullable=True),
        sa.Column("wanted_by", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("state_at", Utc(), nullable=True),
        sa.Column("state_why", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("until", Utc(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("host_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_ssh_hour")),
    )


def downgrade() -> None:
    """Back from 0049."""
    op.drop_table("ssh_hour")
