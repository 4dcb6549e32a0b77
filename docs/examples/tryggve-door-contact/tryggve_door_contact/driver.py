"""A magnetic contact at a door, on one pin (kind `door_contact`).

The contact is closed while the door is, so a cut cable looks like an open door and never like a
closed one.  Not for: what an open door means, or where the lock's bolt is.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import DeviceUnavailable
from gateway.events import DoorClosed, DoorOpened
from gateway.ports import DriverContext, Emit

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

SETTLE_S = 0.05
"""Seconds that a contact may bounce; a door is slower than that."""

RECHECK_S = 5.0
"""Seconds between looks at the pin itself, in case an edge was dropped under load."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "door_contact"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """BCM number of the contact's pin; its other lead goes to ground."""


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,)


class Driver:
    """A door contact (`gateway.ports.Sensor`)."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        if context.pin_factory is None:
            raise DeviceUnavailable("this home has no pins: no pin factory is configured")
        self._config = config
        self._factory = context.pin_factory
        self._contact: Any = None

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`."""
        from gpiozero import DigitalInputDevice, GPIOZeroError

        await self.close()
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def edge() -> None:  # in the pin factory's own thread
            loop.call_soon_threadsafe(changed.set)

        told: bool | None = None
        try:
            self._contact = DigitalInputDevice(
                self._config.pin, pull_up=True, pin_factory=self._factory
            )
            self._contact.when_activated = self._contact.when_deactivated = edge
            while True:
                changed.clear()
                closed = bool(self._contact.is_active)
                if closed is not told:
                    emit(DoorClosed() if closed else DoorOpened())
                    told = closed
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RECHECK_S):
                        await changed.wait()
                await asyncio.sleep(SETTLE_S)
        except (GPIOZeroError, OSError) as error:
            raise DeviceUnavailable(f"pin {self._config.pin} cannot be had: {error}") from error
        finally:
            await self.close()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""
        contact, self._contact = self._contact, None
        if contact is not None:
            contact.close()
