"""Who set out for an alarm and does not arrive: when they are asked, and what they are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

ADDED = (
    ("ladder", "arrive_min", sa.Integer()),
    ("alarm", "coming", sa.Text()),
    ("alarm", "coming_at", Utc()),
    ("alarm", "coming_seq", sa.BigInteger()),
    ("alarm", "last_acknowledged_at", Utc()),
    ("alarm_message", "says", sa.Text()),
)


def upgrade() -> None:
    """To 0051."""
    for table, column, kind in ADDED:
        op.add_column(table, sa.Column(column, kind))


def downgrade() -> None:
    """Back from 0051: what was to be said and is not yet is not sent as an alarm."""
    op.execute("DELETE FROM alarm_message WHERE says IS NOT NULL")
    for table, column, _kind in reversed(ADDED):
        op.drop_column(table, column)
