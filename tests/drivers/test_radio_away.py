"""The radio goes away and comes back, on a real D-Bus with bleak's own back end: it is noticed at
once, told as what it is, and listened to again within two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakScanner

from drivers import _system_bus
from drivers.radio import scanner as scanning
from drivers.radio.adapter_watch import AdapterWatch
from drivers.radio.scanner import SharedScanner
from tests.drivers.bluez import NEAR, BlueZ, system_bus
from tests.drivers.parts import SOON_S, until


@pytest.fixture
async def bluez(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BlueZ]:
    """A system bus, and nobody on it yet."""
    with system_bus(tmp_path, monkeypatch) as address:
        made = BlueZ(address)
        yield made
        await made.kill()


async def hears(scanner: SharedScanner) -> None:
    """Until something is heard that was sent from now on."""
    from_s = time.monotonic()

    def heard() -> bool:
        advert = scanner.last(NEAR)
        return advert is not None and advert.heard_s > from_s

    await until(heard)


@pytest.fixture
async def scanner(bluez: BlueZ) -> AsyncIterator[SharedScanner]:
    """A scanner that hears."""
    await bluez.start()
    made = SharedScanner()
    await made.start()
    assert made.problem() is None
    await hears(made)
    yield made
    await made.stop()


async def gone(scanner: SharedScanner, why: str) -> None:
    """Until the scanner says `why` nothing is heard; silence that is doubted has another reason."""
    await until(lambda: scanner.problem() is not None)
    assert why in str(scanner.problem())
    assert scanner.since_s() == float("inf")


async def back(scanner: SharedScanner, since_s: float) -> None:
    """Until it hears again.  What was heard before, when it had listened since `since_s`, is of
    another time."""
    await hears(scanner)
    await until(lambda: scanner.problem() is None)  # it may hear before it is told that it scans
    assert since_s < scanner.since_s() < float("inf")


async def test_bluetoothd_is_restarted(bluez: BlueZ, scanner: SharedScanner) -> None:
    """Its end is known at once, also when it says nothing; with its return the scan is anew."""
    since_s = scanner.since_s()
    await bluez.kill()
    await gone(scanner, "bluetoothd")
    await bluez.start()
    await back(scanner, since_s)


async def test_an_answer_that_nobody_foresaw_ends_no_watch(
    bluez: BlueZ, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service or a library of another version answers otherwise, twice: nothing is known then, a
    start does not wait for it, and it is asked again."""
    monkeypatch.setattr(_system_bus, "AGAIN_S", 0.05)
    real, left = _system_bus.SystemBus.call, [2]

    async def call(bus: _system_bus.SystemBus, *asked: Any, **more: Any) -> list[Any]:
        if "GetNameOwner" in asked and left[0]:
            left[0] -= 1
            raise KeyError("owner")
        return await real(bus, *asked, **more)

    monkeypatch.setattr(_system_bus.SystemBus, "call", call)
    await bluez.start()
    watch = AdapterWatch()
    async with asyncio.timeout(60):
        await watch.start()
        await until(lambda: watch.known)
    assert left == [0]
    await bluez.kill()
    await until(lambda: "bluetoothd" in str(watch.problem()))
    await watch.stop()


async def test_bluetoothd_that_takes_its_name_last(bluez: BlueZ, scanner: SharedScanner) -> None:
    """Its adapter was there before it had a name: nobody is told of that, and it is found."""
    since_s = scanner.since_s()
    await bluez.kill()
    await gone(scanner, "bluetoothd")
    await bluez.start(named_last=True)
    await back(scanner, since_s)


