"""The other side of the hardware, for the demo and the tests: a radio, locks, pins, a mat.

The real drivers and libraries run against it unmodified.

    async with virtual_home_radio(latency_s=0.03) as radio:   # bleak now uses this radio
        lock = twin("lock_nuki")(radio, mtu=23, sleepy=True)
        await lock.start()
        secrets["nuki-door"] = lock.trust()                   # or pair: await lock.hold_button()
        await lock.take_handle()
        ...
        await lock.stop()

    pins = VirtualPins()                                      # pins.factory goes into the context
    mat = pins.mat(17)
    mat.press(); mat.release(); mat.cut(); mat.mend()
    door = pins.contact(22); door.close()                     # a door, a button, a detector
    cells = VirtualCells(pins, 4); cells.press(1)             # pressure cells on a converter
    lamp = pins.lamp(23); lamp.lit                            # what an indicator drives
    flap = VirtualShutter(pins, 12, 13); flap.is_open         # what stands before a camera

Every virtual lock (`drivers.virtual.locks.VirtualLock`) has `turns`, `state` (`State`), `faults`
(`Faults`, `Moment`, and the make's own), `turn_by_hand`, `take_handle`, `sleep`, `go_away`,
`come_back`, `battery_pct`, `connected`; what its `trust()` returns is the secret that the make's
driver reads.  `twin(driver)` finds it by the driver's name: `Twin` of
`drivers/virtual/<driver>.py`, or of a module that another distribution names in the entry point
group `tryggve.virtual`.  The twin of another distribution's driver that is no lock is the function
`twin` of the module it names there (tests/drivers/twins.py).

Needs the extra `demo` (bumble); nothing outside this package imports bumble.  Not for: a home.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from drivers.virtual.adc import VirtualCells
from drivers.virtual.pins import VirtualContact, VirtualLamp, VirtualMat, VirtualPins
from drivers.virtual.shutter import VirtualShutter

if TYPE_CHECKING:
    from drivers.virtual.bthome import VirtualBthome
    from drivers.virtual.locks import Faults, Moment, State, VirtualLock
    from drivers.virtual.radio import VirtualRadio

__all__ = [
    "Faults",
    "Moment",
    "State",
    "VirtualBthome",
    "VirtualCells",
    "VirtualContact",
    "VirtualLamp",
    "VirtualLock",
    "VirtualMat",
    "VirtualPins",
    "VirtualRadio",
    "VirtualShutter",
    "twin",
    "twins",
    "virtual_home_radio",
]

GROUP = "tryggve.virtual"
"""The entry point group of other distributions' virtual twins, by the driver's name."""

_RADIO = {
    "VirtualRadio": "radio",
    "VirtualBthome": "bthome",
    "Faults": "locks",
    "Moment": "locks",
    "State": "locks",
    "VirtualLock": "locks",
}


def __getattr__(name: str) -> object:
    # bumble takes 20 MB; a home with virtual pins and no radio should not pay for it.
    if name not in _RADIO:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_RADIO[name]}"), name)


def twins() -> tuple[str, ...]:
    """The lock drivers that have a virtual twin, ours and those of other distributions, sorted."""
    own = {module.name for module in pkgutil.iter_modules(__path__)}
    theirs = {point.name for point in entry_points(group=GROUP)}
    return tuple(sorted(name for name in own | theirs if name.startswith("lock_")))


def twin(driver: str) -> type[VirtualLock[Any]]:
    """The virtual other side of a lock's driver.  Raises `LookupError` when it has none."""
    if driver not in twins():
        raise LookupError(f"the driver {driver} has no virtual twin; these have: {twins()}")
    points = [point for point in entry_points(group=GROUP) if point.name == driver]
    module = points[0].load() if points else importlib.import_module(f"{__name__}.{driver}")
    lock: type[VirtualLock[Any]] = module.Twin
    return lock


@asynccontextmanager
async def virtual_home_radio(
    *, latency_s: float = 0.0, loss: float = 0.0, seed: int = 0
) -> AsyncIterator[VirtualRadio]:
    """A radio that every `BleakScanner` and `BleakClient` of this process uses until the end.

    `latency_s`: seconds a PDU (0.03 is a usual home); `loss`: part of PDUs lost, 0 to 1.
    """
    from drivers.virtual.bleak_backend import installed
    from drivers.virtual.radio import VirtualRadio

    radio = VirtualRadio(latency_s=latency_s, loss=loss, seed=seed)
    await radio.start()
    try:
        with installed(radio):
            yield radio
    finally:
        await radio.stop()
