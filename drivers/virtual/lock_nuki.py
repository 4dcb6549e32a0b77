"""A virtual Nuki lock: the other end of `lock_nuki`, as strict as the real one.

It checks CRCs, authenticators, nonces and challenges, pairs while its button is held, sleeps until
its handle is taken, and can be made to fail in every way that a real one does (`NukiFaults`).
`turns` counts each run of its motor, so that a test can prove that nothing turned twice.

Not for: showing how a real lock behaves (docs/locks.md says what is not confirmed).
"""

from __future__ import annotations

import os
import struct
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Unpack

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from nacl.secret import SecretBox

from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_client import Credentials
from drivers.locks.nuki_protocol import Action, Command, Status
from drivers.locks.operation import LockAction
from drivers.virtual._nuki_pairing import PairingDialogue
from drivers.virtual.locks import Faults, LockOptions, Moment, State, VirtualLock
from drivers.virtual.radio import VirtualRadio, advertisement
from gateway.errors import ProtocolError

NONCES_KEPT = 256
"""Nonces of our peer that are remembered: one seen again is a replay."""


CODES = {
    State.UNCALIBRATED: 0x00,
    State.LOCKED: 0x01,
    State.UNLOCKING: 0x02,
    State.UNLOCKED: 0x03,
    State.LOCKING: 0x04,
    State.UNLATCHED: 0x05,
    State.UNLATCHING: 0x07,
    State.JAMMED: 0xFE,
}
"""The protocol's number for where the bolt is."""

ACTIONS = {
    Action.UNLOCK: LockAction.UNLOCK,
    Action.UNLATCH: LockAction.UNLATCH,
    Action.LOCK: LockAction.LOCK,
}

MOTOR_BLOCKED = 0x42


class Naming(StrEnum):
    """Where a lock in pairing mode names its pairing service; which real ones do is not confirmed
    (docs/locks.md)."""

    SERVICES = "services"
    SERVICE_DATA = "service_data"
    BEACON = "beacon"


@dataclass
class NukiFaults(Faults):
    """What is wrong with the lock now.  `error` is one of the protocol's codes, as 0x46."""

    silent_questions: bool = False
    """Questions, for a challenge or the states, are not answered."""
    damage: int = 0
    """How many of the next answers are damaged on the way: a wrong CRC in a box that opens."""
    stale_challenge: bool = False
    """The lock forgets the challenge it gave: error 0x22."""


