"""The engine's edge: what breaks at one event ends nothing else.

A home that ended for it would begin again, read the same log and end again: nobody would hear of an
alarm.  So it is logged and told (`rule.failed`, once for each kind), and the turn goes on.  Who
waits for an event that could not be written is told so: what needs its record does not happen.

Not for: rules, which the fold keeps apart (`gateway.rules.fold`), or a disk that refuses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from gateway.engine.memory_bound import Thinning
from gateway.engine.sequencer import Sequencer
from gateway.engine.turns import Item
from gateway.envelope import Draft, Event
from gateway.errors import LogUnwritable
from gateway.events import RuleFailed, kind_of

log = logging.getLogger(__name__)

TOLD_MAX = 20
"""Kinds that are told between two starts: where everything breaks, twenty say so as well."""


class Edge:
    """`submit` takes what is told."""

    def __init__(self, submit: Callable[[Draft], None]) -> None:
        self._submit = submit
        self._told: set[str] = set()

    def show(self, event: Event, to: Callable[[Event], None]) -> None:
        """Show an event to the home."""
        try:
            to(event)
        except Exception as error:
            self.broke(event.kind, error)

    def number(
        self, sequencer: Sequencer, thinning: Thinning, item: Item, *, is_full: bool
    ) -> Event | None:
        """Make an input an event; None: it could not be, and whoever waits for it was told."""
        try:
            if item.foreign is not None:
                sequencer.receive(item.foreign, at=item.at, mono_s=item.mono_s)
                return item.foreign.event
            assert item.draft is not None  # noqa: S101 - an item has one of the two
            return thinning.number(sequencer, item, item.draft, is_full=is_full)
        except Exception as error:
            self._not_written(item, error)
            return None

    def run_due(self, sequencer: Sequencer, now: datetime, mono_s: float) -> None:
        """Run the ticks due at or before `now`."""
        try:
            sequencer.run_due(now, mono_s)
        except Exception as error:
            self.broke("tick", error)

    def _not_written(self, item: Item, error: Exception) -> None:
        if item.foreign is not None:  # it is in line: only what rests on it is lost
            kind = item.foreign.event.kind
            if item.durable is not None and not item.durable.done():
                item.durable.set_result(item.foreign.event)
        else:
            kind = "" if item.draft is None else kind_of(item.draft.data)
            if item.durable is not None and not item.durable.done():
                item.durable.set_exception(LogUnwritable(f"{kind} cannot be written: {error!a}"))
        self.broke(kind, error)

    def broke(self, kind: str, error: BaseException) -> None:
        """Log it, and tell it once; `kind` is the event's, or what it was that broke."""
        log.error("the home broke at an event", extra={"kind": kind}, exc_info=error)
        if kind not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(kind)
            self._submit(Draft(RuleFailed(rule=kind, error=ascii(error)[:300])))


def is_cancelled() -> bool:
    """Whether the task that runs was itself cancelled: a cancellation that it sees may be of a
    library's own making, and is then an error like another."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
