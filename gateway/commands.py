"""What a rule may ask the home to do.  Commands are imperative; an event says what came of them.

A command that was not confirmed is sent again after a restart, except to unlock, which never is
(and which no rule can ask for: only a grant opens a door).

Not for: what happened (events), or how it is done (drivers).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Ask a lock where its bolt is."""

    device: str


@dataclass(frozen=True, slots=True)
class SetIndicator:
    """Light or darken an indicator for the person in the home."""

    device: str
    on: bool


@dataclass(frozen=True, slots=True)
class LockDoor:
    """Shut a lock's bolt.  There is no command to open one.  Not while the door contact `contact`
    says open (None: the door has none): the lock may sleep, and is mostly woken by whoever opens
    the door."""

    device: str
    contact: str | None = None


Command = AskStatus | SetIndicator | LockDoor
