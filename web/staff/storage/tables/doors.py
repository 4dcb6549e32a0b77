"""Doors: orders to turn a lock, one-time codes, and a technician's requests.

Not for: an order on its way between two workers (`link.lock_order`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from web.staff.storage.column_types import Utc
from web.staff.storage.tables.base import metadata

turn = Table(
    "turn",
    metadata,
    Column("grant", Text, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("device", Text),
    Column("person", Text),
    Column("action", Text),  # unlock lock
    Column("reason", Text),
    Column("issued_at", Utc),
    Column("expires_at", Utc),
    # issued requested waking connecting turning asking ended refused
    Column("step", Text, nullable=False),
    Column("step_at", Utc, nullable=False),
    Column("outcome", Text),  # a `LockOperationOutcome`; None: not ended
    Column("why", Text),  # of a failure, or a `Refusal`
    Column("took_s", Float),
    Index("ix_turn_home", "home_id", "issued_at"),
    Index("ix_turn_expires", "expires_at"),
)

door_code = Table(
    "door_code",
    metadata,
    # one-time codes for doors without a network; the digits are nowhere
    Column("id", Text, primary_key=True),
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("device", Text),
    Column("number", Integer),  # its first two digits
    Column("kid", Text),  # the server's key that its hash was made with
    Column("seq", BigInteger),  # of its newest telling: whether the home has it
    Column("page_key", Text),  # of the run that it was told with; None: in the first form
    Column("not_before", Utc),
    Column("expires_at", Utc),
    Column("ended_at", Utc),  # used, refused or revoked
    Index("ix_door_code_home", "home_id", "expires_at"),
    Index("ix_door_code_expires", "expires_at"),
)

service_request = Table(
    "service_request",
    metadata,
    # a technician's request to turn a lock, and what became of it
    Column("id", Text, primary_key=True),  # the reference of its grant.requested
    Column("home_id", Text, nullable=False),
    Column("person", Text),
    Column("device", Text),
    Column("action", Text),  # unlock lock
    Column("why", Text),  # a code
    Column("asked_at", Utc),
    Column("answer", Text),  # the newest grant.approved or grant.refused; None: not answered
    Column("answered_by", Text),
    Column("answered_at", Utc),
    Column("until", Utc),  # the approval's end; None: not answered, refused, or taken back
    Index("ix_service_request_home", "home_id", "asked_at"),
    Index("ix_service_request_asked", "asked_at"),
)
