"""bluetoothd's side of D-Bus, on a bus of its own: what bleak and we see of it, without a radio.

The bus is a real dbus-daemon and what talks to it is bleak's own back end; only bluetoothd, which
needs a kernel with Bluetooth, is played here.  It can be killed and started again, its adapter
unplugged and plugged in, switched off, blocked; and it can go deaf, which it tells nobody.

Not for: connections (the virtual radio has those), or how BlueZ behaves with a real adapter
(docs/hardware.md has the steps).
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import pytest
from dbus_fast import BusType, DBusError, Message, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusDict, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

HCI0 = "/org/bluez/hci0"
EVERY_S = 0.02
"""Seconds between two advertisements of the one device that is near."""

NEAR = "C0:FF:EE:00:00:01"
NEAR_PATH = f"{HCI0}/dev_{NEAR.replace(':', '_')}"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow eavesdrop="true"/></policy></busconfig>
"""


@contextmanager
def system_bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A dbus-daemon that this process takes for the system's; its address."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("dbus-daemon is not installed")
    socket, config = folder / "bus", folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=socket))
    with subprocess.Popen(
        [daemon, f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        try:
            yield address
        finally:
            process.terminate()


class _Adapter(ServiceInterface):
    """`org.bluez.Adapter1`, as much of it as bleak asks for."""

    def __init__(self, bluez: BlueZ) -> None:
        super().__init__("org.bluez.Adapter1")
        self._bluez = bluez
        self.powered = True

    @dbus_property(access=PropertyAccess.READ)
    def Address(self) -> DBusStr:  # noqa: N802 - BlueZ's names
        return "00:11:22:33:44:55"

    @dbus_property(access=PropertyAccess.READ)
    def Roles(self) -> Annotated[list[str], DBusSignature("as")]:  # noqa: N802
        return ["central"]

    @dbus_property()
    def Powered(self) -> DBusBool:  # noqa: N802
        return self.powered

    @Powered.setter  # type: ignore[no-redef]
    def Powered(self, on: DBusBool) -> None:  # noqa: N802
        self._bluez.asked_on += 1
        if self._bluez.blocked:
            if self._bluez.comes_anew:
                self._bluez.blocked = False
                self._bluez.unplug()
                self._bluez.plug_in()
            raise DBusError("org.bluez.Error.Blocked", "Blocked through rfkill")
        self.powered = on
        self.emit_properties_changed({"Powered": on})

    @dbus_method()
    def SetDiscoveryFilter(self, filters: DBusDict):  # type: ignore[no-untyped-def]  # noqa: N802
        assert filters is not None

    @dbus_method()
    def StartDiscovery(self):  # type: ignore[no-untyped-def]  # noqa: N802
        self._bluez.scans += 1
        if not self.powered:
            raise DBusError("org.bluez.Error.NotReady", "Resource Not Ready")
        self._bluez.deaf = False
        self._bluez.scanning = True

    @dbus_method()
    def StopDiscovery(self):  # type: ignore[no-untyped-def]  # noqa: N802
        self._bluez.scanning = False


class BlueZ:
    """bluetoothd with one adapter, `hci0`, near which one device advertises."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._bus: MessageBus | None = None
        self._adapter: _Adapter | None = None
        self._task: asyncio.Task[None] | None = None
        self.scans = self.asked_on = 0
        self.scanning = self.deaf = self.blocked = False
        self.comes_anew = False
        """Whether a blocked adapter goes and comes back before it answers."""
        self.comes_late = False
        """Whether the adapter comes right after somebody was told that there is none."""

    async def start(self, *, adapter: bool = True, named_last: bool = False) -> None:
        """bluetoothd starts; `named_last`: it takes its name when its adapter is there already, so
        that nobody hears of that one."""
        self._bus = await MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM).connect()
        if adapter and named_last:
            self.plug_in()
        self._bus.add_message_handler(self._asked)
        await self._bus.request_name("org.bluez")
        if adapter and not named_last:
            self.plug_in()
        self._task = asyncio.create_task(self._advertise())

    def _asked(self, message: Message) -> None:
        if message.member == "GetManagedObjects" and self.comes_late:
            self.comes_late = False
            asyncio.get_running_loop().call_soon(self._come_late)

    def _come_late(self) -> None:
        self.plug_in()
        time.sleep(0.2)  # the answer and the signal are there when anybody reads

    async def kill(self) -> None:
        """bluetoothd ends, without a word of its own."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._bus is not None:
            self._bus.disconnect()
        self._bus = self._task = self._adapter = None
        self.scanning = False

    def plug_in(self) -> None:
        """A USB stick is put in."""
        assert self._bus is not None
        self._adapter = _Adapter(self)
        self._bus.export(HCI0, self._adapter)

    def unplug(self) -> None:
        """It is pulled out."""
        assert self._bus is not None
        assert self._adapter is not None
        self._bus.unexport(HCI0, self._adapter)
        self._adapter, self.scanning = None, False

    def switch_off(self, *, blocked: bool = False) -> None:
        """Another program switches the radio off; `blocked`: rfkill does, and it stays so."""
        assert self._adapter is not None
        self.blocked, self.scanning = blocked, False
        self._adapter.powered = False
        self._adapter.emit_properties_changed({"Powered": False})

    def power_cycle(self) -> None:
        """Off and on in one moment; nothing is scanned for any more."""
        self.switch_off()
        assert self._adapter is not None
        self._adapter.powered = True
        self._adapter.emit_properties_changed({"Powered": True})

    async def _advertise(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(EVERY_S)
            if not self.scanning or self.deaf or self._bus is None:
                continue
            count += 1
            properties = {
                "Address": Variant("s", NEAR),
                "RSSI": Variant("n", -50 - count % 20),
                "Alias": Variant("s", "near"),
                "Adapter": Variant("o", HCI0),
            }
            message = Message.new_signal(
                "/",
                "org.freedesktop.DBus.ObjectManager",
                "InterfacesAdded",
                "oa{sa{sv}}",
                [NEAR_PATH, {"org.bluez.Device1": properties}],
            )
            await self._bus.send(message)
