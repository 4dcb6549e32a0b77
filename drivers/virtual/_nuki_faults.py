"""Where a virtual Nuki's bolt is, and what may be wrong with it.

Not for: doing it (`nuki`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from drivers.locks.nuki_protocol import Command
from drivers.virtual.locks import CommonFaults


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


@dataclass
class Faults(CommonFaults):
    """What is wrong with the lock now.  All may be set and reset at any time."""

    silent_to: frozenset[Command] = frozenset()
    """Commands that are obeyed and never answered: `ACTION`, `REQUEST` (states, challenge)."""
    damage: int = 0
    """How many of the next answers are damaged on the way: a wrong CRC in a box that opens."""
    stale_challenge: bool = False
    """The lock forgets the challenge it gave: error 0x22."""
