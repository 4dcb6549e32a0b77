"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 - one statement for each table
    """To 0001."""
    op.create_table(
        "alarm",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("since", Utc(), nullable=True),
        sa.Column("raised_at", Utc(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", Utc(), nullable=True),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.create_index("ix_alarm_home", ["home_id", "raised_at"], unique=False)
        batch_op.create_index(
            "ix_alarm_open",
            ["home_id", "raised_at"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_alarm_ref"), ["ref"], unique=False)

    op.create_table(
        "device",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_at", Utc(), nullable=True),
        sa.Column("state_origin", sa.Text(), nullable=True),
        sa.Column("state_seq", sa.BigInteger(), nullable=True),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("health_at", Utc(), nullable=True),
        sa.Column("health_origin", sa.Text(), nullable=True),
        sa.Column("health_seq", sa.BigInteger(), nullable=True),
        sa.Column("health_text", sa.Text(), nullable=True),
        sa.Column("battery", sa.Text(), nullable=False),
        sa.Column("battery_pct", sa.Integer(), nullable=True),
        sa.Column("battery_at", Utc(), nullable=True),
        sa.Column("battery_origin", sa.Text(), nullable=True),
        sa.Column("battery_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("home_id", "id", name=op.f("pk_device")),
    )
    op.create_table(
        "event",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("home_id", sa.Text(), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("corrected_at", Utc(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "seq", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(
            "ix_event_home_latest", ["home_id", "corrected_at", "origin", "seq"], unique=False
        )
        batch_op.create_index(
            "ix_event_unsynced",
            ["origin", "boot"],
            unique=False,
            sqlite_where=sa.text("NOT synced"),
            postgresql_where=sa.text("NOT synced"),
        )

    op.create_table(
        "head",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("tampered", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_head")),
    )
    op.create_table(
        "home_state",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("in_bed", sa.Text(), nullable=False),
        sa.Column("bed_since", Utc(), nullable=True),
        sa.Column("bed_origin", sa.Text(), nullable=True),
        sa.Column("bed_seq", sa.BigInteger(), nullable=True),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("run_origin", sa.Text(), nullable=True),
        sa.Column("run_seq", sa.BigInteger(), nullable=True),
        sa.Column("resident", sa.Text(), nullable=True),
        sa.Column("described_origin", sa.Text(), nullable=True),
        sa.Column("described_seq", sa.BigInteger(), nullable=True),
        sa.Column("described_at", Utc(), nullable=True),
        sa.Column("power", sa.Text(), nullable=False),
        sa.Column("power_at", Utc(), nullable=True),
        sa.Column("power_origin", sa.Text(), nullable=True),
        sa.Column("power_seq", sa.BigInteger(), nullable=True),
        sa.Column("silent_since", Utc(), nullable=True),
        sa.Column("silent_alarm", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_home_state")),
    )
    op.create_table(
        "night_check",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_at", Utc(), nullable=False),
        sa.Column("slot", Utc(), nullable=True),
        sa.Column("report_by", Utc(), nullable=True),
        sa.Column("asked_at", Utc(), nullable=True),
        sa.Column("answer_by", Utc(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", Utc(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("looked", sa.Text(), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("unreported_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("home_id", "check", name=op.f("pk_night_check")),
    )
    with op.batch_alter_table("night_check", schema=None) as batch_op:
        batch_op.create_index(
            "ix_night_check_open",
            ["report_by"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.create_index("ix_night_check_slot", ["home_id", "slot"], unique=False)

    op.create_table(
        "organisation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "server_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("retired_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_server_key")),
    )
    op.create_table(
        "turn",
        sa.Column("grant", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("issued_at", Utc(), nullable=True),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("step_at", Utc(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("grant", name=op.f("pk_turn")),
    )
    with op.batch_alter_table("turn", schema=None) as batch_op:
        batch_op.create_index("ix_turn_home", ["home_id", "issued_at"], unique=False)

    op.create_table(
        "urgent",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("orphan", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.PrimaryKeyConstraint("origin", "seq", "hash", name=op.f("pk_urgent")),
    )
    op.create_table(
        "visit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("since", Utc(), nullable=True),
        sa.Column("since_source", sa.Text(), nullable=True),
        sa.Column("until", Utc(), nullable=True),
        sa.Column("until_source", sa.Text(), nullable=True),
        sa.Column("overdue", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("corrected_since", Utc(), nullable=True),
        sa.Column("corrected_until", Utc(), nullable=True),
        sa.Column("corrected_by", sa.Text(), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index("ix_visit_home", ["home_id", "since"], unique=False)
        batch_op.create_index(
            "ix_visit_open",
            ["home_id"],
            unique=False,
            sqlite_where=sa.text("until IS NULL"),
            postgresql_where=sa.text("until IS NULL"),
        )
        batch_op.create_index("ix_visit_person", ["person", "since"], unique=False)

    op.create_table(
        "home",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("fallback", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_home_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home")),
    )
    with op.batch_alter_table("home", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_home_org_id"), ["org_id"], unique=False)

    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), server_default=sa.text("'sv'"), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_user_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
        sa.UniqueConstraint("person_id", name=op.f("uq_user_person_id")),
    )
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_org_id"), ["org_id"], unique=False)

    op.create_table(
        "assignment",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_assignment_home_id")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_assignment_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "home_id", name=op.f("pk_assignment")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_home_id"), ["home_id"], unique=False)

    op.create_table(
        "enrol_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_enrol_code_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrol_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrol_code_code_hash")),
    )
    with op.batch_alter_table("enrol_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrol_code_home_id"), ["home_id"], unique=False)

    op.create_table(
        "gateway_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("enrolled_at", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_gateway_key_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_key")),
    )
    with op.batch_alter_table("gateway_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gateway_key_home_id"), ["home_id"], unique=False)
        batch_op.create_index(
            "uq_gateway_key_valid",
            ["home_id"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "home_link",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("heard_at", Utc(), nullable=True),
        sa.Column("down_have", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_home_link_home_id")),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_home_link")),
    )
    op.create_table(
        "home_stream",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_home_stream_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_stream")),
    )
    with op.batch_alter_table("home_stream", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_home_stream_home_id"), ["home_id"], unique=False)

    op.create_table(
        "resident",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_resident_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resident")),
    )
    with op.batch_alter_table("resident", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_resident_home_id"), ["home_id"], unique=False)

    op.create_table(
        "user_role",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["role.id"], name=op.f("fk_user_role_role_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_user_role_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_role")),
    )
