"""A bleak back end over a virtual radio, so that drivers and libraries run on it unmodified.

`installed(radio)` puts it in place of BlueZ for the whole process.  It raises what BlueZ's back end
raises: `BleakError` for a lost link (bumble cancels the request instead), `TimeoutError` for one
that never comes, `BleakBluetoothNotAvailableError` without an adapter.  As BlueZ does by default
(`[GATT] Cache = always`), it asks a device for its services at the first connection only.

Not for: use outside the demo and the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import bleak
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bleak.uuids import normalize_uuid_str
from bumble import att, hci
from bumble.core import AdvertisingData, BaseBumbleError
from bumble.device import Connection, Peer
from bumble.gatt_client import CharacteristicProxy, DescriptorProxy, ServiceProxy

from drivers.virtual.radio import VirtualRadio, plain

LONGEST_MTU = 517
"""What a central asks for; the device's own limit decides."""

TIDY_S = 1.0
"""Seconds to take a half-made link down."""


@contextlib.contextmanager
def installed(radio: VirtualRadio) -> Iterator[None]:
    """Every `BleakScanner` and `BleakClient` made in this process uses `radio`."""
    client = type("VirtualClient", (_Client,), {"radio": radio})
    scanner = type("VirtualScanner", (_Scanner,), {"radio": radio})
    # bleak chooses its back end through these two names of its own module.
    patched: Any = bleak
    before = patched.get_platform_client_backend_type, patched.get_platform_scanner_backend_type
    patched.get_platform_client_backend_type = lambda: (client, "bumble")
    patched.get_platform_scanner_backend_type = lambda: (scanner, "bumble")
    try:
        yield
    finally:
        patched.get_platform_client_backend_type = before[0]
        patched.get_platform_scanner_backend_type = before[1]


def _need_adapter(radio: VirtualRadio) -> None:
    if not radio.present:
        raise BleakBluetoothNotAvailableError(
            "No Bluetooth adapters found.", BleakBluetoothNotAvailableReason.NO_BLUETOOTH
        )


def _uuid(uuid: Any) -> str:
    return normalize_uuid_str(uuid.to_hex_str("-"))


# --- scanning -------------------------------------------------------------------------------------


