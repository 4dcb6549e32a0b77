"""A pin that no driver has, looked at while somebody installs the home.

Not for: a sensor's pin (`pin_contact`).
"""

from __future__ import annotations

from typing import Any

from drivers.wired.pin_contact import is_pin_error


def open_pin(factory: Any, number: int) -> Any:
    """A pin pulled up, as gpiozero's `DigitalInputDevice`; None where something else has it."""
    from gpiozero import DigitalInputDevice  # only where a home is installed

    try:
        return DigitalInputDevice(number, pull_up=True, pin_factory=factory)
    except Exception as error:
        if is_pin_error(error):
            return None
        raise
