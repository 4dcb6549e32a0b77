"""What a home hears while it is installed: devices of our makes nearby, and pins that move.

Kept while it is asked for and no longer; of whoever else is on the air nothing is kept at all, for
the address of a stranger's phone is a person's.  Pins that the home uses are left alone.

Not for: who may ask (`gateway.app.installing`), or what is heard of a device that the home has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.ports import Advert, Scanner
from gateway.wire import THINGS_MAX, HeardPin, HeardThing

LOOK_S = 0.03
"""Seconds between looks at the pins: a foot on a mat lasts 200 ms."""

NEW_S = 3.0
"""Seconds of hearing after which a device that is heard for the first time was silent before, and
speaks because somebody touches it."""

MOVED_S = 60.0
"""Seconds for which it is told that something moved: whoever moved it is at the phone again."""

KEPT_MAX = 200
"""Devices of our makes that are kept: a block of flats on one radio."""

NAME_MAX = 60

Known = Callable[[Advert], bool | None]
"""Of one driver: None for what is not of its make, else whether it says that it waits to be
paired."""


@dataclass(slots=True)
class _Thing:
    driver: str
    advert: Advert
    wants: bool
    moved_s: float | None = None


@dataclass(slots=True)
class _Pin:
    device: Any
    closed: bool
    moves: int = 0
    moved_s: float | None = None


class Hearing:
    """Hears from `begin` to `end`.  In the event loop.  `makes` are the drivers that know their
    devices by what they send; `pins` opens one (None: this home has no pins; None of it: something
    else has it), `free` are those that nothing uses."""

    def __init__(
        self,
        scanner: Scanner,
        makes: Mapping[str, Known],
        pins: Callable[[int], Any] | None,
        free: Sequence[int],
    ) -> None:
        self._scanner, self._makes, self._open = scanner, makes, pins
        self._free = tuple(free)
        self._things: dict[str, _Thing] = {}
        self._pins: dict[int, _Pin] = {}
        self._let_go: dict[int, _Pin] = {}
        self._began_s = time.monotonic()
        self._stop: Callable[[], None] = lambda: None
        self._looking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin.  A pin that cannot be had is left out."""
        self._began_s = time.monotonic()
        self._stop = self._scanner.watch(self._heard)
        self.take(self._free)
        self._looking = asyncio.create_task(self._look(), name="pins nearby")

    def end(self) -> None:
        """Give the pins back, and forget everything.  May be called twice."""
        self._stop()
        if self._looking is not None:
            self._looking.cancel()
        self.let_go()
        self._let_go.clear()
        self._things.clear()

    def let_go(self) -> None:
        """Give every pin back: a driver may want one.  They are told of as they were, until free
        ones are taken again: somebody is about to tap on one."""
        for pin in self._pins.values():
            pin.device.close()
        self._let_go |= self._pins
        self._pins.clear()

    def take(self, free: Sequence[int]) -> None:
        """Look at these pins, and at no others; one that cannot be had is left out."""
        for number in set(self._pins) - set(free):
            self._pins.pop(number).device.close()
        for number in free:
            if number not in self._pins:
                self._take(number)
        self._let_go.clear()

    def things(self) -> tuple[HeardThing, ...]:
        """The devices nearby: what moves first, then the nearest."""
        now_s = time.monotonic()
        told = [
            HeardThing(
                address=one.advert.address,
                driver=one.driver,
                name=(one.advert.name or "")[:NAME_MAX],
                rssi=max(-200, min(60, one.advert.rssi)),
                moved_s=_ago(one.moved_s, now_s),
                wants=one.wants,
            )
            for one in self._things.values()
        ]
        told.sort(key=lambda one: (_rank(one.moved_s), -one.rssi))
        return tuple(told[:THINGS_MAX])

    def pins(self) -> tuple[HeardPin, ...]:
        """The free pins, by number."""
        now_s = time.monotonic()
        return tuple(
            HeardPin(
                pin=number, closed=one.closed, moves=one.moves, moved_s=_ago(one.moved_s, now_s)
            )
            for number, one in sorted((self._let_go | self._pins).items())
        )

    def problem(self) -> str:
        """Why nothing is heard by Bluetooth; empty: it listens."""
        return self._scanner.problem() or ""

    def _heard(self, advert: Advert) -> None:
        for driver, knows in self._makes.items():
            wants = knows(advert)
            if wants is not None:
                self._note(driver, advert, wants)
                return

    def _note(self, driver: str, advert: Advert, wants: bool) -> None:
        known = self._things.get(advert.address)
        if known is None:
            if len(self._things) >= KEPT_MAX:
                return
            late = advert.heard_s - self._began_s > NEW_S
            moved_s = advert.heard_s if late or wants else None
            self._things[advert.address] = _Thing(driver, advert, wants, moved_s)
            return
        if _said(known.advert) != _said(advert):
            known.moved_s = advert.heard_s
        known.advert, known.wants = advert, wants

    def _take(self, number: int) -> None:
        device = None if self._open is None else self._open(number)
        if device is not None:
            before = self._let_go.get(number)
            pin = _Pin(device, bool(device.is_active))
            if before is not None:
                pin.moves, pin.moved_s = before.moves, before.moved_s
                if pin.closed is not before.closed:
                    pin.moves, pin.moved_s = pin.moves + 1, time.monotonic()
            self._pins[number] = pin

    async def _look(self) -> None:
        while True:
            now_s = time.monotonic()
            for pin in tuple(self._pins.values()):
                closed = bool(pin.device.is_active)
                if closed is not pin.closed:
                    pin.closed, pin.moved_s = closed, now_s
                    pin.moves += 1
            await asyncio.sleep(LOOK_S)


def _said(advert: Advert) -> tuple[object, ...]:
    return advert.service_data, advert.manufacturer_data, advert.service_uuids


def _ago(at_s: float | None, now_s: float) -> float | None:
    """Whole seconds: what rests is told as it was, and is no news."""
    if at_s is None or now_s - at_s > MOVED_S:
        return None
    return float(round(max(0.0, now_s - at_s)))


def _rank(moved_s: float | None) -> float:
    return float("inf") if moved_s is None else moved_s
