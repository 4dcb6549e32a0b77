"""Keeps the drivers running, each for itself (skeleton: signatures are final, the body follows).

Not for: what readings mean.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.config import HomeConfig
from gateway.events import Data
from gateway.ports import Secrets

Submit = Callable[[str, Data], None]
"""`submit(device, data)`: into the engine's inbox.  Any thread; never blocks, never raises."""


class Supervisor:
    """Makes every driver of `config`, with the shared scanner and pin factory."""

    devices: dict[str, Any]
    """Device id to its driver instance (`gateway.ports.Sensor` or `Lock`)."""

    def __init__(
        self, config: HomeConfig, *, state_dir: Path, secrets: Secrets, submit: Submit
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Start the scanner, then a task for each device."""

    def problem(self, device: str) -> str | None:
        """Why the device does not run now, one sentence; None while it does."""

    async def close(self) -> None:
        """Stop every driver, and wait at most `CLOSE_TIMEOUT_S` in all."""
