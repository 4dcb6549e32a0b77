"""Where a virtual Nuki's bolt is, and what may be wrong with it.

Not for: doing it (`nuki`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from drivers._nuki_protocol import Command


class State(Enum):
    """Where the virtual bolt is; the values are the protocol's."""

    UNCALIBRATED = 0x00
    LOCKED = 0x01
    UNLOCKING = 0x02
    UNLOCKED = 0x03
    LOCKING = 0x04
    UNLATCHED = 0x05
    UNLATCHING = 0x07
    BLOCKED = 0xFE


class Moment(StrEnum):
    """When the lock drops the link."""

    BEFORE_COMMAND = "before_command"
    """On the question for a challenge: the command was never given."""
    COMMAND_LOST = "command_lost"
    """The command is written and lost: the motor does not run."""
    COMMAND_TAKEN = "command_taken"
    """The command is taken, nothing is answered, and the motor runs."""
    TURNING = "turning"
    """Accepted; the link is lost while the motor runs."""


@dataclass
class Faults:
    """What is wrong with the lock now.  All may be set and reset at any time."""

    jammed: bool = False
    """The motor starts and is blocked: error 0x42."""
    error: int | None = None
    """The error code that answers each action; the motor does not run."""
    drop_at: Moment | None = None
    drops: int = 1
    """How many times the link is dropped at `drop_at`."""
    late_s: float = 0.0
    """Seconds until the lock takes an action up: the command is heard, the answer comes late."""
    silent_to: frozenset[Command] = frozenset()
    """Commands that are obeyed and never answered: `ACTION`, `REQUEST` (states, challenge)."""
    damage: int = 0
    """How many of the next answers are damaged on the way: a wrong CRC in a box that opens."""
    stale_challenge: bool = False
    """The lock forgets the challenge it gave: error 0x22."""
