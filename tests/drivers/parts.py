"""What the driver tests share: a bench with secrets in memory, and waiting without a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.errors import SecretError
from gateway.events import Data
from gateway.ports import Bench

SOON_S = 30.0
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


def bench(device: str = "door", **parts: Any) -> Bench:
    """A bench; `secrets`, `state_dir`, `pin_factory`, `scanner` and `role` as given."""
    parts.setdefault("secrets", MemorySecrets())
    parts.setdefault("state_dir", Path("/nonexistent"))
    return Bench(device=device, **parts)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fails the test when it does not come about."""
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.005)
