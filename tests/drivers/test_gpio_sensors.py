"""Doors, motion detectors, buttons and the indicator on gpiozero's own mock pins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

import drivers
from drivers import button_gpio, door_gpio, indicator, motion_gpio
from drivers.virtual import VirtualContact, VirtualPins
from drivers.wired import contact as debounce
from drivers.wired import pin_contact
from drivers.wired.contact import Contact
from gateway.errors import DeviceUnavailable
from gateway.events import (
    ButtonPressed,
    ContactFault,
    ContactFaulted,
    DeviceOnline,
    DoorClosed,
    DoorOpened,
    MotionCleared,
    MotionDetected,
    PendantPressed,
    PressHow,
)
from gateway.ports import Indicator
from tests.drivers.parts import Heard, driver_context, until

ON_A_PIN = ["door_gpio", "motion_gpio", "button_gpio"]


@asynccontextmanager
async def running(
    name: str, *, closed: bool = False, role: str | None = None, **config: Any
) -> AsyncIterator[tuple[VirtualContact, Heard]]:
    """A contact on BCM 22 and its driver, running."""
    board = VirtualPins()
    drives = name == "motion_gpio" and not config.get("active_low")
    contact = board.contact(22, closed=closed, drives=drives)
    loaded = drivers.load(name)
    heard = Heard()
    parts = driver_context("it", pin_factory=board.factory, role=role)
    driver = loaded.Driver(loaded.Config(pin=22, **config), parts)
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: bool(heard.data) or task.done())
    try:
        yield contact, heard
    finally:
        task.cancel()
        await asyncio.wait({task})
        board.close()


async def test_a_door() -> None:
    """Its state at the start, then each change; opening is told in the callback itself."""
    async with running("door_gpio", closed=True) as (door, heard):
        assert heard.data == [DoorClosed()]
        door.open()
        assert heard.data[-1] == DoorOpened()
        door.close()
        await until(lambda: heard.data[-1] == DoorClosed())
        assert len(heard.data) == 3


async def test_a_door_of_the_other_kind() -> None:
    """A contact that closes when the door opens."""
    async with running("door_gpio", closes_when_open=True) as (door, heard):
        assert heard.data == [DoorClosed()]
        door.close()
        assert heard.data[-1] == DoorOpened()


@pytest.mark.parametrize("active_low", [False, True])
async def test_motion(active_low: bool) -> None:
    """Either kind of output: still at the start, then seen, then over."""
    async with running("motion_gpio", active_low=active_low) as (detector, heard):
        assert heard.data == [MotionCleared()]
        detector.close()
        assert heard.data[-1] == MotionDetected()
        detector.open()
        await until(lambda: heard.data[-1] == MotionCleared())
        assert len(heard.data) == 3


@pytest.mark.parametrize(
    ("role", "press"), [("pendant", PendantPressed(verified=True)), ("button", ButtonPressed())]
)
@pytest.mark.parametrize("normally_closed", [False, True])
async def test_a_button(role: str, press: Any, normally_closed: bool) -> None:
    """One word a press, by its role, in the callback itself; none for letting go."""
    async with running(
        "button_gpio", closed=normally_closed, role=role, normally_closed=normally_closed
    ) as (button, heard):
        assert heard.data == [DeviceOnline()]
        push, let_go = button.close, button.open
        if normally_closed:
            push, let_go = let_go, push
        for count in (1, 2):
            push()
            assert heard.data[1:] == [press] * count
            let_go()
            await asyncio.sleep(debounce.SETTLE_S * 3)
        assert len(heard.data) == 3


async def test_a_button_that_is_pressed_at_the_start() -> None:
    """Somebody may be leaning on it: it counts."""
    async with running("button_gpio", closed=True, role="pendant") as (_, heard):
        assert heard.data == [PendantPressed(verified=True)]


def test_a_button_that_sticks() -> None:
    """Held for two minutes it is a fault, once; let go it is well, and the next press counts."""
    contact = Contact(button_gpio.PENDANT)
    assert contact.start(0.0, on=False) == [DeviceOnline()]
    assert contact.edge(1.0, on=True) == [PendantPressed(verified=True)]
    assert contact.due == 1.0 + button_gpio.STUCK_S
    assert contact.tick(1.0 + button_gpio.STUCK_S) == [ContactFaulted(fault=ContactFault.STUCK)]
    assert contact.due is None
    assert contact.edge(200.0, on=False) == []
    assert contact.tick(201.0) == [DeviceOnline()]
    assert contact.edge(202.0, on=True) == [PendantPressed(verified=True)]


def test_a_button_that_is_held_says_so_once() -> None:
    """Three seconds, a bounce on the way bridged; not the pendant, whose first press is all."""
    contact = Contact(button_gpio.BUTTON)
    contact.start(0.0, on=False)
    assert contact.edge(1.0, on=True) == [ButtonPressed()]
    contact.edge(2.0, on=False)
    contact.edge(2.01, on=True)
    assert contact.tick(3.9) == []
    assert contact.tick(4.0) == [ButtonPressed(how=PressHow.HELD)]
    assert contact.tick(60.0) == []
    pendant = Contact(button_gpio.PENDANT)
    pendant.start(0.0, on=False)
    pendant.edge(1.0, on=True)
    assert pendant.tick(5.0) == []


def test_a_button_that_is_let_go_does_not_stick() -> None:
    """Short presses all day are no fault."""
    contact = Contact(button_gpio.BUTTON)
    contact.start(0.0, on=False)
    told = []
    for n in range(50):
        told += contact.edge(10.0 * n + 1, on=True)
        contact.edge(10.0 * n + 2, on=False)
        told += contact.tick(10.0 * n + 3)
    assert told == [ButtonPressed()] * 50
    assert contact.due is None


@pytest.mark.parametrize("name", [*ON_A_PIN, "mat_gpio"])
async def test_a_pin_that_flaps_does_not_flood_the_log(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of edges as fast as they come are one fault with a count, for every driver."""
    # longer than a busy machine pauses a thread
    for brief, s in (("FLAP_QUIET_S", 3.0), ("SETTLE_S", 3.0), ("FLAP_EDGES_S", 60.0)):
        monkeypatch.setattr(debounce, brief, s)
    async with running(name) as (contact, heard):
        thread = threading.Thread(target=contact.flap, args=(2000,))
        thread.start()
        await asyncio.to_thread(thread.join)
        count = len(heard.data)
        faults: list[Any] = [data for data in heard.data if type(data).KIND.endswith(".faulted")]
        assert len(faults) == 1
        assert faults[0].count == debounce.FLAP_EDGES
        assert count <= 4
        await until(lambda: len(heard.data) > count)
        assert type(heard.data[-1]).KIND in (
            *("door.opened", "motion.cleared", "device.online", "mat.released"),
        )


