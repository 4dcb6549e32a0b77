"""What the engine's turns are made of: an input, a turn on its way to the disk, whom it tells.

Not for: what is done with them (`gateway.engine.engine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.commands import Command
from gateway.engine.event_log import EventLog
from gateway.engine.sequencer import Sealed, Sequencer, Turn
from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable
from gateway.events import LogRecovered


class Reopen(Protocol):
    """Sets a log aside and opens a new one with an origin of its own."""

    def __call__(self, why: str) -> tuple[EventLog, LogRecovered]: ...


@dataclass(slots=True)
class Hooks:
    """What the engine tells the outside; all are called in the event loop and must not block.

    `on_event` sees every event in order, before it is durable; `on_rebuild` is called when the
    state is folded anew and answers with who is shown the logged events; `on_durable` gets the rows
    of a turn once they are durable; `on_urgent` the urgent ones, then or as soon as the disk
    stalls; `on_command` a rule's command, after its turn; `on_pulse` each turn, durable or not;
    `on_stuck` why the disk has taken nothing for too long (again and again, while that lasts).
    """

    on_event: Callable[[Event], None] = lambda _event: None
    on_rebuild: Callable[[], Callable[[Event], None]] = lambda: lambda _event: None
    on_durable: Callable[[Sequence[Sealed]], None] = lambda _rows: None
    on_urgent: Callable[[Sequence[Sealed]], None] = lambda _rows: None
    on_command: Callable[[Command], None] = lambda _command: None
    on_pulse: Callable[[], None] = lambda: None
    on_stuck: Callable[[str], None] = lambda _why: None


@dataclass(slots=True)
class Item:
    draft: Draft | None
    at: datetime
    mono_s: float
    foreign: Sealed | None = None
    durable: asyncio.Future[Event] | None = None


@dataclass(slots=True, eq=False)
class Flight:
    """A turn on its way to the disk since `began_s`, by the loop's clock.  `urgent` are its rows
    that the link sends at once."""

    turn: Turn
    waiters: list[tuple[asyncio.Future[Event], Event]]
    began_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    urgent: list[Sealed] = field(default_factory=list)
    urgent_sent: bool = False
    carried: bool = False  # from another log, whose numbers it has
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


async def within(future: asyncio.Future[Event], timeout_s: float | None) -> Event:
    if timeout_s is None:
        return await future
    try:
        return await asyncio.wait_for(future, timeout_s)
    except TimeoutError as error:
        raise LogUnwritable(f"the event log did not answer within {timeout_s} s") from error


def carry_over(flights: Iterable[Flight], before: Sequence[Sealed]) -> Flight:
    """Turns that another log has not stored, as one for the log that takes its place: the same
    numbers, under the same origin, after the rows `before`."""
    rows, commands, waiters = list(before), [], []
    for flight in flights:
        rows += [
            row if row.received_at is not None else row._replace(received_at=row.event.at)
            for row in flight.turn.rows
        ]
        commands += flight.turn.commands
        waiters += flight.waiters
    return Flight(Turn(rows, commands), waiters, carried=True)


def numbered_anew(flights: Sequence[Flight], sequencer: Sequencer) -> Flight:
    """Turns that another log has not stored, as one for the log that takes its place, in numbers of
    its own."""
    renumbered = {
        row.event.ref: sequencer.write_again(row) for flight in flights for row in flight.turn.rows
    }
    waiters = [
        (future, renumbered.get(event.ref, event))
        for flight in flights
        for future, event in flight.waiters
    ]
    commands = [command for flight in flights for command in flight.turn.commands]
    return Flight(Turn(sequencer.drain().rows, commands), waiters)
