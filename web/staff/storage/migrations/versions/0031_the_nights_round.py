"""What a night's round was before there were night checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0031"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0031."""
    op.create_table(
        "night_baseline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("visits", sa.Float(), nullable=False),
        sa.Column("minutes", sa.Float(), nullable=False),
        sa.Column("km", sa.Float(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisation.id"], name=op.f("fk_night_baseline_org_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_night_baseline")),
    )
    op.create_index(op.f("ix_night_baseline_org_id"), "night_baseline", ["org_id"])


def downgrade() -> None:
    """To 0034."""
    op.drop_index(op.f("ix_night_baseline_org_id"), table_name="night_baseline")
    op.drop_table("night_baseline")
