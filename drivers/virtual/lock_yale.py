"""A virtual Yale lock: the other end of `lock_yale`, through the unmodified `yalexs-ble`.

It speaks the frames, both sessions (AES-ECB with the offline key to agree on a session key, AES-CBC
for the commands) and the checksums; it refuses who does not know its key, sleeps until its handle
is taken, and can be made to fail (`YaleFaults`).  `turns` counts each run of its motor.

Not for: showing how a real lock behaves (docs/locks.md says what is not confirmed).
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any, Unpack

from bumble import att
from bumble.core import AdvertisingData
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers.locks.operation import LockAction
from drivers.locks.yale_client import Credentials
from drivers.virtual.locks import Faults, LockOptions, Moment, State, VirtualLock
from drivers.virtual.radio import VirtualRadio, advertisement

SERVICE = "0000FE24-0000-1000-8000-00805F9B34FB"
COMMAND_IN, COMMAND_OUT = (f"BD4AC61{n}-0B45-11E3-8FFD-0800200C9A66" for n in (1, 2))
SECURE_IN, SECURE_OUT = (f"BD4AC61{n}-0B45-11E3-8FFD-0800200C9A66" for n in (3, 4))
COMPANY = 465
FRAME_BYTES = 18

UNLOCK, LOCK, GET_STATUS = 0x0A, 0x0B, 0x02
UNLATCH_BYTE = 0x0A
BOLT, DOOR, BATTERY = 0x02, 0x2E, 0x0F
JAMMED = 0x1E
"""The motor stalled (`MECH_TIMEOUT`)."""

UNLIKELY = 0x0E
"""The ATT error with which a lock answers a frame that its key does not open."""


CODES = {
    State.UNCALIBRATED: 0x01,
    State.UNLOCKING: 0x02,
    State.UNLATCHING: 0x02,
    State.UNLOCKED: 0x03,
    State.LOCKING: 0x04,
    State.LOCKED: 0x05,
    State.JAMMED: 0x07,
    State.UNLATCHED: 0x0A,
}
"""The protocol's number for where the bolt is."""


@dataclass
class YaleFaults(Faults):
    """What is wrong with the lock now.  `error` is one of the protocol's results, as 0x32."""

    no_battery: bool = False
    """A model that does not answer for its battery."""
    damage: int = 0
    """How many of the next answers come with a wrong checksum."""
    stale_s: float = 0.0
    """Seconds after a turn for which it tells the state before it."""


