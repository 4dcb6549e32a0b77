"""What sensors tell: mats, doors, motion, moisture, temperature, buttons, pendants."""

from __future__ import annotations

from typing import Annotated, Self

from gateway.events.base import By, Coded, Data, Else, kind


@kind("mat.pressed", by=By.HOME)
class MatPressed(Data):
    """The mat's contact closed.  Not: that somebody lies there; mats chatter."""


@kind("mat.released", by=By.HOME)
class MatReleased(Data):
    """The mat's contact opened.  Not: that the bed is empty."""


class MatFault(Coded):
    """What is wrong with a mat."""

    CUT = "cut"
    """Supervised wiring only: the loop is open, the cable is cut or unplugged."""
    STUCK = "stuck"
    """Pressed for longer than anybody lies."""
    FLAPPING = "flapping"
    """Changes faster than a person can make it change: a loose contact."""
    UNKNOWN = "unknown"
    """Of a newer version: a fault that is certain."""


@kind("mat.loaded", by=By.HOME)
class MatLoaded(Data):
    """How many of a mat's cells carry load, told when the number changed.  Not: how heavy."""

    cells: int
    of: int
    """How many cells the mat has."""


class MatQuality(Coded):
    """How far a bed mat can be trusted, from what it told in the resident's own nights."""

    LEARNING = "learning"
    """Too few nights yet: safe defaults are used."""
    GOOD = "good"
    """It tells who lies there nearly all the time."""
    POOR = "poor"
    """It misses a person who lies there for minutes on end: move it, or change it."""
    FAULTY = "faulty"
    """It says nothing, or the same all the time: change it."""
    UNFELT = "unfelt"
    """It speaks, but has felt nobody: it lies where nobody lies, or feels no weight."""
    UNKNOWN = "unknown"
    """Of a newer version: as one that is still learned."""


@kind("mat.learned", by=By.HOME)
class MatLearned(Data):
    """What a bed mat's own nights say of it: how long it is silent while somebody lies there.
    Written anew at least every seven days; the newest of a device holds."""

    quality: MatQuality
    nights: int
    """Nights that this rests on."""
    gaps: int
    """How many silences while somebody lay there were counted."""
    gap_p50_s: float
    gap_p95_s: float
    gap_p99_s: float
    """Half, 19 of 20, and 99 of 100 of the silences were shorter than these seconds."""
    on_share_pct: float
    """Part of the time in bed in which the mat was on."""
    counts: tuple[int, ...] = ()
    """Silences by length, in the classes of the rule `mat_quality`: what it goes on from."""


@kind("mat.drifted", by=By.HOME)
class MatDrifted(Data):
    """How far the empty level of a mat's cells has moved since they were calibrated; told when it
    comes near the furthest that is followed, when it is back, and once after each start.  Not: that
    the mat reads wrong now."""

    near: bool
    """Whether it is near; further on an empty bed reads pressed, or a sleeper is not felt."""
    drift_pct: float
    """Of the way from empty to loaded, of the cell that moved most; below 0: away from load."""
    limit_pct: float
    """How far it is followed."""


@kind("mat.faulted", by=By.HOME)
class MatFaulted(Data):
    """The mat's state is unknown until its next reading."""

    fault: MatFault
    count: int = 1
    """How many changes were folded into this one event (flapping)."""


@kind("door.opened", by=By.HOME)
class DoorOpened(Data):
    """A door's contact opened."""


@kind("door.closed", by=By.HOME)
class DoorClosed(Data):
    """A door's contact closed.  Not: that it is locked."""


@kind("motion.detected", by=By.HOME)
class MotionDetected(Data):
    """Something warm moved."""


@kind("motion.cleared", by=By.HOME)
class MotionCleared(Data):
    """A motion detector's own hold time ran out."""


@kind("moisture.detected", by=By.HOME)
class MoistureDetected(Data):
    """A moisture sensor is wet."""


@kind("moisture.cleared", by=By.HOME)
class MoistureCleared(Data):
    """A moisture sensor is dry again."""


@kind("temperature.measured", by=By.HOME)
class TemperatureMeasured(Data):
    """A room's temperature, told when it changed by half a degree, and at least once an hour."""

    celsius: float


class PressHow(Coded):
    """How a button was pressed, as the device that counts it calls it."""

    ONCE = "once"
    TWICE = "twice"
    THRICE = "thrice"
    LONG = "long"
    """Pressed for a while; told when it was let go."""
    HELD = "held"
    """Held down; told while it is."""
    OTHER = "other"
    """In a way that has no name here."""

    @classmethod
    def unread(cls) -> Self:
        """It has no name here."""
        return cls.OTHER


@kind("button.pressed", by=By.HOME)
class ButtonPressed(Data):
    """A button in the home that is no alarm was pressed.  What it answers, the rules know."""

    verified: Annotated[bool, Else(False)] = True
    """False when the message could not be proved genuine."""
    button: int | None = None
    """Which of the device's buttons, from 1; None when it does not say."""
    how: PressHow | None = None
    """None when it is not known."""


@kind("device.heard", by=By.HOME)
class DeviceHeard(Data):
    """A sign of life of a radio device that had nothing else to say; told at most once in six
    hours."""


@kind("contact.changed", by=By.HOME)
class ContactChanged(Data):
    """A plain on/off sensor changed (seat, toilet, tap): evidence of activity, no more."""

    on: bool


class ContactFault(Coded):
    """What is wrong with a sensor that is no mat."""

    FLAPPING = "flapping"
    """Changes faster than anybody can make it change: a loose contact."""
    STUCK = "stuck"
    """A button pressed for longer than anybody presses: it cannot tell a second press."""
    TAMPERED = "tampered"
    """It says itself that it was opened or taken down."""
    UNPROVEN = "unproven"
    """What it sends cannot be proved genuine: a wrong key, or its counter began anew after a change
    of battery.  Pair it again."""
    UNKNOWN = "unknown"
    """Of a newer version: a fault that is certain."""


@kind("contact.faulted", by=By.HOME)
class ContactFaulted(Data):
    """A door, motion, button or other sensor that is no mat cannot be trusted until its next
    reading."""

    fault: ContactFault
    count: int = 1
    """How many changes, or messages, were folded into this one event."""


@kind("pendant.pressed", by=By.HOME, urgent=True)
class PendantPressed(Data):
    """The resident asks for help."""

    verified: Annotated[bool, Else(False)]
    """False when the message could not be proved genuine; it raises its alarm all the same."""
    button: int | None = None
    """Which of its buttons, from 1; None when it does not say."""
    how: PressHow | None = None
    """None when it is not known."""
