"""A home that is installed: its trials, and what it hears."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0042."""
    op.create_table(
        "install_run",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("begun_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begun_at", Utc(), nullable=False),
        sa.Column("accepted_seq", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_install_run_home_id")),
        sa.PrimaryKeyConstraint("home_id", "begun_seq", name=op.f("pk_install_run")),
    )
    op.create_index("ix_install_run_latest", "install_run", ["home_id", "begun_at"])
    op.create_table(
        "hearing",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("told_at", Utc(), nullable=True),
        sa.Column("until", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["home.id"], name=op.f("fk_hearing_home_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hearing")),
        sa.UniqueConstraint("home_id", name=op.f("uq_hearing_home_id")),
    )


def downgrade() -> None:
    """Back from 0042."""
    op.drop_table("hearing")
    op.drop_index("ix_install_run_latest", table_name="install_run")
    op.drop_table("install_run")
