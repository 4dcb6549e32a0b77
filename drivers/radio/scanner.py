"""The one Bluetooth scanner that all drivers share (`gateway.ports.Scanner`).

One adapter scans once and connects one device at a time; two scanners or two connection attempts
on it disturb each other.  A missing or failing adapter is `problem()`, and is tried again as soon
as BlueZ says that it is back, and else with growing pauses; nothing that a stranger's radio sends
raises.

Not for: what an advertisement means, or what BlueZ says of itself (`adapter_watch`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from bleak import BleakScanner
from bleak.backends import BleakBackend
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from drivers.radio.adapter_watch import AdapterWatch
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

SILENCE_SHARE = 1 / 6
"""Part of `SILENT_S` after which the scan is begun anew where somebody was heard shortly before:
who advertises does so every few seconds, and 20 of silence are a scan that has ended.  Once only:
if that changes nothing, it is silent here."""

RETURN_PAUSE_S = 1.0
"""Seconds between tries while BlueZ says that an adapter is there and on, yet does not let us scan:
bluetoothd is still starting."""

GONE_STOP_S = 1.0
"""Seconds to end a scan whose radio is away: nobody may answer, and its return is not missed for
that."""

LOOK_S = 0.5
"""Seconds between looks whether anything was heard: a busy house sends hundreds a second."""

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
        self._since_s = float("inf")
        self._begun_s = float("inf")
        self._heard_s = float("-inf")
        self._adapter: AdapterWatch | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to scan, now or as soon as there is an adapter.  Waits for the first try only."""
        if self._task is None:
            if BleakScanner().backend_id is BleakBackend.BLUEZ_DBUS:
                self._adapter = AdapterWatch()
                await self._adapter.start()
            tried = asyncio.Event()
            self._task = asyncio.create_task(self._run(tried), name="bluetooth scanner")
            await tried.wait()

    async def stop(self) -> None:
        """End the scan.  May be called twice, and without `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._adapter is not None:
            await self._adapter.stop()
        self._failed("the radio is not started")

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

    def since_s(self) -> float:
        """See `gateway.ports.Scanner`."""
        return self._since_s

    def _failed(self, why: str) -> None:
        self._problem, self._since_s = why, float("inf")

    async def _run(self, tried: asyncio.Event) -> None:
        pause_s = self._first_pause_s
        while True:
            try:
                await self._scan(tried)
                pause_s = self._first_pause_s
                continue
            except DeviceUnavailable as error:
                why = error.text
                log.warning("no Bluetooth scan", extra={"why": why, "retry_s": pause_s})
            except Exception as error:  # what no library was known to raise: it listens no more
                why = f"the radio failed ({type(error).__name__}: {error})"
                log.exception("no Bluetooth scan", extra={"retry_s": pause_s})
            if self._problem is None:
                pause_s = self._first_pause_s
            self._failed(why)
            tried.set()
            if await self._back_within(pause_s):
                pause_s = self._first_pause_s
            else:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _back_within(self, pause_s: float) -> bool:
        """Rest before the next try; True when BlueZ says meanwhile that the radio is back."""
        watch = self._adapter
        if watch is None:
            await asyncio.sleep(pause_s)
            return False
        if watch.problem() is None:
            await asyncio.sleep(min(pause_s, RETURN_PAUSE_S) if watch.known else pause_s)
            return False
        await watch.switch_on()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                while watch.problem() is not None:
                    self._failed(watch.problem() or "")
                    await watch.changed()
                return True
        return False

    async def _scan(self, tried: asyncio.Event) -> None:
        """Scan until it must be begun anew.  Raises `DeviceUnavailable`, also when BlueZ says that
        the radio went away."""
        watch = self._adapter
        changes = 0 if watch is None else watch.changes
        if watch is not None and (problem := watch.problem()) is not None:
            raise DeviceUnavailable(problem)
        with translated("starting to scan"):
            scanner = BleakScanner(detection_callback=self._on_advert)
            await within(START_S, scanner.start())
        self._problem, self._begun_s = None, time.monotonic()
        self._since_s = min(self._since_s, self._begun_s)
        tried.set()
        try:
            while not self._is_silent():
                await self._rest(watch)
                if watch is None:
                    continue
                if (problem := watch.problem()) is not None:
                    self._failed(problem)  # now, not after a stop that nobody answers
                    raise DeviceUnavailable(problem)
                if watch.changes != changes:
                    log.warning("the Bluetooth adapter came anew: scanning again")
                    self._failed("the Bluetooth adapter came anew")
                    return
            log.info("nothing is heard: scanning again")
        finally:
            # whatever it raises: the next scan says whether the radio works
            with contextlib.suppress(Exception):
                limit_s = START_S if self._problem is None else GONE_STOP_S
                await within(limit_s, scanner.stop())

    async def _rest(self, watch: AdapterWatch | None) -> None:
        look_s = min(LOOK_S, self._silent_s / 4)
        if watch is None:
            await asyncio.sleep(look_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(look_s):
                await watch.changed()

    def _is_silent(self) -> bool:
        """Whether this scan has heard nothing for so long that it is doubted."""
        now_s = time.monotonic()
        if self._connecting.locked():
            self._begun_s = now_s  # while one connects, the adapter does not listen
        quiet_s = now_s - max(self._heard_s, self._begun_s)
        heard_in_it = self._heard_s >= self._begun_s
        return quiet_s > self._silent_s * (SILENCE_SHARE if heard_in_it else 1)

    def _on_advert(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_s = now_s = time.monotonic()
        advert = Advert(
            address=device.address.upper(),
            name=data.local_name,
            rssi=data.rssi,
            manufacturer_data=dict(data.manufacturer_data),
            service_data=dict(data.service_data),
            service_uuids=tuple(data.service_uuids),
            device=device,
            heard_s=now_s,
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
