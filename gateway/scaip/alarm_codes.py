"""Which codes of SCAIP an alarm of ours has.

The codes are few and ours are many: where none fits, the home's own unit says so in words (`ite`),
as an alarm where a person may need help and as an information where something must be mended.
Never is a code used that says something untrue (a mat that is broken is no person on a mat).
Not for: names, addresses or health details, which are in no message.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.events.alarm_types import AlarmType, Severity, alarm_type
from gateway.scaip.codes import (
    DTY_WIDTH,
    LCO_WIDTH,
    STC_WIDTH,
    DeviceType,
    Location,
    MessageType,
    StatusCode,
)
from gateway.scaip.message import ScaipRequest


@dataclass(frozen=True)
class Codes:
    """What an alarm is told as."""

    device: DeviceType
    status: StatusCode = StatusCode.ALARM
    place: Location | None = None
    """Where it always is; None: where its device is."""


D, S, L = DeviceType, StatusCode, Location
_SILENT = Codes(D.SUPERVISED_DEVICE, S.MISSING)

CODES: dict[AlarmType, Codes] = {
    AlarmType.PENDANT: Codes(D.PERSONAL_TRIGGER),
    AlarmType.BED_EXIT: Codes(D.BED_MONITOR, S.ABSENT, L.BED),
    AlarmType.ON_FLOOR: Codes(D.FALL_DETECTOR),
    AlarmType.INACTIVITY: Codes(D.ACTIVITY_DETECTOR),
    AlarmType.BATHROOM_LONG: Codes(D.OCCUPANCY_DETECTOR, S.ALARM, L.BATHROOM),
    AlarmType.WANDERING: Codes(D.WANDERING_SENSOR, S.ALARM, L.FRONT_DOOR),
    AlarmType.MOISTURE: Codes(D.INCONTINENCE_SENSOR, S.ALARM, L.BED),
    AlarmType.DOOR_LEFT_OPEN: Codes(D.DOOR_SENSOR, S.ALARM, L.FRONT_DOOR),
    AlarmType.LOCK_OPEN: Codes(D.LOCK, S.UNLOCKED, L.FRONT_DOOR),
    AlarmType.CODE_GUESSING: Codes(D.LOCK, S.DENIED, L.FRONT_DOOR),
    AlarmType.LOCK_JAMMED: Codes(D.LOCK, S.ALARM, L.FRONT_DOOR),
    AlarmType.LOCK_UNKNOWN: Codes(D.SUPERVISED_DEVICE, S.MISSING, L.FRONT_DOOR),
    AlarmType.POWER_LOST: Codes(D.MAINS, S.MAINS_FAILED),
    AlarmType.POWER_FAILING: Codes(D.MAINS, S.MAINS_FAILED),
    AlarmType.HOME_SILENT: _SILENT,
    AlarmType.DEVICE_DOWN: _SILENT,
    AlarmType.RADIO_DOWN: _SILENT,
    AlarmType.RADIO_MISSED: _SILENT,
    AlarmType.BATTERY_LOW: Codes(D.LOCAL_UNIT, S.BATTERY_LOW),
}
"""What has a code that fits."""

OWN_UNIT = Codes(DeviceType.LOCAL_UNIT)
"""What has none: the home's own unit, with words."""

TRIAL = Codes(DeviceType.LOCAL_UNIT, StatusCode.TEST)
"""A test."""

ROOMS: dict[str, Location] = {
    "bathroom": Location.BATHROOM,
    "bedroom": Location.BED,
    "kitchen": Location.KITCHEN,
    "hall": Location.FRONT_DOOR,
}
"""Rooms as homes name them.  The hall is where the front door is."""


def has_codes(about: str) -> bool:
    """Whether the codes say what an alarm of type `about` is; else it needs words."""
    return alarm_type(about) in CODES


def alarm_message(
    ref: str,
    cid: str,
    about: str,
    *,
    severity: Severity | None = None,
    room: str | None = None,
    words: str | None = None,
    call_back: str | None = None,
    trial: bool = False,
) -> ScaipRequest:
    """An alarm of type `about` for an alarm centre.  `severity` None: as it usually is.

    `words` say what it is about (at most 128 characters are sent): never a name, an address or a
    health detail.  `call_back` is where the centre may call the home; None: no voice.  `trial`: a
    test through the whole chain, and nobody is to act.
    Raises `BadMessage` when `ref`, `cid` or `call_back` is not of the protocol.
    """
    type_ = alarm_type(about)
    codes = CODES.get(type_, OWN_UNIT) if isinstance(type_, AlarmType) else OWN_UNIT
    informs = type_ not in CODES and (severity or type_.severity) is Severity.TECHNICAL
    if trial:
        codes, informs, room = TRIAL, False, None
    place = codes.place or ROOMS.get(room or "")
    return ScaipRequest(
        *(ref, cid, str(int(codes.device)).zfill(DTY_WIDTH)),
        mty=MessageType.INFORMATION if informs else MessageType.ALARM,
        stc=str(int(codes.status)).zfill(STC_WIDTH),
        lco=None if place is None else str(int(place)).zfill(LCO_WIDTH),
        ite=" ".join(words.split())[:128] or None if words else None,
        crd=call_back or "no-voice:",
    )
