"""An alarm's way to a person, what it turned out to be, and what repeated it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("sent_at", Utc()),
    ("delivered_at", Utc()),
    ("shown_at", Utc()),
    ("first_acknowledged_at", Utc()),
    ("departed_at", Utc()),
    ("departed_by", sa.Text()),
    ("arrived_at", Utc()),
    ("arrived_by", sa.Text()),
    ("arrived_visit", sa.Text()),
    ("acknowledged_seq", sa.BigInteger()),
    ("lapsed_at", Utc()),
    ("lapsed_by", sa.Text()),
    ("lapsed_seq", sa.BigInteger()),
    ("step", sa.Integer()),
    ("round", sa.Integer()),
    ("escalated_seq", sa.BigInteger()),
    ("finding", sa.Text()),
    ("explained_by", sa.Text()),
    ("explained_seq", sa.BigInteger()),
)


def upgrade() -> None:
    """To 0021."""
    for name, kind in COLUMNS:
        op.add_column("alarm", sa.Column(name, kind))
    op.execute("UPDATE alarm SET first_acknowledged_at = acknowledged_at")
    op.create_index("ix_alarm_raised", "alarm", ["raised_at"])
    op.create_table(
        "alarm_repeat",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("alarm", sa.Text()),
        sa.Column("at", Utc()),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_repeat"),
    )
    op.create_index("ix_alarm_repeat_alarm", "alarm_repeat", ["alarm"])
    op.create_index("ix_alarm_repeat_home", "alarm_repeat", ["home_id"])


def downgrade() -> None:
    """To 0019."""
    op.drop_table("alarm_repeat")
    op.drop_index("ix_alarm_raised", "alarm")
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        for name, _ in reversed(COLUMNS):
            batch_op.drop_column(name)
