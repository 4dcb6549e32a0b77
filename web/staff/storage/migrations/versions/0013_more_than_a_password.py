"""How long a password alone is enough; which provider of single sign-on an id is of."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0013.  For accounts that are there the first day begins now.  The provider of an id that
    is there is bound when it is next used, if the organisation has one only."""
    op.add_column(
        "organisation",
        sa.Column("factor_grace_h", sa.Integer(), server_default=sa.text("24"), nullable=False),
    )
    op.add_column("user", sa.Column("grace_from", Utc()))
    op.add_column("user", sa.Column("sso_issuer", sa.Text()))
    user = sa.table("user", sa.column("grace_from", Utc()))
    op.execute(user.update().values(grace_from=datetime.now(UTC)))
    op.drop_index("uq_user_org_id_sso_id", "user")
    op.create_index(
        "uq_user_org_id_sso_id", "user", ["org_id", "sso_issuer", "sso_id"], unique=True
    )


def downgrade() -> None:
    """To 0012.  Fails when two providers of an organisation call two people the same."""
    op.drop_index("uq_user_org_id_sso_id", "user")
    op.create_index("uq_user_org_id_sso_id", "user", ["org_id", "sso_id"], unique=True)
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_column("sso_issuer")
        batch_op.drop_column("grace_from")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_column("factor_grace_h")
