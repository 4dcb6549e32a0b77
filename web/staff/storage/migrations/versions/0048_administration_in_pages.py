"""The rest of administration in the pages: files with a plan that are looked at before they hold,
providers of single sign-on, what a change had been before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0048."""
    op.create_table(
        "plan_file",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("home", sa.Text()),
        sa.Column("first", sa.Text()),
        sa.Column("last", sa.Text()),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", Utc()),
        sa.Column("before", sa.Text()),
        sa.Column("undone_at", Utc()),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_plan_file_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_plan_file"),
    )
    op.create_index("ix_plan_file_org_id", "plan_file", ["org_id"], unique=False)
    op.create_table(
        "change_before",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text()),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_change_before_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_change_before"),
        sa.UniqueConstraint("org_id", "what", "about", name="uq_change_before_org_id_what_about"),
    )
    op.create_table(
        "sign_on_provider",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Text()),
        sa.Column("used", sa.Text()),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.Column("used_at", Utc()),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_sign_on_provider_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_on_provider"),
    )
    op.create_index("ix_sign_on_provider_org_id", "sign_on_provider", ["org_id"], unique=False)


def downgrade() -> None:
    """Back from 0048."""
    op.drop_table("sign_on_provider")
    op.drop_table("change_before")
    op.drop_table("plan_file")
