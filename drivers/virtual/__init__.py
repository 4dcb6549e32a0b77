"""The other side of the hardware, for the demo and the tests: a radio, locks, pins, a mat.

The real drivers and libraries run against it unmodified.

    async with virtual_home_radio(latency_s=0.03) as radio:   # bleak now uses this radio
        lock = VirtualNuki(radio, mtu=23, sleepy=True)
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

`VirtualNuki` has `turns`, `state`, `faults` (`Faults`, `Moment`), `turn_by_hand`, `take_handle`,
`sleep`, `go_away`, `come_back`, `battery_pct`, `battery_low`, `connected`.  `VirtualYale` and
`VirtualDanalock` have the same, with states (`YaleState`, `DanalockState`) and faults
(`YaleFaults`, `DanalockFaults`) of their own; what their `trust()` returns is the secret
`yale-<id>`, or `danalock-<id>`.

Needs the extra `demo` (bumble); nothing outside this package imports bumble.  Not for: a home.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from drivers.virtual.adc import VirtualCells
from drivers.virtual.pins import VirtualContact, VirtualLamp, VirtualMat, VirtualPins

if TYPE_CHECKING:
    from drivers.virtual._nuki_faults import Faults, State
    from drivers.virtual.bthome import VirtualBthome
    from drivers.virtual.lock_danalock import DanalockFaults, DanalockState, VirtualDanalock
    from drivers.virtual.lock_nuki import VirtualNuki
    from drivers.virtual.lock_yale import VirtualYale, YaleFaults, YaleState
    from drivers.virtual.locks import Moment
    from drivers.virtual.radio import VirtualRadio

__all__ = [
    "DanalockFaults",
    "DanalockState",
    "Faults",
    "Moment",
    "State",
    "VirtualBthome",
    "VirtualCells",
    "VirtualContact",
    "VirtualDanalock",
    "VirtualLamp",
    "VirtualMat",
    "VirtualNuki",
    "VirtualPins",
    "VirtualRadio",
    "VirtualYale",
    "YaleFaults",
    "YaleState",
    "virtual_home_radio",
]

_RADIO = {
    "VirtualRadio": "radio",
    "VirtualBthome": "bthome",
    "Moment": "locks",
    "VirtualNuki": "lock_nuki",
    "Faults": "_nuki_faults",
    "State": "_nuki_faults",
    "VirtualYale": "lock_yale",
    "YaleFaults": "lock_yale",
    "YaleState": "lock_yale",
    "VirtualDanalock": "lock_danalock",
    "DanalockFaults": "lock_danalock",
    "DanalockState": "lock_danalock",
}


def __getattr__(name: str) -> object:
    # bumble takes 20 MB; a home with virtual pins and no radio should not pay for it.
    import importlib

    if name not in _RADIO:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_RADIO[name]}"), name)


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
