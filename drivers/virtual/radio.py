"""An air for Bluetooth in one process: bumble controllers on a link with latency, loss and range.

The gateway's side is `VirtualRadio.central`; each virtual device is a `VirtualPeripheral`.  Known
of bumble 0.0.236: its controller never cancels a connection attempt (`_Controller`), its RSSI is
fixed, and it routes by random static addresses (top two bits set).

Not for: a device's behaviour.  bumble is imported in `drivers.virtual` and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Any

from bumble import hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Service
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

GATEWAY_ADDRESS = "F0:F0:F0:F0:F0:F0"

DISCONNECT_S = 1.0
"""Seconds to take a link down at the end; more than 30 ms a PDU needs."""


def plain(address: Any) -> str:
    """bumble's address as bleak writes it: without `/P`, upper case."""
    return str(address).split("/", maxsplit=1)[0].upper()


class Air(LocalLink):
    """`latency_s`: seconds a PDU takes, about a connection interval.  `loss`: the part of PDUs that
    is lost: an advertisement is gone, any other is sent again and takes longer."""

    def __init__(self, latency_s: float, loss: float, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.latency_s = latency_s
        self.loss = loss
        self.away: set[str] = set()
        self._random = random.Random(seed)  # noqa: S311 - a repeatable radio, no secret
        self._not_before_s: dict[Any, float] = {}

    def send_acl_data(
        self, sender_controller: Any, destination_address: Any, transport: Any, data: bytes
    ) -> None:
        receiver = self.find_le_controller(destination_address)
        source = sender_controller.random_address
        if receiver is not None and self._in_range(source, destination_address):
            way = (sender_controller, receiver)
            self._deliver(way, receiver.on_link_acl_data, source, transport, data)

    def send_ll_control_pdu(self, sender_address: Any, receiver_address: Any, packet: Any) -> None:
        receiver = self.find_le_controller(receiver_address)
        if receiver is not None and self._in_range(sender_address, receiver_address):
            way = (self.find_le_controller(sender_address), receiver)
            self._deliver(way, receiver.on_ll_control_pdu, sender_address, packet)

    def send_advertising_pdu(self, sender_controller: Any, packet: Any) -> None:
        if self._in_range(packet.advertiser_address) and self._random.random() >= self.loss:
            super().send_advertising_pdu(sender_controller, packet)

    def _in_range(self, *addresses: Any) -> bool:
        return not any(plain(address) in self.away for address in addresses)

    def _deliver(self, way: Any, receive: Callable[..., None], *args: Any) -> None:
        loop = asyncio.get_running_loop()
        tries = 1
        while self.loss and self._random.random() < self.loss:
            tries += 1
        if not self.latency_s and tries == 1:
            loop.call_soon(receive, *args)
            return
        # In order, each way: a PDU that is sent again holds up those behind it.
        at_s = loop.time() + tries * max(self.latency_s, 0.001)
        at_s = max(at_s, self._not_before_s.get(way, 0.0) + 1e-6)
        self._not_before_s[way] = at_s
        loop.call_at(at_s, receive, *args)


class _Controller(Controller):
    """bumble's controller with two gaps closed."""

    rssi: dict[str, int]

    def on_hci_le_create_connection_cancel_command(self, _command: Any) -> Any:
        # bumble answers SUCCESS and forgets the rest: the attempt stays pending, its caller waits
        # for ever, and every later attempt is refused.
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        event = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=pending.peer_address.address_type,
            peer_address=pending.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, event)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def send_hci_packet(self, packet: Any) -> None:
        for report in getattr(packet, "reports", ()):
            report.rssi = self.rssi.get(plain(report.address), report.rssi)
        super().send_hci_packet(packet)


class VirtualPeripheral:
    """One device on the air.  Made by `VirtualRadio.add`."""

    def __init__(self, device: Device, interval_s: float) -> None:
        self.device = device
        self.address = plain(device.random_address)
        self.connections: dict[Connection, asyncio.Future[None]] = {}
        """Open connections, each with a future that is done when it is gone."""
        self._data: bytes | None = None
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Future[None]] = set()
        self._interval_ms = interval_s * 1000
        device.on("connection", self._connected)

    async def advertise(self, data: bytes) -> None:
        """Advertise `data`, connectable, until `hush`; while connected, from its end on."""
        self._data = data
        await self._refresh()

    async def hush(self) -> None:
        """Stop advertising: nobody sees it, attempts to connect wait in vain."""
        self._data = None
        await self._refresh()

    async def _refresh(self) -> None:
        # bumble forgets its own advertising sets when two calls overlap.
        async with self._changing:
            if self._data is None:
                await self.device.stop_advertising()
            elif not self.connections:
                await self.device.start_advertising(
                    advertising_data=self._data,
                    advertising_interval_min=self._interval_ms,
                    advertising_interval_max=self._interval_ms,
                )

    async def drop(self) -> None:
        """The device ends its connections itself."""
        for connection in list(self.connections):
            with contextlib.suppress(Exception):  # tearing down a simulation
                async with asyncio.timeout(DISCONNECT_S):
                    await connection.disconnect()

    def _connected(self, connection: Connection) -> None:
        self.connections[connection] = asyncio.get_running_loop().create_future()
        connection.on("disconnection", lambda _reason: self._disconnected(connection))

    def _disconnected(self, connection: Connection) -> None:
        if (gone := self.connections.pop(connection, None)) is not None:
            gone.set_result(None)
            # Not bumble's own restart: that advertises what was true before the connection.
            again = asyncio.ensure_future(self._refresh())
            self._tasks.add(again)
            again.add_done_callback(self._tasks.discard)


