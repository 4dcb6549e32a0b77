"""ModemManager's side of D-Bus, on a bus of its own: what we see of it, without a modem.

The bus is a real dbus-daemon (`tests.drivers.bluez.system_bus`); only ModemManager, which needs a
modem, is played.  It misbehaves as told: no network, slow, refuses, loses reports, is unplugged.

Not for: how a real modem and a real network behave (docs/hardware.md has the steps).
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from dbus_fast import BusType, DBusError, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusObjectPath, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from drivers.modem import modem_manager as mm

PATH = f"{mm.ROOT}/Modem/0"
CONNECTED = 11

READ = PropertyAccess.READ


class _Modem(ServiceInterface):
    def __init__(self, played: PlayedModem) -> None:
        super().__init__(mm.MODEM)
        self._played = played

    @dbus_property(access=READ)
    def State(self) -> Annotated[int, DBusSignature("i")]:  # noqa: N802 - ModemManager's names
        return self._played.state

    @dbus_property(access=READ)
    def SignalQuality(self) -> Annotated[list[Any], DBusSignature("(ub)")]:  # noqa: N802
        return [self._played.signal_pct, True]

    @dbus_method()
    def Enable(self, enable: DBusBool):  # type: ignore[no-untyped-def]  # noqa: N802
        self._played.state = mm.REGISTERED if enable else mm.DISABLED


class _Messaging(ServiceInterface):
    def __init__(self, played: PlayedModem) -> None:
        super().__init__(mm.MESSAGING)
        self._played = played

    @dbus_method()
    def List(self) -> Annotated[list[str], DBusSignature("ao")]:  # noqa: N802
        return list(self._played.stored)

    @dbus_method()
    def Create(self, wanted: Annotated[dict[str, Any], DBusSignature("a{sv}")]) -> DBusObjectPath:  # noqa: N802
        values = {name: variant.value for name, variant in wanted.items()}
        assert values["delivery-report-request"] is True
        return self._played.add(_Sms(self._played, values["number"], values["text"], pdu=2))

    @dbus_method()
    def Delete(self, path: DBusObjectPath):  # type: ignore[no-untyped-def]  # noqa: N802
        self._played.remove(path)

    @dbus_signal()
    def Added(  # noqa: N802
        self, path: str, received: bool
    ) -> Annotated[list[Any], DBusSignature("ob")]:
        return [path, received]


class _Sms(ServiceInterface):
    def __init__(
        self,
        played: PlayedModem,
        number: str,
        text: str,
        *,
        pdu: int,
        reference: int = 0,
        delivery: int = 0,
    ) -> None:
        super().__init__(mm.SMS)
        self._played, self.number, self.text, self.pdu = played, number, text, pdu
        self.reference, self.delivery = reference, delivery
        self.state = mm.RECEIVED

    @dbus_method()
    async def Send(self):  # type: ignore[no-untyped-def]  # noqa: N802
        await self._played.send(self)

    @dbus_property(access=READ)
    def State(self) -> DBusUInt32:  # noqa: N802
        return self.state

    @dbus_property(access=READ)
    def PduType(self) -> DBusUInt32:  # noqa: N802
        return self.pdu

    @dbus_property(access=READ)
    def Number(self) -> DBusStr:  # noqa: N802
        return self.number

    @dbus_property(access=READ)
    def Text(self) -> DBusStr:  # noqa: N802
        return self.text

    @dbus_property(access=READ)
    def MessageReference(self) -> DBusUInt32:  # noqa: N802
        return self.reference

    @dbus_property(access=READ)
    def DeliveryState(self) -> DBusUInt32:  # noqa: N802
        return self.delivery


class PlayedModem:
    """ModemManager with one modem.  `sent` is what left it: number and text."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._bus: MessageBus | None = None
        self._messaging = _Messaging(self)
        self._number = 0
        self.stored: dict[str, _Sms] = {}
        self.sent: list[tuple[str, str]] = []
        self.state, self.signal_pct = CONNECTED, 61
        self.refuses: str | None = None
        """The error that `Send` answers with."""
        self.slow_s = 0.0
        self.reports: int | None = 0
        """The delivery state that is reported at once; None: no report comes."""

    async def start(self) -> None:
        """ModemManager starts, with its modem plugged in."""
        self._bus = await MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM).connect()
        self.plug_in()
        await self._bus.request_name(mm.NAME)

    def stop(self) -> None:
        """It ends."""
        if self._bus is not None:
            self._bus.disconnect()

    def plug_in(self) -> None:
        """The modem is plugged in."""
        assert self._bus is not None
        self._bus.export(PATH, _Modem(self))
        self._bus.export(PATH, self._messaging)

    def unplug(self) -> None:
        """It is pulled out."""
        assert self._bus is not None
        self._bus.unexport(PATH)

    def add(self, sms: _Sms) -> str:
        """A message that the modem holds; its path."""
        assert self._bus is not None
        self._number += 1
        path = f"{mm.ROOT}/SMS/{self._number}"
        self._bus.export(path, sms)
        self.stored[path] = sms
        return path

    def remove(self, path: str) -> None:
        """A message is deleted."""
        assert self._bus is not None
        if self.stored.pop(path, None) is None:
            raise DBusError(f"{mm.NAME}.Error.Core.NotFound", "no such message")
        self._bus.unexport(path)

    async def send(self, sms: _Sms) -> None:
        """A message leaves, or not."""
        await asyncio.sleep(self.slow_s)
        if self.refuses is not None:
            raise DBusError(self.refuses, "it was not sent")
        self.sent.append((sms.number, sms.text))
        sms.reference = len(self.sent)
        if self.reports is not None:
            self.report(sms.reference, self.reports)

    def report(self, reference: int, delivery: int) -> None:
        """The network says what became of a message."""
        number = self.sent[reference - 1][0]
        self._comes(_Sms(self, number, "", pdu=mm.REPORT, reference=reference, delivery=delivery))

    def text(self, number: str, text: str) -> None:
        """Somebody writes to the SIM."""
        self._comes(_Sms(self, number, text, pdu=1))

    def store(self, number: str, text: str) -> None:
        """The same while nobody listens."""
        self.add(_Sms(self, number, text, pdu=1))

    def _comes(self, sms: _Sms) -> None:
        path = self.add(sms)
        self._messaging.Added(path, True)
