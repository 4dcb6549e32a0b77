"""What a home hears, as a page lists it."""

from __future__ import annotations

from typing import Any

from gateway.installs import nearby
from gateway.wire import HeardPin, HeardThing

LOCK = HeardThing(address="54:D2:72:00:00:01", driver="lock_nuki", name="Nuki_1", rssi=-55)
SENSOR = HeardThing(address="AA:00:00:00:00:02", driver="bthome", name="", rssi=-60, moved_s=30.0)


def test_what_waits_to_be_paired_stands_first() -> None:
    """Whoever held a lock's button for five seconds is back at the phone later than that: the lock
    still says that it waits, and stands first; what moved half a minute ago does not."""
    waits = LOCK.model_copy(update={"moved_s": 30.0, "wants": True})
    found = nearby.near([SENSOR, waits], [], {})
    assert [(one.key, one.moves) for one in found] == [
        (LOCK.address, True),
        (SENSOR.address, False),
    ]
    found = nearby.near([SENSOR, LOCK], [], {})
    assert not any(one.moves for one in found)


def test_what_the_home_has_already_is_called_by_its_name() -> None:
    """By its address, by its pin, and a lock whose settings hold neither by its make, where the
    home has as many as are heard: whoever presses twice adds nothing twice."""
    yale = HeardThing(address="C0:00:00:00:00:03", driver="lock_yale", name="", rssi=-60)
    pin = HeardPin(pin=17, closed=False, moves=2, moved_s=1.0)
    devices: dict[str, dict[str, Any]] = {
        "button": {"driver": "bthome", "address": SENSOR.address.lower()},
        "bed": {"driver": "mat_gpio", "pin": 17},
        "front": {"driver": "lock_yale", "role": "front_door"},
    }
    other = pin.model_copy(update={"pin": 18})
    found = nearby.near([SENSOR, yale, LOCK], [pin, other], devices)
    assert {one.key: one.known for one in found} == {
        SENSOR.address: "button",
        yale.address: "front",
        LOCK.address: "",
        "pin-17": "bed",
        "pin-18": "",
    }
    second = yale.model_copy(update={"address": "C0:00:00:00:00:04"})
    found = nearby.near([yale, second], [], devices)
    assert [one.known for one in found] == ["", ""], "which of two it is, nobody knows"
    both = devices | {"back": {"driver": "lock_yale", "role": "terrace_door"}}
    found = nearby.near([yale, second], [], both)
    assert [one.known for one in found] == ["front, back"] * 2
