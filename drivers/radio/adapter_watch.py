"""What BlueZ says of itself and of its adapters, over D-Bus and at once.

A scan does not notice that bluetoothd was restarted, that the stick was pulled out, or that
somebody switched the radio off: it only becomes silent.  D-Bus tells each of these as it happens.
Whoever looks here knows why nothing is heard (`problem`), and that a scan must be begun anew
(`changes`).

Where there is no D-Bus nothing is known, and nothing is claimed.  Not for: scanning (`scanner`), or
one device's connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

log = logging.getLogger(__name__)

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
DBUS = "org.freedesktop.DBus"

ANSWER_S = 5.0
"""Seconds that D-Bus or BlueZ has to answer: it is on this machine, and takes milliseconds."""

AGAIN_S = 5.0
"""Seconds until D-Bus is tried again when it went away: a restart of it takes as long."""

MATCHES = (
    f"type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
)

_FAULTS = (OSError, EOFError, DBusError, TimeoutError, AttributeError, ValueError)
"""What a bus that is missing or goes away is known to raise in dbus-fast."""


class AdapterWatch:
    """Watches from `start` to `stop`.  Use from one event loop only."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._bus: MessageBus | None = None
        self._owner: str | None = None
        self._adapters: dict[str, bool] = {}
        self._known = False
        self._changed = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()
        self.changes = 0
        """How often bluetoothd or an adapter came or was switched on: a scan that was begun before
        hears nothing more."""

    async def start(self) -> None:
        """Begin to watch; returns when the first look is over, whatever it found."""
        if self._task is None:
            looked = asyncio.Event()
            self._task = asyncio.create_task(self._run(looked), name="bluetooth adapter watch")
            await looked.wait()

    async def stop(self) -> None:
        """End.  May be called twice, and without `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    @property
    def known(self) -> bool:
        """Whether BlueZ can be watched now."""
        return self._known

    def problem(self) -> str | None:
        """Why nothing can be heard, one sentence's worth; None when an adapter is there and on, or
        when nothing is known."""
        if not self._known:
            return None
        if self._owner is None:
            return "the Bluetooth service (bluetoothd) does not run"
        if not self._adapters:
            return "there is no Bluetooth adapter"
        if not any(self._adapters.values()):
            return "Bluetooth is switched off (rfkill, or another program)"
        return None

    async def changed(self) -> None:
        """Wait until something changed since this was last awaited."""
        await self._changed.wait()
        self._changed.clear()

    async def switch_on(self) -> None:
        """Ask BlueZ to switch on an adapter that is off: this home's radio listens always.  One
        that is blocked (rfkill) stays off.  Never raises."""
        if self._bus is None or self._owner is None or any(self._adapters.values()):
            return
        for path in self._adapters:
            with contextlib.suppress(*_FAULTS):
                on = [ADAPTER, "Powered", Variant("b", True)]
                await self._call(BLUEZ, path, PROPERTIES, "Set", "ssv", on)
                return

    # --- watching ---------------------------------------------------------------------------------

    async def _run(self, looked: asyncio.Event) -> None:
        while True:
            bus: MessageBus | None = None
            try:
                bus = self._bus = MessageBus(bus_type=BusType.SYSTEM)
                async with asyncio.timeout(ANSWER_S):
                    await bus.connect()
                bus.add_message_handler(self._on_message)
                for rule in MATCHES:
                    await self._call(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", [rule])
                await self._look()
                looked.set()
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            except _FAULTS as error:
                log.info(
                    "D-Bus cannot be watched", extra={"why": f"{type(error).__name__}: {error}"}
                )
            finally:
                self._bus = None
                self._known = False
                if bus is not None:
                    bus.disconnect()
                looked.set()
                self._changed.set()
            await asyncio.sleep(AGAIN_S)

    async def _look(self) -> None:
        """Who owns the name, and which adapters there are; the signals go on from there."""
        try:
            body = await self._call(
                DBUS, "/org/freedesktop/DBus", DBUS, "GetNameOwner", "s", [BLUEZ]
            )
            self._owner = str(body[0])
            objects = (await self._call(BLUEZ, "/", OBJECTS, "GetManagedObjects"))[0]
        except DBusError:  # nobody has the name, or just left
            self._owner, objects = None, {}
        self._adapters = {
            path: _powered(interfaces[ADAPTER])
            for path, interfaces in objects.items()
            if ADAPTER in interfaces
        }
        self._known = True
        self._changed.set()

    async def _call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        """The answer's body.  Raises one of `_FAULTS`."""
        assert self._bus is not None  # noqa: S101 - only called while there is one
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        async with asyncio.timeout(ANSWER_S):
            reply = await self._bus.call(message)
        if reply is None or reply.message_type is MessageType.ERROR:
            name = "no answer" if reply is None else str(reply.error_name)
            raise DBusError(name, f"{member} was refused", reply)
        return list(reply.body)

    # --- signals ----------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        try:
            self._see(message.member or "", message.path or "", message.body)
        except (KeyError, IndexError, TypeError, AttributeError):
            log.warning("a signal of BlueZ was not understood", extra={"member": message.member})

    def _see(self, member: str, path: str, body: list[Any]) -> None:
        if member == "NameOwnerChanged":
            if body[0] != BLUEZ:
                return
            self._owner = body[2] or None
            self._adapters = {}  # those of a new bluetoothd are told one by one
            if self._owner is not None:
                self._spawn_look()
        elif member == "InterfacesAdded":
            if ADAPTER not in body[1]:
                return
            self._set(body[0], _powered(body[1][ADAPTER]))
        elif member == "InterfacesRemoved":
            if ADAPTER not in body[1] or body[0] not in self._adapters:
                return
            del self._adapters[body[0]]
        elif member == "PropertiesChanged":
            if body[0] != ADAPTER or "Powered" not in body[1]:
                return
            self._set(path, bool(body[1]["Powered"].value))
        else:
            return
        self._changed.set()

    def _set(self, path: str, powered: bool) -> None:
        if powered and not self._adapters.get(path, False):
            self.changes += 1
        self._adapters[path] = powered

    def _spawn_look(self) -> None:
        """A new bluetoothd may have told its adapters before anybody listened to it."""
        task = asyncio.create_task(self._look_again())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look_again(self) -> None:
        with contextlib.suppress(*_FAULTS):
            before = dict(self._adapters)
            await self._look()
            if any(on and not before.get(path) for path, on in self._adapters.items()):
                self.changes += 1


def _powered(properties: dict[str, Variant]) -> bool:
    powered = properties.get("Powered")
    return powered is not None and bool(powered.value)
