"""What workers on one PostgreSQL say to each other in a notification, and how it is said in few.

Not for: who listens, and what is done about it (`web.staff.realtime.relay`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from sqlalchemy import text

from web.staff.storage.changes import Change, ManyChanges

PAYLOAD_MAX_BYTES = 7_500
"""Of a notification; PostgreSQL takes 7,999."""

Run = tuple[str, str | None, int, int]
"""Events of one origin: its name, the home, the first number and the last."""

P = TypeVar("P")

OPENED = text(
    "WITH closed AS (DELETE FROM home_stream WHERE home_id = :home),"
    " opened AS (INSERT INTO home_stream (id, home_id, seen_at) VALUES (:id, :home, :at))"
    " SELECT pg_notify(:channel, :said)"
)
"""One journey: after an outage a thousand homes begin to listen."""

NOTIFY = text(
    "SELECT pg_notify(:channel, said)"
    " FROM jsonb_array_elements_text(CAST(:payloads AS jsonb)) AS said"
)


def dumped(message: object) -> str:
    """As it is sent: no byte that says nothing."""
    return json.dumps(message, separators=(",", ":"))


def _packed(items: Iterable[P]) -> Iterator[list[P]]:
    """Runs or homes, as many as one notification holds."""
    pack: list[P] = []
    size = 0
    for item in items:
        longer = len(dumped(item)) + 1
        if pack and size + longer > PAYLOAD_MAX_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += longer
    if pack:
        yield pack


def said_of(told: Sequence[Change | ManyChanges]) -> Iterator[list[object]]:
    """What tells the other workers of these changes: which events are new, and what is new in many
    homes at once."""
    for runs in _packed(_runs([change for change in told if isinstance(change, Change)])):
        yield ["events", runs]
    for many in told:
        if isinstance(many, ManyChanges):
            for homes in _packed(sorted(many.homes)):
                yield ["many", many.kind, many.person, many.decided, homes]


def _runs(changes: list[Change]) -> Iterator[Run]:
    """Changes as runs of neighbouring numbers of one origin."""
    ordered = sorted(changes, key=lambda change: (change.origin, change.seq))
    numbered = enumerate(ordered)
    for _, group in groupby(numbered, key=lambda pair: (pair[1].origin, pair[1].seq - pair[0])):
        run = [change for _, change in group]
        yield run[0].origin, run[0].home, run[0].seq, run[-1].seq