class VirtualYale(VirtualLock["_User"]):
    """A lock on `radio`; see `VirtualLock`.  `serial` is as on its label."""

    ADDRESS = "D8:28:C9:00:00:01"
    REFUSAL = 0x37
    BUSY = 0x3E

    faults: YaleFaults

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        serial: str = "M1TST000001",
        **options: Unpack[LockOptions],
    ) -> None:
        super().__init__(radio, **options)
        self.serial = serial
        self.faults = YaleFaults()
        self._keys: dict[int, bytes] = {}
        self._bit = 0
        self._sessions: dict[Connection, _Session] = {}

    # --- what a person at the door does -----------------------------------------------------------

    def trust(self) -> str:
        """A new key in a slot of its own, as the secret that `lock_yale` reads."""
        credentials = Credentials(self.address, os.urandom(16), 1 + len(self._keys))
        self._keys[credentials.slot] = credentials.key
        return credentials.to_json()

    def forget_everybody(self) -> None:
        """Reset to factory: every key is void."""
        self._keys.clear()

    # --- the radio --------------------------------------------------------------------------------

    def _services(self) -> list[Service]:
        write = Characteristic.Properties.WRITE
        indicate = Characteristic.Properties.INDICATE

        def way_in(uuid: str, on_write: Any) -> Characteristic[bytes]:
            value = att.AttributeValue(write=on_write)
            return Characteristic(uuid, write, Characteristic.WRITEABLE, value)

        self._out = Characteristic[bytes](COMMAND_OUT, indicate, Characteristic.READABLE)
        self._secure_out = Characteristic[bytes](SECURE_OUT, indicate, Characteristic.READABLE)
        ways = [
            way_in(COMMAND_IN, self._on_command),
            self._out,
            way_in(SECURE_IN, self._on_secure),
            self._secure_out,
        ]
        return [Service(SERVICE, ways)]

    def _advertisement(self) -> bytes:
        name = f"{self.serial[:2]}{self.serial[-5:]}".encode()
        named = bytes([1 + len(name), AdvertisingData.Type.COMPLETE_LOCAL_NAME]) + name
        return advertisement(manufacturer={COMPANY: bytes([self._bit])}) + named

    async def _changed(self) -> None:
        self._bit ^= 1
        await self._advertise()

    # --- agreeing on a session key ----------------------------------------------------------------

    def _on_secure(self, connection: Connection, frame: bytes) -> None:
        session = self._sessions.get(connection)
        key = self._keys.get(frame[17]) if len(frame) == FRAME_BYTES else None
        if key is not None and session is not None and session.agreed:
            key = session.key
        if key is None:
            self._unlikely()
            return
        plain = _ecb(key).decryptor().update(frame[:16]) + frame[16:]
        if int.from_bytes(plain[12:16], "little") != _secure_sum(plain):
            self._unlikely()
        # Never answered from within the handler: the write's own response would wait for it.
        self._spawn(self._agree(connection, key, plain))

    def _unlikely(self) -> None:
        self.refused.append(UNLIKELY)
        raise att.ATT_Error(error_code=UNLIKELY)

    async def _agree(self, connection: Connection, key: bytes, plain: bytes) -> None:
        if await self._drops(Moment.BEFORE_COMMAND):
            return
        answer = bytearray(FRAME_BYTES)
        if plain[0] == 0x01:
            ours = os.urandom(8)
            session = _Session(plain[4:12] + ours)
            self._sessions = {
                open_: kept
                for open_, kept in self._sessions.items()
                if open_ in self._peripheral.connections
            }
            self._sessions[connection] = session
            answer[0] = 0x02
            answer[4:12] = ours
        elif plain[0] == 0x03:
            answer[0] = 0x04
        elif plain[0] == 0x05:
            answer[0] = 0x8B
        else:
            return
        answer[12:16] = _secure_sum(bytes(answer)).to_bytes(4, "little")
        box = _ecb(key).encryptor().update(bytes(answer[:16])) + bytes(answer[16:])
        if plain[0] == 0x01:
            self._sessions[connection].agreed = True
        await self._tell(connection, self._secure_out, box)

    async def _tell(
        self, connection: Connection, where: Characteristic[bytes], frame: bytes
    ) -> None:
        if not self.faults.silent:
            await self._send(connection, where, frame, sure=True)

    # --- commands ---------------------------------------------------------------------------------

    def _on_command(self, connection: Connection, frame: bytes) -> None:
        session = self._sessions.get(connection)
        if session is None or len(frame) != FRAME_BYTES:
            self._unlikely()
            return
        plain = session.opens.update(frame[:16]) + frame[16:]
        if plain[0] != 0xEE or sum(plain) & 0xFF:
            self._unlikely()
        self._spawn(self._obey(connection, session, plain))

    async def _obey(self, connection: Connection, session: _Session, plain: bytes) -> None:
        user = _User(connection, session, plain[1], plain[4])
        if user.opcode == GET_STATUS:
            await self._status(user, user.byte)
        elif user.opcode == LOCK:
            await self._command(user, LockAction.LOCK)
        elif user.opcode == UNLOCK:
            unlatch = user.byte == UNLATCH_BYTE
            await self._command(user, LockAction.UNLATCH if unlatch else LockAction.UNLOCK)

    async def _status(self, user: _User, what: int) -> None:
        if what == BOLT:
            value = bytes([CODES[self._told()]])
        elif what == DOOR:
            value = bytes([0x03 if self.door_open else 0x01])
        elif what == BATTERY and not self.faults.no_battery:
            value = _millivolts(self.battery_pct).to_bytes(2, "little")
        else:
            return
        await self._say(user, 0xBB, GET_STATUS, what, value)

    def _told(self) -> State:
        if self._before is None:
            return self.state
        since_s, before = self._before
        now_s = asyncio.get_running_loop().time()
        return before if now_s - since_s < self.faults.stale_s else self.state

    async def _refuse(self, user: _User, code: int) -> None:
        await self._accept(user)
        await self._result(user, code)

    async def _accept(self, user: _User) -> None:
        if not self.faults.silent_command:
            await self._say(user, 0xAA, user.opcode, user.byte, b"")

    async def _end(self, user: _User) -> None:
        await self._result(user, JAMMED if self.state is State.JAMMED else 0)
        await self._changed()

    async def _result(self, user: _User, result: int) -> None:
        if result:
            self.refused.append(result)
        if not self.faults.silent_command:
            await self._say(user, 0xBB, user.opcode, 0, b"", result)

    async def _say(
        self, user: _User, kind: int, opcode: int, what: int, value: bytes, result: int = 0
    ) -> None:
        plain = bytearray(FRAME_BYTES)
        plain[0], plain[1], plain[4], plain[15], plain[16] = kind, opcode, what, result, 0x02
        plain[8 : 8 + len(value)] = value
        plain[3] = -sum(plain) & 0xFF
        if self.faults.damage > 0:
            self.faults.damage -= 1
            plain[3] ^= 0xFF
        box = user.session.seals.update(bytes(plain[:16])) + bytes(plain[16:])
        await self._tell(user.connection, self._out, box)


class _Session:
    """One connection's session key, and its two chains of blocks."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.agreed = False
        chain = Cipher(algorithms.AES(key), modes.CBC(bytes(16)))
        self.opens, self.seals = chain.decryptor(), chain.encryptor()


@dataclass(frozen=True)
class _User:
    """Somebody with a session, and what is asked for."""

    connection: Connection
    session: _Session
    opcode: int
    byte: int


def _ecb(key: bytes) -> Any:
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - the vendor's protocol


def _secure_sum(frame: bytes) -> int:
    words = (int.from_bytes(frame[at : at + 4], "little") for at in (0, 4, 8))
    return -sum(words) & 0xFFFFFFFF


def _millivolts(pct: int) -> int:
    """Four cells, between 1.24 V and 1.55 V each."""
    return round(4 * (1240 + 3.1 * pct))


Twin = VirtualYale
