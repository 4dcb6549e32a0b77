"""The page that a home serves: by what it is known, and which run of it a code was told with; who
opened it stands in the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = ("page_url", "page_fingerprint", "page_key", "page_origin")

BEFORE = "kind IN ('record.read', 'unlock.refused', 'unlock.requested', 'visit.started')"
NOW = (
    "kind IN ('page.opened', 'record.read', 'unlock.refused', 'unlock.requested', 'visit.started')"
)


def upgrade() -> None:
    """To 0014."""
    for name in COLUMNS:
        op.add_column("home_state", sa.Column(name, sa.Text()))
    op.add_column("home_state", sa.Column("page_seq", sa.BigInteger()))
    op.add_column("door_code", sa.Column("page_key", sa.Text()))
    _index(NOW)


def downgrade() -> None:
    """To 0013."""
    _index(BEFORE)
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_column("page_key")
    with op.batch_alter_table("home_state", schema=None) as batch_op:
        for name in (*COLUMNS, "page_seq"):
            batch_op.drop_column(name)


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
