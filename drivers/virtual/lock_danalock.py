"""A virtual Danalock V3: the other end of `lock_danalock`, through the unmodified `pydanalock-ble`.

It speaks the frames, the channel, a TLS session with a certificate of its own authority, and the
commands after a login; it says in encrypted advertisements where its bolt is, sleeps until its
handle is taken, and can be made to fail (`DanalockFaults`).  `turns` counts each run of its motor.

Not for: showing how a real lock behaves (docs/locks.md says what is not confirmed).
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydanalock.ble import COMPANY_ID, NOTIFY_UUID, SERVICE_UUID, WRITE_UUID, crc16_ccitt_false

from drivers.locks.danalock_client import Credentials
from drivers.locks.operation import LockAction
from drivers.virtual._danalock_link import LockLink
from drivers.virtual._danalock_tls import DATA, Authority, TlsServer
from drivers.virtual.locks import Faults, LockOptions, Moment, State, VirtualLock
from drivers.virtual.radio import VirtualRadio, advertisement

LOGIN, OPERATE, GET_STATE = (1, 1), (4, 1), (4, 5)
LOCK = 3
OK, BUSY, NOTHING_CHANGED, BLOCKED = 0x00, 0x05, 0x07, 0x17
UNSUPPORTED, NOT_LOGGED_IN, BAD_TOKEN = 0x09, 0x41, 0x5E


@dataclass
class DanalockFaults(Faults):
    """What is wrong with the lock now.  `error` is one of the protocol's statuses, as 0x0B."""

    only_takes: bool = False
    """A command is answered with OK at once, before the motor has done anything."""
    never_turns: bool = False
    """A command is answered with OK, and the motor does not run."""
    impostor: bool = False
    """Somebody else's certificate: this is not the lock."""


