"""The one Bluetooth scanner that all drivers share (`gateway.ports.Scanner`).

One adapter scans once and connects one device at a time; two scanners or two connection attempts
on it disturb each other.  A missing or failing adapter is `problem()`, and is tried again with
growing pauses; nothing that a stranger's radio sends raises.

Not for: what an advertisement means.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from drivers.radio.connection import translated, within
from gateway.errors import DeviceUnavailable
from gateway.ports import Advert

log = logging.getLogger(__name__)

START_S = 10.0
"""Seconds that the adapter has to begin or end scanning: BlueZ answers in well under one."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Seconds between tries to start a missing adapter: doubled from the first to the longest.  A USB
stick that is put back works within a minute."""

SILENT_S = 120.0
"""Seconds without one advertisement from anybody until the scan is begun anew.  BlueZ does not tell
that an adapter was reset under a running scan; in a home that has a Bluetooth lock, two silent
minutes are more likely that than silence."""

REMEMBERED = 4096
"""Addresses whose last advertisement is kept; phones change theirs every 15 minutes."""


class SharedScanner:
    """Scans from `start` to `stop`.  Use from one event loop only."""

    def __init__(self, *, first_pause_s: float = FIRST_PAUSE_S, silent_s: float = SILENT_S) -> None:
        self._first_pause_s = first_pause_s
        self._silent_s = silent_s
        self._watchers: list[Callable[[Advert], None]] = []
        self._adverts: OrderedDict[str, Advert] = OrderedDict()
        self._connecting = asyncio.Lock()
        self._problem: str | None = "the radio is not started"
        self._heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to scan, now or as soon as there is an adapter.  Waits for the first try only."""
        if self._task is None:
            tried = asyncio.Event()
            self._task = asyncio.create_task(self._run(tried), name="bluetooth scanner")
            await tried.wait()

    async def stop(self) -> None:
        """End the scan.  May be called twice, and without `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._problem = "the radio is not started"

    def watch(self, on_advert: Callable[[Advert], None]) -> Callable[[], None]:
        """See `gateway.ports.Scanner`."""
        self._watchers.append(on_advert)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._watchers.remove(on_advert)

        return stop

    def last(self, address: str) -> Advert | None:
        """See `gateway.ports.Scanner`; letters of the address in either case."""
        return self._adverts.get(address.upper())

    def connecting(self) -> asyncio.Lock:
        """See `gateway.ports.Scanner`."""
        return self._connecting

    def problem(self) -> str | None:
        """See `gateway.ports.Scanner`."""
        return self._problem

    async def _run(self, tried: asyncio.Event) -> None:
        pause_s = self._first_pause_s
        while True:
            try:
                await self._scan(tried)
                pause_s = self._first_pause_s
            except DeviceUnavailable as error:
                if self._problem is None:
                    pause_s = self._first_pause_s
                self._problem = error.text
                log.warning("no Bluetooth scan", extra={"why": error.text, "retry_s": pause_s})
                tried.set()
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _scan(self, tried: asyncio.Event) -> None:
        """Scan until nobody was heard for long.  Raises `DeviceUnavailable`."""
        with translated("starting to scan"):
            scanner = BleakScanner(detection_callback=self._on_advert)
            await within(START_S, scanner.start())
        self._problem = None
        tried.set()
        try:
            while await self._heard_one():
                pass
        finally:
            with contextlib.suppress(DeviceUnavailable), translated("ending the scan"):
                await within(START_S, scanner.stop())

    async def _heard_one(self) -> bool:
        self._heard.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._silent_s):
                await self._heard.wait()
            # Looked at now and then only: a busy house sends hundreds a second.
            await asyncio.sleep(self._silent_s / 4)
            return True
        return False

    def _on_advert(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard.set()
        advert = Advert(
            address=device.address.upper(),
            name=data.local_name,
            rssi=data.rssi,
            manufacturer_data=dict(data.manufacturer_data),
            service_data=dict(data.service_data),
            service_uuids=tuple(data.service_uuids),
            device=device,
            heard_s=time.monotonic(),
        )
        self._adverts[advert.address] = advert
        self._adverts.move_to_end(advert.address)
        if len(self._adverts) > REMEMBERED:
            self._adverts.popitem(last=False)
        for watcher in tuple(self._watchers):
            self._tell(watcher, advert)

    def _tell(self, watcher: Callable[[Advert], None], advert: Advert) -> None:
        try:
            watcher(advert)
        except Exception:
            # The edge between drivers: one that trips over a stranger's advertisement must neither
            # stop the scan nor keep the others from hearing it.
            log.exception("a driver failed on an advertisement", extra={"watcher": repr(watcher)})
