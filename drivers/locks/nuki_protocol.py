"""Nuki's Bluetooth protocol: frames, CRC, boxes, states and error codes.  Pure.

Source: the vendor's published Bluetooth API, as summed up in the project's notes, and its worked
example (`tests/drivers/test_nuki_protocol.py`).  All numbers are little-endian.

    plain frame      command u16 | payload | CRC u16 over both
    encrypted frame  nonce 24 | authorisation id u32 | length u16 | secretbox
    in the box       authorisation id u32 | command u16 | payload | CRC u16 over all of it

Not for: Bluetooth, time, or deciding what to do about an answer.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from nacl.bindings import crypto_box_beforenm
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from gateway.errors import DeviceRefused, ProtocolError
from gateway.ports import Bolt, LockStatus

_UUID = "a92ee{}-5501-11e4-916c-0800200c9a66"
SERVICE = _UUID.format("200")
PAIRING_SERVICE = _UUID.format("100")
PAIRING_IO = _UUID.format("101")
PAIRING_SERVICE_5 = _UUID.format("300")
"""What the fifth generation (Ultra, Go, Pro) advertises instead; its characteristics differ, and it
is not supported."""
USER_IO = _UUID.format("202")

BEACON_COMPANY = 0x004C
"""The iBeacon that a lock advertises stands under this company."""
BEACON_PREFIX = b"\x02\x15"

NONCE_BYTES = 24
HEADER_BYTES = NONCE_BYTES + 4 + 2
BOX_OVERHEAD_BYTES = 16 + 4 + 2 + 2
"""Tag, authorisation id, command and CRC: what a box holds at the least."""
FRAME_MAX_BYTES = 512
"""The longest value that GATT allows; a length above it is damage, not a long message."""


class Command(IntEnum):
    """What a frame says."""

    REQUEST = 0x0001
    PUBLIC_KEY = 0x0003
    CHALLENGE = 0x0004
    AUTHENTICATOR = 0x0005
    AUTHORISATION_DATA = 0x0006
    AUTHORISATION_ID = 0x0007
    STATES = 0x000C
    ACTION = 0x000D
    STATUS = 0x000E
    BATTERY = 0x0011
    ERROR = 0x0012
    CONFIRM_ID = 0x001E


PAIRING_BYTES = {
    Command.PUBLIC_KEY: 32,
    Command.CHALLENGE: 32,
    Command.AUTHORISATION_ID: 32 + 4 + 16 + 32,
    Command.STATUS: 1,
    Command.ERROR: 3,
}
"""Payload bytes of what a lock says while pairing: plain frames carry no length, and at an MTU of
23 they come in pieces."""


class Action(IntEnum):
    """What a lock may be told."""

    UNLOCK = 1
    LOCK = 2
    UNLATCH = 3


class Status(IntEnum):
    """Payload of `Command.STATUS`."""

    COMPLETE = 0
    ACCEPTED = 1


class IdType(IntEnum):
    """What the lock takes us for.  A lock knows only one bridge."""

    APP = 0
    BRIDGE = 1


BOLTS = {
    0x00: Bolt.UNKNOWN,  # uncalibrated: the lock does not know its own ends
    0x01: Bolt.LOCKED,
    0x02: Bolt.MOVING,
    0x03: Bolt.UNLOCKED,
    0x04: Bolt.MOVING,
    0x05: Bolt.UNLOCKED,  # unlatched: open, and the latch held back
    0x06: Bolt.UNLOCKED,  # lock'n'go: open, will lock by itself
    0x07: Bolt.MOVING,
    0xFC: Bolt.MOVING,  # calibrating
    0xFD: Bolt.MOVING,  # boot run
    0xFE: Bolt.JAMMED,
    0xFF: Bolt.UNKNOWN,
}
"""Lock states.  One that is not here is unknown."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error code in words: `why` is a word of `LockOperationEnded.why`, `text` one sentence."""

    why: str
    text: str


