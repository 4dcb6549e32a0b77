"""Calls with a home while they go on; who listened stands in the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BEFORE = (
    "kind IN ('page.opened', 'record.read', 'unlock.refused', 'unlock.requested', 'visit.started')"
)
NOW = (
    "kind IN ('page.opened', 'record.read', 'unlock.refused', 'unlock.requested', 'visit.started',"
    " 'voice.begun', 'voice.refused')"
)


def upgrade() -> None:
    """To 0025."""
    op.create_table(
        "media_call",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_media_call_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_call")),
    )
    op.create_index(op.f("ix_media_call_home_id"), "media_call", ["home_id"])
    _index(NOW)


def downgrade() -> None:
    """To 0026."""
    _index(BEFORE)
    op.drop_index(op.f("ix_media_call_home_id"), table_name="media_call")
    op.drop_table("media_call")


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
