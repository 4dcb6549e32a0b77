"""The codes of SCAIP that Tryggve knows, with what they mean.

Facts from open implementations, not from the standard (docs/scaip.md).  Codes are compared as
numbers: devices write `2`, `02` and `0002`.  Not for: which of them an alarm of ours has
(`gateway.scaip.alarm_codes`), or words on a screen.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class MessageType(StrEnum):
    """`mty`: what a request is."""

    ALARM = "ME"
    """Somebody must act; what is meant where the tag is left out."""
    RESET = "RE"
    """The alarm's cause is gone."""
    INFORMATION = "IN"
    HEARTBEAT = "PI"
    """I am here."""


class Status(IntEnum):
    """`snu`: what the receiver did with a request."""

    OK = 0
    """Received: the only one that is a proof."""
    TOO_LONG = 1
    INVALID_FORMAT = 2
    WRONG_DATA = 3
    HOLD = 4
    NOT_TREATED = 5
    BUSY = 6
    TAG_MISSING = 7
    UNDEFINED = 99
    """Seen where a receiver had nothing to say; and what an unknown number is read as."""


ABOUT_THE_MESSAGE = frozenset({Status.TOO_LONG, Status.INVALID_FORMAT, Status.WRONG_DATA})
"""The receiver could not use this message: said again with less in it, it may."""


class Media(IntEnum):
    """`mre`: which voice the receiver wants after the alarm."""

    NONE = 0
    DUPLEX = 1
    MICROPHONE = 2
    """It hears the home and says nothing."""
    SPEAKER = 3
    """It speaks and hears nothing."""


class DeviceType(IntEnum):
    """`dty`: what kind of device the alarm comes from."""

    LOCAL_UNIT = 2
    """The home's own unit: heartbeats, tests, answers, and what has no device of its own."""
    PERSONAL_TRIGGER = 3
    FIXED_TRIGGER = 4
    FALL_DETECTOR = 5
    ACTIVITY_DETECTOR = 10
    BED_MONITOR = 12
    MAT_SENSOR = 13
    DOOR_SENSOR = 14
    WANDERING_SENSOR = 15
    INCONTINENCE_SENSOR = 16
    OCCUPANCY_DETECTOR = 18
    MAINS = 41
    LOCK = 43
    CHAIR_MONITOR = 44
    SUPERVISED_DEVICE = 50


class StatusCode(IntEnum):
    """`stc`: what happened to it."""

    ABSENT = 3
    AUTOMATIC = 9
    ALARM = 10
    """What is meant where the tag is left out."""
    BATTERY_OK = 15
    BATTERY_LOW = 16
    CANCELLED = 19
    DENIED = 29
    MAINS_FAILED = 85
    MAINS_RESTORED = 86
    PRESENCE = 88
    """Somebody came, after an alarm."""
    TEST = 102
    COMPLETE = 111
    """What the alarm asked for is done."""
    LOCKED = 118
    OCCUPIED = 120
    MISSING = 123
    BACK = 124
    UNLOCKED = 127


class Location(IntEnum):
    """`lco`: where in the home."""

    BATHROOM = 11
    BED = 12
    KITCHEN = 21
    FRONT_DOOR = 39


DTY_WIDTH, STC_WIDTH, LCO_WIDTH = 4, 4, 3
"""Digits that are written: with leading zeros, as most senders do."""