ERRORS = {
    0xFD: Refused("refused_by_lock", "the lock received a damaged message"),
    0xFE: Refused("refused_by_lock", "the lock received a message of wrong length"),
    0xFF: Refused("refused_by_lock", "the lock reports an unknown error"),
    0x10: Refused(
        "not_paired", "the lock is not in pairing mode; hold its button for five seconds"
    ),
    0x11: Refused("not_paired", "the lock did not accept our proof while pairing"),
    0x12: Refused("refused_by_lock", "the lock did not accept a parameter of ours"),
    0x13: Refused("not_paired", "the lock knows as many users as it can; remove one in its app"),
    0x20: Refused("not_paired", "the lock does not know us; pair it anew"),
    0x21: Refused("refused_by_lock", "the lock did not accept its PIN"),
    0x22: Refused("refused_by_lock", "the lock did not accept our nonce"),
    0x23: Refused("refused_by_lock", "the lock did not accept a parameter of ours"),
    0x24: Refused("not_paired", "the lock does not know this authorisation; pair it anew"),
    0x25: Refused("not_paired", "our authorisation at the lock is disabled"),
    0x26: Refused("refused_by_lock", "our authorisation may not open from afar"),
    0x27: Refused("refused_by_lock", "our authorisation may not open at this time"),
    0x40: Refused("refused_by_lock", "the lock was asked too soon after the last time"),
    0x41: Refused("not_calibrated", "the lock does not know its own position"),
    0x42: Refused("jammed", "the lock's motor is blocked"),
    0x43: Refused("jammed", "the lock's clutch slipped"),
    0x44: Refused("jammed", "the lock's motor took too long"),
    0x45: Refused("busy", "the lock is busy with another action"),
    0x46: Refused("refused_by_lock", "the action was cancelled at the lock"),
    0x47: Refused("not_calibrated", "the lock is not calibrated"),
    0x48: Refused("refused_by_lock", "the lock's internal position limits its turn"),
    0x49: Refused("low_voltage", "the lock's battery is too weak to turn it"),
    0x4A: Refused("refused_by_lock", "the lock's motor circuit failed"),
}
"""Error codes of `Command.ERROR`.  One that is not here is `refused_by_lock`.  0x12, 0x13, 0x21,
0x23–0x25, 0x40, 0x41, 0x43, 0x48 and 0x4A are as other open programs read them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One frame, opened and checked."""

    command: int
    payload: bytes


def crc(data: bytes) -> bytes:
    """CRC-16/CCITT-FALSE as it stands in a frame."""
    return struct.pack("<H", binascii.crc_hqx(data, 0xFFFF))


def pack(command: int, payload: bytes) -> bytes:
    """A plain frame."""
    body = struct.pack("<H", command) + payload
    return body + crc(body)


def unpack(frame: bytes) -> Message:
    """A plain frame's message.  Raises `ProtocolError` when it is too short or its CRC is wrong."""
    if len(frame) < 4 or crc(frame[:-2]) != frame[-2:]:
        raise ProtocolError("the lock's message is damaged (CRC)")
    return Message(struct.unpack_from("<H", frame)[0], frame[2:-2])


def shared_key(own_private: bytes, other_public: bytes) -> bytes:
    """The 32-byte key of two key pairs (NaCl `crypto_box_beforenm`).  Raises `ProtocolError` for a
    public key that is none."""
    try:
        return crypto_box_beforenm(other_public, own_private)
    except (CryptoError, ValueError, TypeError) as error:
        raise ProtocolError("the lock's public key is none") from error


