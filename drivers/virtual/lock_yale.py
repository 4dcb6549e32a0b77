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
from enum import Enum
from typing import Any

from bumble import att
from bumble.core import AdvertisingData
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers.locks.operation import LockAction
from drivers.locks.yale_client import Credentials
from drivers.virtual.locks import CommonFaults, Moment, VirtualLock
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


class YaleState(Enum):
    """Where the virtual bolt is; the values are the protocol's."""

    CALIBRATING = 0x01
    UNLOCKING = 0x02
    UNLOCKED = 0x03
    LOCKING = 0x04
    LOCKED = 0x05
    JAMMED = 0x07
    UNLATCHED = 0x0A


_WAY = {
    LockAction.UNLOCK: (YaleState.UNLOCKING, YaleState.UNLOCKED),
    LockAction.UNLATCH: (YaleState.UNLOCKING, YaleState.UNLATCHED),
    LockAction.LOCK: (YaleState.LOCKING, YaleState.LOCKED),
}


@dataclass
class YaleFaults(CommonFaults):
    """What is wrong with the lock now.  `error` is one of the protocol's results, as 0x32."""

    silent_command: bool = False
    """Commands are obeyed, and neither acknowledged nor answered."""
    silent: bool = False
    """Nothing is answered any more; commands are obeyed."""
    no_battery: bool = False
    """A model that does not answer for its battery."""
    damage: int = 0
    """How many of the next answers come with a wrong checksum."""
    stale_s: float = 0.0
    """Seconds after a turn for which it tells the state before it."""


class VirtualYale(VirtualLock):
    """A lock on `radio`; see `VirtualLock`.  `serial` is as on its label."""

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        address: str = "D8:28:C9:00:00:01",
        serial: str = "M1TST000001",
        mtu: int = 247,
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
        self.state = YaleState.LOCKED
        self.door_open = False
        self.turns: list[LockAction] = []
        """Each run of the motor, in order."""
        self.refused: list[int] = []
        """Each error that was answered, in order: results, and 0x0E for a wrong key."""
        self.faults = YaleFaults()
        self._keys: dict[int, bytes] = {}
        self._bit = 0
        self._before: tuple[float, YaleState] | None = None
        self._sessions: dict[Connection, _Session] = {}

    @property
    def _wrong(self) -> YaleFaults:
        return self.faults

    # --- what a person at the door does -----------------------------------------------------------

    async def turn_by_hand(self, state: YaleState) -> None:
        """Somebody turns the knob; the advertisement says that the state changed."""
        self.state = state
        await self._changed()

    def trust(self) -> str:
        """A new key in a slot of its own, as the secret that `lock_yale` reads."""
        made = Credentials(self.address, os.urandom(16), 1 + len(self._keys))
        self._keys[made.slot] = made.key
        return made.to_json()

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
        user = _User(connection, session)
        if plain[1] == GET_STATUS:
            await self._status(user, plain[4])
        elif plain[1] in (UNLOCK, LOCK):
            await self._act(user, plain[1], plain[4])

    async def _status(self, user: _User, what: int) -> None:
        if what == BOLT:
            value = self._told().value.to_bytes(1, "little")
        elif what == DOOR:
            value = bytes([0x03 if self.door_open else 0x01])
        elif what == BATTERY and not self.faults.no_battery:
            value = _millivolts(self.battery_pct).to_bytes(2, "little")
        else:
            return
        await self._say(user, 0xBB, GET_STATUS, what, value)

    def _told(self) -> YaleState:
        if self._before is None:
            return self.state
        since_s, before = self._before
        now_s = asyncio.get_running_loop().time()
        return before if now_s - since_s < self.faults.stale_s else self.state

    async def _act(self, user: _User, opcode: int, byte: int) -> None:
        if await self._drops(Moment.COMMAND_LOST):
            return
        code = self.faults.error
        if code is not None or self._turning:
            await self._acknowledge(user, opcode, byte)
            await self._result(user, opcode, 0x3E if code is None else code)
            return
        self._turning = True
        try:
            await self._run_motor(user, opcode, byte)
        finally:
            self._turning = False

    async def _run_motor(self, user: _User, opcode: int, byte: int) -> None:
        order = LockAction.LOCK if opcode == LOCK else LockAction.UNLOCK
        if opcode == UNLOCK and byte == UNLATCH_BYTE:
            order = LockAction.UNLATCH
        on_the_way, there = _WAY[order]
        await asyncio.sleep(self.faults.late_s)
        self.turns.append(order)
        self._before = (asyncio.get_running_loop().time(), self.state)
        if not await self._drops(Moment.COMMAND_TAKEN):
            await self._acknowledge(user, opcode, byte)
        self.state = on_the_way
        await self._drops(Moment.TURNING)
        await asyncio.sleep(self.turn_s)
        if self.faults.jammed:
            self.state = YaleState.JAMMED
            await self._result(user, opcode, JAMMED)
        else:
            self.state = there
            await self._result(user, opcode, 0)
        await self._changed()

    async def _acknowledge(self, user: _User, opcode: int, byte: int) -> None:
        if not self.faults.silent_command:
            await self._say(user, 0xAA, opcode, byte, b"")

    async def _result(self, user: _User, opcode: int, result: int) -> None:
        if result:
            self.refused.append(result)
        if not self.faults.silent_command:
            await self._say(user, 0xBB, opcode, 0, b"", result)

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
    connection: Connection
    session: _Session


def _ecb(key: bytes) -> Any:
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - the vendor's protocol


def _secure_sum(frame: bytes) -> int:
    words = (int.from_bytes(frame[at : at + 4], "little") for at in (0, 4, 8))
    return -sum(words) & 0xFFFFFFFF


def _millivolts(pct: int) -> int:
    """Four cells, between 1.24 V and 1.55 V each."""
    return round(4 * (1240 + 3.1 * pct))