class _Scanner(BaseBleakScanner):
    radio: VirtualRadio

    def __init__(
        self,
        detection_callback: Any,
        service_uuids: Any,
        scanning_mode: str,
        **_kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._merged: dict[str, AdvertisementData] = {}

    async def start(self) -> None:
        _need_adapter(self.radio)
        self.seen_devices = {}
        self._merged = {}
        self.radio.central.on("advertisement", self._on_advertisement)
        self.radio.scanning += 1
        if self.radio.scanning == 1:
            await self.radio.central.start_scanning(active=self._active, filter_duplicates=False)

    async def stop(self) -> None:
        with contextlib.suppress(KeyError):
            self.radio.central.remove_listener("advertisement", self._on_advertisement)
            self.radio.scanning -= 1
            if self.radio.scanning == 0:
                await self.radio.central.stop_scanning()

    def _on_advertisement(self, heard: Any) -> None:
        if not self.radio.present:
            return
        address = plain(heard.address)
        data = _merge(self._merged.get(address), _read(heard))
        self._merged[address] = data
        if self.is_allowed_uuid(data.service_uuids):
            name = data.local_name or address.replace(":", "-")
            details = {"source": "virtual", "address": heard.address}
            device = self.create_or_update_device(address, address, name, details, data)
            self.call_detection_callbacks(device, data)


def _merge(old: AdvertisementData | None, new: AdvertisementData) -> AdvertisementData:
    """Like BlueZ, which keeps what a device said before."""
    if old is None:
        return new
    return new._replace(
        local_name=new.local_name or old.local_name,
        manufacturer_data={**old.manufacturer_data, **new.manufacturer_data},
        service_data={**old.service_data, **new.service_data},
        service_uuids=list(dict.fromkeys([*old.service_uuids, *new.service_uuids])),
    )


def _read(heard: Any) -> AdvertisementData:
    kinds = AdvertisingData.Type
    name: str | None = None
    manufacturer: dict[int, bytes] = {}
    service_data: dict[str, bytes] = {}
    uuids: list[str] = []
    for kind, raw in heard.data.ad_structures:
        if kind in (kinds.COMPLETE_LOCAL_NAME, kinds.SHORTENED_LOCAL_NAME):
            name = raw.decode("utf-8", "replace")
        elif kind == kinds.MANUFACTURER_SPECIFIC_DATA and len(raw) >= 2:
            manufacturer[int.from_bytes(raw[:2], "little")] = bytes(raw[2:])
        elif kind == kinds.SERVICE_DATA_16_BIT_UUID and len(raw) >= 2:
            service_data[normalize_uuid_str(raw[1::-1].hex())] = bytes(raw[2:])
        elif kind == kinds.SERVICE_DATA_128_BIT_UUID and len(raw) >= 16:
            service_data[str(UUID(bytes=bytes(raw[15::-1])))] = bytes(raw[16:])
        elif kind in (
            kinds.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
            kinds.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
        ):
            uuids += [str(UUID(bytes=raw[at : at + 16][::-1])) for at in range(0, len(raw), 16)]
    return AdvertisementData(name, manufacturer, service_data, uuids, None, heard.rssi, (heard,))


# --- connecting -----------------------------------------------------------------------------------


class _Client(BaseBleakClient):
    radio: VirtualRadio

    def __init__(self, address_or_ble_device: Any, *, services: Any = None, **kwargs: Any) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        known = isinstance(address_or_ble_device, BLEDevice)
        self._device: BLEDevice | None = address_or_ble_device if known else None
        self._wanted = services
        self._link: Connection | None = None
        self._subscribers: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        named = self._device.name if self._device else None
        return named or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return int(self._link.att_mtu) if self._link else 23

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        _need_adapter(self.radio)
        if self.is_connected:
            raise BleakError("Client is already connected")
        if self._device is None:
            # bleak would scan by itself; here that is the mistake it is on a shared adapter.
            raise BleakDeviceNotFoundError(self.address, "connect to a BLEDevice, not an address")
        try:
            async with asyncio.timeout(kwargs.get("timeout", self._timeout)):
                await self._connect(self._device)
                if pair:
                    await self.pair()
        except BaseBumbleError as error:
            await self._abandon()
            raise BleakError(f"failed to connect: {error}") from error
        except asyncio.CancelledError:
            lost = self._link is None and not _cancelling()
            await self._abandon()
            if lost:
                raise BleakError("disconnected while connecting") from None
            raise
        except BaseException:
            await self._abandon()
            raise

    async def _connect(self, device: BLEDevice) -> None:
        async with self.radio.connecting:
            self._link = await self._link_up(device.details["address"])
        self._link.on("disconnection", self._on_disconnection)
        peer = Peer(self._link)
        await peer.request_mtu(LONGEST_MTU)
        await self._discover(peer)

    async def _link_up(self, address: Any) -> Connection:
        central = self.radio.central
        task = asyncio.ensure_future(central.connect(address, timeout=None))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # bumble does not cancel the command when its task is cancelled.
            with contextlib.suppress(BaseBumbleError):
                await central.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
            with contextlib.suppress(BaseBumbleError):
                await (await task).disconnect()  # it came up in the very last moment
            raise

    async def _discover(self, peer: Peer) -> None:
        """Services and what is in them; from memory for a device that was connected before."""
        known = self.radio.known_gatt.get(self.address)
        if known is None:
            services = await _ask_for_services(peer)
            self.radio.known_gatt[self.address] = services
        else:
            services = [_of_this_link(service, peer.gatt_client) for service in known]
        found = BleakGATTServiceCollection()
        for service in services:
            if self._wanted and _uuid(service.uuid) not in self._wanted:
                continue
            own = BleakGATTService(service, service.handle, _uuid(service.uuid))
            found.add_service(own)
            for char in service.characteristics:
                properties: Any = list(gatt_char_props_to_strs(int(char.properties)))
                bleak_char = BleakGATTCharacteristic(
                    char, char.handle, _uuid(char.uuid), properties, self._longest_write, own
                )
                found.add_characteristic(bleak_char)
                for desc in char.descriptors:
                    uuid = _uuid(desc.type)
                    found.add_descriptor(BleakGATTDescriptor(desc, desc.handle, uuid, bleak_char))
        self.services = found

    def _longest_write(self) -> int:
        return self.mtu_size - 3

    async def _abandon(self) -> None:
        link = self._link
        self._forget()
        if link is not None:
            with contextlib.suppress(BaseBumbleError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(TIDY_S):
                    await link.disconnect()

    def _on_disconnection(self, _reason: Any) -> None:
        if self._link is not None:
            self._forget()
            if self._disconnected_callback:
                self._disconnected_callback()

    def _forget(self) -> None:
        self._link = None
        self.services = None
        self._subscribers.clear()

    async def disconnect(self) -> None:
        link = self._link
        if link is not None:
            with contextlib.suppress(BaseBumbleError):
                await link.disconnect()
            self._on_disconnection(0)

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        if self._link is None:
            raise BleakError("Not connected")
        await self._link.pair()

    async def unpair(self) -> None:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def _talking(self) -> AsyncIterator[None]:
        if self._link is None:
            raise BleakError("Not connected")
        try:
            yield
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(int(error.error_code)) from error
        except BaseBumbleError as error:
            raise BleakError(str(error)) from error
        except asyncio.CancelledError:
            # A lost link cancels bumble's request; that is no cancellation of ours.
            if self._link is None and not _cancelling():
                raise BleakError("disconnected") from None
            raise

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_kwargs: Any
    ) -> bytearray:
        async with self._talking():
            return bytearray(await characteristic.obj.read_value())

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_kwargs: Any
    ) -> bytearray:
        async with self._talking():
            return bytearray(await descriptor.obj.read_value())

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: Any, response: bool
    ) -> None:
        if not response and len(data) > self._longest_write():
            raise BleakError("a write without response is longer than the MTU allows")
        async with self._talking():
            await characteristic.obj.write_value(bytes(data), with_response=response)

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        async with self._talking():
            await descriptor.obj.write_value(bytes(data), with_response=True)

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: Any, **_kwargs: Any
    ) -> None:
        def subscriber(value: bytes) -> None:
            callback(bytearray(value))

        self._subscribers[characteristic.handle] = subscriber
        async with self._talking():
            await characteristic.obj.subscribe(subscriber)

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        subscriber = self._subscribers.pop(characteristic.handle)
        async with self._talking():
            await characteristic.obj.unsubscribe(subscriber)


async def _ask_for_services(peer: Peer) -> list[ServiceProxy]:
    await peer.discover_services()
    for service in peer.services:
        await service.discover_characteristics()
        for char in service.characteristics:
            await char.discover_descriptors()
    return list(peer.services)


def _of_this_link(service: ServiceProxy, client: Any) -> ServiceProxy:
    """A service as it was found over an earlier link."""
    ends = service.end_group_handle
    copy = ServiceProxy(client, service.handle, ends, service.uuid)  # type: ignore[no-untyped-call]
    for char in service.characteristics:
        known = CharacteristicProxy[bytes](
            client, char.handle, char.end_group_handle, char.uuid, int(char.properties)
        )
        known.descriptors = [DescriptorProxy(client, d.handle, d.type) for d in char.descriptors]
        known.descriptors_discovered = True
        copy.characteristics.append(known)
    return copy


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
