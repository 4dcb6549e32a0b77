"""The tables of ladders, on the `MetaData` of `tables`.

- `ladder`: who is told of an alarm, in which order, where and when;
- `rota` and `rota_shift`: who is on call;
- `escalation`: how far one alarm has climbed its ladder (one of a mass alarm, for all its homes);
- `alarm_message`: the outbox: one message to one address, from before it is sent.

What is due has its deadline three times: `due_at` by the wall clock, `due_mono` by the clock that
is never set, and the `boot` that counts it (`web.staff.storage.deadlines`).

Not for: what an alarm is (`tables.alarm`, a fold), or addresses (`alarm_tables`).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

ladder = Table(
    "ladder",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    # lowest is asked first: the first that fits an alarm is its ladder
    Column("place", Integer, nullable=False, server_default=text("0")),
    Column("severity", Text),  # `care` or `technical`; None: both
    Column("types", Text, nullable=False, server_default=text("''")),  # with commas; empty: all
    Column("area_id", Integer, ForeignKey("area.id", ondelete="CASCADE")),  # None: everywhere
    # by the home's own time: days as bits (Monday 1), minutes of the day; equal: all day
    Column("days", Integer, nullable=False, server_default=text("127")),
    Column("from_min", Integer, nullable=False, server_default=text("0")),
    Column("until_min", Integer, nullable=False, server_default=text("0")),
    # minutes in which who took it must set out, arrive or close it; None: as usual
    Column("lapse_min", Integer),
    Column("steps", Text, nullable=False),  # JSON: `web.staff.ladders.steps.Step`
    Column("changed_at", Utc, nullable=False),  # real time
    # minutes after which who set out is asked whether they are there; None: as usual
    Column("arrive_min", Integer),
    UniqueConstraint("org_id", "name"),
)

rota = Table(
    "rota",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("changed_at", Utc, nullable=False),  # real time
    UniqueConstraint("org_id", "name"),
)

rota_shift = Table(
    "rota_shift",
    metadata,
    # who is on call from when until when; what recurs is a row each time
    Column("id", Text, primary_key=True),  # random
    Column("rota_id", Text, ForeignKey("rota.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("imported", Boolean, nullable=False, server_default=text("false")),  # from a calendar
    Index("ix_rota_shift_rota", "rota_id", "until"),
    Index("ix_rota_shift_user", "user_id"),
)

escalation = Table(
    "escalation",
    metadata,
    Column("id", Text, primary_key=True),  # the alarm's id; `mass:<id>` of a mass alarm
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("home_id", Text),  # None: a mass alarm
    Column("alarm", Text),  # its id in `alarm`; None: a mass alarm
    Column("mass_id", Text),
    Column("severity", Text, nullable=False),
    Column("ladder", Text),  # its id, or the name of one that is built in; None: not begun
    # climbing; of who has it: taken coming (set out) asked (whether they are there) there; ended
    Column("state", Text, nullable=False),
    Column("step", Integer, nullable=False, server_default=text("0")),  # from 1; 0: not begun
    Column("round", Integer, nullable=False, server_default=text("0")),  # of the last step
    Column("why", Text, nullable=False),  # a `Climbed`: what the next step will be for
    Column("began_at", Utc, nullable=False),
    Column("step_at", Utc),  # when the present step was told; None: not begun
    Column("due_at", Utc, nullable=False),
    Column("due_mono", Float, nullable=False),
    Column("boot", Text, nullable=False),
    Column("set_at", Utc, nullable=False),  # when the deadline was set, by the wall clock
    Column("is_last", Boolean, nullable=False, server_default=text("false")),  # the present step
    # its alarm was taken or closed: look at it, whatever the deadline
    Column("look", Boolean, nullable=False, server_default=text("false")),
    Column("ended_at", Utc),
    Index(
        "ix_escalation_due",
        "due_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_escalation_alarm", "alarm"),
)

ON_ITS_WAY = "state IN ('queued', 'sending', 'sent')"
"""Messages of which something is still to come, as their index says it."""

alarm_message = Table(
    "alarm_message",
    metadata,
    Column("id", Text, primary_key=True),  # random: the message's id at the provider too
    Column("escalation", Text, nullable=False),
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False),
    Column("home_id", Text, nullable=False),
    Column("alarm", Text, nullable=False),  # its id in `alarm`; of a mass alarm one of them
    Column("others", Integer, nullable=False, server_default=text("0")),  # more homes that have it
    Column("step", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("receiver", Text, nullable=False),  # the person's id; `centre:<id>` of a centre
    Column("person", Text),  # the person id; None: a centre
    Column("contact", Text, nullable=False),  # `contact_point` or `alarm_centre`; empty: none
    Column("place", Integer, nullable=False, server_default=text("0")),  # the contact's, then
    Column("channel", Text, nullable=False),
    # queued sending sent (a report is due) handed (none is) delivered shown failed dropped (the
    # alarm was taken before it went)
    Column("state", Text, nullable=False),
    Column("why", Text),  # a `channels.contract.Why`: why it failed
    Column("provider_ref", Text),
    Column("answer", Text),  # JSON: what the receiver's system answered (`channels.contract`)
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Utc, nullable=False),  # real time, as the two after it
    Column("due_mono", Float, nullable=False),
    Column("boot", Text, nullable=False),
    Column("set_at", Utc, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("delivered_at", Utc),
    Column("shown_at", Utc),
    Column("answered_at", Utc),  # its own button was used: it works once
    # not the alarm, but a word to who has it, or had it (`web.staff.ladders.held.Says`)
    Column("says", Text),
    Index("ix_alarm_message_escalation", "escalation", "step", "round"),
    Index("ix_alarm_message_contact", "contact", "made_at"),
    Index("ix_alarm_message_alarm", "alarm"),
    Index("ix_alarm_message_ref", "channel", "provider_ref"),
    Index(
        "ix_alarm_message_due",
        "channel",
        "due_at",
        sqlite_where=text(ON_ITS_WAY),
        postgresql_where=text(ON_ITS_WAY),
    ),
)
