"""Who looked by a camera stands in the access log: its index has those kinds too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0030"
branch_labels = None
depends_on = None

BEFORE = (
    "kind IN ('page.opened', 'record.read', 'unlock.refused', 'unlock.requested', 'visit.started',"
    " 'voice.begun', 'voice.refused')"
)
NOW = (
    "kind IN ('look.begun', 'look.refused', 'page.opened', 'record.read', 'unlock.refused',"
    " 'unlock.requested', 'visit.started', 'voice.begun', 'voice.refused')"
)


def upgrade() -> None:
    """To 0034."""
    _index(NOW)


def downgrade() -> None:
    """Back from 0034."""
    _index(BEFORE)


def _index(shown: str) -> None:
    op.drop_index("ix_event_access", table_name="event")
    op.create_index(
        "ix_event_access",
        "event",
        ["home_id", "corrected_at"],
        unique=False,
        sqlite_where=sa.text(shown),
        postgresql_where=sa.text(shown),
    )
