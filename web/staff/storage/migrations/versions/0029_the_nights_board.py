"""Of a night check: who had it before, the visit that it asks for, its newest look."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0029"
down_revision = "0031"
branch_labels = None
depends_on = None

NEW: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("closed_ref", sa.Text()),
    ("before_by", sa.Text()),
    ("before_at", Utc()),
    ("before_why", sa.Text()),
    ("visit_asked_at", Utc()),
    ("visit_why", sa.Text()),
    ("visit_by", sa.Text()),
    ("visit_by_at", Utc()),
    ("settled_at", Utc()),
    ("settled_by", sa.Text()),
    ("settled_why", sa.Text()),
    ("settled_ref", sa.Text()),
    ("look", sa.Text()),
    ("look_by", sa.Text()),
    ("look_state", sa.Text()),
    ("look_at", Utc()),
    ("look_why", sa.Text()),
    ("look_pictures", sa.Integer()),
)


def upgrade() -> None:
    """To 0029."""
    with op.batch_alter_table("night_check", schema=None) as batch_op:
        for name, of in NEW:
            batch_op.add_column(sa.Column(name, of, nullable=True))
        batch_op.create_index("ix_night_check_night", ["slot"], unique=False)


def downgrade() -> None:
    """To 0031."""
    with op.batch_alter_table("night_check", schema=None) as batch_op:
        batch_op.drop_index("ix_night_check_night")
        for name, _ in reversed(NEW):
            batch_op.drop_column(name)
