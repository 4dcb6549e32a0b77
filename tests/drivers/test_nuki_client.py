"""A link to a lock: whole frames out of pieces, and what a lost link means.  No radio here."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_client import Credentials, Link, Session
from drivers.locks.nuki_protocol import Command
from gateway.errors import DeviceRefused, DeviceUnavailable, ProtocolError, SecretError
from gateway.ports import Bolt

WHO = Credentials("D4:54:D2:72:00:01", 5, 6, bytes(range(32)))


def sealed(command: Command, payload: bytes) -> bytes:
    return nuki.seal(WHO.key, WHO.auth_id, bytes(24), command, payload)


class LinkToNobody(Link):
    """Writes go nowhere; `answers` come after each."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(nuki.sealed_bytes)
        self.answers = answers

    async def write(self, frame: bytes) -> None:
        for answer in self.answers:
            self.on_piece(None, bytearray(answer))


@given(
    st.lists(st.binary(max_size=90), min_size=1, max_size=5),
    st.lists(st.integers(1, 244), min_size=1),
)
async def test_frames_come_whole_however_they_were_cut(
    payloads: list[bytes], sizes: list[int]
) -> None:
    """Pieces of any size, also two frames in one piece."""
    link = Link(nuki.sealed_bytes)
    stream = b"".join(sealed(Command.STATES, payload) for payload in payloads)
    at = n = 0
    while at < len(stream):
        size = sizes[n % len(sizes)]
        link.on_piece(None, bytearray(stream[at : at + size]))
        at, n = at + size, n + 1
    for payload in payloads:
        assert nuki.unseal(WHO.key, WHO.auth_id, await link.frame(1.0)).payload == payload


async def test_a_length_that_cannot_be_is_damage() -> None:
    """It is told at once, not waited for."""
    link = Link(nuki.sealed_bytes)
    link.on_piece(None, bytearray(bytes(28) + b"\xff\xff"))
    with pytest.raises(ProtocolError, match="too long"):
        await link.frame(1.0)


async def test_a_plain_error_is_heard_on_an_encrypted_link() -> None:
    """So answers a lock that has no key for us."""
    error = nuki.pack(Command.ERROR, struct.pack("<BH", 0x20, Command.REQUEST))
    with pytest.raises(DeviceRefused) as caught:
        await Session(LinkToNobody(error), WHO).status()
    assert (caught.value.why, caught.value.code) == ("not_paired", 0x20)


async def test_what_came_before_a_question_is_no_answer_to_it() -> None:
    """A state that the lock told earlier is not taken for its state now."""
    link = LinkToNobody(sealed(Command.STATES, b"\x02\x03"))
    link.on_piece(None, bytearray(sealed(Command.STATES, b"\x02\x01")))
    assert (await Session(link, WHO).status()).bolt is Bolt.UNLOCKED


async def test_other_messages_are_passed_over() -> None:
    """An answer is the message that was asked for."""
    status, states = sealed(Command.STATUS, b"\x01"), sealed(Command.STATES, b"\x02\x01")
    assert (await Session(LinkToNobody(status, states), WHO).status()).bolt is Bolt.LOCKED


async def test_a_lost_link_stays_lost() -> None:
    """Whoever listens hears it, also after a question and more than once."""
    link = LinkToNobody()
    link.on_lost(None)
    for _ in range(2):
        with pytest.raises(DeviceUnavailable, match="lost"):
            await Session(link, WHO).status()


async def test_a_short_challenge_is_not_used() -> None:
    """32 bytes or nothing."""
    with pytest.raises(ProtocolError, match="32 bytes"):
        await Session(LinkToNobody(sealed(Command.CHALLENGE, bytes(31))), WHO).challenge()


def test_credentials_are_kept_as_text() -> None:
    """What was written is read again; anything else is a `SecretError` that names no key."""
    assert Credentials.from_json(WHO.to_json()) == WHO
    for text in ("nonsense", "[]", "{}", WHO.to_json().replace("1e1f", "")):
        with pytest.raises(SecretError) as caught:
            Credentials.from_json(text)
        assert WHO.key.hex()[:8] not in caught.value.text