def h1(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts, one after the other."""
    return hmac.digest(key, b"".join(parts), hashlib.sha256)


def seal(key: bytes, auth_id: int, nonce: bytes, command: int, payload: bytes) -> bytes:
    """An encrypted frame.  `nonce` is 24 fresh random bytes."""
    identity = struct.pack("<I", auth_id)
    body = identity + struct.pack("<H", command) + payload
    box = SecretBox(key).encrypt(body + crc(body), nonce).ciphertext
    return nonce + identity + struct.pack("<H", len(box)) + box


def unseal(key: bytes, auth_id: int, frame: bytes) -> Message:
    """An encrypted frame's message.

    Raises `ProtocolError` when the frame is too short, meant for another authorisation, not sealed
    with `key`, or damaged inside.
    """
    if sealed_bytes(frame) != len(frame) or len(frame) < HEADER_BYTES + BOX_OVERHEAD_BYTES:
        raise ProtocolError("the lock's message has a wrong length")
    if struct.unpack_from("<I", frame, NONCE_BYTES)[0] != auth_id:
        raise ProtocolError("the lock's message is meant for somebody else")
    try:
        body = SecretBox(key).decrypt(frame[HEADER_BYTES:], frame[:NONCE_BYTES])
    except CryptoError as error:
        raise ProtocolError("the lock's message is not sealed with our key") from error
    if struct.unpack_from("<I", body)[0] != auth_id:
        raise ProtocolError("the lock's message is meant for somebody else")
    if crc(body[:-2]) != body[-2:]:
        raise ProtocolError("the lock's message is damaged (CRC)")
    return Message(struct.unpack_from("<H", body, 4)[0], body[6:-2])


def sealed_bytes(head: bytes) -> int | None:
    """How long the encrypted frame that begins with `head` is; None while that cannot be said."""
    if len(head) < HEADER_BYTES:
        return None
    return HEADER_BYTES + int(struct.unpack_from("<H", head, NONCE_BYTES + 4)[0])


def pairing_bytes(head: bytes) -> int | None:
    """How long the plain frame that begins with `head` is; None while that cannot be said.

    Raises `ProtocolError` for a command that a lock does not say while pairing.
    """
    if len(head) < 2:
        return None
    command = struct.unpack_from("<H", head)[0]
    for known, payload in PAIRING_BYTES.items():
        if known == command:
            return 2 + payload + 2
    raise ProtocolError(f"the lock said 0x{command:04X} while pairing")


def action_payload(action: Action, app_id: int, challenge: bytes) -> bytes:
    """Payload of `Command.ACTION`: flags 0, no suffix; the lock's log names us by our pairing."""
    return struct.pack("<BIB", action, app_id, 0) + challenge


def states(payload: bytes) -> LockStatus:
    """What `Command.STATES` tells; None for what a short payload (old firmware) leaves out.

    Raises `ProtocolError` when not even the lock's state is there.
    """
    if len(payload) < 2:
        raise ProtocolError("the lock's states are too short")
    battery = payload[12] if len(payload) > 12 else None
    pct = None if battery is None else (battery >> 2) * 2
    return LockStatus(
        bolt=BOLTS.get(payload[1], Bolt.UNKNOWN),
        # Old firmware fills in bit 0 only; 0 % would be a guess then.
        battery_pct=pct if pct else None,
        battery_low=None if battery is None else bool(battery & 0x01),
        door_open={2: False, 3: True}.get(payload[18]) if len(payload) > 18 else None,
    )


def refusal(payload: bytes) -> DeviceRefused | ProtocolError:
    """The error that `Command.ERROR` tells."""
    if len(payload) < 1:
        return ProtocolError("the lock's error carries no code")
    code = payload[0]
    known = ERRORS.get(code, Refused("refused_by_lock", f"the lock reports error 0x{code:02X}"))
    return DeviceRefused(known.text, why=known.why, code=code)


def state_changed(manufacturer_data: dict[int, bytes]) -> bool | None:
    """Bit 0 of the beacon's last byte: the lock's state changed since somebody asked.  None when
    there is no such beacon in the advertisement."""
    beacon = manufacturer_data.get(BEACON_COMPANY, b"")
    if not beacon.startswith(BEACON_PREFIX) or len(beacon) < 23:
        return None
    return bool(beacon[-1] & 0x01)


def advertises(
    service: str,
    service_uuids: Iterable[str],
    service_data: Mapping[str, bytes],
    manufacturer_data: Mapping[int, bytes],
) -> bool:
    """Whether `service` is named anywhere in an advertisement: among its services, as service data
    (where clients that drive real locks find the pairing service), or as the iBeacon's UUID."""
    named = {uuid.lower() for uuid in (*service_uuids, *service_data)}
    beacon = manufacturer_data.get(BEACON_COMPANY, b"")
    beacon_uuid = bytes.fromhex(service.replace("-", ""))
    return service in named or beacon.startswith(BEACON_PREFIX + beacon_uuid)
