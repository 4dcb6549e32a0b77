"""Cameras: what their shutters do.  Who looked by one is in `looks`."""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, kind


class ShutterWanted(Coded):
    """What a shutter was told to do."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"
    """Of a newer version."""


@kind("camera.shutter_stuck", by=By.HOME)
class ShutterStuck(Data):
    """The shutter before a camera did not do as it was told, or is open while nobody looks.  Told
    once, until it does.  Stuck while it was to open, no look begins; while it was to be shut, the
    camera is not covered: that it is off is not changed by this."""

    wanted: ShutterWanted


@kind("camera.shutter_well", by=By.HOME)
class ShutterWell(Data):
    """The shutter does as it is told: after it was stuck, and at each start, when it is shut."""
