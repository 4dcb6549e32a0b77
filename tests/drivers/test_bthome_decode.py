"""BTHome's bytes: the published vectors, and whatever a stranger's radio sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.radio import bthome_decode as bthome
from drivers.radio.bthome_decode import Packet, Problem, decode, seal
from drivers.radio.bthome_replay_guard import Guard, Verdict
from tests.drivers.parts import kept_memory
from tests.drivers.vectors import needs_vectors, vectors

KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
ADDRESS = "54:48:E6:8F:80:A5"
THEIR_NAMES = {"power": "power_on", "moisture": "moisture", "gas": "gas_found"}
"""Flags that have a number's name in the vectors."""

BUTTONS = {0x01: 1, 0x02: 2, 0x03: 3, 0x04: 9, 0xFE: 11, 0x80: 11, 0x00: 0}
"""Object 0x3A to the scale of the Shelly vectors."""


def _shown(packet: Packet) -> dict[str, Any]:
    """A packet as the BTHome vectors write it."""
    flags = {r.name: r.value for r in packet.readings if isinstance(r.value, bool)}
    numbers = [r for r in packet.readings if not isinstance(r.value, bool)]
    sensors: dict[str, Any] = {}
    for name in dict.fromkeys(r.name for r in numbers if r.name not in ("button", "dimmer")):
        same = [r for r in numbers if r.name == name]
        theirs = "moisture" if name == "moisture_pct" else name
        for n, reading in enumerate(same, 1):
            key = theirs if len(same) == 1 else f"{theirs}_{n}"
            sensors[key] = {"value": pytest.approx(reading.value), "unit": reading.unit}
            if isinstance(reading.value, str):
                sensors[key]["value"] = reading.value
    return {"sensors": sensors, "binary": flags, "events": _events(packet)}


def _events(packet: Packet) -> dict[str, Any]:
    presses = {1: "press", 2: "double_press", 3: "triple_press", 4: "long_press"}
    events: dict[str, Any] = {}
    for value in packet.values("button"):
        events["button"] = {"type": presses[int(value)], "properties": None}
    for value in packet.values("dimmer"):
        way, steps = int(value) & 0xFF, int(value) >> 8
        kind = {1: "rotate_left", 2: "rotate_right"}[way]
        events["dimmer"] = {"type": kind, "properties": {"steps": steps}}
    return events


@needs_vectors
@pytest.mark.parametrize("case", vectors("bthome_v2_vectors"), ids=lambda case: case["case"])
def test_bthome_vector(case: dict[str, Any]) -> None:
    """Each step through decoder and guard as a device would send it; what is refused leaves what
    was known before."""
    known: dict[str, Any] = {"sensors": {}, "binary": {}, "events": {}}
    guard = Guard()
    for now_s, step in enumerate(case["steps"]):
        data = bytes.fromhex(step["service_data_hex"])
        key = bytes.fromhex(step["bindkey_hex"]) if step["bindkey_hex"] else None
        assert bthome.encrypted(data) is step["encrypted"]
        found = decode(data, step["mac"], key)
        verdict = guard.judge(found, data, float(now_s), encrypted=key is not None)
        if isinstance(found, Packet) and verdict is Verdict.FRESH:
            known = _shown(found)
        expected = {kind: step["expected"][kind] for kind in known}
        flags = expected["binary"]
        expected["binary"] = {THEIR_NAMES.get(name, name): on for name, on in flags.items()}
        assert known == expected


@needs_vectors
@pytest.mark.parametrize(
    "case", vectors("bthome_v2_encryption"), ids=lambda case: case["plain_hex"]
)
def test_encryption_vector(case: dict[str, Any]) -> None:
    """Opened to the same values, and sealed to the same bytes."""
    data = bytes.fromhex(case["uuid_and_service_data_hex"])[2:]
    key, address = bytes.fromhex(case["bindkey_hex"]), bytes.fromhex(case["mac"]).hex(":")
    packet = decode(data, address, key)
    assert isinstance(packet, Packet)
    assert {r.name: r.value for r in packet.readings} == case["expected"]
    assert packet.counter == int.from_bytes(bytes.fromhex(case["counter_hex"]), "little")
    plain, info = bytes.fromhex(case["plain_hex"]), int(case["device_info"], 16)
    assert seal(plain, address, key, packet.counter, info) == data


