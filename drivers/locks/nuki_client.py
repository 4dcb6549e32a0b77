"""One Bluetooth session with a Nuki lock: connect, speak, disconnect; and the pairing dialogue.

Not for: when to connect, or what an answer means for the door.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from nacl.public import PrivateKey

from drivers.locks import nuki_protocol as nuki
from drivers.locks.credentials import readable
from drivers.locks.nuki_protocol import Action, Command, Message, Status
from drivers.locks.operation import LockAction, OnStatus
from drivers.radio.connection import connection, subscribe, translated, within
from gateway.errors import DeviceUnavailable, ProtocolError, SecretError
from gateway.ports import Bolt, LockStatus, Scanner

WRITE_S = 5.0
"""Seconds to write one frame: at an MTU of 23, six round trips."""

ANSWER_S = 5.0
"""Seconds that the lock has to answer a question; it takes well under one."""


ACCEPT_S = 5.0
"""Seconds until the lock has said anything to its command; it accepts in well under one."""

TURN_S = 12.0
"""Seconds that a turn takes at the most, once accepted: users report 3 to 8."""

_ACTIONS = {
    LockAction.UNLOCK: Action.UNLOCK,
    LockAction.UNLATCH: Action.UNLATCH,
    LockAction.LOCK: Action.LOCK,
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What pairing gave us: the lock's address, who we are to it, and the shared key."""

    address: str
    auth_id: int
    app_id: int
    key: bytes

    def to_json(self) -> str:
        """As it is kept in the secret."""
        fields = {
            "address": self.address,
            "auth_id": self.auth_id,
            "app_id": self.app_id,
            "key": self.key.hex(),
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> Credentials:
        """Raises `SecretError` when it is not what `to_json` made."""
        with readable():
            fields = json.loads(text)
            made = cls(
                address=str(fields["address"]).upper(),
                auth_id=int(fields["auth_id"]),
                app_id=int(fields["app_id"]),
                key=bytes.fromhex(fields["key"]),
            )
        if len(made.key) != 32:
            raise SecretError("the lock's key is not 32 bytes long")
        return made


class Link:
    """A connection on which whole frames go both ways.

    `measure` tells how long the frame is that begins with some bytes (None: more are needed): at an
    MTU of 23 an answer comes in pieces of 20 bytes.
    """

    def __init__(self, measure: Callable[[bytes], int | None]) -> None:
        self.client: BleakClient | None = None
        self.uuid = ""
        self._measure = measure
        self._part = b""
        self._frames: asyncio.Queue[bytes | ProtocolError | None] = asyncio.Queue()

    def on_piece(self, _sender: object, data: bytearray) -> None:
        """An indication came."""
        self._part += bytes(data)
        try:
            if is_plain_error(self._part):
                self._frames.put_nowait(self._part)
                self._part = b""
            while (size := self._measure(self._part)) is not None:
                if size > nuki.FRAME_MAX_BYTES:
                    raise ProtocolError("the lock announces a message that is too long")
                if len(self._part) < size:
                    return
                self._frames.put_nowait(self._part[:size])
                self._part = self._part[size:]
        except ProtocolError as error:
            self._part = b""
            self._frames.put_nowait(error)

    def on_lost(self, _client: object) -> None:
        """The connection is gone."""
        self._frames.put_nowait(None)

    def drain(self) -> None:
        """Forget the frames that came before now; a lost link stays lost."""
        lost = False
        while not self._frames.empty():
            lost = self._frames.get_nowait() is None or lost
        if lost:
            self.on_lost(None)

    async def write(self, frame: bytes) -> None:
        """Send one frame.  Raises `DeviceUnavailable`; the frame may have arrived all the same."""
        if self.client is None:
            raise DeviceUnavailable("the lock is not connected")
        with translated("writing to the lock"):
            await within(WRITE_S, self.client.write_gatt_char(self.uuid, frame, response=True))

    async def frame(self, limit_s: float = ANSWER_S) -> bytes:
        """The next frame.  Raises `DeviceUnavailable` (the link was lost), `ProtocolError`, or
        `TimeoutError`."""
        async with asyncio.timeout(limit_s):
            item = await self._frames.get()
        if item is None:
            self.on_lost(None)  # for whoever listens next
            raise DeviceUnavailable("the link to the lock was lost")
        if isinstance(item, ProtocolError):
            raise item
        return item


def is_plain_error(data: bytes) -> bool:
    """Whether these bytes are a plain error frame: how a lock answers somebody that it has no key
    for."""
    if len(data) != 7 or struct.unpack_from("<H", data)[0] != Command.ERROR:
        return False
    return nuki.crc(data[:-2]) == data[-2:]


@contextlib.asynccontextmanager
async def open_link(
    device: BLEDevice,
    scanner: Scanner,
    uuid: str,
    measure: Callable[[bytes], int | None],
    connect_s: float,
) -> AsyncIterator[Link]:
    """A `Link` to the lock on characteristic `uuid`.  However it is left, also by a cancellation
    while connecting, nothing stays connected.  Raises `DeviceUnavailable`."""
    link = Link(measure)
    async with connection(device, scanner, link.on_lost, connect_s) as client:
        await subscribe(client, uuid, link.on_piece)
        link.client, link.uuid = client, uuid
        yield link


class Session:
    """A link to a lock that knows us."""

    def __init__(self, link: Link, credentials: Credentials) -> None:
        self._link = link
        self._who = credentials
        self._challenge = b""

    async def prepare(self) -> None:
        """See `operation.LockSession`: a command must repeat the lock's challenge."""
        self._challenge = await self.challenge()

    async def operate(self, action: LockAction, on_status: OnStatus, until_s: float) -> None:
        """See `operation.LockSession`.  Over when the lock says that it is complete, or jammed."""
        payload = nuki.action_payload(_ACTIONS[action], self._who.app_id, self._challenge)
        await self.say(Command.ACTION, payload)
        limit_s = ACCEPT_S
        until_s = min(until_s, time.monotonic() + ACCEPT_S + TURN_S)
        while True:
            message = await self.hear(max(0.0, min(limit_s, until_s - time.monotonic())))
            limit_s = TURN_S
            if message.command == Command.STATES:
                status = nuki.states(message.payload)
                on_status(status)
                if status.bolt is Bolt.JAMMED:
                    return
            if message.command == Command.STATUS and message.payload == bytes([Status.COMPLETE]):
                return

    async def say(self, command: Command, payload: bytes) -> None:
        """Send one encrypted frame.  Raises `DeviceUnavailable`."""
        nonce = os.urandom(nuki.NONCE_BYTES)
        frame = nuki.seal(self._who.key, self._who.auth_id, nonce, command, payload)
        await self._link.write(frame)

    async def hear(self, limit_s: float = ANSWER_S) -> Message:
        """The lock's next message.

        Raises `DeviceRefused` for an error message, `DeviceUnavailable` when the link is lost,
        `ProtocolError`, and `TimeoutError`.
        """
        frame = await self._link.frame(limit_s)
        if is_plain_error(frame):
            message = nuki.unpack(frame)
        else:
            message = nuki.unseal(self._who.key, self._who.auth_id, frame)
        if message.command == Command.ERROR:
            raise nuki.refusal(message.payload)
        return message

    async def ask(self, question: Command, limit_s: float = ANSWER_S) -> bytes:
        """The payload of the answer to a question; other messages on the way are passed over.
        What came before the question is no answer to it.  Raises as `hear`."""
        self._link.drain()
        await self.say(Command.REQUEST, struct.pack("<H", question))
        async with asyncio.timeout(limit_s):
            while True:
                message = await self.hear(limit_s)
                if message.command == question:
                    return message.payload

    async def status(self) -> LockStatus:
        """Where the bolt is, and the battery.  Raises as `hear`."""
        return nuki.states(await self.ask(Command.STATES))

    async def challenge(self) -> bytes:
        """The 32 bytes that the next command must repeat.  Raises as `hear`."""
        challenge = await self.ask(Command.CHALLENGE)
        if len(challenge) != 32:
            raise ProtocolError("the lock's challenge is not 32 bytes long")
        return challenge


@contextlib.asynccontextmanager
async def open_session(
    device: BLEDevice, scanner: Scanner, credentials: Credentials, connect_s: float
) -> AsyncIterator[Session]:
    """A `Session`; otherwise as `open_link`."""
    async with open_link(device, scanner, nuki.USER_IO, nuki.sealed_bytes, connect_s) as link:
        yield Session(link, credentials)


async def exchange_keys(link: Link, address: str, id_type: nuki.IdType, name: str) -> Credentials:
    """The pairing dialogue on a fresh link (vendor's API, "Authorize App").

    Raises `DeviceRefused`, `DeviceUnavailable`, `ProtocolError` or `TimeoutError`.
    """

    async def hear(command: Command) -> bytes:
        message = nuki.unpack(await link.frame())
        if message.command == Command.ERROR:
            raise nuki.refusal(message.payload)
        if message.command != command:
            raise ProtocolError(f"the lock said 0x{message.command:04X} while pairing")
        return message.payload

    own = PrivateKey.generate()
    own_public = bytes(own.public_key)
    app_id = int.from_bytes(os.urandom(4), "little")
    await link.write(nuki.pack(Command.REQUEST, struct.pack("<H", Command.PUBLIC_KEY)))
    lock_public = await hear(Command.PUBLIC_KEY)
    key = nuki.shared_key(bytes(own), lock_public)
    await link.write(nuki.pack(Command.PUBLIC_KEY, own_public))
    challenge = await hear(Command.CHALLENGE)
    proof = nuki.h1(key, own_public, lock_public, challenge)
    await link.write(nuki.pack(Command.AUTHENTICATOR, proof))
    challenge = await hear(Command.CHALLENGE)
    own_nonce = os.urandom(32)
    who = struct.pack("<BI", id_type, app_id) + name.encode()[:32].ljust(32, b"\0") + own_nonce
    proof = nuki.h1(key, who, challenge)
    await link.write(nuki.pack(Command.AUTHORISATION_DATA, proof + who))
    answer = await hear(Command.AUTHORISATION_ID)
    theirs, auth_id, uuid, nonce = answer[:32], answer[32:36], answer[36:52], answer[52:84]
    # The order of the parts is not confirmed on hardware (docs/locks.md).
    if nuki.h1(key, auth_id, uuid, nonce, own_nonce) != theirs:
        raise ProtocolError("the lock could not prove that it is the one we talked to")
    proof = nuki.h1(key, auth_id, nonce)
    await link.write(nuki.pack(Command.CONFIRM_ID, proof + auth_id))
    if await hear(Command.STATUS) != bytes([nuki.Status.COMPLETE]):
        raise ProtocolError("the lock did not complete the pairing")
    return Credentials(address, struct.unpack("<I", auth_id)[0], app_id, key)
