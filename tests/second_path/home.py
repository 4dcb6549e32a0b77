"""A home's way past the server without the rest of the home: a log in memory, a fast clock, played
senders.

Not for: the engine, the link or the modem, which have tests of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import receiver_lists
from gateway.access.receiver_lists import ReceiverList
from gateway.clock import FileClock
from gateway.config.secrets import FileSecrets
from gateway.envelope import Event
from gateway.errors import DeviceRefused
from gateway.events import (
    AlarmRaised,
    AlarmType,
    Data,
    HomeSecondPathSet,
    PathChannel,
    PathReceiver,
    Severity,
)
from gateway.ports import ModemState
from gateway.second_path.receivers_file import ReceiversFile
from gateway.second_path.senders import Note
from gateway.second_path.teller import LinkView, Teller

BEGIN = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
RATE = 300.0
"""Domain seconds in a real one: a wait of two minutes takes 0.4 s."""

KEY = Ed25519PrivateKey.generate()
NUMBERS = {"p1": "+46701000001", "p2": "+46701000002", "tech": "+46701000009"}
RECEIVERS = (
    PathReceiver(id="p1", channel=PathChannel.SMS, told=Severity.CARE),
    PathReceiver(id="p2", channel=PathChannel.SMS, told=Severity.CARE),
    PathReceiver(id="tech", channel=PathChannel.SMS, told=Severity.TECHNICAL),
)
LISTED = ReceiverList("h1", NUMBERS, "0" * 32, "Lgh 1203")


def settings(listed: ReceiverList = LISTED, **more: Any) -> HomeSecondPathSet:
    """What the server decided."""
    usual: dict[str, Any] = {
        "receivers": RECEIVERS,
        "types": (AlarmType.PENDANT, AlarmType.ON_FLOOR),
        "reply": "OK",
        "wait_s": 120.0,
        "digest": listed.digest(),
    }
    return HomeSecondPathSet(**{**usual, **more})


def token(listed: ReceiverList = LISTED, key: Ed25519PrivateKey = KEY) -> str:
    """The list as it comes down the stream."""
    return receiver_lists.sign(listed, key, "k1")


class PlayedSender:
    """A way that does as it is told.  `sent` is what went out: the address and the note."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Note]] = []
        self.refuses: dict[str, str] = {}
        """Addresses that cannot be told, and why."""
        self.came: dict[str, bool | None] = {}
        """What is reported at once for an address; None: nothing."""
        self.state_now = ModemState(problem=None, signal_pct=61)
        self.done: list[Callable[[bool], None]] = []
        self.asked: list[tuple[list[str], bool]] = []

    async def send(self, address: str, note: Note, done: Callable[[bool], None]) -> None:
        why = self.refuses.get(address)
        if why is not None:
            raise DeviceRefused("not sent", why=why)
        self.sent.append((address, note))
        self.done.append(done)
        came = self.came.get(address, True)
        if came is not None:
            done(came)

    async def state(self, addresses: Sequence[str], *, thorough: bool) -> ModemState:
        self.asked.append((list(addresses), thorough))
        return self.state_now


class PathHome:
    """What the teller is given: a log, a link that says what a test wants, senders."""

    def __init__(self, folder: Path, *, boot: str = "b1") -> None:
        self.folder, self.boot = folder, boot
        self.clock = FileClock.create(folder / "clock", BEGIN, RATE)
        self.log: list[Event] = []
        self.down = 0
        self.up = False
        self.forwarded = 0
        self.sms = PlayedSender()
        self.tasks: list[asyncio.Task[Any]] = []
        self.begin()

    def begin(self) -> None:
        """Start the way; called again it is a gateway that was started anew."""
        secrets = FileSecrets(self.folder)
        self.receivers = ReceiversFile(
            "h1", secrets, lambda: {"k1": KEY.public_key()}, lambda do: do()
        )
        self.teller = Teller(
            home="h1",
            boot=self.boot,
            after_s=20.0,
            receivers=self.receivers,
            senders={PathChannel.SMS: self.sms},
            link=LinkView(
                has=lambda origin, seq: origin == "home:h1" and seq <= self.forwarded,
                is_own=lambda origin: origin == "home:h1",
                up=lambda: self.up,
            ),
            record=self.record,
            spawn=self.spawn,
            clock=self.clock,
            rooms={"pendant": "bathroom"},
        )

    async def start_anew(self) -> None:
        """Killed and started: what it knows is what the log says."""
        while not all(task.done() for task in self.tasks):
            for task in self.tasks:  # `wait_for` of Python 3.11 may miss the first one
                task.cancel()
            await asyncio.sleep(0)
        self.stop()
        self.begin()
        for event in self.log:
            self.teller.apply(event)
        self.teller.start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.append(task)
        return task

    def stop(self) -> None:
        """End whatever runs, raising what it raised."""
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.result()
            task.cancel()
        self.tasks = []

    def record(self, data: Data) -> None:
        """As the engine: numbered and shown at its next turn."""
        asyncio.get_running_loop().call_soon(self.happens, data)

    def happens(self, data: Data, **envelope: Any) -> Event:
        """An event of the home, now."""
        event = Event(
            origin="home:h1",
            seq=len(self.log) + 1,
            at=self.clock.now(),
            clock="synced",
            boot=self.boot,
            mono_s=self.clock.mono_s(),
            data=data,
        )
        return self._show(replace(event, **envelope))

    def decided(self, data: Data, **envelope: Any) -> Event:
        """An event of the server's."""
        self.down += 1
        return self.happens(data, origin="staff:h1", seq=self.down, **envelope)

    def _show(self, event: Event) -> Event:
        self.log.append(event)
        self.teller.apply(event)
        return event

    def knows(self) -> None:
        """The server has said whom to tell."""
        self.decided(settings())
        self.receivers.offered(token())

    def alarm(self, about: AlarmType = AlarmType.PENDANT) -> Event:
        """An alarm is raised."""
        return self.happens(AlarmRaised.usual(about, self.clock.now()))

    def said(self, cls: type[Data]) -> list[Any]:
        """What was written of a kind."""
        return [event.data for event in self.log if isinstance(event.data, cls)]

    def told(self) -> list[str]:
        """Who was told, in order."""
        ids = {number: person for person, number in NUMBERS.items()}
        return [ids[address] for address, _ in self.sms.sent]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(60):
            while not done():
                for task in self.tasks:
                    if task.done() and not task.cancelled():
                        task.result()
                await asyncio.sleep(0.002)

    async def passes(self, seconds: float) -> None:
        """Let domain time go by."""
        until_s = self.clock.mono_s() + seconds
        await self.until(lambda: self.clock.mono_s() >= until_s)
