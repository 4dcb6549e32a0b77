"""Rings the night plan's dated slots (skeleton: signatures are final, the body follows).

Not for: which slots there are (`gateway.schedule`) or what a check means (rules).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.events import Data

if TYPE_CHECKING:
    from gateway.schedule import Plan


class Bell:
    """`submit(data)` is called in the event loop; `known(check)` tells whether that slot's
    `check.planned` is in the log already; `since` (start) is the time of the last thing the home
    knows to have rung: slots after it that passed are rung at once, the rule drops twins."""

    def __init__(
        self,
        *,
        plans: Mapping[str, Plan],
        timezone: str,
        clock: Clock,
        submit: Callable[[Data], None],
        known: Callable[[str], bool],
    ) -> None:
        raise NotImplementedError

    def start(self, since: datetime | None) -> None:
        """Begin to ring (call inside the event loop)."""

    def rearm(self) -> None:
        """The clock jumped or changed its pace: compute the real moments anew.  Any thread."""

    def next_slots(self) -> tuple[tuple[str, datetime], ...]:
        """The slots ahead (check name, UTC), for the home's page.  Any thread."""

    def stop(self) -> None:
        """Ring no more."""
