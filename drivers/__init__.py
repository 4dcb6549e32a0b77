"""Device drivers: one file a device kind; nothing else in the home knows hardware.

    mat_gpio       a pressure mat on one or two pins
    mat_adc        a pressure mat of one to eight cells on an MCP3008
    door_gpio      a magnetic contact at a door      motion_gpio   a motion detector
    button_gpio    a button on a pin                 indicator     a light and a tone
    speakerphone   a speaker with a microphone: what the resident hears, and calls
    camera_v4l2    a USB camera                      camera_pi     the Pi's own camera
    camera_virtual a drawn bedroom, for the demo and tests
    ups_gpio       a battery HAT that tells by a pin of a power cut
    bthome         pendants, buttons, doors, motion, moisture, temperature over Bluetooth
    lock_<make>    a door lock over Bluetooth, one file a make
    wired/         what drivers on pins share
    radio/         what drivers over Bluetooth share: the one scanner, connections, BTHome
    locks/         what door locks share, and how each make speaks
    pictures/      what cameras share: pictures made in the home, and shutters
    _state_file    small files that a driver keeps
    _system_bus    D-Bus, for the radio and the modem
    virtual/       the other side of the hardware, for the demo and the tests

A driver module has
- `KIND`, `"sensor"`, `"lock"`, `"indicator"`, `"speaker"` or `"camera"`; `NEEDS_PINS` and
  `NEEDS_RADIO`, whether it always uses the home's pins, its radio;
- `Config`, a frozen pydantic model that refuses unknown keys;
- `Driver(config, context)`, a `gateway.ports.Sensor`, `Lock`, `Indicator`, `Speaker` or
  `Camera`;
- `pins(config)`, where it takes pins: their BCM numbers, so that a configuration can refuse one
  used twice;
- `pair(config, context, guide)`, where the device must be paired, and `calibrate(config, context,
  guide)`, where it must be calibrated; `guide` is a `gateway.ports.Guide`;
- `open_eye(settings, form)`, of a camera: how the process of a look opens it;
- `knows(advert)`, over Bluetooth: None for what is not of its make, else whether it says that it
  waits to be paired; so that who installs a home is shown what is near;
- `secret_name(config, device)`, where it needs a secret: its name, so that a home does not start
  without it; None when this one needs none.

A file of a name in this folder is found by that name; other distributions name a module in the
entry point group `tryggve.drivers`.  A driver imports nothing of the gateway but `events`, `ports`
and `errors`.  Not for: what the readings mean, or who may turn a lock.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Literal

from pydantic import BaseModel

from gateway.errors import UnknownDriver
from gateway.ports import Advert, DriverContext, Guide

GROUP = "tryggve.drivers"
"""The entry point group of drivers from other distributions."""

Kind = Literal["sensor", "lock", "indicator", "speaker", "camera"]
Guided = Callable[[Any, DriverContext, Guide], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A driver, ready to be configured.  `pair` is None when the device needs no pairing,
    `calibrate` when it needs no calibration, `secret_name` when it needs no secret."""

    name: str
    kind: Kind
    Config: type[BaseModel]
    Driver: Callable[[Any, DriverContext], Any]
    pins: Callable[[Any], tuple[int, ...]]
    needs_pins: bool
    needs_radio: bool
    pair: Guided | None
    secret_name: Callable[[Any, str], str | None] | None = None
    calibrate: Guided | None = None
    knows: Callable[[Advert], bool | None] | None = None


def names() -> tuple[str, ...]:
    """Every driver's name, ours and those of other distributions, sorted."""
    return tuple(sorted(_own() | {point.name for point in entry_points(group=GROUP)}))


def load(name: str) -> Loaded:
    """The driver `name`.  Its module is imported only now: memory on a Pi is short.

    Raises `UnknownDriver`, which lists the names that there are.
    """
    return _read(name, _module(name))


def _own() -> set[str]:
    found = (module for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return {m.name for m in found if not m.name.startswith("_")}


def _module(name: str) -> ModuleType:
    if name in _own():
        return importlib.import_module(f"{__name__}.{name}")
    for point in entry_points(group=GROUP):
        if point.name == name:
            module: ModuleType = point.load()
            return module
    raise UnknownDriver(name, names())


def _no_pins(_config: Any) -> tuple[int, ...]:
    return ()


def _read(name: str, module: ModuleType) -> Loaded:
    return Loaded(
        name=name,
        kind=module.KIND,
        Config=module.Config,
        Driver=module.Driver,
        pins=getattr(module, "pins", _no_pins),
        needs_pins=module.NEEDS_PINS,
        needs_radio=module.NEEDS_RADIO,
        pair=getattr(module, "pair", None),
        secret_name=getattr(module, "secret_name", None),
        calibrate=getattr(module, "calibrate", None),
        knows=getattr(module, "knows", None),
    )
