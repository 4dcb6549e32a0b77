"""Plans of night checks, and who agreed to looks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0028."""
    op.create_table(
        "check_plan",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("set_at", Utc()),
        sa.Column("set_by", sa.Text()),
        sa.Column("set_seq", sa.BigInteger()),
        sa.Column("terms", sa.Text()),
        sa.PrimaryKeyConstraint("home_id", "number", name=op.f("pk_check_plan")),
    )
    op.create_table(
        "plan_state",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("held", sa.Integer()),
        sa.Column("held_at", Utc()),
        sa.Column("held_looks", sa.Boolean()),
        sa.Column("refused", sa.Integer()),
        sa.Column("refused_at", Utc()),
        sa.Column("refused_why", sa.Text()),
        sa.Column("looks_agreed", sa.Boolean()),
        sa.Column("looks_at", Utc()),
        sa.PrimaryKeyConstraint("home_id", name=op.f("pk_plan_state")),
    )
    op.create_table(
        "cohabitant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.Column("gone_at", Utc()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_cohabitant_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohabitant")),
    )
    op.create_index(op.f("ix_cohabitant_home_id"), "cohabitant", ["home_id"])
    _consents()


def _consents() -> None:
    op.create_table(
        "cohabitant_consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("cohabitant_id", sa.Integer(), nullable=False),
        sa.Column("asked_on", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.Column("withdrawn_at", Utc()),
        sa.Column("withdrawn_by", sa.Text()),
        sa.ForeignKeyConstraint(
            ["home_id"], ["home.id"], name=op.f("fk_cohabitant_consent_home_id")
        ),
        sa.ForeignKeyConstraint(
            ["cohabitant_id"],
            ["cohabitant.id"],
            name=op.f("fk_cohabitant_consent_cohabitant_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohabitant_consent")),
    )
    for column in ("home_id", "cohabitant_id"):
        op.create_index(op.f(f"ix_cohabitant_consent_{column}"), "cohabitant_consent", [column])


def downgrade() -> None:
    """To 0027."""
    for table in ("cohabitant_consent", "cohabitant", "plan_state", "check_plan"):
        op.drop_table(table)
