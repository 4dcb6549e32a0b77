"""Alarms, what came again while they were open, and which of them ring together.

Not for: who is told of them (`web.staff.storage.ladder_tables`, `alarm_tables`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

alarm = Table(
    "alarm",
    metadata,
    Column("id", Text, primary_key=True),  # its reference; `<reference>~<hash>` of an orphan
    Column("ref", Text, nullable=False, index=True),
    Column("home_id", Text, nullable=False),
    Column("type", Text),  # an `AlarmType` or an unknown word; None: only what followed was seen
    Column("severity", Text),  # a `gateway.events.Severity`
    Column("device", Text),
    Column("person", Text),
    Column("since", Utc),  # since when the condition holds
    Column("raised_at", Utc),
    Column("acknowledged_by", Text),  # who has it now: None again when that lapsed
    Column("acknowledged_at", Utc),
    Column("closed_at", Utc),
    Column("closed_by", Text),  # None: by itself
    Column("outcome", Text),  # an `AlarmOutcome`, or `cancelled`
    Column("reason", Text),  # of a cancellation
    # its way to a person (`gateway.events.alarm_way`), each the first time
    Column("sent_at", Utc),
    Column("delivered_at", Utc),
    Column("shown_at", Utc),
    Column("first_acknowledged_at", Utc),  # stays when it lapsed
    Column("departed_at", Utc),
    Column("departed_by", Text),
    Column("arrived_at", Utc),  # when the server learned of it; the visit has the time
    Column("arrived_by", Text),
    Column("arrived_visit", Text),
    # of these the newest, by the number of the server's event about the home
    Column("acknowledged_seq", BigInteger),
    Column("lapsed_at", Utc),
    Column("lapsed_by", Text),
    Column("lapsed_seq", BigInteger),
    Column("step", Integer),  # of the ladder, from 1
    Column("round", Integer),
    Column("escalated_seq", BigInteger),
    Column("finding", Text),  # an `AlarmFinding`
    Column("explained_by", Text),
    Column("explained_seq", BigInteger),
    # how far who has it is on the way (`web.staff.storage.coming`), by their newest step; None:
    # they have not set out
    Column("coming", Text),
    Column("coming_at", Utc),
    Column("coming_seq", BigInteger),
    Column("last_acknowledged_at", Utc),  # since when who took it last had it; stays when it lapsed
    Index("ix_alarm_raised", "raised_at"),
    Index("ix_alarm_home", "home_id", "raised_at"),
    Index(
        "ix_alarm_open",
        "home_id",
        "raised_at",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

alarm_repeat = Table(
    "alarm_repeat",
    metadata,
    # an open alarm's cause came again
    Column("id", Text, primary_key=True),  # the reference of its alarm.repeated
    Column("home_id", Text, nullable=False),
    Column("alarm", Text),  # the alarm's `ref`
    Column("at", Utc),
    Index("ix_alarm_repeat_alarm", "alarm"),
    Index("ix_alarm_repeat_home", "home_id"),
)

mass_alarm = Table(
    "mass_alarm",
    metadata,
    # alarms of one kind in many homes of one organisation that rang as one
    Column("id", Text, primary_key=True),  # says nothing of any home
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("type", Text, nullable=False),  # an `AlarmType` with `Trait.COMMON_CAUSE`
    Column("began_at", Utc, nullable=False),  # when the first of its alarms was raised
    Column("last_at", Utc, nullable=False),  # when the newest was
    Column("back_at", Utc),  # since when most of its homes are heard again; None: they are not
    Column("mender", Text),  # the technician who is on it (a person's id)
    Column("mender_at", Utc),
    Column("ended_at", Utc),  # its alarms stand for themselves from then on; None: it goes on
    Index(
        "ix_mass_alarm_running",
        "org_id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

mass_alarm_member = Table(
    "mass_alarm_member",
    metadata,
    Column("mass_id", Text, ForeignKey("mass_alarm.id"), primary_key=True),
    Column("alarm", Text, primary_key=True, index=True),  # its id in `alarm`
    Column("home_id", Text, nullable=False),
    Column("joined_at", Utc, nullable=False),
    # whether it rings where others of the same are taken: it was there when somebody took them
    Column("rings", Boolean, nullable=False),
    Index("ix_mass_alarm_member_home", "home_id"),
)
