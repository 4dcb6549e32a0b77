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

from dbus_fast import Message, Variant
from dbus_fast.errors import DBusError

from drivers._system_bus import DBUS, FAULTS, OBJECTS, PROPERTIES, SystemBus

log = logging.getLogger(__name__)

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"

MATCHES = (
    f"type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
)

LOOKS = 10
"""How often it is asked which adapters there are, while signals say that it changes."""


class AdapterWatch:
    """Watches from `start` to `stop`.  Use from one event loop only."""

    def __init__(self) -> None:
        self._bus = SystemBus(
            "bluetooth adapter watch",
            MATCHES,
            hear=self._on_message,
            look=self._look,
            gone=self._not_known,
        )
        self._owner: str | None = None
        self._adapters: dict[str, bool] = {}
        self._known = False
        self._told = 0
        self._changed = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()
        self.changes = 0
        """How often bluetoothd or an adapter came or was switched on: a scan that was begun before
        hears nothing more."""

    async def start(self) -> None:
        """Begin to watch; returns when the first look is over, whatever it found."""
        await self._bus.start()

    async def stop(self) -> None:
        """End.  May be called twice, and without `start`."""
        await self._bus.stop()

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
        if not self._bus.there or self._owner is None or any(self._adapters.values()):
            return
        for path in list(self._adapters):  # they come and go while one is asked
            with contextlib.suppress(*FAULTS):
                on = [ADAPTER, "Powered", Variant("b", True)]
                await self._bus.call(BLUEZ, path, PROPERTIES, "Set", "ssv", on)
                return

    # --- watching ---------------------------------------------------------------------------------

    def _not_known(self) -> None:
        self._known = False
        self._changed.set()

    async def _look(self) -> None:
        """Who owns the name, and which adapters there are; the signals go on from there.  An answer
        that a signal overtook is of before it: it is asked again."""
        for _ in range(LOOKS):
            told = self._told
            await self._ask()
            if self._told == told:
                break
        self._known = True
        self._changed.set()

    async def _ask(self) -> None:
        try:
            where = "/org/freedesktop/DBus"
            body = await self._bus.call(DBUS, where, DBUS, "GetNameOwner", "s", [BLUEZ])
            self._owner = str(body[0])
            objects = (await self._bus.call(BLUEZ, "/", OBJECTS, "GetManagedObjects"))[0]
        except DBusError:  # nobody has the name, or just left
            self._owner, objects = None, {}
        self._adapters = {
            path: _powered(interfaces[ADAPTER])
            for path, interfaces in objects.items()
            if ADAPTER in interfaces
        }

    # --- signals ----------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> None:
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
        self._told += 1
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
        with contextlib.suppress(*FAULTS):
            before = dict(self._adapters)
            await self._look()
            if any(on and not before.get(path) for path, on in self._adapters.items()):
                self.changes += 1


def _powered(properties: dict[str, Variant]) -> bool:
    powered = properties.get("Powered")
    return powered is not None and bool(powered.value)
