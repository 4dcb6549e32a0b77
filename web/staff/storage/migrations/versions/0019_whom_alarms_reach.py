"""Where staff and alarm centres are reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0019."""
    op.create_table(
        "contact_point",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_sha256", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("place", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("proved_at", Utc()),
        sa.Column("gone_at", Utc()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_contact_point_user_id_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contact_point"),
        sa.UniqueConstraint(
            "user_id",
            "channel",
            "value_sha256",
            name="uq_contact_point_user_id_channel_value_sha256",
        ),
    )
    op.create_index("ix_contact_point_user", "contact_point", ["user_id", "place"])
    op.create_table(
        "alarm_centre",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("'scaip'"), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("second_value", sa.Text()),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisation.id"], name="fk_alarm_centre_org_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_centre"),
        sa.UniqueConstraint("org_id", "name", name="uq_alarm_centre_org_id_name"),
    )
    op.create_index("ix_alarm_centre_org_id", "alarm_centre", ["org_id"])


def downgrade() -> None:
    """To 0018."""
    op.drop_table("alarm_centre")
    op.drop_table("contact_point")
