"""A home's own way to a person: what it told while it could not reach the server, and its test
alarms.

Not for: what the server sends (`web.staff.storage.ladder_tables`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

# what a home told by itself while it could not reach the server
path_message = Table(
    "path_message",
    metadata,
    Column("id", Text, primary_key=True),  # the reference of its `gateway.message_sent`
    Column("home_id", Text, nullable=False),
    Column("alarm", Text, index=True),
    Column("receiver", Text),  # a person id, or an `alarm_centre`
    Column("channel", Text),  # a `gateway.events.PathChannel`
    Column("attempt", Integer),
    Column("sent_at", Utc),
    Column("delivered_at", Utc),
    Column("failed_at", Utc),
    Column("why", Text),  # of a failure
    Column("answered_at", Utc),
)

# a home's last test alarm, and whether it could tell somebody by itself
chain_test = Table(
    "chain_test",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("test", Text),  # the reference of the last `gateway.test_sent`
    Column("test_origin", Text),
    Column("test_seq", BigInteger),
    Column("why", Text),  # a `gateway.events.TestWhy`
    Column("sent_at", Utc),
    Column("next_by", Utc),  # when the next one is sent at the latest
    Column("answered_at", Utc),  # of the last one; None: it is on its way through
    Column("broken", Text),  # channels that did not hold then, with commas between
    Column("passed_at", Utc),  # the last that the home called whole
    Column("hop", Text),  # where the last one stayed, as the home says
    Column("missed_at", Utc),  # the server said that a test is missing
    Column("missed_alarm", Text),
    Column("path", Text),  # `ready` or `failed`; None: the home says nothing of a way of its own
    Column("path_at", Utc),
    Column("path_origin", Text),
    Column("path_seq", BigInteger),
    Column("path_why", Text),
    Column("signal_pct", Integer),
)
