"""Which event asked about a night check."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_EVENT = sa.table(
    "event",
    sa.column("origin", sa.Text),
    sa.column("seq", sa.BigInteger),
    sa.column("home_id", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("body", sa.Text),
    sa.column("hash", sa.LargeBinary),
)
_URGENT = sa.table(
    "urgent",
    *(sa.column(c.name, c.type) for c in _EVENT.columns),
    sa.column("orphan", sa.Boolean),
)
_CHECK = sa.table(
    "night_check",
    sa.column("home_id", sa.Text),
    sa.column("check", sa.Text),
    sa.column("attempt", sa.Integer),
    sa.column("asked_ref", sa.Text),
)


def upgrade() -> None:
    """To 0006.  The question of a check that was asked is looked up among the events, by the
    attempt that the check shows."""
    with op.batch_alter_table("night_check", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked_ref", sa.Text(), nullable=True))
    conn = op.get_bind()
    for table in (_URGENT, _EVENT):
        asked = sa.select(table).where(table.c.kind == "check.asked").order_by(table.c.seq.desc())
        for row in conn.execute(asked).all():
            data = json.loads(row.body)["data"]
            orphan = f"~{bytes(row.hash).hex()[:8]}" if table is _URGENT and row.orphan else ""
            conn.execute(
                sa.update(_CHECK)
                .where(
                    _CHECK.c.home_id == row.home_id,
                    _CHECK.c.check == data["check"],
                    _CHECK.c.attempt == data.get("attempt", 1),
                )
                .values(asked_ref=f"{row.origin}/{row.seq}{orphan}")
            )


def downgrade() -> None:
    """To 0005."""
    with op.batch_alter_table("night_check", schema=None) as batch_op:
        batch_op.drop_column("asked_ref")
