"""Keeps the drivers running, each for itself: what breaks one touches no other.

Makes the pin factory and the shared scanner where a device needs them, gives each driver its
context, runs it, and starts it again with growing pauses when it fails.  A failure is one
`device.failed` for each new error until the device is well again, which is one `device.online`.  A
radio that is away is no fault of a device: each that needs it is `device.offline` for that reason,
and runs again as soon as it is back.

Not for: what readings mean, or whether a silent device is a fault (the rule `device_health`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.config.home_file import DeviceConfig, GpioSection, HomeConfig
from gateway.engine.edge import is_cancelled
from gateway.errors import ConfigError, DeviceUnavailable, RadioAway
from gateway.events import Data, DeviceFailed, DeviceOffline, DeviceOnline, Offline
from gateway.link.backoff import Backoff
from gateway.ports import Advert, DriverContext, Modem, Secrets

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
"""Pauses before a driver is started again: a loose plug is back at once, a dead lock is not asked a
thousand times a night."""

STEADY_S = 10.0
"""A driver that ran this long is well again; a flapping one must not fill the log."""

CALM_S = 300.0
"""One that ran this long fails afresh: its pauses begin short again."""

RADIO_LOOK_S = 0.25
"""Seconds between looks whether the radio is back, for drivers that need it."""

CLOSE_TIMEOUT_S = 5.0
"""For all drivers together to stop: BlueZ takes 2 s to disconnect (measured)."""

ERROR_TEXT_MAX = 300
"""Characters of an error kept in the log."""

FREE = (4, 5, 6, 12, 13, *range(16, 28))
"""Pins (BCM) that a mat or a contact is put on: those without another use (I2C, UART, SPI and the
HAT's memory have theirs; docs/hardware.md)."""

Submit = Callable[[str, Data], None]
"""`submit(device, data)`: into the engine's inbox.  Any thread; never blocks, never raises."""


def open_pins(gpio: GpioSection, state_dir: Path, file: str) -> Any:
    """The pin factory that the configuration names; never another.

    Raises `ConfigError` when it cannot be had.  lgpio makes a FIFO in `$LG_WD` when it is imported;
    the unit names a folder in memory, for a card that refuses must not take the pins away.
    """
    if gpio.factory == "mock":
        from gpiozero.pins.mock import MockFactory

        return MockFactory()
    os.environ.setdefault("LG_WD", str(state_dir))
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        return LGPIOFactory()
    except Exception as error:  # lgpio raises its own, OSError, and gpiozero's; one meaning for us
        raise ConfigError(
            file,
            "gpio.factory",
            f"the pins cannot be had ({type(error).__name__}: {error})",
            "run on a Pi with lgpio installed (pip install 'tryggve[pi]'), as a user of the group "
            "gpio",
        ) from error


async def makes() -> dict[str, Callable[[Advert], bool | None]]:
    """The drivers that know their devices by what they send, by name.  In a thread: all are
    imported, which no home does that is not being installed."""

    def found() -> dict[str, Callable[[Advert], bool | None]]:
        from drivers import load, names

        loaded = ((name, load(name).knows) for name in names())
        return {name: knows for name, knows in loaded if knows is not None}

    return await asyncio.to_thread(found)


def open_modem() -> Modem:
    """The Pi's modem, whether or not there is one now."""
    from drivers.modem.modem_manager import ModemManager

    return ModemManager()


class DriverSupervisor:
    """Makes and runs every driver of `config`.  `pin_factory` and `scanner` stand in for the real
    ones in the demo and in tests; `pause_rand` gives the jitter's numbers (0 to 1)."""

    devices: dict[str, Any]
    """Device id to its driver instance (`gateway.ports.Sensor` or `Lock`); one that could not be
    made yet is missing."""

    def __init__(
        self,
        config: HomeConfig,
        *,
        state_dir: Path,
        secrets: Secrets,
        submit: Submit,
        pin_factory: Any = None,
        scanner: Any = None,
        pause_rand: Callable[[], float] = random.random,
    ) -> None:
        self._config, self._state_dir, self._secrets = config, state_dir, secrets
        self._submit = submit
        self._pins = pin_factory
        self._scanner = scanner
        self._rand = pause_rand
        self._problems: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reported: dict[str, set[str]] = {}
        self.devices = {}
        self._make_scanner()
        for device in config.devices.values():
            self._try(device)

    async def start(self) -> None:
        """Start the scanner, then a task for each device."""
        if self._scanner is not None:
            await self._scanner.start()
        self._begin(self._config.devices.values())

    async def change(self, config: HomeConfig) -> None:
        """Run what `config` has: what is new or another one is started once what went or changed
        has stopped; the others run on.  What stops is in `devices` no more from the call on."""
        old, new = self._config.devices, config.devices
        self._config = config
        stopping = [one for one in old.values() if not _is_same(one, new.get(one.id))]
        starting = [one for one in new.values() if not _is_same(one, old.get(one.id))]
        await self._end([device.id for device in stopping])
        if self._make_scanner():
            await self._scanner.start()
        for device in starting:
            self._try(device)
        self._begin(starting)

    async def again(self, device: str) -> None:
        """Stop a device's driver and start it at once, as after it was paired."""
        await self._end([device])
        self._begin([self._config.devices[device]])

    def problem(self, device: str) -> str | None:
        """Why the device does not run now, one sentence; None while it does.  Any thread."""
        return self._problems.get(device)

    def radio_problem(self) -> str | None:
        """Why the radio does not listen; None while it does, or when no device needs it."""
        if self._scanner is None:
            return None
        problem: str | None = self._scanner.problem()
        return problem

    # --- for who installs the home ----------------------------------------------------------------

    async def radio(self) -> Any:
        """The home's scanner, begun where no device needed it so far."""
        if self._scanner is None:
            from drivers.radio.scanner import SharedScanner

            self._scanner = SharedScanner()
            await self._scanner.start()
        return self._scanner

    def free_pins(self) -> tuple[int, ...]:
        """The pins that no device has; none where this home has no pins."""
        taken = {pin for device in self._config.devices.values() for pin in device.pins}
        free = FREE if self._config.gpio is not None else ()
        return tuple(pin for pin in free if pin not in taken)

    def open_pin(self, number: int) -> Any:
        """A pin to look at, pulled up; None where something else of the Pi has it."""
        from drivers.wired.free_pin import open_pin

        return open_pin(self._pin_factory(), number)

    @asynccontextmanager
    async def set_aside(self, device: str) -> AsyncIterator[DriverContext]:
        """Meanwhile a device's driver rests, and what it was given is another's, to pair or
        calibrate it."""
        await self._end([device])
        known = self._config.devices[device]
        folder = self._state_dir / "devices" / device
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield DriverContext(
                device=device,
                state_dir=folder,
                secrets=self._secrets,
                pin_factory=self._pin_factory() if known.needs_pins else None,
                scanner=await self.radio() if known.driver.needs_radio else None,
                role=known.role,
            )
        finally:
            if self._config.devices.get(device) is known and device not in self._tasks:
                self._begin([known])

    async def close(self) -> None:
        """Stop every driver, and wait at most `CLOSE_TIMEOUT_S` in all."""
        await self._end(
            [*self._config.devices], *(() if self._scanner is None else (self._scanner.stop(),))
        )
        if self._pins is not None:
            self._pins.close()

    def _begin(self, devices: Iterable[DeviceConfig]) -> None:
        for device in devices:
            task = asyncio.create_task(self._keep(device), name=f"device-{device.id}")
            self._tasks[device.id] = task

    async def _end(self, devices: Sequence[str], *beside: Awaitable[Any]) -> None:
        tasks = [self._tasks.pop(device) for device in devices if device in self._tasks]
        drivers = [self.devices.pop(device) for device in devices if device in self.devices]
        for task in tasks:
            task.cancel()
        for device in devices:
            self._problems.pop(device, None)
        waiting = [*tasks, *(driver.close() for driver in drivers), *beside]
        together = asyncio.gather(*waiting, return_exceptions=True)
        try:
            await asyncio.wait_for(together, CLOSE_TIMEOUT_S)
        except TimeoutError:
            log.warning("a driver did not stop in time")

    def _make_scanner(self) -> bool:
        """Whether one was made now: some device needs the radio, and none did before."""
        if self._scanner is not None or not self._config.needs_radio():
            return False
        from drivers.radio.scanner import SharedScanner

        self._scanner = SharedScanner()
        return True

    def _try(self, device: DeviceConfig) -> None:
        try:
            self._made(device)
        except Exception as error:  # its own task tries again, and tells
            log.info("a device waits", extra={"device": device.id, "error": repr(error)})

    def _made(self, device: DeviceConfig) -> Any:
        driver = self.devices.get(device.id)
        if driver is None:
            folder = self._state_dir / "devices" / device.id
            try:
                if not folder.is_dir():  # a card that hangs would hold the start
                    folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:  # a card that refuses: most devices keep nothing
                log.warning("no folder", extra={"device": device.id, "why": str(error)})
            context = DriverContext(
                device=device.id,
                state_dir=folder,
                secrets=self._secrets,
                pin_factory=self._pin_factory() if device.needs_pins else None,
                scanner=self._scanner if device.driver.needs_radio else None,
                role=device.role,
            )
            driver = self.devices[device.id] = device.driver.Driver(device.settings, context)
        return driver

    def _pin_factory(self) -> Any:
        if self._pins is None:
            gpio = self._config.gpio
            if gpio is None:  # the configuration sees to that
                raise DeviceUnavailable("the configuration has no [gpio]")
            self._pins = open_pins(gpio, self._state_dir, str(self._config.path))
        return self._pins

    async def _keep(self, device: DeviceConfig) -> None:
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, rand=self._rand)
        # what failed before the configuration changed is well again like anything else
        reported = {"before"} if self._reported.get(device.id) else set()
        self._reported[device.id] = reported
        while True:
            began = time.monotonic()
            steady = asyncio.create_task(self._when_steady(device, reported))
            try:
                await self._made(device).run(lambda data: self._submit(device.id, data))
                error: Exception = DeviceUnavailable("the driver ended by itself")
            except RadioAway as away:
                await self._radio_back(device.id, away, reported)
                continue
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                error = DeviceUnavailable("a library cancelled the driver")
            except Exception as failed:  # the engine's edge: a driver's error becomes an event
                error = failed
            finally:
                steady.cancel()
            if time.monotonic() - began >= CALM_S:
                backoff.reset()
            pause_s = backoff.next_s()
            self._failed(device.id, error, pause_s, reported)
            await asyncio.sleep(pause_s)

    async def _radio_back(self, device: str, away: RadioAway, reported: set[str]) -> None:
        """Tell once that it is the radio, and wait for that; the pauses of other faults stay."""
        self._problems[device] = away.text
        if Offline.RADIO not in reported:
            reported.add(Offline.RADIO)
            self._submit(device, DeviceOffline(reason=Offline.RADIO))
        await asyncio.sleep(RADIO_LOOK_S)  # also when it is back already
        while self.radio_problem() is not None:  # noqa: ASYNC110 - a scanner has only a word
            await asyncio.sleep(RADIO_LOOK_S)

    def _failed(self, device: str, error: Exception, pause_s: float, reported: set[str]) -> None:
        name, text = type(error).__name__, (str(error) or repr(error))[:ERROR_TEXT_MAX]
        self._problems[device] = text
        log.info("a device failed", extra={"device": device, "error": name})
        if f"{name}: {text}" not in reported:
            reported.add(f"{name}: {text}")
            self._submit(device, DeviceFailed(error=name, text=text, retry_s=round(pause_s, 3)))

    async def _when_steady(self, device: DeviceConfig, reported: set[str]) -> None:
        await asyncio.sleep(STEADY_S)
        self._problems.pop(device.id, None)
        if reported:
            reported.clear()
            self._submit(device.id, DeviceOnline())


def _is_same(one: DeviceConfig, other: DeviceConfig | None) -> bool:
    """Whether a driver can run on: where the device is is nothing to it."""
    return other is not None and replace(other, room=one.room) == one
