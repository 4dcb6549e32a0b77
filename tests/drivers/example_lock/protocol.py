"""The example's protocol: frames of a few bytes, one session, credentials.

    to the lock      H slot | C action tag | S
    from the lock    N nonce | E code | D state | B state battery low

A command's tag is an HMAC over the session's nonce and the action.  The lock advertises one byte
under `COMPANY`: 1 when its state changed since somebody asked.

Not for: when to connect, or what an answer means for the door.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bleak import BleakClient
from bleak.backends.device import BLEDevice

from drivers.locks.credentials import readable
from drivers.locks.operation import LockAction, OnStatus
from drivers.radio.connection import connection, subscribe, translated, unless_lost, within
from gateway.errors import DeviceRefused, ProtocolError, SecretError
from gateway.ports import Bolt, LockStatus, Scanner

COMPANY = 0xFFFF
"""The company number that the Bluetooth SIG keeps for tests."""

SERVICE, COMMANDS, ANSWERS = (f"e0{n}00000-7472-7967-6776-650000000000" for n in (1, 2, 3))

ANSWER_S = 5.0
"""Seconds for an answer, or to write a frame; it takes well under one."""

ACTIONS = {LockAction.UNLOCK: b"u", LockAction.LOCK: b"l"}
BOLTS = {b"l": Bolt.LOCKED, b"u": Bolt.UNLOCKED, b"m": Bolt.MOVING, b"j": Bolt.JAMMED}
WHY = {1: "not_paired", 2: "busy", 3: "jammed"}
"""Error codes in words of `LockOperationEnded.why`; all others are `refused_by_lock`."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The lock's address, our slot in it, and the slot's key of 16 bytes."""

    address: str
    slot: int
    key: bytes

    def to_json(self) -> str:
        """As it is kept in the secret."""
        return json.dumps({"address": self.address, "slot": self.slot, "key": self.key.hex()})

    @classmethod
    def from_json(cls, text: str) -> Credentials:
        """Raises `SecretError` when it is not what `to_json` made."""
        with readable():
            fields = json.loads(text)
            credentials = cls(fields["address"], int(fields["slot"]), bytes.fromhex(fields["key"]))
        if len(credentials.key) != 16:
            raise SecretError("the lock's key is not 16 bytes long")
        return credentials


def tag(key: bytes, nonce: bytes, action: bytes) -> bytes:
    """What proves that a command is ours."""
    return hmac.digest(key, nonce + action, hashlib.sha256)[:8]


def state_changed(manufacturer_data: dict[int, bytes]) -> bool | None:
    """Whether the lock says that its state changed; None when it says nothing of it."""
    return {b"\0": False, b"\1": True}.get(manufacturer_data.get(COMPANY, b""))


class Session:
    """A connected lock (`drivers.locks.operation.LockSession`)."""

    def __init__(self, who: Credentials) -> None:
        self.client: BleakClient | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._who = who
        self._nonce = b""
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    def on_frame(self, _sender: object, data: bytearray) -> None:
        """The lock said something."""
        self._frames.put_nowait(bytes(data))

    def on_lost(self, _client: object) -> None:
        """The link is gone."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def prepare(self) -> None:
        """See `LockSession`: a command is proved with the session's nonce."""
        self._nonce = await self._ask(b"H" + bytes([self._who.slot]), b"N")

    async def operate(self, action: LockAction, on_status: OnStatus, until_s: float) -> None:
        """See `LockSession`.  The lock answers when its motor has stopped."""
        what = ACTIONS[action]
        await self._write(b"C" + what + tag(self._who.key, self._nonce, what))
        state = await self._hear(b"D", max(0.0, until_s - time.monotonic()))
        on_status(LockStatus(BOLTS.get(state, Bolt.UNKNOWN)))

    async def status(self) -> LockStatus:
        """See `LockSession`."""
        answer = await self._ask(b"S", b"B")
        if len(answer) != 3:
            raise ProtocolError("the lock's answer is not three bytes long")
        bolt = BOLTS.get(answer[:1], Bolt.UNKNOWN)
        return LockStatus(bolt, battery_pct=answer[1], battery_low=bool(answer[2]))

    async def _ask(self, question: bytes, kind: bytes) -> bytes:
        while not self._frames.empty():
            self._frames.get_nowait()  # said before the question: no answer to it
        await self._write(question)
        return await self._hear(kind, ANSWER_S)

    async def _hear(self, kind: bytes, limit_s: float) -> bytes:
        async with asyncio.timeout(limit_s):
            while True:
                frame = await unless_lost(self.lost, limit_s, self._frames.get())
                if frame[:1] == kind:
                    return frame[1:]
                if frame[:1] == b"E":
                    why = WHY.get(frame[1], "refused_by_lock")
                    raise DeviceRefused("the lock said no", why=why, code=frame[1])

    async def _write(self, frame: bytes) -> None:
        assert self.client is not None
        with translated("writing to the lock"):
            await within(ANSWER_S, self.client.write_gatt_char(COMMANDS, frame, response=True))


@contextlib.asynccontextmanager
async def open_session(
    device: BLEDevice, scanner: Scanner, who: Credentials, connect_s: float
) -> AsyncIterator[Session]:
    """A `Session`.  However it is left, nothing stays connected.  Raises `DeviceUnavailable`."""
    session = Session(who)
    async with connection(device, scanner, session.on_lost, connect_s) as client:
        session.client = client
        await subscribe(client, ANSWERS, session.on_frame)
        yield session
