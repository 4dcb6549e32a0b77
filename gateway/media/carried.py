"""What the child carries, a call or a look, as the program around it sees it.

Not for: what it is (`gateway.media.talk`, `gateway.media.sight`).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.media.limit import Limit

Say = Callable[..., None]
"""Says something to the parent: a word, and what belongs to it."""


class Carried(ABC):
    """One, from the order that begins it to its end."""

    hard_end_s: float
    """Seconds past the limit after which a thread ends the process, should its loop hang."""

    def __init__(self, say: Say, limit: Limit, why: str) -> None:
        """`why` it ends when nobody says otherwise."""
        self.say, self.limit, self.why = say, limit, why
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._end_told = False

    def end(self, why: str) -> None:
        """End it; the first reason stands."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()

    def tell_end(self) -> None:
        """Tell the parent why it ended, once: what is told stands, should the rest be cut short."""
        if not self._end_told:
            self._end_told = True
            self.say("ended", why=str(self.why), **self.count())

    @abstractmethod
    async def run(self) -> None:
        """Carry it to its end, and give everything back."""

    @abstractmethod
    def tell(self) -> None:
        """Tell the page the time left, as it is counted here."""

    @abstractmethod
    async def obey(self, order: dict[str, Any]) -> None:
        """Something that only this one understands."""

    def count(self) -> dict[str, Any]:
        """What the parent is told with each sign of life, and at the end."""
        return {}

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside, until the end."""
        self._tasks.append(asyncio.ensure_future(work))

    def stop(self) -> None:
        """What is done beside ends."""
        for task in self._tasks:
            task.cancel()
