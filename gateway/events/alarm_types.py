"""What alarms are about, each with what follows from that.

An alarm of a newer home may be about something that this version does not know: it keeps the word
as it was written (`UnknownAlarmType`) and counts as care, for somebody may need help.

Not for: when an alarm is raised (the rules), or its words on a screen (`web`).
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from typing import Annotated, Self

from pydantic import PlainValidator

from gateway.events.base import Coded, Else


class Severity(Coded):
    """Whom an alarm concerns."""

    CARE = "care"
    """A person may need help now."""
    TECHNICAL = "technical"
    """Something must be mended; care is not affected yet."""
    ROUTINE = "routine"
    """Care, without haste and without a sound: at the next visit."""

    @classmethod
    def unread(cls) -> Self:
        """The gravest: rather one call too many than an alarm that nobody hears."""
        return cls.CARE


class Trait(Enum):
    """What else an alarm says, beside that somebody must act."""

    DEVICE_FAULT = auto()
    """Its device is broken: three times in a month, and it should be changed."""
    OUT_OF_BED = auto()
    """Seen back in bed, the resident is where the alarm missed them; it stays open all the same."""
    BED_DOUBTED = auto()
    """While it is open, a pressed bed mat does not say that the resident lies there."""
    COMMON_CAUSE = auto()
    """Raised in many homes at once it has one cause outside them, and rings once."""


class AlarmType(StrEnum):
    """What an alarm is about.  `severity` is what it is unless its rule knows better: the event has
    the one that counts."""

    severity: Severity
    traits: frozenset[Trait]
    _value_: str

    def __new__(cls, word: str, severity: Severity = Severity.CARE, *traits: Trait) -> AlarmType:
        member = str.__new__(cls, word)
        member._value_ = word
        member.severity = severity
        member.traits = frozenset(traits)
        return member

    # the resident
    BED_EXIT = "bed_exit", Severity.CARE, Trait.OUT_OF_BED
    ON_FLOOR = "on_floor", Severity.CARE, Trait.BED_DOUBTED
    PENDANT = "pendant", Severity.CARE
    INACTIVITY = "inactivity", Severity.CARE
    BATHROOM_LONG = "bathroom_long", Severity.CARE
    WANDERING = "wandering", Severity.CARE
    MOISTURE = "moisture", Severity.ROUTINE
    LEFT_ZONE = "left_zone", Severity.CARE
    TRACKER_SILENT = "tracker_silent", Severity.TECHNICAL
    TRACKER_BATTERY = "tracker_battery", Severity.TECHNICAL
    # night checks
    CHECK_HELP = "check_help", Severity.CARE
    CHECK_UNCLEAR = "check_unclear", Severity.CARE
    CHECK_NO_ANSWER = "check_no_answer", Severity.CARE
    CHECK_UNREPORTED = "check_unreported", Severity.CARE, Trait.COMMON_CAUSE
    # the home
    DOOR_LEFT_OPEN = "door_left_open", Severity.ROUTINE
    LOCK_OPEN = "lock_open", Severity.CARE
    CODE_GUESSING = "code_guessing", Severity.TECHNICAL
    TOO_COLD = "too_cold", Severity.ROUTINE
    TOO_HOT = "too_hot", Severity.ROUTINE
    POWER_LOST = "power_lost", Severity.TECHNICAL, Trait.COMMON_CAUSE
    # it may fall silent: gone long, or battery low
    POWER_FAILING = "power_failing", Severity.CARE, Trait.COMMON_CAUSE
    POWER_WEAK = "power_weak", Severity.TECHNICAL
    LOG_IN_MEMORY = "log_in_memory", Severity.TECHNICAL  # the disk refuses the log
    HOME_FELL_BACK = "home_fell_back", Severity.TECHNICAL  # it runs without one of its files
    SECOND_PATH_DOWN = "second_path_down", Severity.TECHNICAL  # no way past the server
    CHAIN_BROKEN = (
        "chain_broken",
        Severity.TECHNICAL,
        Trait.COMMON_CAUSE,
    )  # a test did not come back
    RADIO_DOWN = "radio_down", Severity.TECHNICAL
    RADIO_MISSED = "radio_missed", Severity.CARE  # a pendant or a lock cannot be reached by it
    HOME_SILENT = "home_silent", Severity.CARE, Trait.COMMON_CAUSE
    HOME_TAMPERED = "home_tampered", Severity.TECHNICAL, Trait.COMMON_CAUSE
    HOME_OVERSTEPPED = "home_overstepped", Severity.TECHNICAL, Trait.COMMON_CAUSE
    NOT_UNDERSTOOD = "not_understood", Severity.CARE  # what a newer home tells urgently
    HOME_UNREAD = "home_unread", Severity.TECHNICAL, Trait.COMMON_CAUSE
    # devices; those of a bed, a lock or a pendant may concern care
    DEVICE_DOWN = "device_down", Severity.TECHNICAL, Trait.DEVICE_FAULT
    LOCK_JAMMED = "lock_jammed", Severity.CARE, Trait.DEVICE_FAULT
    LOCK_UNKNOWN = "lock_unknown", Severity.CARE, Trait.DEVICE_FAULT
    BATTERY_LOW = "battery_low", Severity.TECHNICAL  # no fault: it is changed and is new
    MAT_POOR = "mat_poor", Severity.TECHNICAL, Trait.DEVICE_FAULT
    MAT_FAULTY = "mat_faulty", Severity.TECHNICAL, Trait.DEVICE_FAULT
    MAT_REVERSED = "mat_reversed", Severity.TECHNICAL
    MAT_DRIFTED = "mat_drifted", Severity.TECHNICAL
    MAT_UNFELT = "mat_unfelt", Severity.TECHNICAL
    MAT_UNFIT = "mat_unfit", Severity.TECHNICAL
    CONTACT_REVERSED = "contact_reversed", Severity.TECHNICAL
    # a shutter that does not shut, or does not open: the camera is off in either case
    CAMERA_OPEN = "camera_open", Severity.TECHNICAL, Trait.DEVICE_FAULT
    CAMERA_COVERED = "camera_covered", Severity.TECHNICAL, Trait.DEVICE_FAULT
    FAULT_RECURRING = "fault_recurring", Severity.TECHNICAL


class UnknownAlarmType(str):
    """What a newer version's alarm is about: its word, as it came."""

    __slots__ = ()
    severity = Severity.CARE
    traits: frozenset[Trait] = frozenset()


def alarm_type(word: str) -> AlarmType | UnknownAlarmType:
    """The type that is written as `word`; one that this version does not know keeps the word."""
    try:
        return AlarmType(word)
    except ValueError:
        return UnknownAlarmType(word)


def _read_type(value: object) -> AlarmType | UnknownAlarmType:
    if not isinstance(value, str) or not value:
        raise ValueError("an alarm's type is a word")
    return alarm_type(value)


AnyAlarmType = Annotated[
    AlarmType | UnknownAlarmType, PlainValidator(_read_type), Else(AlarmType.NOT_UNDERSTOOD)
]
"""The field of an event: a known type, or the word that a newer version wrote."""
