"""Whom a home tells by itself, what it told, and its test alarms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0025."""
    op.create_table(
        "path_list",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("decided", sa.Text(), nullable=False),
        sa.Column("set_at", Utc(), nullable=False),
        sa.Column("follows", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["home_id"], ["home.id"], name="fk_path_list_home_id_home", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("home_id", name="pk_path_list"),
    )
    op.create_table(
        "path_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text()) for name in ("alarm", "receiver", "channel")),
        sa.Column("attempt", sa.Integer()),
        *(sa.Column(name, Utc()) for name in ("sent_at", "delivered_at", "failed_at")),
        sa.Column("why", sa.Text()),
        sa.Column("answered_at", Utc()),
        sa.PrimaryKeyConstraint("id", name="pk_path_message"),
    )
    op.create_index("ix_path_message_alarm", "path_message", ["alarm"])
    op.create_table(
        "chain_test",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("test", sa.Text()),
        sa.Column("test_origin", sa.Text()),
        sa.Column("test_seq", sa.BigInteger()),
        sa.Column("why", sa.Text()),
        *(sa.Column(name, Utc()) for name in ("sent_at", "next_by", "answered_at")),
        sa.Column("broken", sa.Text()),
        sa.Column("passed_at", Utc()),
        sa.Column("hop", sa.Text()),
        sa.Column("missed_at", Utc()),
        sa.Column("missed_alarm", sa.Text()),
        sa.Column("path", sa.Text()),
        sa.Column("path_at", Utc()),
        sa.Column("path_origin", sa.Text()),
        sa.Column("path_seq", sa.BigInteger()),
        sa.Column("path_why", sa.Text()),
        sa.Column("signal_pct", sa.Integer()),
        sa.PrimaryKeyConstraint("home_id", name="pk_chain_test"),
    )


def downgrade() -> None:
    """To 0024."""
    op.drop_table("chain_test")
    op.drop_index("ix_path_message_alarm", table_name="path_message")
    op.drop_table("path_message")
    op.drop_table("path_list")
