"""Relatives: whom they are told of, what was agreed, and what is to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0024"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0024."""
    op.create_table(
        "relative",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("link_sha256", sa.Text()),
        sa.Column("link_until", Utc()),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name="fk_relative_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_relative"),
        sa.UniqueConstraint("link_sha256", name="uq_relative_link_sha256"),
    )
    op.create_index("ix_relative_org_id", "relative", ["org_id"], unique=False)

    op.create_table(
        "relative_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("relative_id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("again_at", Utc(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended", sa.Text()),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_relative_message_home_id"),
        sa.ForeignKeyConstraint(
            ["relative_id"],
            ["relative.id"],
            name="fk_relative_message_relative_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_relative_message"),
        sa.UniqueConstraint(
            "relative_id", "what", "about", name="uq_relative_message_relative_id_what_about"
        ),
    )
    op.create_index("ix_relative_message_home_id", "relative_message", ["home_id"], unique=False)
    op.create_index(
        "ix_relative_message_waiting",
        "relative_message",
        ["again_at"],
        unique=False,
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )

    op.create_table(
        "relative_session",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("relative_id", sa.Text(), nullable=False),
        sa.Column("ends_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["relative_id"],
            ["relative.id"],
            name="fk_relative_session_relative_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_relative_session"),
    )
    op.create_index(
        "ix_relative_session_relative_id", "relative_session", ["relative_id"], unique=False
    )

    op.create_table(
        "relative_bond",
        sa.Column("relative_id", sa.Text(), nullable=False),
        sa.Column("resident", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("departed", sa.Boolean(), nullable=False),
        sa.Column("absence", sa.Boolean(), nullable=False),
        sa.Column("notes_absence", sa.Boolean(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name="fk_relative_bond_home_id"),
        sa.ForeignKeyConstraint(
            ["relative_id"],
            ["relative.id"],
            name="fk_relative_bond_relative_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["resident"], ["resident.id"], name="fk_relative_bond_resident"),
        sa.PrimaryKeyConstraint("relative_id", "resident", name="pk_relative_bond"),
    )
    op.create_index("ix_relative_bond_home_id", "relative_bond", ["home_id"], unique=False)


def downgrade() -> None:
    """To 0026."""
    op.drop_table("relative_bond")
    op.drop_table("relative_session")
    op.drop_table("relative_message")
    op.drop_table("relative")
