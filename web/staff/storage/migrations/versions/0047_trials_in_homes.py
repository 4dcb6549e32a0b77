"""Homes that were tried and accepted at their own page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0047"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0047."""
    op.create_table(
        "home_trial",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("home_id", "origin", "seq", name=op.f("pk_home_trial")),
    )


def downgrade() -> None:
    """Back from 0047."""
    op.drop_table("home_trial")
