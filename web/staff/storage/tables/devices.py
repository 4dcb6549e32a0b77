"""A home now: each device's state, health and battery, and what holds for the home as a whole.

Not for: how it is set up (`configs`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

device = Table(
    "device",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("present", Boolean, nullable=False),  # in the newest home.described
    Column("driver", Text),
    Column("type", Text),  # sensor lock indicator speaker; None: not described
    Column("role", Text),
    Column("room", Text),
    Column("state", Text, nullable=False),  # pressed released open closed unlocked … unknown
    Column("state_at", Utc),
    Column("state_origin", Text),
    Column("state_seq", BigInteger),
    Column("health", Text, nullable=False),  # ok offline failed asleep
    Column("health_at", Utc),
    Column("health_origin", Text),
    Column("health_seq", BigInteger),
    Column("health_text", Text),
    Column("battery", Text, nullable=False),  # ok low unknown
    Column("battery_pct", Integer),
    Column("battery_at", Utc),
    Column("battery_origin", Text),
    Column("battery_seq", BigInteger),
)

battery_point = Table(
    "battery_point",
    metadata,
    # what a device told of its battery, for its history and the forecast
    Column("id", Text, primary_key=True),  # the reference of its event
    Column("home_id", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("level_pct", Integer),  # None: it tells only whether it is low
    Column("low", Boolean),  # None: told between, when it was neither low nor changed
    Index("ix_battery_point_device", "home_id", "device", "at"),
)

home_state = Table(
    "home_state",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("in_bed", Text, nullable=False),  # on off unknown
    Column("bed_since", Utc),
    Column("bed_origin", Text),
    Column("bed_seq", BigInteger),
    Column("clock", Text, nullable=False),  # synced unsynced unknown
    Column("version", Text),
    Column("started_at", Utc),
    Column("run_origin", Text),
    Column("run_seq", BigInteger),
    Column("resident", Text),  # the person id, as the home told it
    Column("described_origin", Text),
    Column("described_seq", BigInteger),
    Column("described_at", Utc),
    Column("power", Text, nullable=False),  # mains battery unknown
    Column("power_at", Utc),
    Column("power_origin", Text),
    Column("power_seq", BigInteger),
    Column("page_url", Text),  # of the page that the Pi serves; None: it told of none
    Column("page_fingerprint", Text),  # SHA-256 of its certificate, in hexadecimal
    Column("page_key", Text),  # of its run: codes are told with it; None: in the first form
    Column("page_origin", Text),
    Column("page_seq", BigInteger),
    Column("memory_since", Utc),  # the log is in memory since then; None: on the home's disk
    Column("memory_origin", Text),
    Column("memory_seq", BigInteger),
    Column("silent_since", Utc),  # None: not silent
    Column("silent_alarm", Text),  # the alarm that stands for the silence
    Column("visits_locked_before", Utc),  # nothing changes in visits that began earlier
)
