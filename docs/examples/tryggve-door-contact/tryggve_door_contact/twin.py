"""The other side of `driver`: a contact on virtual pins.

`twin` is what Tryggve's contract test asks for: a configuration that works, and the context for it.
Not for: a home.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from drivers.virtual import VirtualPins
from gateway.errors import SecretError
from gateway.ports import DriverContext

PIN = 22


class NoSecrets:
    """This device has none."""

    def read(self, name: str) -> str:
        """See `gateway.ports.Secrets`."""
        raise SecretError(f"the secret {name} is missing")

    def write(self, name: str, value: str) -> None:
        """See `gateway.ports.Secrets`."""
        raise SecretError(f"the secret {name} ({len(value)} characters) cannot be kept")


@asynccontextmanager
async def twin() -> AsyncIterator[tuple[dict[str, Any], DriverContext]]:
    """A door that is closed."""
    pins = VirtualPins()
    pins.contact(PIN, closed=True)
    with tempfile.TemporaryDirectory() as folder:
        yield (
            {"pin": PIN},
            DriverContext(
                device="front",
                state_dir=Path(folder),
                secrets=NoSecrets(),
                pin_factory=pins.factory,
                role="front_door",
            ),
        )
    pins.close()
