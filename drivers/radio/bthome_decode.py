"""BTHome v2: what the bytes of an advertisement say.  Pure; raises on nothing that a radio sends.

Source: bthome.io/format, and the vectors of `tests/drivers/test_bthome_decode.py`.  Service data of
0xFCD2: an info byte (bit 0 encrypted, bit 1 address included, bit 2 sent when triggered, bits 5–7
version 2), then objects: an id and its value, little endian.  What comes after an object that is
unknown or cut off cannot be read, and is left out; what came before it counts.  Encrypted
(AES-CCM, 4-byte tag): the payload, a counter u32, the tag; nonce = address, D2 FC, info byte,
counter; no associated data.

Not for: replays and repeats (`bthome_replay_guard`), or what a reading means (`bthome_events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

SERVICE: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"
"""The UUID of the service data, as bleak writes it."""

KEY_BYTES = 16
COUNTER_BYTES = 4
TAG_BYTES = 4
ADDRESS_BYTES = 6
VERSION = 2

_ENCRYPTED, _ADDRESS = 0x01, 0x02

Value = float | int | bool | str | bytes


class Problem(StrEnum):
    """Why an advertisement says nothing."""

    NO_BTHOME = "no_bthome"
    """Empty, cut off, or another version."""
    LOCKED = "locked"
    """Encrypted, and there is no key for it."""
    FORGED = "forged"
    """Encrypted, and the key does not prove it genuine: another key, or somebody else's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One object: its name in BTHome's table, its value, and its unit, None when it has none."""

    name: str
    value: Value
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """What an advertisement says.  `counter` is None when it is not encrypted; `whole` is False
    when something in it could not be read; `address` is the one it carries, None when it does
    not."""

    readings: tuple[Reading, ...]
    counter: int | None
    whole: bool
    address: str | None = None

    def values(self, name: str) -> tuple[Value, ...]:
        """Every value of one name, in order."""
        return tuple(reading.value for reading in self.readings if reading.name == name)

    def first(self, name: str) -> Value | None:
        """The first value of one name; None when there is none."""
        return next(iter(self.values(name)), None)


@dataclass(frozen=True, slots=True)
class _Number:
    name: str
    size: int
    factor: float = 1
    signed: bool = False
    unit: str | None = None


def _flag(name: str) -> _Number:
    return _Number(name, 1, factor=0)


NUMBERS: Final[dict[int, _Number]] = {
    0x00: _Number("packet_id", 1),
    0x01: _Number("battery", 1, unit="%"),
    0x02: _Number("temperature", 2, 0.01, signed=True, unit="°C"),
    0x03: _Number("humidity", 2, 0.01, unit="%"),
    0x04: _Number("pressure", 3, 0.01, unit="mbar"),
    0x05: _Number("illuminance", 3, 0.01, unit="lx"),
    0x06: _Number("mass", 2, 0.01, unit="kg"),
    0x07: _Number("mass", 2, 0.01, unit="lb"),
    0x08: _Number("dew_point", 2, 0.01, signed=True, unit="°C"),
    0x09: _Number("count", 1),
    0x0A: _Number("energy", 3, 0.001, unit="kWh"),
    0x0B: _Number("power", 3, 0.01, unit="W"),
    0x0C: _Number("voltage", 2, 0.001, unit="V"),
    0x0D: _Number("pm25", 2, unit="µg/m³"),
    0x0E: _Number("pm10", 2, unit="µg/m³"),
    0x0F: _flag("generic"),
    0x10: _flag("power_on"),
    0x11: _flag("opening"),
    0x12: _Number("carbon_dioxide", 2, unit="ppm"),
    0x13: _Number("volatile_organic_compounds", 2, unit="µg/m³"),
    0x14: _Number("moisture_pct", 2, 0.01, unit="%"),
    0x15: _flag("battery_low"),
    0x16: _flag("battery_charging"),
    0x17: _flag("carbon_monoxide"),
    0x18: _flag("cold"),
    0x19: _flag("connectivity"),
    0x1A: _flag("door"),
    0x1B: _flag("garage_door"),
    0x1C: _flag("gas_found"),
    0x1D: _flag("heat"),
    0x1E: _flag("light"),
    0x1F: _flag("lock"),
    0x20: _flag("moisture"),
    0x21: _flag("motion"),
    0x22: _flag("moving"),
    0x23: _flag("occupancy"),
    0x24: _flag("plug"),
    0x25: _flag("presence"),
    0x26: _flag("problem"),
    0x27: _flag("running"),
    0x28: _flag("safety"),
    0x29: _flag("smoke"),
    0x2A: _flag("sound"),
    0x2B: _flag("tamper"),
    0x2C: _flag("vibration"),
    0x2D: _flag("window"),
    0x2E: _Number("humidity", 1, unit="%"),
    0x2F: _Number("moisture_pct", 1, unit="%"),
    0x3A: _Number("button", 1),
    0x3C: _Number("dimmer", 2),
    0x3D: _Number("count", 2),
    0x3E: _Number("count", 4),
    0x3F: _Number("rotation", 2, 0.1, signed=True, unit="°"),
    0x40: _Number("distance", 2, unit="mm"),
    0x41: _Number("distance", 2, 0.1, unit="m"),
    0x42: _Number("duration", 3, 0.001, unit="s"),
    0x43: _Number("current", 2, 0.001, unit="A"),
    0x44: _Number("speed", 2, 0.01, unit="m/s"),
    0x45: _Number("temperature", 2, 0.1, signed=True, unit="°C"),
    0x46: _Number("uv_index", 1, 0.1),
    0x47: _Number("volume", 2, 0.1, unit="L"),
    0x48: _Number("volume", 2, unit="mL"),
    0x49: _Number("volume_flow_rate", 2, 0.001, unit="m³/h"),
    0x4A: _Number("voltage", 2, 0.1, unit="V"),
    0x4B: _Number("gas", 3, 0.001, unit="m³"),
    0x4C: _Number("gas", 4, 0.001, unit="m³"),
    0x4D: _Number("energy", 4, 0.001, unit="kWh"),
    0x4E: _Number("volume", 4, 0.001, unit="L"),
    0x4F: _Number("water", 4, 0.001, unit="L"),
    0x50: _Number("timestamp", 4, unit="s"),
    0x51: _Number("acceleration", 2, 0.001, unit="m/s²"),
    0x52: _Number("gyroscope", 2, 0.001, unit="°/s"),
    0x55: _Number("volume_storage", 4, 0.001, unit="L"),
    0x56: _Number("conductivity", 2, unit="µS/cm"),
    0x57: _Number("temperature", 1, signed=True, unit="°C"),
    0x58: _Number("temperature", 1, 0.35, signed=True, unit="°C"),
    0x59: _Number("count", 1, signed=True),
    0x5A: _Number("count", 2, signed=True),
    0x5B: _Number("count", 4, signed=True),
    0x5C: _Number("power", 4, 0.01, signed=True, unit="W"),
    0x5D: _Number("current", 2, 0.001, signed=True, unit="A"),
    0x5E: _Number("direction", 2, 0.01, unit="°"),
    0x5F: _Number("precipitation", 2, 0.1, unit="mm"),
    0x60: _Number("channel", 1),
    0x61: _Number("rotational_speed", 2, unit="rpm"),
    0x62: _Number("speed", 4, 0.000001, signed=True, unit="m/s"),
    0x63: _Number("acceleration", 4, 0.000001, signed=True, unit="m/s²"),
    0x64: _Number("light_level", 1),
    0xF0: _Number("device_type", 2),
    0xF1: _Number("firmware_version", 4),
    0xF2: _Number("firmware_version", 3),
}
"""Object id to its name, size in bytes, factor (0: a flag), sign and unit."""

TEXTS: Final[dict[int, str]] = {0x53: "text", 0x54: "raw"}
"""Objects whose first byte is their length."""


def decode(data: bytes, address: str, key: bytes | None) -> Packet | Problem:
    """What the service data `data` (after the UUID) of the sender `address` says.

    `address` is `AA:BB:…`, as the radio heard it; one that the data carries goes before it.  `key`
    is the bind key of 16 bytes, None when there is none.
    """
    if not data or data[0] >> 5 != VERSION:
        return Problem.NO_BTHOME
    info, body = data[0], data[1:]
    own: str | None = None
    if info & _ADDRESS:
        if len(body) < ADDRESS_BYTES:
            return Problem.NO_BTHOME
        own = body[ADDRESS_BYTES - 1 :: -1].hex(":").upper()
        body = body[ADDRESS_BYTES:]
    counter: int | None = None
    if info & _ENCRYPTED:
        if len(body) <= COUNTER_BYTES + TAG_BYTES:
            return Problem.NO_BTHOME
        if key is None:
            return Problem.LOCKED
        opened = _open(body, info, own or address, key)
        if opened is None:
            return Problem.FORGED
        counter = int.from_bytes(body[-8:-4], "little")
        body = opened
    readings, whole = _objects(body)
    return Packet(readings, counter, whole, own)


def encrypted(data: bytes) -> bool:
    """Whether the service data says of itself that it is encrypted BTHome."""
    return bool(data) and data[0] >> 5 == VERSION and bool(data[0] & _ENCRYPTED)


def seal(plain: bytes, address: str, key: bytes, counter: int, info: int = 0x45) -> bytes:
    """The service data that a device with `key` would send: for the virtual twin, and for tests of
    both ways."""
    count = counter.to_bytes(COUNTER_BYTES, "little")
    nonce = _nonce(address, info, count)
    boxed = AESCCM(key, tag_length=TAG_BYTES).encrypt(nonce, plain, None)
    return bytes([info]) + boxed[:-TAG_BYTES] + count + boxed[-TAG_BYTES:]


def _nonce(address: str, info: int, counter: bytes) -> bytes:
    return bytes.fromhex(address.replace(":", "")) + b"\xd2\xfc" + bytes([info]) + counter


def _open(body: bytes, info: int, address: str, key: bytes) -> bytes | None:
    """The payload; None when it is not proved genuine."""
    split = len(body) - COUNTER_BYTES - TAG_BYTES
    counter, tag = body[split : split + COUNTER_BYTES], body[-TAG_BYTES:]
    try:
        nonce = _nonce(address, info, counter)
        return AESCCM(key, tag_length=TAG_BYTES).decrypt(nonce, body[:split] + tag, None)
    except (InvalidTag, ValueError):  # ValueError: no address, no key, or too long for CCM
        return None


def _objects(body: bytes) -> tuple[tuple[Reading, ...], bool]:
    """The readings up to the first that cannot be read, and whether that was all."""
    found: list[Reading] = []
    at = 0
    while at < len(body):
        kind = body[at]
        at += 1
        if kind in TEXTS:
            if at >= len(body):
                return tuple(found), False
            size, start = body[at], at + 1
        elif kind in NUMBERS:
            size, start = NUMBERS[kind].size, at
        else:
            return tuple(found), False
        raw = body[start : start + size]
        if len(raw) < size:
            return tuple(found), False
        found.append(_reading(kind, raw))
        at = start + size
    return tuple(found), True


def _reading(kind: int, raw: bytes) -> Reading:
    if kind in TEXTS:
        text = kind == 0x53
        return Reading(TEXTS[kind], raw.decode("utf-8", "replace") if text else raw)
    number = NUMBERS[kind]
    if not number.factor:
        return Reading(number.name, bool(raw[0]))
    value = int.from_bytes(raw, "little", signed=number.signed)
    if number.factor == 1:
        return Reading(number.name, value, number.unit)
    return Reading(number.name, round(value * number.factor, 6), number.unit)
