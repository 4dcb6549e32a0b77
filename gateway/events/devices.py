"""Devices of any kind: answering or not, failing, running out of battery."""

from __future__ import annotations

from typing import Annotated, Final

from gateway.events.base import By, Data, Else, Prose, kind


class Offline:
    """Words of `device.offline.reason`."""

    SILENT: Final = "silent"
    """Not heard for longer than it should be silent."""
    RADIO: Final = "radio"
    """The home's radio does not listen: nothing is known of the device itself."""


@kind("device.online", by=By.HOME)
class DeviceOnline(Data):
    """A device answers, or is heard, after it was not."""


@kind("device.offline", by=By.HOME)
class DeviceOffline(Data):
    """A device cannot be heard: it was silent for too long, or the home's radio is away."""

    reason: Prose
    """`silent` or `radio`."""


@kind("device.failed", by=By.HOME)
class DeviceFailed(Data):
    """A driver gave up with an error and will be started again after `retry_s`."""

    error: Prose
    """The error's class name in `gateway.errors`, or the library's own if it had no mapping."""
    text: Prose
    retry_s: Annotated[float, Else(0.0)]


@kind("device.battery_low", by=By.HOME)
class BatteryLow(Data):
    """The battery should be changed.  `level_pct` is None when the device tells only "low"."""

    level_pct: int | None = None


@kind("device.battery_ok", by=By.HOME)
class BatteryOk(Data):
    """The battery is in order again."""

    level_pct: int | None = None


@kind("device.battery_told", by=By.HOME)
class BatteryTold(Data):
    """How much is left in a battery that is neither low nor changed: told when it is another level
    than was told last, and at most once a day."""

    level_pct: int | None = None


@kind("device.change_planned", by=By.SERVER)
class BatteryChangePlanned(Data):
    """Somebody (`person`) asks whoever is in the home next to change this device's battery.
    `planned` is the visit of the plan in which it is to be done, None: the next one."""

    planned: str | None = None


@kind("device.change_ended", by=By.SERVER)
class BatteryChangeEnded(Data):
    """The battery is changed, as somebody (`person`) in the home says (`done`), or it need not be
    changed any more."""

    done: Annotated[bool, Else(False)]