async def test_a_stop_that_nobody_answers_does_not_hold_up_the_return(
    bluez: BlueZ, scanner: SharedScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the old scan is asked of a bluetoothd that is gone, and D-Bus may wait for one."""

    async def hang(_scanner: BleakScanner) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(BleakScanner, "stop", hang)
    monkeypatch.setattr(scanning, "START_S", 10 * SOON_S)
    since_s = scanner.since_s()
    await bluez.kill()
    await gone(scanner, "bluetoothd")
    await bluez.start()
    await back(scanner, since_s)
    monkeypatch.undo()


async def test_off_and_on_before_anybody_looked(bluez: BlueZ, scanner: SharedScanner) -> None:
    """Within one turn of our loop: the old scan is not taken for one that goes on."""
    since_s, scans = scanner.since_s(), bluez.scans
    bluez.power_cycle()
    await back(scanner, since_s)
    assert bluez.scans > scans


async def test_the_adapter_is_unplugged(bluez: BlueZ) -> None:
    """And plugged in again, long before the next try by itself would be."""
    await bluez.start()
    scanner = SharedScanner(first_pause_s=4 * SOON_S)
    await scanner.start()
    await hears(scanner)
    since_s = scanner.since_s()
    bluez.unplug()
    await gone(scanner, "no Bluetooth adapter")
    await asyncio.sleep(0.1)  # it rests until it tries again
    bluez.plug_in()
    await back(scanner, since_s)
    await scanner.stop()


async def test_another_program_switches_it_off(bluez: BlueZ, scanner: SharedScanner) -> None:
    """It is switched on again: nobody else in this home has a use for a radio that is off."""
    since_s = scanner.since_s()
    bluez.switch_off()
    await until(lambda: bluez.asked_on > 0)
    await back(scanner, since_s)


async def test_rfkill(bluez: BlueZ, scanner: SharedScanner) -> None:
    """What is blocked stays off and is told as that; unblocked, it is listened to."""
    since_s = scanner.since_s()
    bluez.switch_off(blocked=True)
    await gone(scanner, "switched off")
    await until(lambda: bluez.asked_on > 0)
    assert scanner.problem() is not None
    bluez.unplug()  # as the kernel does with some sticks
    bluez.blocked = False
    bluez.plug_in()
    await back(scanner, since_s)


async def test_an_adapter_that_comes_anew_while_it_is_asked(
    bluez: BlueZ, scanner: SharedScanner
) -> None:
    """It was to be switched on and is another one when bluetoothd answers: that one is listened
    to."""
    since_s = scanner.since_s()
    bluez.comes_anew = True
    bluez.switch_off(blocked=True)
    await until(lambda: bluez.asked_on > 0)
    await back(scanner, since_s)


async def test_an_adapter_that_is_not_there_at_the_start(bluez: BlueZ) -> None:
    """`start` returns and says what is missing; first bluetoothd comes, then the adapter."""
    since_s = time.monotonic()
    scanner = SharedScanner()
    await scanner.start()
    assert "bluetoothd" in str(scanner.problem())
    await bluez.start(adapter=False)
    await until(lambda: "no Bluetooth adapter" in str(scanner.problem()))
    bluez.plug_in()
    await back(scanner, since_s)
    await scanner.stop()


async def test_an_adapter_that_comes_while_it_is_asked_which_there_are(bluez: BlueZ) -> None:
    """bluetoothd starts, and answers that there is none; its adapter comes with the answer."""
    since_s = time.monotonic()
    scanner = SharedScanner(first_pause_s=4 * SOON_S)
    await scanner.start()
    bluez.comes_late = True
    await bluez.start(adapter=False)
    await back(scanner, since_s)
    await scanner.stop()


async def test_a_scan_that_yields_nothing(bluez: BlueZ, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something was heard shortly before, silence is doubted long before the two minutes that
    a house without any device is given; once, and then it is taken for silence."""
    monkeypatch.setattr(scanning, "LOOK_S", 0.02)
    monkeypatch.setattr(scanning, "SILENCE_SHARE", 1 / 200)
    await bluez.start()
    scanner = SharedScanner(silent_s=4 * SOON_S)
    await scanner.start()
    await hears(scanner)
    since_s, scans = scanner.since_s(), bluez.scans
    bluez.deaf = True
    await until(lambda: bluez.scans > scans)  # something may be on its way still
    await hears(scanner)
    assert scanner.problem() is None
    assert scanner.since_s() == since_s
    assert bluez.scans == scans + 1
    await scanner.stop()


async def test_a_home_without_d_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known, and that is what is said; nothing raises."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    scanner = SharedScanner()
    await scanner.start()
    assert scanner.problem() is not None
    assert "bluetoothd" not in str(scanner.problem())
    await scanner.stop()
