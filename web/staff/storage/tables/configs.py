"""What a home consists of: each configuration as it was set, and which of them holds.

Not for: the devices as the home describes them (`devices`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

# a home's configurations, each as it was set
home_config = Table(
    "home_config",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("set_at", Utc),
    Column("set_by", Text),  # a person id; None: on the server itself
    Column("set_seq", BigInteger),  # of its event: whether the home has it
    Column("why", Text),  # a `gateway.events.ConfigWhy`
    Column("undoes", Integer),  # the number that it is like; 0: the home's file
    Column("text", Text),  # devices and rules, as JSON
)

# which of them holds in the home, as it said, and what it did not take
config_state = Table(
    "config_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("held", Integer),  # the number that the home said last; 0: its file; None: never
    Column("held_at", Utc),
    Column("file_text", Text),  # what its file said, when that held last
    Column("unpaired", Text),  # devices that must be paired, with commas between
    Column("refused", Integer),  # the newest number that it refused
    Column("refused_at", Utc),
    Column("refused_why", Text),  # a `gateway.events.ConfigFault`
    Column("refused_about", Text),  # a device or a rule
    Column("refused_field", Text),
    Column("refused_said", Text),  # the home's own sentence
    Column("waits", Integer),  # the number that it will take when something is over
    Column("waits_at", Utc),
    Column("waits_why", Text),  # a `gateway.events.ConfigWait`
)
