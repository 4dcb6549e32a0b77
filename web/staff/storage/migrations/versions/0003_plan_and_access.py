"""The plan, absence, tags, approval and the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ACCESS = (
    "kind IN ('camera.opened', 'record.read', 'unlock.refused', 'unlock.requested',"
    " 'visit.started')"
)


def upgrade() -> None:
    """To 0003."""
    op.create_table(
        "visit_declined",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("planned", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_declined")),
    )
    with op.batch_alter_table("visit_declined", schema=None) as batch_op:
        batch_op.create_index("ix_visit_declined_home", ["home_id", "at"], unique=False)

    op.create_table(
        "api_token",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=op.f("fk_api_token_org_id")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_api_token")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_org_id"), ["org_id"], unique=False)

    op.create_table(
        "absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_absence_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    with op.batch_alter_table("absence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absence_home_id"), ["home_id"], unique=False)
        batch_op.create_index(
            "ix_absence_open",
            ["since"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "door_tag",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_door_tag_home_id")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_door_tag")),
    )
    with op.batch_alter_table("door_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_door_tag_home_id"), ["home_id"], unique=False)

    op.create_table(
        "plan_visit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("what", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("staff_needed", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("imported_at", Utc(), nullable=False),
        sa.Column("withdrawn_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_plan_visit_home_id")),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_plan_visit_team_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_visit")),
        sa.UniqueConstraint(
            "home_id",
            "source",
            "external_id",
            name=op.f("uq_plan_visit_home_id_source_external_id"),
        ),
    )
    with op.batch_alter_table("plan_visit", schema=None) as batch_op:
        batch_op.create_index("ix_plan_visit_home", ["home_id", "since"], unique=False)
        batch_op.create_index("ix_plan_visit_since", ["since"], unique=False)

    op.create_table(
        "visit_note",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_visit_note_home_id")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_visit_note")),
    )
    with op.batch_alter_table("visit_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_visit_note_home_id"), ["home_id"], unique=False)

    op.create_table(
        "plan_staff",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan_visit.id"], name=op.f("fk_plan_staff_plan_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("plan_id", "person_id", name=op.f("pk_plan_staff")),
    )
    with op.batch_alter_table("plan_staff", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_staff_person_id"), ["person_id"], unique=False)

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(
            "ix_event_access",
            ["home_id", "corrected_at"],
            unique=False,
            sqlite_where=sa.text(ACCESS),
            postgresql_where=sa.text(ACCESS),
        )

    with op.batch_alter_table("home_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("visits_locked_before", Utc(), nullable=True))

    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("corrected_ref", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("approved_by", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("approved_at", Utc(), nullable=True))
