"""What a home hears, as a page lists it."""

from __future__ import annotations

from gateway.installs import nearby
from gateway.wire import HeardThing

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
