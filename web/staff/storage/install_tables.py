"""The tables of a home that is installed, on the `MetaData` of `tables`: its trials, and what it
hears while somebody's page is open.

No projections: what was tried stands in the events, and a row says where its own begin; what is
heard is gone with the page.  Not for: what ticks a step (`web.staff.installs`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables import metadata

install_run = Table(
    "install_run",
    metadata,
    # a trial of a home: the numbers of its `install.begun` and `install.accepted` in `staff:<home>`
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("begun_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("begun_at", Utc, nullable=False),
    Column("accepted_seq", BigInteger),  # None: not (yet) accepted
    Column("accepted_at", Utc),
    Index("ix_install_run_latest", "home_id", "begun_at"),
)

hearing = Table(
    "hearing",
    metadata,
    # a home that tells somebody's page what it hears; gone when it ends, and after `until`
    Column("id", Text, primary_key=True),  # random
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, unique=True),
    Column("person", Text, nullable=False),
    Column("told", Text, nullable=False),  # a `HeardSignal` in JSON; empty: nothing yet
    Column("made_at", Utc, nullable=False),  # real time, as both below
    Column("told_at", Utc),
    Column("until", Utc, nullable=False),
)
