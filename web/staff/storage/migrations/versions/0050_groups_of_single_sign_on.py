"""Groups of single sign-on: what each gives, who is in them, and what was given by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

GIVEN = ("user_role", "team_member")


def upgrade() -> None:
    """To 0050."""
    for table in GIVEN:  # what there is was given by hand
        op.add_column(
            table,
            sa.Column("by_hand", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        )
    op.add_column(
        "organisation",
        sa.Column("sign_on_adds", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        "sign_on_group",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisation.id"], name=op.f("fk_sign_on_group_org_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_on_group")),
        sa.UniqueConstraint(
            "org_id", "issuer", "name", name=op.f("uq_sign_on_group_org_id_issuer_name")
        ),
    )
    _links("sign_on_group_team", ("group_id", "sign_on_group"), ("team_id", "team"))
    _links("sign_on_member", ("group_id", "sign_on_group"), ("user_id", "user"))
    _links("sign_on_withheld", ("user_id", "user"), ("team_id", "team"))


def _links(name: str, *ends: tuple[str, str]) -> None:
    """A table of which belongs to which."""
    op.create_table(
        name,
        *(
            sa.Column(column, sa.Text() if column == "group_id" else sa.Integer(), nullable=False)
            for column, _to in ends
        ),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{to}.id"], name=op.f(f"fk_{name}_{column}"), ondelete="CASCADE"
            )
            for column, to in ends
        ),
        sa.PrimaryKeyConstraint(*(column for column, _to in ends), name=op.f(f"pk_{name}")),
    )
    (_first, (second, _to)) = ends
    op.create_index(f"ix_{name}_{second}", name, [second], unique=False)


def downgrade() -> None:
    """Back from 0050: what groups gave is gone with them."""
    for name in ("sign_on_withheld", "sign_on_member", "sign_on_group_team", "sign_on_group"):
        op.drop_table(name)
    op.drop_column("organisation", "sign_on_adds")
    for table in GIVEN:
        op.execute(f"DELETE FROM {table} WHERE NOT by_hand")  # noqa: S608 - our own names
        op.drop_column(table, "by_hand")
