"""Places: consent, transponders, zones, positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0024."""
    op.create_table(
        "home_point",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_home_point_home_id"),
        sa.PrimaryKeyConstraint("home_id", name="pk_home_point"),
    )
    op.create_table(
        "place_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_place_look_home_id"),
        sa.PrimaryKeyConstraint("id", name="pk_place_look"),
    )
    op.create_index("ix_place_look_home_id", "place_look", ["home_id"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("asked_on", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.Column("withdrawn_at", Utc()),
        sa.Column("withdrawn_by", sa.Text()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_consent_home_id"),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_consent_resident"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_home_id", "consent", ["home_id"], unique=False)
    op.create_index("ix_consent_resident", "consent", ["resident"], unique=False)

    op.create_table(
        "tracker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("silent_after_h", sa.Integer(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("heard_at", Utc()),
        sa.Column("battery_pct", sa.Integer()),
        sa.Column("battery_at", Utc()),
        sa.Column("silent_alarm", sa.Text()),
        sa.Column("battery_alarm", sa.Text()),
        sa.Column("revoked_at", Utc()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_tracker_home_id"),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_tracker_resident"),
        sa.PrimaryKeyConstraint("id", name="pk_tracker"),
        sa.UniqueConstraint("token_sha256", name="uq_tracker_token_sha256"),
    )
    op.create_index("ix_tracker_home_id", "tracker", ["home_id"], unique=False)

    op.create_table(
        "zone",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("from_min", sa.Integer()),
        sa.Column("to_min", sa.Integer()),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("removed_at", Utc()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_zone_home_id"),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_zone_resident"),
        sa.PrimaryKeyConstraint("id", name="pk_zone"),
    )
    op.create_index("ix_zone_home_id", "zone", ["home_id"], unique=False)

    op.create_table(
        "outing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tracker_id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("left_at", Utc(), nullable=False),
        sa.Column("until", Utc()),
        sa.Column("ended", sa.Text()),
        sa.Column("alarm", sa.Text()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_outing_home_id"),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_outing_resident"),
        sa.ForeignKeyConstraint(
            ["tracker_id"], ["tracker.id"], name="fk_outing_tracker_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outing"),
    )
    op.create_index("ix_outing_home_id", "outing", ["home_id"], unique=False)
    op.create_index("ix_outing_tracker", "outing", ["tracker_id", "left_at"], unique=False)

    op.create_table(
        "position",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tracker_id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("acc_m", sa.Float()),
        sa.Column("received_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_position_home_id"),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_position_resident"),
        sa.ForeignKeyConstraint(
            ["tracker_id"], ["tracker.id"], name="fk_position_tracker_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_position"),
        sa.UniqueConstraint("tracker_id", "at", name="uq_position_tracker_id_at"),
    )
    op.create_index("ix_position_at", "position", ["at"], unique=False)
    op.create_index("ix_position_home_id", "position", ["home_id"], unique=False)
    op.create_index("ix_position_resident", "position", ["resident"], unique=False)

    op.add_column(
        "organisation",
        sa.Column(
            "position_retain_days", sa.Integer(), server_default=sa.text("3"), nullable=False
        ),
    )


def downgrade() -> None:
    """To 0023."""
    op.drop_column("organisation", "position_retain_days")
    op.drop_table("position")
    op.drop_table("outing")
    op.drop_table("zone")
    op.drop_table("tracker")
    op.drop_table("consent")
    op.drop_table("place_look")
    op.drop_table("home_point")
