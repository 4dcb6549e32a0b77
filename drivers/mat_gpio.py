"""A pressure mat on one or two pins (kind `mat_gpio`).

Plain wiring: the mat between `pin` and ground.  The pin's own pull-up keeps it high; a normally
open mat pulls it low when pressed, a normally closed one lets it rise.  A cut cable of a normally
open mat looks like an empty bed: use supervised wiring where that matters.

Supervised wiring: the mat's ground comes back.  Ground goes out on one lead, through the mat's own
plate (a four-lead safety mat has two leads on each plate), and back on another to `loop_pin`, which
is low for as long as the cable is whole.

    lead broken     normally open + loop     normally closed + loop
    ground          cut                      cut
    loop            cut                      cut
    signal          looks empty (!)          looks pressed for ever: the rules call it stuck
    whole cable     cut                      cut

So with `normally_closed` and `loop_pin` no broken lead looks like an empty bed.

gpiozero's `bounce_time` is not used: it drops the edges that follow one, and with them short
presses (`contact` does it).  The pin factory is the one that the configuration chose; there is
never a fallback.  What only real pins can show: docs/hardware.md.
Not for: what a press means.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.wired.contact import MAT
from drivers.wired.pin_contact import PinContact
from gateway.ports import DriverContext

KIND = "sensor"
NEEDS_PINS = True
NEEDS_RADIO = False


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "mat_gpio"`.  Pins are BCM numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pin: int = Field(ge=0, le=27)
    """The mat's signal."""
    normally_closed: bool = False
    """The contact opens when pressed."""
    loop_pin: int | None = Field(None, ge=0, le=27)
    """Where the supervised ground comes back; left out for plain wiring."""

    @model_validator(mode="after")
    def _two_pins(self) -> Config:
        if self.pin == self.loop_pin:
            raise ValueError("pin and loop_pin are the same pin")
        return self


def pins(config: Config) -> tuple[int, ...]:
    """The BCM numbers it takes."""
    return (config.pin,) if config.loop_pin is None else (config.pin, config.loop_pin)


class Driver(PinContact):
    """A mat (`gateway.ports.Sensor`).  Raises `DeviceUnavailable` when the home has no pins."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        super().__init__(
            context,
            MAT,
            name="the mat",
            pin=config.pin,
            on_when_low=not config.normally_closed,
            loop_pin=config.loop_pin,
        )
