"""The home's disk refuses its log, which goes on in memory: the technician is told at once.

Everything works and is sent, but a power cut would lose what the server has not got, and a disk
that refuses is worn out or full.  When the disk takes events again the alarm is cancelled.

Not for: trying the disk, or changing logs (`gateway.engine.disk_watch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.commands import Command
from gateway.envelope import Event
from gateway.events import AlarmType, GatewayStarted, LogLeftDisk, LogReturned
from gateway.origin import is_in_memory
from gateway.rules import Decision, RuleSettings, Tick
from gateway.rules.common import told_once
from gateway.rules.common.told_once import ToldOnce

NAME = "log_in_memory"
VERSION = 1
KINDS = told_once.KINDS | {"log.left_disk", "log.returned", "gateway.started"}
ALARM = AlarmType.LOG_IN_MEMORY


class Settings(RuleSettings):
    """Nothing is to be set."""


@dataclass(frozen=True)
class State:
    """Whether the log is in memory, and it was said."""

    log: ToldOnce = field(default_factory=ToldOnce)


def start(settings: Settings) -> State:  # noqa: ARG001 - the contract of a rule
    """The disk takes the log until it is said to refuse it."""
    return State()


def step(
    state: State,
    event: Event | Tick,
    settings: Settings,  # noqa: ARG001 - the contract of a rule
) -> tuple[State, Sequence[Decision | Command]]:
    """See `gateway.rules`."""
    if isinstance(event, Tick):
        return state, ()
    match event.data:
        case LogLeftDisk():
            log, said = state.log.begin(ALARM, event)
        case LogReturned() | GatewayStarted() if not is_in_memory(event.origin):
            log, said = state.log.end(ALARM, event)
        case _:
            log, said = state.log.see(event, ALARM), ()
    return State(log), said


def wake_at(state: State, settings: Settings) -> datetime | None:  # noqa: ARG001 - contract
    """Nothing becomes due by itself."""
    return None
