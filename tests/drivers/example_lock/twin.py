"""A virtual lock of the example: the other end of `lock_example`.

Not for: what every virtual lock has (`drivers.virtual.locks`).
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Unpack

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from drivers.locks.operation import LockAction
from drivers.virtual.locks import Faults, LockOptions, Moment, State, VirtualLock
from drivers.virtual.radio import VirtualRadio, advertisement
from tests.drivers.example_lock.protocol import (
    ACTIONS,
    ANSWERS,
    COMMANDS,
    COMPANY,
    SERVICE,
    Credentials,
    tag,
)

NOT_PAIRED, BUSY = 1, 2
STATES = {State.LOCKED: b"l", State.UNLOCKED: b"u", State.JAMMED: b"j"}


@dataclass
class User:
    """Somebody connected: the key of the slot that they named, and their session's nonce."""

    connection: Connection
    key: bytes | None = None
    nonce: bytes = b""


class VirtualExample(VirtualLock[User]):
    """A lock on `radio`; see `VirtualLock`."""

    ADDRESS = "E0:00:00:00:00:01"
    REFUSAL = 9
    BUSY = BUSY

    def __init__(self, radio: VirtualRadio, **options: Unpack[LockOptions]) -> None:
        super().__init__(radio, **options)
        self.faults = Faults()
        self._keys: dict[int, bytes] = {}
        self._users: dict[Connection, User] = {}
        self._news = False

    def trust(self) -> str:
        slot = 1 + len(self._keys)
        self._keys[slot] = os.urandom(16)
        return Credentials(self.address, slot, self._keys[slot]).to_json()

    def forget_everybody(self) -> None:
        self._keys.clear()

    def _services(self) -> list[Service]:
        kinds = Characteristic.Properties
        value = att.AttributeValue(write=self._on_write)
        way_in = Characteristic[bytes](COMMANDS, kinds.WRITE, Characteristic.WRITEABLE, value)
        self._out = Characteristic[bytes](ANSWERS, kinds.INDICATE, Characteristic.READABLE)
        return [Service(SERVICE, [way_in, self._out])]

    def _advertisement(self) -> bytes:
        return advertisement(manufacturer={COMPANY: bytes([self._news])})

    async def _changed(self) -> None:
        self._news = True
        await self._advertise()

    # --- a user speaks ----------------------------------------------------------------------------

    def _on_write(self, connection: Connection, frame: bytes) -> None:
        user = self._users.setdefault(connection, User(connection))
        # Never answered from within the handler: the write's own response would wait for it.
        self._spawn(self._serve(user, bytes(frame)))

    async def _serve(self, user: User, frame: bytes) -> None:
        if frame[:1] == b"H":
            if await self._drops(Moment.BEFORE_COMMAND):
                return
            user.key, user.nonce = self._keys.get(frame[1]), os.urandom(8)
            await self._say(user, b"N" + user.nonce if user.key else bytes([ord("E"), NOT_PAIRED]))
        elif frame[:1] == b"S":
            low = self.battery_low or self.battery_pct < 20
            told = STATES.get(self.state, b"m") + bytes([self.battery_pct, low])
            await self._say(user, b"B" + told)
            if self._news:
                self._news = False
                await self._advertise()
        elif frame[:1] == b"C":
            actions = {what: action for action, what in ACTIONS.items()}
            action = self._proved(user, frame, actions)
            if action is not None:
                await self._command(user, action)

    def _proved(
        self, user: User, frame: bytes, actions: dict[bytes, LockAction]
    ) -> LockAction | None:
        """The action of a command whose tag is right; a nonce is good for one command."""
        key, nonce, user.nonce = user.key, user.nonce, b""
        if key is None or not nonce:
            return None
        if not hmac.compare_digest(frame[2:], tag(key, nonce, frame[1:2])):
            return None
        return actions.get(frame[1:2])

    async def _refuse(self, user: User, code: int) -> None:
        self.refused.append(code)
        await self._answer(user, bytes([ord("E"), code]))

    async def _end(self, user: User) -> None:
        await self._answer(user, b"D" + STATES[self.state])

    async def _answer(self, user: User, frame: bytes) -> None:
        if not self.faults.silent_command:
            await self._say(user, frame)

    async def _say(self, user: User, frame: bytes) -> None:
        if not self.faults.silent:
            await self._send(user.connection, self._out, frame, sure=True)


Twin = VirtualExample
