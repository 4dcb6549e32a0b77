"""A motion detector (PIR) on one pin (kind `motion_gpio`).

Most drive their output high, at 3.3 V, while they see something and for a hold time of their own;
`motion.cleared` is the end of that.  Those with an open collector pull it low: `active_low`.  A
cut cable looks like stillness; the rules miss its motion in the end.  Not for: who moved.  What
only real pins can show: docs/hardware.md.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from drivers.wired.contact import Words
from drivers.wired.pin_contact import PinContact
from gateway.events import MotionCleared, MotionDetected
from gateway.ports import DriverContext

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False

WORDS = Words(on=MotionDetected(), off=MotionCleared())
"""What a motion detector tells."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "motion_gpio"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """BCM number of the detector's output; never more than 3.3 V."""
    active_low: bool = False
    """The output pulls the pin to ground while something moves (open collector)."""


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,)


class Driver(PinContact):
    """A motion detector (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no
    pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(
            context,
            WORDS,
            name="the motion detector",
            pin=config.pin,
            on_when_low=config.active_low,
            pull_up=config.active_low,
        )
