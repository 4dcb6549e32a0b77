"""The shared scanner, over the virtual radio and without one."""

from __future__ import annotations

import asyncio

import bleak
import pytest

from drivers.radio.scanner import SharedScanner
from drivers.virtual import virtual_home_radio
from drivers.virtual.lock_nuki import VirtualNuki
from gateway.ports import Advert
from tests.drivers.parts import until


async def test_hears_and_remembers() -> None:
    """Each advertisement goes to each watcher until it stops; the last one is kept."""
    async with virtual_home_radio() as radio:
        nuki = VirtualNuki(radio)
        await nuki.start()
        radio.set_rssi(nuki.address, -71)
        scanner = SharedScanner()
        assert scanner.problem() is not None
        await scanner.start()
        assert scanner.problem() is None
        heard: list[Advert] = []
        stop = scanner.watch(heard.append)
        await until(lambda: len(heard) > 2)
        assert heard[0].address == nuki.address
        assert heard[0].rssi == -71
        assert 0x004C in heard[0].manufacturer_data
        last = scanner.last(nuki.address.lower())
        assert last is not None
        assert last.heard_s >= heard[0].heard_s
        stop()
        stop()
        count = len(heard)
        await until(lambda: scanner.last(nuki.address) is not last)
        assert len(heard) == count
        assert scanner.last("00:00:00:00:00:00") is None
        await scanner.stop()
        await scanner.stop()
        assert radio.scanning == 0
        await nuki.stop()


async def test_a_driver_that_trips_disturbs_nobody() -> None:
    """A watcher that raises neither stops the scan nor the other watchers."""
    async with virtual_home_radio() as radio:
        nuki = VirtualNuki(radio)
        await nuki.start()
        scanner = SharedScanner()
        await scanner.start()
        heard: list[Advert] = []

        def trip(_advert: Advert) -> None:
            raise RuntimeError("tripped")

        scanner.watch(trip)
        scanner.watch(heard.append)
        await until(lambda: len(heard) > 3)
        await scanner.stop()
        await nuki.stop()


async def test_an_adapter_that_comes_late() -> None:
    """Without an adapter `start` returns, the problem is told, and it works when there is one."""
    async with virtual_home_radio() as radio:
        radio.present = False
        scanner = SharedScanner(first_pause_s=0.02)
        await scanner.start()
        assert "Bluetooth is off or missing" in str(scanner.problem())
        radio.present = True
        await until(lambda: scanner.problem() is None)
        await scanner.stop()


async def test_what_no_library_was_known_to_raise_does_not_end_the_scanner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the begin of a scan and at its end: told, and begun anew."""
    async with virtual_home_radio():
        real, left = bleak.BleakScanner.start, [1]

        async def start(scanner: bleak.BleakScanner) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("of a newer version")
            await real(scanner)

        async def stop(_scanner: bleak.BleakScanner) -> None:
            raise RuntimeError("of a newer version")

        monkeypatch.setattr(bleak.BleakScanner, "start", start)
        scanner = SharedScanner(first_pause_s=0.02)
        await scanner.start()
        assert "RuntimeError" in str(scanner.problem())
        await until(lambda: scanner.problem() is None)
        monkeypatch.setattr(bleak.BleakScanner, "stop", stop)
        await scanner.stop()
        assert scanner.problem() is not None


async def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failed try doubles the pause, up to the longest."""

    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        pauses.append(delay_s)
        await real(0)

    async with virtual_home_radio() as radio:
        radio.present = False
        monkeypatch.setattr("asyncio.sleep", sleep)
        scanner = SharedScanner()
        await scanner.start()
        while len(pauses) < 9:
            await real(0)
        monkeypatch.undo()
        await scanner.stop()
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_scan_that_went_deaf_is_begun_anew() -> None:
    """BlueZ does not tell that an adapter was reset: silence begins the scan again."""
    async with virtual_home_radio() as radio:
        nuki = VirtualNuki(radio)
        await nuki.start()
        scanner = SharedScanner(silent_s=0.05)
        await scanner.start()
        await until(lambda: scanner.last(nuki.address) is not None)
        before = scanner.last(nuki.address)
        await radio.central.stop_scanning()  # behind bleak's back
        await until(lambda: scanner.last(nuki.address) is not before)
        await scanner.stop()
        await nuki.stop()


async def test_one_connection_attempt_at_a_time() -> None:
    """Who connects holds the adapter; the next one waits."""
    scanner = SharedScanner()
    async with scanner.connecting():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                async with scanner.connecting():
                    pass
    async with scanner.connecting():
        pass


async def test_bleak_is_given_back() -> None:
    """After the virtual radio bleak's own back end is in place again."""
    before = bleak.get_platform_client_backend_type  # type: ignore[attr-defined]
    async with virtual_home_radio():
        assert bleak.get_platform_client_backend_type is not before  # type: ignore[attr-defined]
    assert bleak.get_platform_client_backend_type is before  # type: ignore[attr-defined]
