"""A home to be installed, and who does it.

Not for: what is tried.
"""

from __future__ import annotations

from gateway.events import DeviceTold, HomeDescribed
from tests.staff.parts import EnrolledHome

DEVICES = (
    DeviceTold(id="bed", driver="mat_gpio", type="sensor", role="bed", room="bedroom"),
    DeviceTold(id="floor", driver="mat_gpio", type="sensor", role="floor", room="bedroom"),
    DeviceTold(id="pendant", driver="bthome", type="sensor", role="pendant"),
    DeviceTold(id="front", driver="lock_nuki", type="lock", role="front_door", room="hall"),
    DeviceTold(id="lamp", driver="indicator", type="indicator", room="kitchen"),
)


def furnish(home: EnrolledHome, *more: DeviceTold) -> None:
    """Tell of a bed, a mat beside it, a pendant, a lock, and a lamp that nothing can tell of."""
    home.send(HomeDescribed(devices=(*DEVICES, *more), timezone="Europe/Stockholm"))