class VirtualNuki(VirtualLock["_User"]):
    """A lock on `radio`; see `VirtualLock`."""

    ADDRESS = "D4:54:D2:72:00:01"
    REFUSAL = 0x46
    BUSY = 0x45

    faults: NukiFaults

    def __init__(self, radio: VirtualRadio, **options: Unpack[LockOptions]) -> None:
        super().__init__(radio, **options)
        self.faults = NukiFaults()
        self._button = False
        self._naming, self._named = Naming.SERVICES, nuki.PAIRING_SERVICE
        self._news = False  # its state changed since somebody asked
        self._users: dict[int, bytes] = {}
        self._seen: deque[bytes] = deque(maxlen=NONCES_KEPT)
        self._challenge: bytes | None = None
        self._pairing = PairingDialogue()

    # --- what a person at the door does -----------------------------------------------------------

    async def hold_button(
        self, naming: Naming = Naming.SERVICES, *, service: str = nuki.PAIRING_SERVICE
    ) -> None:
        """Hold the button for five seconds: the lock pairs with whoever comes first."""
        self._button, self._naming, self._named = True, naming, service
        await self._advertise()

    def release_button(self) -> None:
        """Leave the pairing mode: whoever tries is refused."""
        self._button = False

    def trust(self) -> str:
        """The secret of a gateway that was paired before: what `lock_nuki` reads."""
        credentials = Credentials(self.address, 1000 + len(self._users), 7, os.urandom(32))
        self._users[credentials.auth_id] = credentials.key
        return credentials.to_json()

    def forget_everybody(self) -> None:
        """Reset to factory: every pairing is void."""
        self._users.clear()

    # --- the radio --------------------------------------------------------------------------------

    def _services(self) -> list[Service]:
        self._pairing_io = self._characteristic(nuki.PAIRING_IO, self._on_pairing_write)
        self._user_io = self._characteristic(nuki.USER_IO, self._on_user_write)
        return [
            Service(nuki.PAIRING_SERVICE, [self._pairing_io]),
            Service(nuki.SERVICE, [self._user_io]),
        ]

    async def _changed(self) -> None:
        self._news = True
        await self._advertise()

    def _characteristic(self, uuid: str, on_write: Any) -> Characteristic[bytes]:
        properties = Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE
        rights = Characteristic.WRITEABLE
        return Characteristic(uuid, properties, rights, att.AttributeValue(write=on_write))

    def _advertisement(self) -> bytes:
        if self._button and self._naming is Naming.SERVICES:
            return advertisement(uuids=[self._named])
        if self._button and self._naming is Naming.SERVICE_DATA:
            return advertisement(service_data={self._named: bytes(4)})
        service = bytes.fromhex((self._named if self._button else nuki.SERVICE).replace("-", ""))
        beacon = nuki.BEACON_PREFIX + service + bytes(4) + bytes([0xC4 | self._news])
        return advertisement(manufacturer={nuki.BEACON_COMPANY: beacon})

    async def _indicate(
        self, connection: Connection, where: Characteristic[bytes], frame: bytes
    ) -> None:
        await self._send(connection, where, frame, sure=True)

    # --- a user speaks ----------------------------------------------------------------------------

    def _on_user_write(self, connection: Connection, frame: bytes) -> None:
        # Never answered from within the handler: the write's own response would wait for it.
        self._spawn(self._serve(connection, bytes(frame)))

    async def _serve(self, connection: Connection, frame: bytes) -> None:
        auth_id = struct.unpack_from("<I", frame, nuki.NONCE_BYTES)[0] if len(frame) > 28 else -1
        key = self._users.get(auth_id)
        if key is None:
            await self._plain_error(connection, self._user_io, 0x20, 0)
            return
        user = _User(connection, auth_id, key)
        try:
            message = nuki.unseal(key, auth_id, frame)
        except ProtocolError as error:
            await self._error(user, 0xFD if "CRC" in error.text else 0x20, 0)
            return
        if frame[: nuki.NONCE_BYTES] in self._seen:
            await self._error(user, 0x22, message.command)
            return
        self._seen.append(frame[: nuki.NONCE_BYTES])
        if message.command == Command.REQUEST:
            await self._answer(user, struct.unpack("<H", message.payload)[0])
        elif message.command == Command.ACTION:
            await self._act(user, message.payload)
        else:
            await self._error(user, 0xFF, message.command)

    async def _answer(self, user: _User, question: int) -> None:
        if question == Command.CHALLENGE:
            if await self._drops(Moment.BEFORE_COMMAND):
                return
            self._challenge = os.urandom(32)
            await self._say(user, Command.CHALLENGE, self._challenge, to=Command.REQUEST)
        elif question == Command.STATES:
            await self._say(user, Command.STATES, self._states(), to=Command.REQUEST)
            if self._news:
                self._news = False
                await self._advertise()
        else:
            await self._error(user, 0xFF, question)

    async def _act(self, user: _User, payload: bytes) -> None:
        challenge, self._challenge = self._challenge, None
        if len(payload) < 6 + 32:
            await self._error(user, 0xFE, Command.ACTION)
        elif payload[-32:] != challenge or self.faults.stale_challenge:
            await self._error(user, 0x22, Command.ACTION)
        else:
            await self._command(user, ACTIONS[Action(payload[0])])

    async def _refuse(self, user: _User, code: int) -> None:
        await self._error(user, code, Command.ACTION)

    async def _accept(self, user: _User) -> None:
        await self._say(user, Command.STATUS, bytes([Status.ACCEPTED]), to=Command.ACTION)

    async def _move(self, user: _User) -> None:
        await self._say(user, Command.STATES, self._states(), to=Command.ACTION)

    async def _end(self, user: _User) -> None:
        if self.state is State.JAMMED:
            await self._error(user, MOTOR_BLOCKED, Command.ACTION)
            return
        await self._say(user, Command.STATES, self._states(), to=Command.ACTION)
        await self._say(user, Command.STATUS, bytes([Status.COMPLETE]), to=Command.ACTION)

    def _silent_to(self, to: Command) -> bool:
        """Whether what is told in answer `to` a command, a question or as an error is kept back."""
        if to is Command.ACTION and self.faults.silent_command:
            return True
        return self.faults.silent or (to is Command.REQUEST and self.faults.silent_questions)

    def _states(self) -> bytes:
        payload = bytearray(20)
        payload[0], payload[1] = 2, CODES[self.state]
        payload[12] = (self.battery_pct // 2) << 2 | self.battery_low
        payload[18] = 3 if self.door_open else 2
        return bytes(payload)

    async def _say(self, user: _User, command: Command, payload: bytes, *, to: Command) -> None:
        if self._silent_to(to):
            return
        frame = nuki.seal(user.key, user.auth_id, os.urandom(nuki.NONCE_BYTES), command, payload)
        if self.faults.damage > 0:
            self.faults.damage -= 1
            frame = _seal_damaged(user, command, payload)
        await self._indicate(user.connection, self._user_io, frame)

    async def _error(self, user: _User, code: int, command: int) -> None:
        self.refused.append(code)
        await self._say(user, Command.ERROR, struct.pack("<BH", code, command), to=Command.ERROR)

    async def _plain_error(
        self, connection: Connection, where: Characteristic[bytes], code: int, command: int
    ) -> None:
        self.refused.append(code)
        frame = nuki.pack(Command.ERROR, struct.pack("<BH", code, command))
        await self._indicate(connection, where, frame)

    # --- somebody pairs ---------------------------------------------------------------------------

    def _on_pairing_write(self, connection: Connection, frame: bytes) -> None:
        self._spawn(self._pair(connection, bytes(frame)))

    async def _pair(self, connection: Connection, frame: bytes) -> None:
        try:
            message = nuki.unpack(frame)
            answer = self._pairing.answer(message) if self._button else 0x10
        except ProtocolError:
            answer = 0xFD
        if isinstance(answer, int):
            await self._plain_error(connection, self._pairing_io, answer, 0)
            return
        await self._indicate(connection, self._pairing_io, answer)
        if self._pairing.done is not None:
            auth_id, key = self._pairing.done
            self._users[auth_id] = key
            self._button, self._pairing = False, PairingDialogue()
            await self._advertise()


@dataclass(frozen=True)
class _User:
    connection: Connection
    auth_id: int
    key: bytes


def _seal_damaged(user: _User, command: Command, payload: bytes) -> bytes:
    """A frame whose box opens and whose CRC is wrong."""
    identity = struct.pack("<I", user.auth_id)
    body = identity + struct.pack("<H", command) + payload
    wrong = bytes(byte ^ 0xFF for byte in nuki.crc(body))
    nonce = os.urandom(nuki.NONCE_BYTES)
    box = SecretBox(user.key).encrypt(body + wrong, nonce).ciphertext
    return nonce + identity + struct.pack("<H", len(box)) + box


Twin = VirtualNuki
