"""The access log's index without a kind that nothing ever wrote (`camera.opened`).

The index says which kinds the access log shows, in the words of its queries
(`web.staff.storage.tables.ACCESS_SQL`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WITH_CAMERA = (
    "kind IN ('camera.opened', 'record.read', 'unlock.refused', 'unlock.requested',"
    " 'visit.started')"
)
WITHOUT = "kind IN ('record.read', 'unlock.refused', 'unlock.requested', 'visit.started')"


def upgrade() -> None:
    """To the index of now."""
    _indexed(WITHOUT)


def downgrade() -> None:
    """To the index of before."""
    _indexed(WITH_CAMERA)


def _indexed(kinds: str) -> None:
    op.drop_index("ix_event_access", table_name="event")
    op.create_index(
        "ix_event_access",
        "event",
        ["home_id", "corrected_at"],
        unique=False,
        sqlite_where=sa.text(kinds),
        postgresql_where=sa.text(kinds),
    )
