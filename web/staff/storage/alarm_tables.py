"""The tables of whom alarms reach and how, on the `MetaData` of `tables`.

- `contact_point`: where a member of staff is reached on a channel;
- `contact_code`: a code that was sent to an address, to show that it is its owner's;
- `contact_trial`: the last test alarm that somebody sent to their own address;
- `alarm_seen`: who had an alarm on an open page;
- `alarm_centre`: an alarm centre outside, and where its system listens;
- `home_care_id`: what alarm centres call a home;
- `scaip_message`: what was told to an alarm centre, and what it answered;
- `path_list`: whom a home's gateway tells itself, and their numbers.

They hold addresses of people, may be changed and erased, and are never part of an event.

Not for: alarms (`tables.alarm`, a fold over events).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
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

contact_point = Table(
    "contact_point",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),  # a name in `web.staff.channels`
    Column("value", Text, nullable=False),  # a number, an address; a push subscription as JSON
    # keyed hash of what makes it one and the same, so that none is there twice
    Column("value_sha256", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=text("''")),  # "Jobbtelefonen"
    Column("place", Integer, nullable=False, server_default=text("0")),  # lowest is tried first
    Column("created_at", Utc, nullable=False),  # real time
    Column("proved_at", Utc),  # when a test came to it, as its owner said; None: never
    Column("gone_at", Utc),  # the provider said that it is no longer; its owner is told
    UniqueConstraint("user_id", "channel", "value_sha256"),
    Index("ix_contact_point_user", "user_id", "place"),
)

contact_code = Table(
    "contact_code",
    metadata,
    Column("id", Text, primary_key=True),  # random
    # no key of contact_point: who takes an address away and adds it again gets no new tries
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    Column("contact", Text, nullable=False),
    Column("code_sha256", Text, nullable=False),  # keyed hash
    Column("sent_at", Utc, nullable=False),  # real time
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Index("ix_contact_code_user", "user_id", "sent_at"),
)

contact_trial = Table(
    "contact_trial",
    metadata,
    Column("message", Text, primary_key=True),
    Column(
        "contact",
        Text,
        ForeignKey("contact_point.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("provider_ref", Text, index=True),
    Column("sent_at", Utc, nullable=False),  # real time, as all below
    Column("delivered_at", Utc),
    Column("shown_at", Utc),
    Column("failed", Text),  # a `web.staff.channels.contract.Why`
)

alarm_seen = Table(
    "alarm_seen",
    metadata,
    Column("alarm", Text, primary_key=True),  # its id in `alarm`
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Utc, nullable=False),
)

alarm_centre = Table(
    "alarm_centre",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("org_id", Text, ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("channel", Text, nullable=False, server_default=text("'scaip'")),
    Column("value", Text, nullable=False),  # `sip:larm@centre.example;transport=tls`
    Column("second_value", Text),  # tried where the first does not answer; None: there is none
    Column("created_at", Utc, nullable=False),  # real time
    Column("ended_at", Utc),  # no longer used; ladders of before name it
    UniqueConstraint("org_id", "name"),
)

path_list = Table(
    "path_list",
    metadata,
    Column("home_id", Text, ForeignKey("home.id", ondelete="CASCADE"), primary_key=True),
    Column("claims", Text, nullable=False),  # JSON of a `gateway.access.receiver_lists`
    # JSON of what was decided: the same again writes nothing (`web.staff.homelink.second_path`)
    Column("decided", Text, nullable=False),
    Column("set_at", Utc, nullable=False),
    # whether it follows the home's ladder (`web.staff.ladders.standby`); else it is set by hand
    Column("follows", Boolean, nullable=False, server_default=text("false")),
)

home_care_id = Table(
    "home_care_id",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("cid", Text, nullable=False),  # 1 to 16 digits, agreed with the centre
    Column("set_at", Utc, nullable=False),  # real time
)

scaip_message = Table(
    "scaip_message",
    metadata,
    Column("ref", Text, primary_key=True),  # of SCAIP: from the message's id, nobody guesses it
    Column("centre_id", Text, nullable=False),
    # how many tries were begun, first and second address together
    Column("tries", Integer, nullable=False),
    Column("told_at", Utc, nullable=False),  # real time of the last try
    Column("status", Integer),  # `snu` of the last answer; None: none came
    Column("answered_at", Utc),  # when the centre said that it has it (`snu` 0), real time
    Column("answer", Text),  # what else it said that others need, as JSON
    Index("ix_scaip_message_told_at", "told_at"),
)