@pytest.mark.parametrize("name", [*ON_A_PIN, "indicator"])
async def test_pins_that_cannot_be_had(name: str) -> None:
    """A pin that is taken, and a home without pins, are our error."""
    loaded = drivers.load(name)
    key = "light_pin" if name == "indicator" else "pin"
    config = loaded.Config(**{key: 22})
    with pytest.raises(DeviceUnavailable, match="no pins"):
        loaded.Driver(config, driver_context("it"))
    async with running("door_gpio") as (contact, heard):
        driver = loaded.Driver(config, driver_context("it", pin_factory=contact._pins.factory))
        with pytest.raises(DeviceUnavailable, match=r"pins \(22\) cannot be had"):
            await driver.run(heard)


def test_lgpios_own_error_is_a_pin_error() -> None:
    """It shares no base with gpiozero's; a defect of ours is none."""
    theirs = type("error", (Exception,), {"__module__": "lgpio"})
    assert pin_contact.is_pin_error(theirs("busy"))
    assert pin_contact.is_pin_error(OSError())
    assert not pin_contact.is_pin_error(KeyError())


@asynccontextmanager
async def lamp(**config: Any) -> AsyncIterator[tuple[VirtualPins, indicator.Driver, Heard]]:
    """An indicator that runs."""
    board = VirtualPins()
    driver = indicator.Driver(
        indicator.Config(**config), driver_context("l", pin_factory=board.factory)
    )
    heard = Heard()
    task = asyncio.create_task(driver.run(heard))
    await until(lambda: bool(heard.data))
    try:
        yield board, driver, heard
    finally:
        task.cancel()
        await asyncio.wait({task})
        board.close()


@pytest.mark.parametrize("active_low", [False, True])
async def test_the_indicator_shows_what_was_said_last(active_low: bool) -> None:
    """Dark at the start, lit and dark as set, at once; dark and given back at the end."""
    async with lamp(light_pin=25, active_low=active_low) as (board, driver, heard):
        light = board.lamp(25, active_low=active_low)
        assert isinstance(driver, Indicator)
        assert heard.data == [DeviceOnline()]
        assert not light.lit
        await driver.set(True)
        assert light.lit
        await driver.set(True)
        await asyncio.sleep(0)
        assert light.lit
        await driver.set(False)
        assert not light.lit
        await driver.set(True)
    assert not light.lit


async def test_the_tone_beeps_and_ends() -> None:
    """It sounds and pauses while the light stays on, and stops with it."""
    async with lamp(light_pin=25, tone_pin=26, beep_s=0.05, beep_every_s=0.1) as (board, driver, _):
        light, tone = board.lamp(25), board.lamp(26)
        await driver.set(True)
        for _ in range(2):
            await until(lambda: tone.lit)
            await until(lambda: not tone.lit)
            assert light.lit
        await driver.set(False)
        await asyncio.sleep(0.15)
        assert not tone.lit
        assert not light.lit


async def test_what_was_said_before_it_ran_holds() -> None:
    """Set while the pins cannot be had, it is an error, and lit as soon as they can."""
    board = VirtualPins()
    driver = indicator.Driver(
        indicator.Config(light_pin=25), driver_context("l", pin_factory=board.factory)
    )
    with pytest.raises(DeviceUnavailable):
        await driver.set(True)
    task = asyncio.create_task(driver.run(Heard()))
    await until(lambda: board.lamp(25).lit)
    task.cancel()
    await asyncio.wait({task})


def test_configs() -> None:
    """Pins are named, and what makes no sense is refused."""
    assert door_gpio.pins(door_gpio.Config(pin=4)) == (4,)
    assert motion_gpio.pins(motion_gpio.Config(pin=5)) == (5,)
    assert indicator.pins(indicator.Config(light_pin=4, tone_pin=5)) == (4, 5)
    assert indicator.pins(indicator.Config(tone_pin=5)) == (5,)
    for wrong in ({}, {"light_pin": 4, "tone_pin": 4}, {"light_pin": 40}):
        with pytest.raises(ValidationError):
            indicator.Config(**wrong)
