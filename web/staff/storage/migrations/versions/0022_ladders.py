"""Who is told of an alarm and when: ladders, who is on call, and the outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from web.staff.storage.column_types import Utc

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

NOT_ENDED = sa.text("ended_at IS NULL")
ON_ITS_WAY = sa.text("state IN ('queued', 'sending', 'sent')")


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, default: int | None = 0) -> sa.Column[int]:
    if default is None:
        return sa.Column(name, sa.Integer(), nullable=False)
    return sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, Utc(), nullable=null)


def _deadline() -> tuple[Any, ...]:
    mono = sa.Column("due_mono", sa.Float(), nullable=False)
    return _time("due_at"), mono, _text("boot"), _time("set_at")


def _org(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_org_id_organisation"
    return sa.ForeignKeyConstraint(["org_id"], ["organisation.id"], name=name)


def upgrade() -> None:
    """To 0022."""
    op.add_column("home", _flag("protected"))
    op.create_table(
        "ladder",
        *(_text("id"), _text("org_id"), _text("name"), _number("place")),
        _text("severity", null=True),
        sa.Column("types", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("area_id", sa.Integer()),
        *(_number("days", 127), _number("from_min"), _number("until_min")),
        sa.Column("lapse_min", sa.Integer()),
        *(_text("steps"), _time("changed_at")),
        _org("ladder"),
        sa.ForeignKeyConstraint(
            ["area_id"], ["area.id"], name="fk_ladder_area_id_area", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ladder"),
        sa.UniqueConstraint("org_id", "name", name="uq_ladder_org_id_name"),
    )
    op.create_index("ix_ladder_org_id", "ladder", ["org_id"])
    _rotas()
    _escalations()
    _messages()


def _rotas() -> None:
    op.create_table(
        "rota",
        *(_text("id"), _text("org_id"), _text("name"), _text("timezone"), _time("changed_at")),
        _org("rota"),
        sa.PrimaryKeyConstraint("id", name="pk_rota"),
        sa.UniqueConstraint("org_id", "name", name="uq_rota_org_id_name"),
    )
    op.create_index("ix_rota_org_id", "rota", ["org_id"])
    op.create_table(
        "rota_shift",
        *(_text("id"), _text("rota_id"), _number("user_id", None)),
        *(_time("since"), _time("until"), _flag("imported")),
        sa.ForeignKeyConstraint(
            ["rota_id"], ["rota.id"], name="fk_rota_shift_rota_id_rota", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_rota_shift_user_id_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rota_shift"),
    )
    op.create_index("ix_rota_shift_rota", "rota_shift", ["rota_id", "until"])
    op.create_index("ix_rota_shift_user", "rota_shift", ["user_id"])


def _escalations() -> None:
    op.create_table(
        "escalation",
        *(_text("id"), _text("org_id"), _text("home_id", null=True)),
        *(_text("alarm", null=True), _text("mass_id", null=True), _text("severity")),
        *(_text("ladder", null=True), _text("state"), _number("step"), _number("round")),
        *(_text("why"), _time("began_at"), _time("step_at", null=True)),
        *_deadline(),
        *(_flag("is_last"), _flag("look"), _time("ended_at", null=True)),
        _org("escalation"),
        sa.PrimaryKeyConstraint("id", name="pk_escalation"),
    )
    op.create_index(
        "ix_escalation_due",
        "escalation",
        ["due_at"],
        sqlite_where=NOT_ENDED,
        postgresql_where=NOT_ENDED,
    )
    op.create_index("ix_escalation_alarm", "escalation", ["alarm"])


def _messages() -> None:
    op.create_table(
        "alarm_message",
        *(_text("id"), _text("escalation"), _text("org_id"), _text("home_id"), _text("alarm")),
        *(_number("others"), _number("step", None), _number("round", None)),
        *(_text("receiver"), _text("person", null=True), _text("contact"), _number("place")),
        *(_text("channel"), _text("state"), _text("why", null=True)),
        *(_text("provider_ref", null=True), _text("answer", null=True), _number("tries")),
        *_deadline(),
        _time("made_at"),
        *(_time(name, null=True) for name in ("sent_at", "delivered_at", "shown_at")),
        _time("answered_at", null=True),
        _org("alarm_message"),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_message"),
    )
    op.create_index("ix_alarm_message_escalation", "alarm_message", ["escalation", "step", "round"])
    op.create_index("ix_alarm_message_contact", "alarm_message", ["contact", "made_at"])
    op.create_index("ix_alarm_message_alarm", "alarm_message", ["alarm"])
    op.create_index("ix_alarm_message_ref", "alarm_message", ["channel", "provider_ref"])
    op.create_index(
        "ix_alarm_message_due",
        "alarm_message",
        ["channel", "due_at"],
        sqlite_where=ON_ITS_WAY,
        postgresql_where=ON_ITS_WAY,
    )


def downgrade() -> None:
    """To 0021."""
    for table in ("alarm_message", "escalation", "rota_shift", "rota", "ladder"):
        op.drop_table(table)
    with op.batch_alter_table("home", schema=None) as batch_op:
        batch_op.drop_column("protected")
