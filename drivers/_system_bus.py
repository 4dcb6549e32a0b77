"""D-Bus's system bus, for as long as somebody wants it: connected anew whenever it went away.

Not for: what is asked or heard over it (`radio.adapter_watch`, `modem.modem_manager`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

log = logging.getLogger(__name__)

DBUS = "org.freedesktop.DBus"
OBJECTS = f"{DBUS}.ObjectManager"
PROPERTIES = f"{DBUS}.Properties"

ANSWER_S = 5.0
"""Seconds that D-Bus, or a service on it, has to answer: it is on this machine, and takes
milliseconds."""

AGAIN_S = 5.0
"""Seconds until D-Bus is tried again when it went away: a restart of it takes as long."""

FAULTS = (OSError, EOFError, DBusError, TimeoutError, AttributeError, ValueError)
"""What a bus that is missing or goes away is known to raise in dbus-fast."""


class SystemBus:
    """From `start` to `stop`, in one event loop.  `signals` are match rules; `hear` has every
    signal; `look` is awaited whenever there is a connection, `gone` called when there is none."""

    def __init__(
        self,
        name: str,
        signals: Sequence[str],
        *,
        hear: Callable[[Message], None],
        look: Callable[[], Awaitable[None]],
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._signals = name, signals
        self._hear, self._look, self._gone = hear, look, gone
        self._bus: MessageBus | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def there(self) -> bool:
        """Whether it can be asked now."""
        return self._bus is not None

    async def start(self) -> None:
        """Begin; returns when the first look is over, whatever it found."""
        if self._task is None:
            looked = asyncio.Event()
            self._task = asyncio.create_task(self._run(looked), name=self._name)
            await looked.wait()

    async def stop(self) -> None:
        """End.  May be called twice, and without `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def call(
        self,
        to: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        within_s: float = ANSWER_S,
    ) -> list[Any]:
        """The answer's body.  Raises one of `FAULTS`."""
        if self._bus is None:
            raise OSError("D-Bus is away")
        message = Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        async with asyncio.timeout(within_s):
            reply = await self._bus.call(message)
        if reply is None or reply.message_type is MessageType.ERROR:
            name = "no answer" if reply is None else str(reply.error_name)
            raise DBusError(name, f"{member} was refused", reply)
        return list(reply.body)

    async def _run(self, looked: asyncio.Event) -> None:
        while True:
            bus: MessageBus | None = None
            try:
                bus = self._bus = MessageBus(bus_type=BusType.SYSTEM)
                async with asyncio.timeout(ANSWER_S):
                    await bus.connect()
                bus.add_message_handler(self._heard)
                for rule in self._signals:
                    where = "/org/freedesktop/DBus"
                    await self.call(DBUS, where, DBUS, "AddMatch", "s", [rule])
                await self._look()
                looked.set()
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            except FAULTS as error:
                why = f"{type(error).__name__}: {error}"
                log.info("D-Bus cannot be asked", extra={"for": self._name, "why": why})
            except Exception:  # what it was not known to raise: who watches must not end in silence
                log.exception("D-Bus cannot be asked", extra={"for": self._name})
            finally:
                self._bus = None
                self._gone()
                if bus is not None:
                    with suppress(Exception):  # whatever became of it: another one comes
                        bus.disconnect()
                looked.set()
            await asyncio.sleep(AGAIN_S)

    def _heard(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            self._hear(message)
