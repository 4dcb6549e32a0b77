"""What every virtual lock has: a place on the air, a bolt and a motor that counts, a handle that
wakes it, and what may be wrong with it.

A make adds how it speaks, in `drivers/virtual/lock_<make>.py`, and names its class `Twin` there, by
which `drivers.virtual.twin` finds it.  Not for: how a make speaks.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, Unpack

from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from drivers.locks.operation import LockAction
from drivers.virtual.radio import VirtualPeripheral, VirtualRadio


class State(Enum):
    """Where a virtual bolt is.  Not every make has a word for each."""

    UNCALIBRATED = auto()
    LOCKED = auto()
    UNLOCKING = auto()
    UNLOCKED = auto()
    LOCKING = auto()
    UNLATCHING = auto()
    UNLATCHED = auto()
    JAMMED = auto()


_WAYS = {
    LockAction.UNLOCK: (State.UNLOCKING, State.UNLOCKED),
    LockAction.UNLATCH: (State.UNLATCHING, State.UNLATCHED),
    LockAction.LOCK: (State.LOCKING, State.LOCKED),
}
"""Where the bolt is while the motor runs, and then."""


class Moment(StrEnum):
    """When the lock drops the link."""

    BEFORE_COMMAND = "before_command"
    """The command was never given: the link went while the session was made, or a challenge was
    asked for."""
    COMMAND_LOST = "command_lost"
    """The command is written and lost: the motor does not run."""
    COMMAND_TAKEN = "command_taken"
    """The command is taken, nothing is answered, and the motor runs."""
    TURNING = "turning"
    """Accepted; the link is lost while the motor runs."""


@dataclass
class Faults:
    """What may be wrong with a lock of any make.  All may be set and reset at any time."""

    jammed: bool = False
    """The motor starts and is blocked."""
    error: int | None = None
    """The make's own error code that answers each action; the motor does not run."""
    drop_at: Moment | None = None
    drops: int = 1
    """How many times the link is dropped at `drop_at`."""
    late_s: float = 0.0
    """Seconds until the lock takes an action up: the command is heard, the answer comes late."""
    silent_command: bool = False
    """Commands are obeyed and not answered."""
    silent: bool = False
    """Nothing is told any more, by whatever way the make tells it; commands are obeyed."""


class LockOptions(TypedDict, total=False):
    """How a virtual lock may be made.  `address`: its own, random static; `mtu`: 23 (old boxes) to
    247; `turn_s`: seconds of motor; `sleepy`: it advertises only for `awake_s` seconds after
    `take_handle`; `battery_pct`: even, 0 to 100; `interval_s`: seconds between advertisements."""

    address: str
    mtu: int
    turn_s: float
    sleepy: bool
    awake_s: float
    battery_pct: int
    interval_s: float


User = TypeVar("User")
"""Whom a make knows over a connection."""


