"""The link to the homes: keys, codes to enrol with, when a home was heard, and what is on its way
to one now.

Not for: what the homes told (`event_log`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

gateway_key = Table(
    "gateway_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("public_key", Text, nullable=False),  # PEM, Ed25519
    Column("sha256", Text, nullable=False),  # of the PEM, as in `home.enrolled`
    Column("origin", Text, nullable=False),  # the origin that the gateway was told to begin with
    Column("version", Text, nullable=False),
    Column("enrolled_at", Utc, nullable=False),
    Column("revoked_at", Utc),
    # one gateway a home: an older key is void
    Index(
        "uq_gateway_key_valid",
        "home_id",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

enrol_code = Table(
    "enrol_code",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("code_hash", Text, nullable=False, unique=True),  # keyed hash; the code is shown once
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
)

server_key = Table(
    "server_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_key", Text, nullable=False),  # PEM; the private part is a secret file
    Column("created_at", Utc, nullable=False),
    Column("retired_at", Utc),
)

home_link = Table(
    "home_link",
    metadata,
    Column("home_id", Text, ForeignKey("home.id"), primary_key=True),
    Column("heard_at", Utc),  # real time, also in the demo; None: never
    Column("down_have", BigInteger, nullable=False, server_default=text("0")),  # of `staff:<home>`
    Column("behind", BigInteger),  # events that it still has to tell; None: it never said
)

home_stream = Table(
    "home_stream",
    metadata,
    # which homes listen now, at which worker (PostgreSQL; one worker knows by itself)
    Column("id", Text, primary_key=True),
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("seen_at", Utc, nullable=False),  # real time
)

lock_order = Table(
    "lock_order",
    metadata,
    # an order to turn a lock that went to another worker and is not taken yet (PostgreSQL): who
    # deletes its row has it, so that what was told as not arrived is never given
    Column("id", Text, primary_key=True),  # random; the grant itself is in no table
    Column("home_id", Text, ForeignKey("home.id"), nullable=False),
    Column("made_at", Utc, nullable=False),  # real time
)

media_call = Table(
    "media_call",
    metadata,
    # a call with a home while it is begun and goes on, for the page that began it: no projection,
    # and gone after a day; who listened is in the events
    Column("id", Text, primary_key=True),  # random: the permit's
    Column("home_id", Text, ForeignKey("home.id"), nullable=False, index=True),
    Column("alarm", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("state", Text, nullable=False),  # asked answered begun ended refused
    Column("why", Text, nullable=False),
    Column("answer", Text, nullable=False),  # the home's end, until the call is over
    Column("made_at", Utc, nullable=False),  # real time
    Column("until", Utc, nullable=False),  # real time: over then, whatever the home says
)
