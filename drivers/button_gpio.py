"""A button on one pin (kind `button_gpio`): by the bed, or the one that answers the home.

With `role = "pendant"` each press is `pendant.pressed`, verified: a wire cannot be forged from
outside.  With any other role it is `button.pressed`, and the rules know what it answers; held for
three seconds it says so too (the resident takes an alarm back with it).  Told at the first edge.  A
button held for two minutes is stuck, and told so, because it cannot ask for help a second time.
One that is pressed when the gateway starts counts as a press: somebody may be leaning on it.

Not for: radio buttons (`bthome`).  What only real pins can show: docs/hardware.md.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from drivers.wired.contact import Words
from drivers.wired.pin_contact import PinContact
from gateway.events import ButtonPressed, ContactFault, ContactFaulted, PendantPressed, PressHow
from gateway.ports import DriverContext

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

STUCK_S = 120.0
"""Seconds that nobody holds a button: not the firm grip of somebody afraid, not a sleeve on it."""

_STUCK = ContactFaulted(fault=ContactFault.STUCK)
PENDANT = Words(on=PendantPressed(verified=True), off=None, stuck=_STUCK, stuck_s=STUCK_S)
BUTTON = Words(
    on=ButtonPressed(),
    off=None,
    stuck=_STUCK,
    stuck_s=STUCK_S,
    held=ButtonPressed(how=PressHow.HELD),
)


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "button_gpio"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """BCM number of the button's pin; its other lead goes to ground."""
    normally_closed: bool = False
    """The button opens when pressed.  Then a cut cable looks like a press, and like a stuck one."""


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,)


class Driver(PinContact):
    """A button (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(
            context,
            PENDANT if context.role == "pendant" else BUTTON,
            name="the button",
            pin=config.pin,
            on_when_low=not config.normally_closed,
        )
