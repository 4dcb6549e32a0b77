"""What the driver tests share: a driver's context with secrets in memory, and waiting without
a guess."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.errors import SecretError, UserError
from gateway.events import Data
from gateway.ports import DriverContext

SOON_S = 90.0
"""Seconds after which a test gives up waiting; nothing waits that long when it works."""


class MemorySecrets:
    """`gateway.ports.Secrets` in memory."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def read(self, name: str) -> str:
        if name not in self.kept:
            raise SecretError(f"the secret {name} is missing")
        return self.kept[name]

    def write(self, name: str, value: str) -> None:
        self.kept[name] = value


class Heard:
    """An `Emit` that keeps what it was told, from any thread."""

    def __init__(self) -> None:
        self.data: list[Data] = []

    def __call__(self, data: Data, /) -> None:
        self.data.append(data)

    def kinds(self) -> list[str]:
        return [type(data).KIND for data in self.data]


class Technician:
    """A `Guide` whose answers are ready, by a word of the question."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.said: list[str] = []
        self.hidden: list[str] = []

    def __call__(self, text: str, /) -> None:
        self.said.append(text)

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        if hidden:
            self.hidden.append(question)
        for word, answer in self.answers.items():
            if word in question.lower():
                return answer
        raise UserError(f"nobody can answer {question}")


def driver_context(device: str = "door", **parts: Any) -> DriverContext:
    """A context; `secrets`, `state_dir`, `pin_factory`, `scanner` and `role` as given."""
    parts.setdefault("secrets", MemorySecrets())
    parts.setdefault("state_dir", Path("/nonexistent"))
    return DriverContext(device=device, **parts)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fails the test when it does not come about."""
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.005)


@contextmanager
def kept_memory() -> Iterator[list[int]]:
    """What the drivers and their tests took meanwhile and kept: one number of bytes, when it is
    over.  Other threads of the process, which earlier tests left, are not counted."""
    kept: list[int] = []
    tracemalloc.start()
    try:
        yield kept
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/drivers/*")])
        kept.append(sum(trace.size for trace in ours.traces))
    finally:
        tracemalloc.stop()
