"""What Home Assistant is told of a home: its alarms, its power, its server, and the devices that
its file names.  Pure.

Not for: the broker (`gateway.services.home_assistant`); who lives there, visits, checks, looks or
who may open: none of it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.events import Severity, utc_text
from gateway.ports import Bolt, Level
from gateway.state.home_view import DeviceView, OpenAlarm, Snapshot

UNKNOWN = "None"
"""Home Assistant's word for a state that nobody knows."""

LEVELS = {Level.ON: "ON", Level.OFF: "OFF"}
BOLTS = {Bolt.UNLOCKED: "ON", Bolt.LOCKED: "OFF"}
"""Home Assistant's class `lock` is on while it is open; a jammed bolt is not known."""

CLASSES = {"bed": "occupancy", "seat": "occupancy", "front_door": "door", "motion": "motion"}
"""By what a device is for: what Home Assistant draws."""

DRIVER_CLASSES = {"mat_gpio": "occupancy", "mat_adc": "occupancy", "door_gpio": "door"} | {
    "motion_gpio": "motion"
}
"""The same, by the driver, for a device whose role has none."""

WITHOUT_STATE = frozenset({"pendant", "button"})
"""What they say is a moment's, and an alarm where it asks for help."""


@dataclass(frozen=True, slots=True)
class State:
    """One thing to show: `name` below the home's topic, `title` on the screen, `shape` Home
    Assistant's class (None: none fits), `value` ON, OFF or `UNKNOWN`, `more` its attributes."""

    name: str
    title: str
    shape: str | None
    value: str
    more: Mapping[str, object] = field(default_factory=dict)


def states(now: Snapshot, named: Iterable[str], server: bool | None) -> list[State]:
    """All that is told now.  `named` are the devices that the file names; `server`: whether the
    staff server answers, None: the home has none."""
    care = [one for one in now.alarms if one.severity is Severity.CARE]
    faults = [one for one in now.alarms if one.severity is Severity.TECHNICAL]
    told = [
        State("alarm", "Larm", "safety", _on(bool(care)), _about(care)),
        State("fault", "Tekniskt fel", "problem", _on(bool(faults)), _about(faults)),
        State("mains", "Ström", "power", UNKNOWN if now.mains is None else _on(now.mains)),
    ]
    if server is not None:
        told.append(State("server", "Kontakt med personalen", "connectivity", _on(server)))
    wanted = set(named)
    told += [_device(device) for device in now.devices if device.id in wanted and shown(device)]
    return told


def shown(device: DeviceView) -> bool:
    """Whether it has a state to show at all."""
    return device.type in ("sensor", "lock") and device.role not in WITHOUT_STATE


def _on(so: bool) -> str:
    return "ON" if so else "OFF"


def _about(alarms: list[OpenAlarm]) -> dict[str, object]:
    """What it is about, since when, and whether somebody has taken every one of them."""
    if not alarms:
        return {"about": [], "since": None, "taken": False}
    return {
        "about": sorted({str(one.type) for one in alarms}),
        "since": utc_text(min(one.since for one in alarms)),
        "taken": all(one.acknowledged_at is not None for one in alarms),
    }


def _device(device: DeviceView) -> State:
    name = f"device/{device.id}"
    if device.type == "lock":
        return State(name, device.id, "lock", BOLTS.get(device.bolt, UNKNOWN))
    shape = CLASSES.get(device.role or "") or DRIVER_CLASSES.get(device.driver or "")
    return State(name, device.id, shape, LEVELS.get(device.level, UNKNOWN))
