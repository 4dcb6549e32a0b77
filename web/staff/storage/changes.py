"""What a transaction has for others after its commit: changes, and orders to turn a lock.

Not for: telling it (`web.staff.realtime`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One committed event.  `home` None: it concerns no home; `person` is its own; `body` is its
    JSON, hash included."""

    home: str | None
    origin: str
    seq: int
    kind: str
    person: str | None
    body: str


@dataclass(eq=False, slots=True)
class LockOrder:
    """An order to a home to turn a lock: the signed `grant`.  It is in no table and in no queue: a
    home that does not listen when the transaction is committed never gets it."""

    home: str
    grant: str
    ticket: str | None = None
    """Under which the worker that has the home's stream takes it; None: it is given here."""
    reached: bool = False
    """After the commit: whether it was given to whoever has the home's stream."""
