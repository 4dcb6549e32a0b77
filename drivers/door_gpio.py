"""A magnetic contact at a door, on one pin (kind `door_gpio`).

The usual reed contact is closed while the door is: between `pin` and ground, a cut cable then looks
like an open door and never like a closed one.  Not for: where the lock's bolt is, or what an open
door means.  What only real pins can show: docs/hardware.md.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from drivers.wired.contact import Words
from drivers.wired.pin_contact import PinContact
from gateway.events import DoorClosed, DoorOpened
from gateway.ports import DriverContext

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

WORDS = Words(on=DoorOpened(), off=DoorClosed())
"""What a door tells: opening at the first edge, closing when the contact rests."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "door_gpio"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """BCM number of the contact's pin; its other lead goes to ground."""
    closes_when_open: bool = False
    """The contact closes when the door opens.  Then a cut cable looks like a closed door."""


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,)


class Driver(PinContact):
    """A door (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(
            context, WORDS, name="the door", pin=config.pin, on_when_low=config.closes_when_open
        )