class VirtualDanalock(VirtualLock["_Session"]):
    """A lock on `radio`; see `VirtualLock`.  `authority` signs its certificate: one of its own when
    left out."""

    ADDRESS = "DA:7A:10:C0:00:01"
    MTU = 23
    REFUSAL = 0x40
    BUSY = BUSY

    faults: DanalockFaults

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        serial: bytes = bytes.fromhex("0a1b2c3d4e5f"),
        authority: Authority | None = None,
        **options: Unpack[LockOptions],
    ) -> None:
        super().__init__(radio, **options)
        self.serial = serial
        self.authority = authority or Authority()
        self.tokens_heard: list[bytes] = []
        """Each login token that somebody told it."""
        self.faults = DanalockFaults()
        self._identity = self.authority.identity(serial)
        self._false_identity = Authority("Somebody else").identity(serial)
        self._broadcast_key = os.urandom(16)
        self._tokens: set[bytes] = set()
        self._counter = 1
        self._sessions: dict[Connection, _Session] = {}

    # --- what a person at the door does -----------------------------------------------------------

    def token(self) -> tuple[bytes, bytes]:
        """A login token and the broadcast key, as the vendor's cloud gives them out."""
        token = os.urandom(64)
        self._tokens.add(token)
        return token, self._broadcast_key

    def trust(self, *, valid_to: datetime | None = None, refresh_token: str | None = None) -> str:
        """The secret that `lock_danalock` reads, with a new token."""
        token, broadcast_key = self.token()
        credentials = Credentials(
            self.serial, token, broadcast_key, self.authority.der, valid_to, refresh_token
        )
        return credentials.to_json()

    def forget_everybody(self) -> None:
        """Every token is void."""
        self._tokens.clear()

    # --- the radio --------------------------------------------------------------------------------

    def _services(self) -> list[Service]:
        kinds = Characteristic.Properties
        value = att.AttributeValue(write=self._on_write)
        self._out = Characteristic[bytes](NOTIFY_UUID, kinds.NOTIFY, Characteristic.READABLE)
        way_in = Characteristic[bytes](
            WRITE_UUID,
            kinds.WRITE | kinds.WRITE_WITHOUT_RESPONSE,
            Characteristic.WRITEABLE,
            value,
        )
        return [Service(SERVICE_UUID, [way_in, self._out])]

    def _advertisement(self) -> bytes:
        # It does not tell that its motor runs.  Bit 2: calibrated by points.
        flags = (self.state in (State.LOCKED, State.UNLOCKING)) | (1 << 2)
        if self.state is State.JAMMED:
            flags |= 1 << 3
        said = bytearray(16)
        said[2:4] = self._counter.to_bytes(2, "little")
        said[4:6] = (1 << 2).to_bytes(2, "little")  # runs on batteries
        said[6] = self.battery_pct
        said[10:12] = flags.to_bytes(2, "little")
        said[0:2] = crc16_ccitt_false(bytes(said[2:])).to_bytes(2, "little")
        chain = Cipher(algorithms.AES(self._broadcast_key), modes.CBC(bytes(16))).encryptor()
        data = b"\x02" + self.serial + b"\x00" + chain.update(bytes(said))
        return advertisement(manufacturer={COMPANY_ID: data})

    async def _changed(self) -> None:
        self._counter = (self._counter + 1) & 0xFFFF
        await self._advertise()

    async def _advertise(self) -> None:
        if not self.faults.silent:
            await super()._advertise()
        else:
            await self._peripheral.hush()

    # --- a session --------------------------------------------------------------------------------

    def _on_write(self, connection: Connection, data: bytes) -> None:
        session = self._sessions.get(connection)
        if session is None:
            session = self._sessions[connection] = _Session(self, connection)
            self._spawn(self._serve(session))
        session.arrived.put_nowait(bytes(data))

    async def _serve(self, session: _Session) -> None:
        """Until the connection is gone: bytes in, in order."""
        gone = self._peripheral.connections.get(session.connection)
        if gone is None:
            return
        gone.add_done_callback(lambda _: session.arrived.put_nowait(None))
        records = asyncio.ensure_future(self._talk(session))
        try:
            while (data := await session.arrived.get()) is not None:
                await session.link.feed(data)
        finally:
            session.link.close()
            self._sessions.pop(session.connection, None)
            session.records.put_nowait(None)
            await asyncio.wait({records})

    async def _talk(self, session: _Session) -> None:
        while (record := await session.records.get()) is not None:
            answers = session.tls.take(record)
            if answers and await self._drops(Moment.BEFORE_COMMAND):
                return
            for answer in answers:
                await self._answer(session, answer)
            while session.tls.opened:
                await self._request(session, session.tls.opened.pop(0))

    async def _answer(self, session: _Session, record: bytes) -> None:
        if not self.faults.silent:
            await session.link.send(record)

    async def _request(self, session: _Session, request: bytes) -> None:
        what, payload = (request[1], request[2]), request[3:]
        if what == LOGIN:
            self.tokens_heard.append(payload)
            session.logged_in = payload in self._tokens
            await self._result(session, what, OK if session.logged_in else BAD_TOKEN)
        elif not session.logged_in:
            await self._result(session, what, NOT_LOGGED_IN)
        elif what == OPERATE:
            # The motor does not stop because nobody listens any more.
            action = LockAction.LOCK if payload[0] == LOCK else LockAction.UNLOCK
            self._spawn(self._command(session, action))
        else:
            await self._result(session, what, UNSUPPORTED)

    async def _command(self, user: _Session, action: LockAction) -> None:
        if self.faults.never_turns and self._refusal(action) is None:
            await self._operated(user, OK)
        else:
            await super()._command(user, action)

    def _refusal(self, action: LockAction) -> int | None:
        code = super()._refusal(action)
        there = State.LOCKED if action is LockAction.LOCK else State.UNLOCKED
        return NOTHING_CHANGED if code is None and self.state is there else code

    async def _refuse(self, user: _Session, code: int) -> None:
        await self._operated(user, code)

    async def _accept(self, user: _Session) -> None:
        if self.faults.only_takes:
            await self._operated(user, OK)

    async def _end(self, user: _Session) -> None:
        await self._changed()
        if not self.faults.only_takes:
            await self._operated(user, BLOCKED if self.state is State.JAMMED else OK)

    async def _operated(self, session: _Session, status: int) -> None:
        if not self.faults.silent_command:
            await self._result(session, OPERATE, status)

    async def _result(self, session: _Session, what: tuple[int, int], status: int) -> None:
        if status != OK:
            self.refused.append(status)
        answer = session.tls.seal(DATA, bytes([0x02, *what, status]))
        await self._answer(session, answer)


class _Session:
    """One connection."""

    def __init__(self, lock: VirtualDanalock, connection: Connection) -> None:
        self.connection = connection
        self.arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.records: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.logged_in = False
        identity = lock._false_identity if lock.faults.impostor else lock._identity
        self.tls = TlsServer(identity)

        async def write(data: bytes) -> None:
            await lock._send(connection, lock._out, data, sure=False)

        self.link = LockLink(lock.serial, write, self.records.put_nowait)


Twin = VirtualDanalock
