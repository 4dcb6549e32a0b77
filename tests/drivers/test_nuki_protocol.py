"""Nuki's frames, against the vendor's worked example and against damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult

from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_protocol import Command
from gateway.errors import DeviceRefused, ProtocolError
from gateway.events import LockOperationEnded
from gateway.ports import Bolt

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "protocols"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    file = DATA / "nuki_ble_vectors.json"
    if not file.exists():
        pytest.skip(f"the vendor's worked example is not here: {file.name}")
    loaded: dict[str, Any] = json.loads(file.read_text())
    loaded["frames"] = {v["name"]: bytes.fromhex(v["message"]) for v in loaded["vectors"]}
    loaded["keys"] = {name: bytes.fromhex(text) for name, text in loaded["keys"].items()}
    return loaded


def test_keys_agree_with_the_example(example: dict[str, Any]) -> None:
    """The shared key is NaCl's `beforenm` of our private and the lock's public key."""
    keys = example["keys"]
    assert crypto_scalarmult(keys["client_private"], keys["lock_public"]) == keys["dh"]
    assert nuki.shared_key(keys["client_private"], keys["lock_public"]) == keys["shared_key"]


def test_plain_frames_of_the_example(example: dict[str, Any]) -> None:
    """Every plain frame is read, and written again byte for byte."""
    plain = {name: frame for name, frame in example["frames"].items() if "wire" not in name}
    assert len(plain) == 6
    for name, frame in plain.items():
        if name == "read lock state, plaintext":
            continue  # the inside of a box: it begins with the authorisation id
        message = nuki.unpack(frame)
        assert nuki.pack(message.command, message.payload) == frame
    assert nuki.unpack(plain["request public key"]) == nuki.Message(1, b"\x03\x00")
    assert nuki.unpack(plain["lock public key"]).payload == example["keys"]["lock_public"]


def test_the_authenticator_of_the_example(example: dict[str, Any]) -> None:
    """h1 over our public key, the lock's, and the challenge, in that order."""
    keys, frames = example["keys"], example["frames"]
    challenge = nuki.unpack(frames["challenge 1"]).payload
    proof = nuki.h1(keys["shared_key"], keys["client_public"], keys["lock_public"], challenge)
    assert nuki.unpack(frames["authorization authenticator"]).payload == proof


def test_the_sealed_frame_of_the_example(example: dict[str, Any]) -> None:
    """The encrypted question for the state is opened, and sealed again byte for byte."""
    key, frame = example["keys"]["shared_key"], example["frames"]["read lock state, on the wire"]
    message = nuki.unseal(key, 2, frame)
    assert message == nuki.Message(Command.REQUEST, b"\x0c\x00")
    assert nuki.seal(key, 2, frame[:24], message.command, message.payload) == frame
    assert nuki.sealed_bytes(frame[:30]) == len(frame)


@given(st.binary(min_size=0, max_size=80), st.integers(0, 0xFFFF), st.data())
def test_no_flipped_bit_passes(payload: bytes, command: int, data: st.DataObject) -> None:
    """A frame that differs in any one bit is refused as damaged, plain or sealed."""
    key = bytes(range(32))
    plain = nuki.pack(command, payload)
    sealed = nuki.seal(key, 9, bytes(24), command, payload)
    assert nuki.unpack(plain) == nuki.unseal(key, 9, sealed) == nuki.Message(command, payload)
    for frame, read in ((plain, nuki.unpack), (sealed, lambda f: nuki.unseal(key, 9, f))):
        at = data.draw(st.integers(0, len(frame) * 8 - 1))
        broken = bytearray(frame)
        broken[at // 8] ^= 1 << at % 8
        with pytest.raises(ProtocolError):
            read(bytes(broken))


@given(st.binary(max_size=120))
def test_strangers_bytes_raise_nothing_but_protocol_errors(junk: bytes) -> None:
    """Whatever the radio brings, the codec answers with a value or a `ProtocolError`."""
    for read in (
        nuki.unpack,
        nuki.states,
        nuki.pairing_bytes,
        nuki.sealed_bytes,
        lambda data: nuki.unseal(bytes(32), 1, data),
        lambda data: nuki.shared_key(bytes(range(32)), data),
    ):
        try:
            read(junk)
        except ProtocolError:
            continue
    assert isinstance(nuki.refusal(junk), DeviceRefused | ProtocolError)
    nuki.state_changed({nuki.BEACON_COMPANY: junk})


def test_every_state_is_read_and_an_unknown_one_is_unknown() -> None:
    """Only `locked` is locked; what is not in the table is unknown, never a guess."""
    assert {code for code, bolt in nuki.BOLTS.items() if bolt is Bolt.LOCKED} == {0x01}
    assert {code for code, bolt in nuki.BOLTS.items() if bolt is Bolt.UNLOCKED} == {3, 5, 6}
    for code in range(256):
        expected = nuki.BOLTS.get(code, Bolt.UNKNOWN)
        assert nuki.states(bytes([2, code])).bolt is expected


@pytest.mark.parametrize(
    ("battery", "pct", "low"), [(0b10100000, 80, False), (0b00001101, 6, True), (0b1, None, True)]
)
def test_battery_and_door(battery: int, pct: int | None, low: bool) -> None:
    """Battery and door stand at their places; what old firmware leaves out is None."""
    payload = bytearray(20)
    payload[1], payload[12], payload[18] = 1, battery, 3
    status = nuki.states(bytes(payload))
    assert (status.battery_pct, status.battery_low, status.door_open) == (pct, low, True)
    short = nuki.states(bytes(payload[:12]))
    assert (short.battery_pct, short.battery_low, short.door_open) == (None, None, None)


def test_every_error_code_has_a_word_that_the_events_know() -> None:
    """The table uses words of `unlock.ended` only, and holds every published code."""
    import inspect

    from gateway import events

    words = inspect.getsource(events.LockOperationEnded).split("took_s")[0]
    published = {0xFD, 0xFE, 0xFF, 0x10, 0x11, 0x20, 0x22, 0x26, 0x27}
    published |= {0x42, 0x44, 0x45, 0x46, 0x47, 0x49}
    assert published <= set(nuki.ERRORS)
    for code in range(256):
        error = nuki.refusal(bytes([code, 0x0D, 0x00]))
        assert isinstance(error, DeviceRefused)
        assert error.code == code
        assert f"`{error.why}`" in words, f"{error.why} is no word of {LockOperationEnded.KIND}"


def test_the_beacon_says_that_the_state_changed() -> None:
    """Bit 0 of the beacon's last byte; another company's data or a short beacon says nothing."""
    beacon = b"\x02\x15" + bytes(20) + b"\xc5"
    assert nuki.state_changed({0x004C: beacon}) is True
    assert nuki.state_changed({0x004C: beacon[:-1] + b"\xc4"}) is False
    assert nuki.state_changed({0x004C: beacon[:-1]}) is None
    assert nuki.state_changed({0x004C: b"\x10\x05" + bytes(21)}) is None
    assert nuki.state_changed({0x0059: beacon}) is None
