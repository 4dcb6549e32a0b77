"""The virtual lock is as strict as a real one: what it refuses, so that its yes means something."""

from __future__ import annotations

import os
import struct
from collections.abc import AsyncIterator

import pytest
from bleak import BleakClient

from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_client import Credentials
from drivers.locks.nuki_protocol import Action, Command
from drivers.locks.operation import LockAction
from tests.drivers.locks import LockHome
from tests.drivers.parts import until

QUESTION = struct.pack("<H", Command.CHALLENGE)


class Intruder:
    """Writes raw frames, and keeps the raw pieces that come back."""

    def __init__(self, client: BleakClient, who: Credentials) -> None:
        self.client, self.who = client, who
        self.heard = b""

    async def write(self, frame: bytes) -> None:
        await self.client.write_gatt_char(nuki.USER_IO, frame, response=True)

    def seal(self, command: int, payload: bytes) -> bytes:
        return nuki.seal(self.who.key, self.who.auth_id, os.urandom(24), command, payload)

    async def challenge(self) -> bytes:
        self.heard = b""
        await self.write(self.seal(Command.REQUEST, QUESTION))
        await until(lambda: len(self.heard) == nuki.sealed_bytes(self.heard))
        return nuki.unseal(self.who.key, self.who.auth_id, self.heard).payload


@pytest.fixture
async def intruder(home: LockHome) -> AsyncIterator[Intruder]:
    """Connected to the lock with good credentials."""
    advert = home.scanner.last(home.virtual.address)
    assert advert is not None
    async with BleakClient(advert.device) as client:
        made = Intruder(client, Credentials.from_json(home.secrets.read("nuki-door")))

        def on_piece(_sender: object, data: bytearray) -> None:
            made.heard += bytes(data)

        await client.start_notify(nuki.USER_IO, on_piece)
        yield made


async def test_a_good_command_turns_and_its_replay_does_not(
    home: LockHome, intruder: Intruder
) -> None:
    """The very frame that opened the door is refused when it is sent again."""
    challenge = await intruder.challenge()
    frame = intruder.seal(Command.ACTION, nuki.action_payload(Action.UNLOCK, 7, challenge))
    await intruder.write(frame)
    await until(lambda: home.virtual.turns == [LockAction.UNLOCK])
    await intruder.write(frame)
    await until(lambda: home.virtual.refused == [0x22])
    assert home.virtual.turns == [LockAction.UNLOCK]


async def test_a_replayed_question_is_refused(home: LockHome, intruder: Intruder) -> None:
    """A nonce counts once, for every message."""
    frame = intruder.seal(Command.REQUEST, QUESTION)
    await intruder.write(frame)
    await until(lambda: len(intruder.heard) > 0)
    await intruder.write(frame)
    await until(lambda: home.virtual.refused == [0x22])


async def test_a_challenge_counts_once(home: LockHome, intruder: Intruder) -> None:
    """A new frame with a used or a made-up challenge is refused."""
    challenge = await intruder.challenge()
    payload = nuki.action_payload(Action.LOCK, 7, challenge)
    await intruder.write(intruder.seal(Command.ACTION, payload))
    await until(lambda: home.virtual.turns == [LockAction.LOCK])
    await intruder.write(intruder.seal(Command.ACTION, payload))
    await until(lambda: home.virtual.refused == [0x22])
    made_up = nuki.action_payload(Action.UNLOCK, 7, bytes(32))
    await intruder.challenge()
    await intruder.write(intruder.seal(Command.ACTION, made_up))
    await until(lambda: home.virtual.refused == [0x22, 0x22])
    assert home.virtual.turns == [LockAction.LOCK]


async def test_a_flipped_bit_is_refused(home: LockHome, intruder: Intruder) -> None:
    """In the box: not ours.  In the authorisation id: a stranger."""
    frame = bytearray(intruder.seal(Command.REQUEST, QUESTION))
    frame[-1] ^= 1
    await intruder.write(bytes(frame))
    await until(lambda: home.virtual.refused == [0x20])
    frame[nuki.NONCE_BYTES] ^= 1
    await intruder.write(bytes(frame))
    await until(lambda: home.virtual.refused == [0x20, 0x20])


async def test_a_short_action_is_refused(home: LockHome, intruder: Intruder) -> None:
    """A command without a whole challenge is refused by its length."""
    await intruder.challenge()
    await intruder.write(intruder.seal(Command.ACTION, b"\x01"))
    await until(lambda: home.virtual.refused == [0xFE])
    assert home.virtual.turns == []
