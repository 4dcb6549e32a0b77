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
    over: StatusCode | None = None
    """What is told when its cause is gone; None: a reset."""


D, S, L = DeviceType, StatusCode, Location
_SILENT = Codes(D.SUPERVISED_DEVICE, S.MISSING, None, S.BACK)

CODES: dict[AlarmType, Codes] = {
    AlarmType.PENDANT: Codes(D.PERSONAL_TRIGGER, S.ALARM, None, S.CANCELLED),
    AlarmType.BED_EXIT: Codes(D.BED_MONITOR, S.ABSENT, L.BED, S.OCCUPIED),
    AlarmType.ON_FLOOR: Codes(D.FALL_DETECTOR),
    AlarmType.INACTIVITY: Codes(D.ACTIVITY_DETECTOR),
    AlarmType.BATHROOM_LONG: Codes(D.OCCUPANCY_DETECTOR, S.ALARM, L.BATHROOM),
    AlarmType.WANDERING: Codes(D.WANDERING_SENSOR, S.ALARM, L.FRONT_DOOR),
    AlarmType.MOISTURE: Codes(D.INCONTINENCE_SENSOR, S.ALARM, L.BED),
    AlarmType.DOOR_LEFT_OPEN: Codes(D.DOOR_SENSOR, S.ALARM, L.FRONT_DOOR),
    AlarmType.LOCK_OPEN: Codes(D.LOCK, S.UNLOCKED, L.FRONT_DOOR, S.LOCKED),
    AlarmType.CODE_GUESSING: Codes(D.LOCK, S.DENIED, L.FRONT_DOOR),
    AlarmType.LOCK_JAMMED: Codes(D.LOCK, S.ALARM, L.FRONT_DOOR),
    AlarmType.LOCK_UNKNOWN: Codes(D.SUPERVISED_DEVICE, S.MISSING, L.FRONT_DOOR, S.BACK),
    AlarmType.POWER_LOST: Codes(D.MAINS, S.MAINS_FAILED, None, S.MAINS_RESTORED),
    AlarmType.POWER_FAILING: Codes(D.MAINS, S.MAINS_FAILED, None, S.MAINS_RESTORED),
    AlarmType.HOME_SILENT: _SILENT,
    AlarmType.DEVICE_DOWN: _SILENT,
    AlarmType.RADIO_DOWN: _SILENT,
    AlarmType.RADIO_MISSED: _SILENT,
    AlarmType.BATTERY_LOW: Codes(D.LOCAL_UNIT, S.BATTERY_LOW, None, S.BATTERY_OK),
}
"""What has a code that fits."""

OWN_UNIT = Codes(DeviceType.LOCAL_UNIT)
"""What has none: the home's own unit, with words."""

ROOMS: dict[str, Location] = {
    "bathroom": Location.BATHROOM,
    "bedroom": Location.BED,
    "kitchen": Location.KITCHEN,
    "hall": Location.FRONT_DOOR,
}
"""Rooms as homes name them.  The hall is where the front door is."""


def alarm_message(
    ref: str,
    cid: str,
    about: str,
    *,
    room: str | None = None,
    words: str | None = None,
    call_back: str | None = None,
) -> ScaipRequest:
    """An alarm of type `about` for an alarm centre.

    `words` say what it is about (at most 128 characters are sent): never a name, an address or a
    health detail.  `call_back` is where the centre may call the home; None: no voice.
    Raises `BadMessage` when `ref`, `cid` or `call_back` is not of the protocol.
    """
    type_ = alarm_type(about)
    codes = CODES.get(type_, OWN_UNIT) if isinstance(type_, AlarmType) else OWN_UNIT
    informs = type_ not in CODES and type_.severity is Severity.TECHNICAL
    return _message(
        *(ref, cid, codes, codes.status, room),
        mty=MessageType.INFORMATION if informs else MessageType.ALARM,
        ite=" ".join(words.split())[:128] or None if words else None,
        crd=call_back or "no-voice:",
    )


def over_message(ref: str, cid: str, about: str, *, room: str | None = None) -> ScaipRequest:
    """The cause of an alarm of type `about` is gone, or its wearer took it back."""
    type_ = alarm_type(about)
    codes = CODES.get(type_, OWN_UNIT) if isinstance(type_, AlarmType) else OWN_UNIT
    told = MessageType.RESET if codes.over is None else MessageType.INFORMATION
    if codes.over is StatusCode.CANCELLED:
        told = MessageType.ALARM  # as pendants say it
    return _message(ref, cid, codes, codes.over or codes.status, room, mty=told, crd="no-voice:")


def trial_message(ref: str, cid: str) -> ScaipRequest:
    """A test through the whole chain; nobody is to act."""
    codes = Codes(DeviceType.LOCAL_UNIT, StatusCode.TEST)
    return _message(ref, cid, codes, codes.status, None, mty=MessageType.ALARM, crd="no-voice:")


def _message(
    ref: str,
    cid: str,
    codes: Codes,
    status: StatusCode,
    room: str | None,
    *,
    mty: MessageType,
    crd: str,
    ite: str | None = None,
) -> ScaipRequest:
    """With each code written at its full width."""
    place = codes.place or ROOMS.get(room or "")
    return ScaipRequest(
        *(ref, cid, str(int(codes.device)).zfill(DTY_WIDTH), mty),
        stc=str(int(status)).zfill(STC_WIDTH),
        lco=None if place is None else str(int(place)).zfill(LCO_WIDTH),
        ite=ite,
        crd=crd,
    )
