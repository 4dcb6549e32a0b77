"""A virtual Nuki lock: the other end of `lock_nuki`, as strict as the real one.

It checks CRCs, authenticators, nonces and challenges, pairs while its button is held, sleeps until
its handle is taken, and can be made to fail in every way that a real one does (`Faults`).  `turns`
counts each run of its motor, so that a test can prove that nothing turned twice.

Not for: showing how a real lock behaves (docs/hardware.md says what is not confirmed).
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service
from nacl.secret import SecretBox

from drivers import _nuki_protocol as nuki
from drivers._nuki_client import Credentials
from drivers._nuki_protocol import Action, Command, Status
from drivers.virtual._nuki_faults import Faults, Moment, State
from drivers.virtual._nuki_pairing import PairingDialogue
from drivers.virtual.radio import VirtualRadio, advertisement
from gateway.errors import ProtocolError

NONCES_KEPT = 256
"""Nonces of our peer that are remembered: one seen again is a replay."""


_WAY = {
    Action.UNLOCK: (State.UNLOCKING, State.UNLOCKED),
    Action.LOCK: (State.LOCKING, State.LOCKED),
    Action.UNLATCH: (State.UNLATCHING, State.UNLATCHED),
}


class VirtualNuki:
    """A lock on `radio`.  `start` it in the event loop of the radio.

    `mtu` 23 (old boxes) to 247; `turn_s` seconds of motor; `sleepy`: it advertises only for
    `awake_s` seconds after `take_handle`; `battery_pct` even, 0 to 100.
    """

    def __init__(
        self,
        radio: VirtualRadio,
        *,
        address: str = "D4:54:D2:72:00:01",
        mtu: int = 247,
        turn_s: float = 0.05,
        sleepy: bool = False,
        awake_s: float = 30.0,
        battery_pct: int = 80,
        interval_s: float = 0.05,
    ) -> None:
        self.address = address
        self.turn_s = turn_s
        self.awake_s = awake_s
        self.battery_pct = battery_pct
        self.battery_low = False
        self.state = State.LOCKED
        self.door_open = False
        self.turns: list[Action] = []
        """Each run of the motor, in order."""
        self.refused: list[int] = []
        """Each error code that was answered, in order."""
        self.faults = Faults()
        self._radio = radio
        self._mtu = mtu
        self._sleepy = sleepy
        self._interval_s = interval_s
        self._awake = not sleepy
        self._button = False
        self._changed = False
        self._turning = False
        self._users: dict[int, bytes] = {}
        self._seen: deque[bytes] = deque(maxlen=NONCES_KEPT)
        self._challenge: bytes | None = None
        self._pairing = PairingDialogue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sleep_timer: asyncio.TimerHandle | None = None

    # --- what a person at the door does -----------------------------------------------------------

    async def start(self) -> None:
        """Put the batteries in."""
        self._pairing_io = self._characteristic(nuki.PAIRING_IO, self._on_pairing_write)
        self._user_io = self._characteristic(nuki.USER_IO, self._on_user_write)
        services = [
            Service(nuki.PAIRING_SERVICE, [self._pairing_io]),
            Service(nuki.SERVICE, [self._user_io]),
        ]
        self._peripheral = await self._radio.add(
            self.address, services, mtu=self._mtu, interval_s=self._interval_s
        )
        await self._advertise()

    async def stop(self) -> None:
        """Take the batteries out.  May be called twice."""
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._peripheral.hush()
        await self._peripheral.drop()

    async def take_handle(self) -> None:
        """Wake a sleepy lock for `awake_s`."""
        self._awake = True
        await self._advertise()
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        if self._sleepy:
            loop = asyncio.get_running_loop()
            self._sleep_timer = loop.call_later(self.awake_s, self._spawn_sleep)

    async def sleep(self) -> None:
        """Fall asleep: no advertisement any more."""
        self._awake = False
        await self._peripheral.hush()

    async def hold_button(self) -> None:
        """Hold the button for five seconds: the lock pairs with whoever comes first."""
        self._button = True
        await self._advertise()

    def release_button(self) -> None:
        """Leave the pairing mode: whoever tries is refused."""
        self._button = False

    async def turn_by_hand(self, state: State) -> None:
        """Somebody turns the knob; the advertisement says that the state changed."""
        self.state, self._changed = state, True
        await self._advertise()

    def go_away(self) -> None:
        """Out of range: silent, and a link dies."""
        self._radio.lose(self.address)

    def come_back(self) -> None:
        """In range again."""
        self._radio.find(self.address)

    def trust(self) -> str:
        """The secret of a gateway that was paired before: what `lock_nuki` reads."""
        made = Credentials(self.address, 1000 + len(self._users), 7, os.urandom(32))
        self._users[made.auth_id] = made.key
        return made.to_json()

    def forget_everybody(self) -> None:
        """Reset to factory: every pairing is void."""
        self._users.clear()

    @property
    def connected(self) -> bool:
        """Whether somebody is connected now."""
        return bool(self._peripheral.connections)

    # --- the radio --------------------------------------------------------------------------------

    def _characteristic(self, uuid: str, on_write: Any) -> Characteristic[bytes]:
        properties = Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE
        rights = Characteristic.WRITEABLE
        return Characteristic(uuid, properties, rights, att.AttributeValue(write=on_write))

    async def _advertise(self) -> None:
        if not self._awake:
            return
        if self._button:
            await self._peripheral.advertise(advertisement(uuids=[nuki.PAIRING_SERVICE]))
            return
        service = bytes.fromhex(nuki.SERVICE.replace("-", ""))
        beacon = nuki.BEACON_PREFIX + service + bytes(4) + bytes([0xC4 | self._changed])
        await self._peripheral.advertise(advertisement(manufacturer={nuki.BEACON_COMPANY: beacon}))

    def _spawn_sleep(self) -> None:
        self._spawn(self.sleep())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _indicate(
        self, connection: Connection, where: Characteristic[bytes], frame: bytes
    ) -> None:
        size = connection.att_mtu - 3
        for at in range(0, len(frame), size):
            gone = self._peripheral.connections.get(connection)
            if gone is None:
                return
            device, piece = self._peripheral.device, frame[at : at + size]
            sending = asyncio.ensure_future(device.indicate_subscriber(connection, where, piece))
            # A motor does not stop because nobody listens any more.
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

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
            await self._refuse(user, 0xFD if "CRC" in error.text else 0x20, 0)
            return
        if frame[: nuki.NONCE_BYTES] in self._seen:
            await self._refuse(user, 0x22, message.command)
            return
        self._seen.append(frame[: nuki.NONCE_BYTES])
        if message.command == Command.REQUEST:
            await self._answer(user, struct.unpack("<H", message.payload)[0])
        elif message.command == Command.ACTION:
            await self._act(user, message.payload)
        else:
            await self._refuse(user, 0xFF, message.command)

    async def _answer(self, user: _User, question: int) -> None:
        if question == Command.CHALLENGE:
            if await self._drops(Moment.BEFORE_COMMAND):
                return
            self._challenge = os.urandom(32)
            await self._say(user, Command.CHALLENGE, self._challenge, to=Command.REQUEST)
        elif question == Command.STATES:
            await self._say(user, Command.STATES, self._states(), to=Command.REQUEST)
            if self._changed:
                self._changed = False
                await self._advertise()
        else:
            await self._refuse(user, 0xFF, question)

    async def _act(self, user: _User, payload: bytes) -> None:
        challenge, self._challenge = self._challenge, None
        if await self._drops(Moment.COMMAND_LOST):
            return
        if len(payload) < 6 + 32:
            await self._refuse(user, 0xFE, Command.ACTION)
        elif payload[-32:] != challenge or self.faults.stale_challenge:
            await self._refuse(user, 0x22, Command.ACTION)
        elif self.faults.error is not None:
            await self._refuse(user, self.faults.error, Command.ACTION)
        elif self._turning:
            await self._refuse(user, 0x45, Command.ACTION)
        else:
            self._turning = True
            try:
                await self._run_motor(user, Action(payload[0]))
            finally:
                self._turning = False

    async def _run_motor(self, user: _User, action: Action) -> None:
        on_the_way, there = _WAY[action]
        await asyncio.sleep(self.faults.late_s)
        self.turns.append(action)
        if not await self._drops(Moment.COMMAND_TAKEN):
            await self._say(user, Command.STATUS, bytes([Status.ACCEPTED]), to=Command.ACTION)
        self.state = on_the_way
        await self._say(user, Command.STATES, self._states(), to=Command.ACTION)
        await self._drops(Moment.TURNING)
        await asyncio.sleep(self.turn_s)
        if self.faults.jammed:
            self.state = State.BLOCKED
            await self._refuse(user, 0x42, Command.ACTION)
            return
        self.state = there
        await self._say(user, Command.STATES, self._states(), to=Command.ACTION)
        await self._say(user, Command.STATUS, bytes([Status.COMPLETE]), to=Command.ACTION)

    def _states(self) -> bytes:
        payload = bytearray(20)
        payload[0], payload[1] = 2, self.state.value
        payload[12] = (self.battery_pct // 2) << 2 | self.battery_low
        payload[18] = 3 if self.door_open else 2
        return bytes(payload)

    async def _drops(self, moment: Moment) -> bool:
        if self.faults.drop_at != moment or self.faults.drops < 1:
            return False
        self.faults.drops -= 1
        await self._peripheral.drop()
        return True

    async def _say(self, user: _User, command: Command, payload: bytes, *, to: Command) -> None:
        if to in self.faults.silent_to:
            return
        frame = nuki.seal(user.key, user.auth_id, os.urandom(nuki.NONCE_BYTES), command, payload)
        if self.faults.damage > 0:
            self.faults.damage -= 1
            frame = _seal_damaged(user, command, payload)
        await self._indicate(user.connection, self._user_io, frame)

    async def _refuse(self, user: _User, code: int, command: int) -> None:
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