@needs_vectors
@pytest.mark.parametrize("case", vectors("shelly_blu_vectors"), ids=lambda case: case["label"])
def test_shelly_vector(case: dict[str, Any]) -> None:
    """The vendor's own payloads; encrypted ones without a key are locked, cut where they say."""
    data, wanted = bytes.fromhex(case["service_data_hex"]), case["expected"]
    packet = decode(data, case.get("mac", ADDRESS), None)
    if "cipher" in wanted:
        assert packet is Problem.LOCKED
        assert bthome.encrypted(data)
        assert data.hex() == data[:1].hex() + wanted["cipher"] + wanted["ctr"] + wanted["mic"]
        assert decode(data, ADDRESS, KEY) is Problem.FORGED
        return
    assert isinstance(packet, Packet)
    assert packet.whole
    assert packet.first("packet_id") == wanted["packet"]
    assert packet.first("battery") == wanted["batt"]
    buttons = [BUTTONS[int(value)] for value in packet.values("button")]
    expected = [wanted[name] for name in sorted(wanted) if name.startswith("button")]
    assert buttons == expected
    for theirs, ours in (
        *(("lux", "illuminance"), ("open", "window"), ("rot", "rotation"), ("motion", "motion")),
        *(("hum", "humidity"), ("tempc", "temperature")),
    ):
        value = packet.first(ours)
        if theirs == "lux" and value is not None:
            assert isinstance(value, int | float)
            value = int(value)  # that project drops the fraction
        assert value == wanted.get(theirs)


def test_every_object_has_a_sane_row() -> None:
    """Names are words, sizes fit, and no object is both a number and a text."""
    for kind, number in bthome.NUMBERS.items():
        assert 0 <= kind <= 0xFF
        assert number.name.isidentifier()
        assert 1 <= number.size <= 4
        assert number.factor >= 0
    assert not set(bthome.NUMBERS) & set(bthome.TEXTS)


def test_a_value_that_is_cut_off_is_left_out() -> None:
    """What came before it counts, and the packet says that it is not whole."""
    whole = bytes.fromhex("40015d02ca09")
    for length in range(1, len(whole)):
        packet = decode(whole[:length], ADDRESS, None)
        assert isinstance(packet, Packet)
        assert packet.whole is (length in (1, 3))
        assert packet.first("temperature") is None
        assert packet.first("battery") == (93 if length >= 3 else None)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x20", b"\x42\x01", b"\x41" + bytes(8), b"\xff"])
def test_what_is_no_bthome(data: bytes) -> None:
    """Empty, another version, an address or a tag that is cut off."""
    assert decode(data, ADDRESS, KEY) is Problem.NO_BTHOME


@pytest.mark.parametrize("key", [None, b"", bytes(15), bytes(16), bytes(33)])
@pytest.mark.parametrize("address", [ADDRESS, "", "no address", "00:00"])
def test_a_wrong_key_or_address_opens_nothing(key: bytes | None, address: str) -> None:
    """Whatever their length and form, it is locked or forged, and never raises."""
    data = seal(b"\x3a\x01", ADDRESS, KEY, 7)
    assert decode(data, address, key) in (Problem.LOCKED, Problem.FORGED)


def test_one_bit_is_enough_to_refuse() -> None:
    """Info byte, payload, counter or tag: a changed bit is no genuine message."""
    data = seal(b"\x00\x07\x3a\x01", ADDRESS, KEY, 7)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        found = decode(bytes(changed), ADDRESS, KEY)
        assert not isinstance(found, Packet) or found.counter is None, bit


_corpus = [bytes.fromhex("40005201643a01"), bytes.fromhex("44530c48656c6c6f20576f726c6421")] + [
    bytes.fromhex(step["service_data_hex"])
    for case in vectors("bthome_v2_vectors")
    for step in case["steps"]
]
_corpus += [bytes.fromhex(case["service_data_hex"]) for case in vectors("shelly_blu_vectors")]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A vector with bytes changed, cut, put in and doubled."""
    data = bytearray(draw(st.sampled_from(_corpus)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "cut", "put", "double"])):
            case "change" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case "put":
                data[at:at] = draw(st.binary(max_size=8))
            case _:
                data += data[at:]
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=300), mutated()),
    key=st.sampled_from([None, KEY, b"short"]),
)
def test_no_bytes_raise(data: bytes, key: bytes | None) -> None:
    """Any bytes are a packet or a problem; readings are never more than bytes."""
    found = decode(data, ADDRESS, key)
    if isinstance(found, Packet):
        assert len(found.readings) <= len(data)
        assert all(type(r.value) in (bool, int, float, str, bytes) for r in found.readings)


def test_decoding_keeps_nothing() -> None:
    """Ten thousand different messages leave no memory behind."""
    for n in range(200):
        decode(n.to_bytes(2, "big") * 20, ADDRESS, KEY)
    with kept_memory() as kept:
        for n in range(10_000):
            decode(b"\x40" + n.to_bytes(4, "big") * 6, ADDRESS, KEY)
            decode(b"\x41" + n.to_bytes(4, "big") * 6, ADDRESS, KEY)
    assert kept[0] < 20_000
