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
from enum import Enum

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydanalock.ble import COMPANY_ID, NOTIFY_UUID, SERVICE_UUID, WRITE_UUID, crc16_ccitt_false

from drivers.locks.danalock_client import Credentials
from drivers.locks.operation import LockAction
from drivers.virtual._danalock_link import LockLink
from drivers.virtual._danalock_tls import DATA, Authority, TlsServer
from drivers.virtual.locks import CommonFaults, Moment, VirtualLock
from drivers.virtual.radio import VirtualRadio, advertisement

LOGIN, OPERATE, GET_STATE = (1, 1), (4, 1), (4, 5)
UNLOCK, LOCK = 2, 3
OK, BUSY, NOTHING_CHANGED, BLOCKED = 0x00, 0x05, 0x07, 0x17
UNSUPPORTED, NOT_LOGGED_IN, BAD_TOKEN = 0x09, 0x41, 0x5E


class DanalockState(Enum):
    """Where the virtual bolt is."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    BLOCKED = "blocked"


@dataclass
class DanalockFaults(CommonFaults):
    """What is wrong with the lock now.  `error` is one of the protocol's statuses, as 0x0B."""

    silent_command: bool = False
    """Commands are obeyed and not answered."""
    silent: bool = False
    """Nothing is answered and nothing advertised any more; commands are obeyed."""
    only_takes: bool = False
    """A command is answered with OK at once, before the motor has done anything."""
    never_turns: bool = False
    """A command is answered with OK, and the motor does not run."""
    impostor: bool = False
    """Somebody else's certificate: this is not the lock."""


class VirtualDanalock(VirtualLock):
    """A lock on `radio`; see `VirtualLock`.  `authority` signs its certificate: one of its own when
    left out."""

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        address: str = "DA:7A:10:C0:00:01",
        serial: bytes = bytes.fromhex("0a1b2c3d4e5f"),
        authority: Authority | None = None,
        mtu: int = 23,
        turn_s: float = 0.05,
        sleepy: bool = False,
        awake_s: float = 30.0,
        battery_pct: int = 80,
        interval_s: float = 0.05,
    ) -> None:
        super().__init__(
            radio,
            address=address,
            mtu=mtu,
            turn_s=turn_s,
            sleepy=sleepy,
            awake_s=awake_s,
            battery_pct=battery_pct,
            interval_s=interval_s,
        )
        self.serial = serial
        self.authority = authority or Authority()
        self.state = DanalockState.LOCKED
        self.turns: list[LockAction] = []
        """Each run of the motor, in order."""
        self.refused: list[int] = []
        """Each status but OK that was answered, in order."""
        self.tokens_heard: list[bytes] = []
        """Each login token that somebody told it."""
        self.faults = DanalockFaults()
        self._identity = self.authority.identity(serial)
        self._false_identity = Authority("Somebody else").identity(serial)
        self._broadcast_key = os.urandom(16)
        self._tokens: set[bytes] = set()
        self._counter = 1
        self._sessions: dict[Connection, _Session] = {}

    @property
    def _wrong(self) -> DanalockFaults:
        return self.faults

    # --- what a person at the door does -----------------------------------------------------------

    async def turn_by_hand(self, state: DanalockState) -> None:
        """Somebody turns the knob; the advertisement says so."""
        self.state = state
        await self._changed()

    def token(self) -> tuple[bytes, bytes]:
        """A login token and the broadcast key, as the vendor's cloud gives them out."""
        made = os.urandom(64)
        self._tokens.add(made)
        return made, self._broadcast_key

    def trust(self, *, valid_to: datetime | None = None, refresh_token: str | None = None) -> str:
        """The secret that `lock_danalock` reads, with a new token."""
        token, broadcast_key = self.token()
        made = Credentials(
            self.serial, token, broadcast_key, self.authority.der, valid_to, refresh_token
        )
        return made.to_json()

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
        flags = (self.state is DanalockState.LOCKED) | (1 << 2)  # bit 2: calibrated by points
        if self.state is DanalockState.BLOCKED:
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
            self._spawn(self._act(session, payload[0]))
        else:
            await self._result(session, what, UNSUPPORTED)

    async def _act(self, session: _Session, action: int) -> None:
        if await self._drops(Moment.COMMAND_LOST):
            return
        order = LockAction.LOCK if action == LOCK else LockAction.UNLOCK
        there = DanalockState.LOCKED if order is LockAction.LOCK else DanalockState.UNLOCKED
        code = self.faults.error
        if code is None and self._turning:
            code = BUSY
        if code is None and self.state is there:
            code = NOTHING_CHANGED
        if code is not None or self.faults.never_turns:
            await self._operated(session, code or OK)
            return
        self._turning = True
        try:
            await self._run_motor(session, order, there)
        finally:
            self._turning = False

    async def _run_motor(self, session: _Session, order: LockAction, there: DanalockState) -> None:
        await asyncio.sleep(self.faults.late_s)
        self.turns.append(order)
        only_takes = self.faults.only_takes
        if not await self._drops(Moment.COMMAND_TAKEN) and only_takes:
            await self._operated(session, OK)
        await self._drops(Moment.TURNING)
        await asyncio.sleep(self.turn_s)
        self.state = DanalockState.BLOCKED if self.faults.jammed else there
        await self._changed()
        if not only_takes:
            await self._operated(session, BLOCKED if self.faults.jammed else OK)

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
