"""What every make's configuration has; a make adds its own keys and its name.

    class Config(UnlatchOption, BatteryOption):
        MAKE = "acme"

Not for: what is secret (`credentials`).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a secret may be called: a file name, and a credential of systemd."""


class LockConfig(BaseModel):
    """`[devices.<id>]` of a lock of any make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    MAKE: ClassVar[str]
    """The make's name, as its secrets begin: `nuki` of `nuki-<id>`."""

    secret: str | None = Field(None, pattern=NAME)
    """Name of the secret that pairing writes; `<make>-<id>`, as `nuki-door`, when left out."""
    deadline_s: float = Field(25.0, ge=1.0, le=60.0)
    """Seconds for one operation, whatever the radio does; waking not included."""
    sleep_after_s: float = Field(30.0, gt=0.0)
    """Seconds without an advertisement until the lock is called asleep."""
    ask_every_s: float = Field(86_400.0, gt=0.0)
    """Seconds between questions for battery and bolt when nothing else gives cause to ask."""

    def secret_name(self, device: str) -> str:
        """The secret that holds what pairing gave for the lock `device`."""
        return self.secret or f"{self.MAKE}-{device}"


class UnlatchOption(LockConfig):
    """Of a make whose locks can pull the latch."""

    unlatch: bool = False
    """Pull the latch too when unlocking: for doors with a fixed knob outside."""


class BatteryOption(LockConfig):
    """Of a make whose locks do not say themselves that their battery is low."""

    battery_low_pct: int = Field(20, ge=0, le=100)
    """The battery is low at and below this; the lock itself tells only a percentage."""
