"""What a home hears while it is installed: devices of our makes and nobody else's, pins that move,
and nothing when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from gpiozero import DigitalInputDevice

from drivers import load, names
from drivers.virtual import VirtualPins
from drivers.wired.free_pin import open_pin
from gateway.ports import Advert
from gateway.services import hearing as rooms
from gateway.services.hearing import Hearing
from gateway.services.hearing import Known as Knows
from gateway.wire import THINGS_MAX
from tests.drivers.parts import until

BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"
NUKI = "a92ee200-5501-11e4-916c-0800200c9a66"
NUKI_PAIRING = "a92ee100-5501-11e4-916c-0800200c9a66"

MAKES: dict[str, Knows] = {
    name: knows for name in names() if (knows := load(name).knows) is not None
}


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said at once was there before, however long a busy machine takes to say it."""
    monkeypatch.setattr(rooms, "NEW_S", 300.0)


class Air:
    """A scanner that hears what a test says (`gateway.ports.Scanner`, as far as it is used)."""

    def __init__(self) -> None:
        self.watchers: list[Callable[[Advert], None]] = []
        self.why: str | None = None

    def watch(self, on_advert: Callable[[Advert], None]) -> Callable[[], None]:
        self.watchers.append(on_advert)
        return lambda: self.watchers.remove(on_advert)

    def problem(self) -> str | None:
        return self.why

    def say(self, address: str, *, after_s: float = 0.0, rssi: int = -60, **more: Any) -> None:
        said = {
            "name": None,
            "manufacturer_data": {},
            "service_data": {},
            "service_uuids": (),
            "device": None,
        } | more
        advert = Advert(address=address, rssi=rssi, heard_s=time.monotonic() + after_s, **said)
        for watcher in tuple(self.watchers):
            watcher(advert)


@asynccontextmanager
async def heard(
    pins: VirtualPins | None = None, free: tuple[int, ...] = ()
) -> AsyncIterator[tuple[Air, Hearing]]:
    """A home that hears."""
    air = Air()
    opened = None if pins is None else partial(open_pin, pins.factory)
    hearing = Hearing(air, MAKES, opened, free)  # type: ignore[arg-type]
    hearing.begin()
    try:
        yield air, hearing
    finally:
        hearing.end()


async def test_only_devices_of_our_makes_are_told_of() -> None:
    """A phone, a watch and a beacon are nobody's business; a pendant and the locks are told of with
    their driver, those that move first, then the nearest."""
    async with heard() as (air, hearing):
        air.say("11:11:11:11:11:11", name="Annas iPhone", manufacturer_data={76: b"\x10\x05"})
        air.say("22:22:22:22:22:22", service_uuids=("0000180d-0000-1000-8000-00805f9b34fb",))
        air.say("AA:00:00:00:00:01", rssi=-80, service_data={BTHOME: b"\x41\x00"})
        air.say("AA:00:00:00:00:02", rssi=-50, service_uuids=(NUKI,), name="Nuki_1")
        air.say("AA:00:00:00:00:03", rssi=-70, manufacturer_data={465: b"\x01"})
        told = [(one.address[-2:], one.driver, one.moved_s) for one in hearing.things()]
        assert told == [
            ("02", "lock_nuki", None),
            ("03", "lock_yale", None),
            ("01", "bthome", None),
        ]
        air.say("AA:00:00:00:00:03", rssi=-70, manufacturer_data={465: b"\x01"})  # nothing new
        air.say("AA:00:00:00:00:01", rssi=-80, service_data={BTHOME: b"\x41\x01"})  # pressed
        first, *rest = hearing.things()
        assert first.driver == "bthome"
        assert first.moved_s is not None
        assert [one.moved_s for one in rest] == [None, None]
        air.why = "no Bluetooth adapter"
        assert hearing.problem() == "no Bluetooth adapter"
    assert hearing.things() == (), "nothing is kept"
    assert air.watchers == []


async def test_what_speaks_only_when_it_is_touched_moves_at_once() -> None:
    """A button is heard for the first time because somebody presses it; a lock whose button is held
    waits to be paired."""
    async with heard() as (air, hearing):
        air.say("AA:00:00:00:00:02", service_uuids=(NUKI_PAIRING,))
        air.say("AA:00:00:00:00:04", after_s=rooms.NEW_S + 1, service_data={BTHOME: b"\x41"})
        told = {one.driver: (one.moved_s is not None, one.wants) for one in hearing.things()}
        assert told == {"lock_nuki": (True, True), "bthome": (True, False)}
        air.say("AA:00:00:00:00:02", service_uuids=(NUKI,))
        assert not next(one for one in hearing.things() if one.driver == "lock_nuki").wants


async def test_what_is_kept_is_bounded() -> None:
    """A block of flats, or somebody who makes devices up, costs no more."""
    async with heard() as (air, hearing):
        for number in range(rooms.KEPT_MAX + 50):
            address = f"AA:00:00:00:{number // 256:02X}:{number % 256:02X}"
            air.say(address, service_data={BTHOME: b"\x41"}, name="x" * 500)
        assert len(hearing.things()) == THINGS_MAX
        assert len(hearing._things) == rooms.KEPT_MAX


async def test_a_pin_that_moves_is_told_of_and_given_back() -> None:
    """Stepping on a mat moves its pin, there and back; a pin that something else has is left out;
    when it is over a driver can have them."""
    pins = VirtualPins()
    mat = pins.mat(17)
    taken = DigitalInputDevice(22, pin_factory=pins.factory)
    async with heard(pins, (17, 22, 27)) as (_air, hearing):
        assert [(one.pin, one.closed, one.moves) for one in hearing.pins()] == [
            (17, False, 0),
            (27, False, 0),
        ]
        mat.press()
        await until(lambda: hearing.pins()[0].closed)
        mat.release()
        await until(lambda: hearing.pins()[0].moves == 2)
        assert hearing.pins()[0].moved_s is not None
        assert hearing.pins()[1].moves == 0
    assert hearing.pins() == ()
    for pin in (DigitalInputDevice(17, pin_factory=pins.factory), taken):
        pin.close()
    pins.close()


async def test_what_moved_is_told_of_while_a_driver_may_have_its_pin() -> None:
    """Something was added: for some seconds no pin is looked at, and what else moved does not go
    from under the thumb.  Then the free ones go on, without the one that has a driver; what moved
    meanwhile and stays so has moved."""
    pins = VirtualPins()
    mat, button = pins.mat(17), pins.contact(27)
    async with heard(pins, (17, 27)) as (_air, hearing):
        mat.press()
        button.close()
        await until(lambda: [one.moves for one in hearing.pins()] == [1, 1])
        hearing.let_go()
        driver = DigitalInputDevice(17, pin_factory=pins.factory)
        assert [(one.pin, one.moves) for one in hearing.pins()] == [(17, 1), (27, 1)]
        button.open()
        hearing.take((27,))
        assert [(one.pin, one.moves) for one in hearing.pins()] == [(27, 2)]
        assert hearing.pins()[0].moved_s is not None
        driver.close()
    assert hearing.pins() == ()
    pins.close()


async def test_a_home_without_pins_hears_by_radio_only() -> None:
    """No pin is touched where the file names no owner for them."""
    async with heard(None, (17,)) as (_air, hearing):
        await asyncio.sleep(0)
        assert hearing.pins() == ()
