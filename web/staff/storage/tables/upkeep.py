"""What is done to a home by those who keep it running: releases, its trial at the start, an hour
of SSH.

Not for: which release it is to have (`web.staff.storage.release_tables`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

# what became of the release that a home was last to take, and its operating system's own updates
home_update = Table(
    "home_update",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("plan", Integer),  # a `release_plan`; None: none was ever wanted
    Column("version", Text),
    Column("state", Text),  # wanted off fetched begun refused held returned
    Column("state_at", Utc),
    Column("wanted_at", Utc),
    Column("why", Text),  # a `gateway.events.UpdateWhy`
    Column("missing", Text),  # what a release that was gone back from lacked
    Column("system_origin", Text),
    Column("system_seq", BigInteger),
    Column("system_at", Utc),
    Column("system_automatic", Boolean),
    Column("system_pending", Integer),
    Column("system_restart", Boolean),
    Column("system_ran_at", Utc),
)

# a home that was tried and accepted at its own page, without a server: where its word stands
home_trial = Table(
    "home_trial",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("accepted_at", Utc),
)

# SSH for an hour: the newest wish, and what came of it
ssh_hour = Table(
    "ssh_hour",
    metadata,
    Column("home_id", Text, primary_key=True),
    Column("request", Text),  # its `ssh.wanted`
    Column("wanted_at", Utc),
    Column("wanted_by", Text),  # a person id
    Column("why", Text),  # a `gateway.events.SshWhy`
    Column("state", Text),  # `wanted`, `opened`, `closed` or `refused`
    Column("state_at", Utc),
    Column("state_why", Text),  # a `SshEnd`, or a `SshRefusal`
    Column("ended_by", Text),  # who wanted it closed before its hour was over
    Column("until", Utc),
    Column("fingerprint", Text),  # of the key that is let in
    Column("host_key", Text),
)