class VirtualRadio:
    """The air and the gateway's adapter.  See `drivers.virtual.virtual_home_radio`.

    `present = False` pulls the adapter out: scans and connections fail as without one.
    """

    def __init__(self, *, latency_s: float = 0.0, loss: float = 0.0, seed: int = 0) -> None:
        self.air = Air(latency_s, loss, seed)
        self.present = True
        self.scanning = 0
        self.connecting = asyncio.Lock()  # bumble: one pending attempt per adapter
        self.known_gatt: dict[str, list[Any]] = {}
        """The services of each device that was connected once, by address."""
        self._count = 0
        self._rssi: dict[str, int] = {}
        self.central = self._device("gateway", GATEWAY_ADDRESS)

    async def start(self) -> None:
        """Power the gateway's adapter on."""
        await self.central.power_on()

    async def stop(self) -> None:
        """Take every link down and stop every timer."""
        for connection in list(self.central.connections.values()):
            with contextlib.suppress(Exception):  # tearing down a simulation
                async with asyncio.timeout(DISCONNECT_S):
                    await connection.disconnect()
        for controller in list(self.air.controllers):
            controller.le_legacy_advertiser.stop()
            for advertising_set in controller.advertising_sets.values():
                advertising_set.stop()

    async def add(
        self,
        address: str,
        services: Iterable[Service],
        *,
        mtu: int = 247,
        interval_s: float = 0.05,
    ) -> VirtualPeripheral:
        """A new device, silent at first.  `address` is random static: it begins with C to F.
        `interval_s`: seconds between advertisements."""
        if int(address[:2], 16) >> 6 != 0b11:
            raise ValueError(f"{address} is no random static address")
        self.known_gatt.pop(address.upper(), None)
        device = self._device(address, address)
        device.gatt_server.max_mtu = mtu
        device.add_services(list(services))
        peripheral = VirtualPeripheral(device, interval_s)
        await device.power_on()
        return peripheral

    def set_rssi(self, address: str, rssi: int) -> None:
        """How strong the gateway hears a device, in dBm."""
        self._rssi[address.upper()] = rssi

    def lose(self, address: str) -> None:
        """A device goes out of range: its links end with a supervision time-out."""
        self.air.away.add(address.upper())
        reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        for controller in list(self.air.controllers):
            for link in list(controller.le_connections.values()):
                if address.upper() in (plain(link.peer_address), plain(link.self_address)):
                    controller.on_le_disconnected(link, reason)

    def find(self, address: str) -> None:
        """A device comes back into range."""
        self.air.away.discard(address.upper())

    def _device(self, name: str, address: str) -> Device:
        self._count += 1
        public = f"00:00:00:00:{self._count >> 8:02X}:{self._count & 255:02X}"
        controller = _Controller(name, link=self.air, public_address=public)
        controller.rssi = self._rssi
        host = Host(controller, AsyncPipeSink(controller))
        return Device(name=name, address=Address(address, Address.RANDOM_DEVICE_ADDRESS), host=host)


def advertisement(
    *,
    uuids: Iterable[str] = (),
    manufacturer: dict[int, bytes] | None = None,
    service_data: dict[int | str, bytes] | None = None,
) -> bytes:
    """The bytes of an advertisement; at most 31 fit on real air, which raises `ValueError`."""
    kinds = AdvertisingData.Type
    parts: list[tuple[Any, bytes]] = [(kinds.FLAGS, b"\x06")]
    for uuid in uuids:
        parts.append((kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(uuid))))
    for company, data in (manufacturer or {}).items():
        own = company.to_bytes(2, "little") + data
        parts.append((kinds.MANUFACTURER_SPECIFIC_DATA, own))
    for service, data in (service_data or {}).items():
        if isinstance(service, str):
            parts.append((kinds.SERVICE_DATA_128_BIT_UUID, bytes(UUID(service)) + data))
        else:
            own = service.to_bytes(2, "little") + data
            parts.append((kinds.SERVICE_DATA_16_BIT_UUID, own))
    made = bytes(AdvertisingData(parts))
    if len(made) > 31:
        raise ValueError(f"{len(made)} bytes do not fit into an advertisement")
    return made
