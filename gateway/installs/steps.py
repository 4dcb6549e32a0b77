"""Which steps the trial of a home has, by what it consists of, and which event ticks which.

Pure.  A lamp, a loudspeaker and a camera have none: nothing that they tell shows that a person saw
or heard them.  Not for: words (`words`), or what was told (`trial`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.envelope import Event
from gateway.events import AlarmRaised, AlarmType, GatewayStarted, PreviousRun, TrialStep


class Device(Protocol):
    """What the steps are made from: a row of `tables.device`."""

    @property
    def id(self) -> str: ...
    @property
    def driver(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def role(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.  `device` None: it is of the whole home."""

    what: TrialStep
    device: str | None = None

    @property
    def key(self) -> str:
        """Names it within a trial."""
        return f"{self.what.value} {self.device or ''}".strip()


KINDS = {
    TrialStep.STEPPED_ON: ("mat.pressed",),
    TrialStep.STEPPED_OFF: ("mat.released",),
    TrialStep.LAY_DOWN: ("bed.entered",),
    TrialStep.FELL: ("alarm.raised",),
    TrialStep.PRESSED: ("pendant.pressed",),
    TrialStep.CALLED: ("alarm.raised", "alarm.repeated"),
    TrialStep.ANSWERED: ("button.pressed",),
    TrialStep.OPENED: ("door.opened",),
    TrialStep.CLOSED: ("door.closed",),
    TrialStep.MOVED: ("motion.detected",),
    TrialStep.HEARD: (
        *("button.pressed", "contact.changed", "device.heard", "door.closed", "door.opened"),
        *("moisture.cleared", "moisture.detected", "motion.cleared", "motion.detected"),
        "temperature.measured",
    ),
    TrialStep.UNLOCKED: ("lock.unlocked",),
    TrialStep.LOCKED: ("lock.locked",),
    TrialStep.UNPLUGGED: ("power.lost", "gateway.started"),
    TrialStep.PLUGGED_IN: ("power.restored", "gateway.started"),
}
"""What may tick a step."""

TOLD = frozenset(kind for kinds in KINDS.values() for kind in kinds)
"""Every kind that may tick a step."""

AFTER = {
    TrialStep.STEPPED_OFF: TrialStep.STEPPED_ON,
    TrialStep.LOCKED: TrialStep.UNLOCKED,
    TrialStep.PLUGGED_IN: TrialStep.UNPLUGGED,
}
"""Steps that count only after another: a mat that says `released` first is wired the other way, and
a lock that says `locked` first has only been read."""

_ALARMS = {TrialStep.FELL: AlarmType.ON_FLOOR, TrialStep.CALLED: AlarmType.PENDANT}

_MAT = (TrialStep.STEPPED_ON, TrialStep.STEPPED_OFF)
_MATS = {
    "bed": (TrialStep.STEPPED_ON, TrialStep.LAY_DOWN, TrialStep.STEPPED_OFF),
    "floor": (TrialStep.STEPPED_ON, TrialStep.FELL, TrialStep.STEPPED_OFF),
}
_DOOR = (TrialStep.OPENED, TrialStep.CLOSED)
_DOOR_ROLES = ("front_door", "terrace_door", "store_door", "door")


def steps_of(devices: Iterable[Device]) -> list[Step]:
    """The steps of a home with these devices, thing by thing, the plug last."""
    found = [Step(what, device.id) for device in devices for what in _of_device(device)]
    if found:
        found += [Step(TrialStep.UNPLUGGED), Step(TrialStep.PLUGGED_IN)]
    return found


def _of_device(device: Device) -> tuple[TrialStep, ...]:
    if device.type == "lock":
        return (TrialStep.UNLOCKED, TrialStep.LOCKED)
    if device.type != "sensor":
        return ()
    words = (device.driver or "").split("_")
    if "ups" in words:
        return ()  # the plug is the home's step
    if device.role == "pendant":
        return (TrialStep.PRESSED, TrialStep.CALLED)
    if "mat" in words:
        return _MATS.get(device.role or "", _MAT)
    if "motion" in words or device.role == "motion":
        return (TrialStep.MOVED,)
    if "button" in words or device.role == "button":
        return (TrialStep.ANSWERED,)
    if "door" in words or device.role in _DOOR_ROLES:
        return _DOOR
    return (TrialStep.HEARD,)


def is_mat(device: Device) -> bool:
    """Whether it says by pressed and released whether somebody is on it."""
    return TrialStep.STEPPED_ON in _of_device(device)


def ticks(step: Step, event: Event) -> bool:
    """Whether this event is what the step waits for.  One of another device is not."""
    if event.kind not in KINDS.get(step.what, ()):
        return False
    if step.device not in (None, event.device) and step.what is not TrialStep.LAY_DOWN:
        return False  # that somebody lies there the home concludes from all mats of the bed
    data = event.data
    if isinstance(data, GatewayStarted):
        return data.previous is PreviousRun.CUT
    if isinstance(data, AlarmRaised) and step.what in _ALARMS:
        return data.type == _ALARMS[step.what]
    return True
