"""Addresses of staff are proved, by a code or a test alarm; who had an alarm on an open page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0023."""
    op.create_table(
        "contact_code",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_contact_code_user_id_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contact_code"),
    )
    op.create_index("ix_contact_code_user", "contact_code", ["user_id", "sent_at"])
    op.create_table(
        "contact_trial",
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text()),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.Column("delivered_at", Utc()),
        sa.Column("shown_at", Utc()),
        sa.Column("failed", sa.Text()),
        sa.ForeignKeyConstraint(
            ["contact"],
            ["contact_point.id"],
            name="fk_contact_trial_contact_contact_point",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message", name="pk_contact_trial"),
        sa.UniqueConstraint("contact", name="uq_contact_trial_contact"),
    )
    op.create_index("ix_contact_trial_provider_ref", "contact_trial", ["provider_ref"])
    op.create_table(
        "alarm_seen",
        sa.Column("alarm", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_alarm_seen_user_id_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alarm", "user_id", name="pk_alarm_seen"),
    )


def downgrade() -> None:
    """To 0022."""
    op.drop_table("alarm_seen")
    op.drop_table("contact_trial")
    op.drop_table("contact_code")
