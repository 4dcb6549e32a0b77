"""What a transaction changed, told to others after its commit.

Not for: telling it (`web.staff.realtime`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One committed event.  `home` None: it concerns no home; `body` is its JSON, hash included."""

    home: str | None
    origin: str
    seq: int
    kind: str
    body: str
