"""Devices of any kind: answering or not, failing, running out of battery."""

from __future__ import annotations

from typing import Annotated

from gateway.events.base import By, Data, Else, Prose, kind


@kind("device.online", by=By.HOME)
class DeviceOnline(Data):
    """A device answers, or is heard, after it was not."""


@kind("device.offline", by=By.HOME)
class DeviceOffline(Data):
    """A device has not been heard for longer than it should be silent."""

    reason: Prose


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
