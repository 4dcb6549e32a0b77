"""How much a home still has to tell, as it said itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0016."""
    op.add_column("home_link", sa.Column("behind", sa.BigInteger()))


def downgrade() -> None:
    """To 0015."""
    with op.batch_alter_table("home_link", schema=None) as batch_op:
        batch_op.drop_column("behind")
