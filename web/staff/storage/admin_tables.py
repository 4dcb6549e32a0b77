"""The tables of administration, on the `MetaData` of `tables`.

- `first_code`: the code with which the first administrator is made; one row at the most;
- `battery_change`: a battery that somebody is asked to change in a visit;
- `rule_trial`: what a rule's other settings would have meant in a home, as it was counted.

Not for: accounts, homes and what concerns them (`tables`).
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

first_code = Table(
    "first_code",
    metadata,
    # of this installation, and so of no organisation; all times are real
    Column("id", Integer, primary_key=True),
    Column("code_hash", Text, nullable=False, unique=True),  # keyed; the journal has the code
    Column("made_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),  # that were wrong
    Column("used_at", Utc),
)

rule_trial = Table(
    "rule_trial",
    metadata,
    # no projection: counted from the home's events when somebody asked; gone after a day
    Column("id", Text, primary_key=True),  # random
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("change", Text, nullable=False),  # JSON: the keys of the rule that were tried
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),  # real time
    Column("state", Text, nullable=False),  # a `web.staff.foresight.trials.State`
    Column("result", Text),  # JSON: `gateway.replay.what_if.Answer`; None until it is done
)

battery_change = Table(
    "battery_change",
    metadata,
    # beside its events, for whoever goes there: one open for a device
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False),
    Column("device", Text, nullable=False),
    Column("planned", Text),  # the plan's id of the visit; None: the next one
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Index(
        "uq_battery_change_open",
        "home_id",
        "device",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)
