"""BTHome devices that say it differently: `drivers.radio.bthome_quirks`."""

from __future__ import annotations

import asyncio
import re

import pytest
from pydantic import ValidationError

from drivers import bthome
from drivers.radio.bthome_decode import Packet, decode
from drivers.radio.bthome_events import Words
from drivers.radio.bthome_quirks import QUIRKS, read
from drivers.radio.scanner import SharedScanner
from drivers.virtual import VirtualBthome, virtual_home_radio
from gateway.events import (
    ButtonPressed,
    Data,
    DeviceHeard,
    DoorClosed,
    DoorOpened,
    MoistureDetected,
    PendantPressed,
)
from tests._tree import ROOT
from tests.drivers.parts import Heard, driver_context, until

ADDRESS = "E8:E0:7E:00:00:01"

CASES: dict[str, tuple[tuple[str, list[Data]], ...]] = {
    "reversed_contact": (
        ("1a01", [DoorClosed()]),
        ("1a00", [DoorOpened()]),
        ("2d00", [DoorOpened()]),
        ("1100", [DoorOpened()]),
        ("1b00", [DoorOpened()]),
    ),
    "generic_is_opening": (("0f01", [DoorOpened()]), ("0f00", [DoorClosed()])),
    "power_is_opening": (("1001", [DoorOpened()]), ("1000", [DoorClosed()])),
    "generic_is_moisture": (("0f01", [MoistureDetected()]),),
    "no_battery": (("0100", [DeviceHeard()]), ("1501", [DeviceHeard()])),
}
"""What a device sends (after the info byte), and what that means with the row."""


def packet_of(objects: str) -> Packet:
    found = decode(b"\x44" + bytes.fromhex(objects), ADDRESS, None)
    assert isinstance(found, Packet)
    return found


@pytest.mark.parametrize("name", QUIRKS)
def test_each_row_is_read_as_the_page_says(name: str) -> None:
    """Every row has its cases, and each differs from what is understood without the row."""
    for objects, meant in CASES[name]:
        packet = packet_of(objects)
        assert Words(None).say(read(packet, [name]), 0.0) == meant
        assert Words(None).say(packet, 0.0) != meant


def test_rows_hold_one_after_the_other() -> None:
    """A contact that is both renamed and the wrong way round."""
    packet = read(packet_of("0f01"), ["generic_is_opening", "reversed_contact"])
    assert Words(None).say(packet, 0.0) == [DoorClosed()]


@pytest.mark.parametrize("role", [None, "pendant"])
def test_no_row_touches_a_press(role: str | None) -> None:
    """Whatever a device is called, a press is a press, how it was made included."""
    packet = packet_of("3a01")
    (told,) = Words(role).say(packet, 0.0)
    assert isinstance(told, ButtonPressed | PendantPressed)
    assert Words(role).say(read(packet, QUIRKS), 0.0) == [told]


def test_the_page_lists_every_row() -> None:
    """docs/drivers.md is the one list: each row stands there, and no other."""
    text = (ROOT / "docs/drivers.md").read_text("utf-8")
    assert set(re.findall(r'`quirks = \["(\w+)"\]', text)) == set(QUIRKS)


def test_an_unknown_row_is_refused_by_name() -> None:
    """It names what there is."""
    with pytest.raises(ValidationError, match=r"no quirk 'reversed'.*reversed_contact"):
        bthome.Config(address=ADDRESS, quirks=("reversed",))


async def test_a_device_on_the_radio_is_read_by_its_row() -> None:
    """The driver itself: what goes over the air as open is told as closed."""
    async with virtual_home_radio() as radio:
        device = VirtualBthome(radio, beacon_s=0.1)
        await device.start()
        scanner = SharedScanner()
        await scanner.start()
        config = bthome.Config(
            address=device.address, encrypted=False, quirks=("reversed_contact",)
        )
        driver = bthome.Driver(config, driver_context("front", scanner=scanner))
        heard = Heard()
        task = asyncio.create_task(driver.run(heard))
        await device.open()
        await until(lambda: DoorClosed() in heard.data)
        assert DoorOpened() not in heard.data
        task.cancel()
        await asyncio.wait({task})
        await scanner.stop()
        await device.stop()