class VirtualLock(ABC, Generic[User]):
    """A lock on `radio`.  `start` it in the event loop of the radio."""

    ADDRESS: ClassVar[str]
    """Its address unless told otherwise: random static, begins with C to F."""
    MTU: ClassVar[int] = 247
    REFUSAL: ClassVar[int]
    """An error code of the make with which it refuses a command and nothing more is known."""
    BUSY: ClassVar[int]
    """The make's error code while the motor runs."""

    faults: Faults

    def __init__(self, radio: VirtualRadio, **options: Unpack[LockOptions]) -> None:
        self.address = options.get("address", self.ADDRESS)
        self.turn_s = options.get("turn_s", 0.05)
        self.awake_s = options.get("awake_s", 30.0)
        self.battery_pct = options.get("battery_pct", 80)
        self.battery_low = False
        self.door_open = False
        self.state = State.LOCKED
        self.turns: list[LockAction] = []
        """Each run of the motor, in order."""
        self.refused: list[int] = []
        """Each error that was answered, in order."""
        self._radio = radio
        self._mtu = options.get("mtu", self.MTU)
        self._sleepy = options.get("sleepy", False)
        self._interval_s = options.get("interval_s", 0.05)
        self._awake = not self._sleepy
        self._turning = False
        self._before: tuple[float, State] | None = None
        """When the motor last began to run (the loop's time), and where the bolt was then."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._sleep_timer: asyncio.TimerHandle | None = None

    # --- what a make adds -------------------------------------------------------------------------

    @abstractmethod
    def trust(self) -> str:
        """The secret of a gateway that was paired before, as the make's driver reads it."""

    @abstractmethod
    def forget_everybody(self) -> None:
        """Reset: every pairing is void."""

    @abstractmethod
    def _services(self) -> Iterable[Service]:
        """The GATT services."""

    @abstractmethod
    def _advertisement(self) -> bytes:
        """What it advertises now."""

    @abstractmethod
    async def _changed(self) -> None:
        """The bolt was turned by hand: advertise it as the make does."""

    @abstractmethod
    async def _refuse(self, user: User, code: int) -> None:
        """Answer a command with an error; the motor does not run."""

    @abstractmethod
    async def _end(self, user: User) -> None:
        """The motor stopped; `state` says where."""

    async def _accept(self, user: User) -> None:
        """The command is taken on and the motor runs."""

    async def _move(self, user: User) -> None:
        """The bolt moves."""

    def _refusal(self, action: LockAction) -> int | None:  # noqa: ARG002 - a make may ask for it
        """The error with which a command is answered now; None: it is obeyed."""
        if self.faults.error is not None:
            return self.faults.error
        return self.BUSY if self._turning else None

    # --- what a person at the door does -----------------------------------------------------------

    async def start(self) -> None:
        """Put the batteries in."""
        self._peripheral: VirtualPeripheral = await self._radio.add(
            self.address, self._services(), mtu=self._mtu, interval_s=self._interval_s
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

    async def turn_by_hand(self, state: State) -> None:
        """Somebody turns the knob."""
        self.state = state
        await self._changed()

    async def take_handle(self) -> None:
        """Wake a sleepy lock for `awake_s`."""
        self._awake = True
        await self._advertise()
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
        if self._sleepy:
            loop = asyncio.get_running_loop()
            self._sleep_timer = loop.call_later(self.awake_s, lambda: self._spawn(self.sleep()))

    async def sleep(self) -> None:
        """Fall asleep: no advertisement any more."""
        self._awake = False
        await self._peripheral.hush()

    def go_away(self) -> None:
        """Out of range: silent, and a link dies."""
        self._radio.lose(self.address)

    def come_back(self) -> None:
        """In range again."""
        self._radio.find(self.address)

    @property
    def connected(self) -> bool:
        """Whether somebody is connected now."""
        return bool(self._peripheral.connections)

    # --- the motor --------------------------------------------------------------------------------

    async def _command(self, user: User, action: LockAction) -> None:
        """Obey or refuse somebody who may give commands."""
        if await self._drops(Moment.COMMAND_LOST):
            return
        code = self._refusal(action)
        if code is not None:
            await self._refuse(user, code)
            return
        self._turning = True
        try:
            await self._run_motor(user, action)
        finally:
            self._turning = False

    async def _run_motor(self, user: User, action: LockAction) -> None:
        on_the_way, there = _WAYS[action]
        await asyncio.sleep(self.faults.late_s)
        self.turns.append(action)
        self._before = (asyncio.get_running_loop().time(), self.state)
        if not await self._drops(Moment.COMMAND_TAKEN):
            await self._accept(user)
        self.state = on_the_way
        await self._move(user)
        await self._drops(Moment.TURNING)
        await asyncio.sleep(self.turn_s)
        self.state = State.JAMMED if self.faults.jammed else there
        await self._end(user)

    # --- the radio --------------------------------------------------------------------------------

    async def _advertise(self) -> None:
        if self._awake:
            await self._peripheral.advertise(self._advertisement())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drops(self, moment: Moment) -> bool:
        """Drop the link if this is the moment for it."""
        if self.faults.drop_at != moment or self.faults.drops < 1:
            return False
        self.faults.drops -= 1
        await self._peripheral.drop()
        return True

    async def _send(
        self, connection: Connection, where: Characteristic[bytes], frame: bytes, *, sure: bool
    ) -> None:
        """Send a frame in pieces of the MTU; `sure`: by indications, which are confirmed."""
        size = connection.att_mtu - 3
        for at in range(0, len(frame), size):
            gone = self._peripheral.connections.get(connection)
            if gone is None:
                return
            device, piece = self._peripheral.device, frame[at : at + size]
            send = device.indicate_subscriber if sure else device.notify_subscriber
            sending = asyncio.ensure_future(send(connection, where, piece))
            # A motor does not stop because nobody listens any more.
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
