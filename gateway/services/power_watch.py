"""Is there mains, and is the Pi's supply strong enough?  Read from the Pi's own sources.

    /sys/class/power_supply   what a battery HAT with a kernel driver tells (`online` of the mains,
                              `status` and `capacity` of the battery), power over Ethernet
    /sys/class/hwmon          the Pi's firmware (`rpi_volt`): `in0_lcrit_alarm` is 1 when the
                              voltage fell below 4.63 V in the two seconds before the kernel looked

Only on a Pi: a laptop that shows the demo is no home.  A supply counts once it was seen online:
one that never was is not connected (power over Ethernet beside a plug).  A battery of a keyboard
(`scope` Device) is none of the Pi's.

Not for: HATs that tell by a pin (`drivers.ups_gpio`), or what a power cut means (the rule `power`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from gateway.events import (
    Data,
    PowerBatteryLow,
    PowerLost,
    PowerRestored,
    PowerSteadied,
    PowerUndervolted,
)
from gateway.state.home_view import HomeView

log = logging.getLogger(__name__)

SYS = Path("/sys")

MODEL = Path("firmware/devicetree/base/model")
"""Under `/sys`: what the machine is; a Pi's begins with `Raspberry Pi`."""

LOOK_S = 5.0
"""Real seconds between looks: a minute's grace (the rule `power`) is twelve of them."""

READ_TIMEOUT_S = 4.0
"""Real seconds that one look may take: some batteries are asked over I2C, and a bus can hang.  The
next look waits for the hung one to end: there is never more than one thread in there."""

STEADY_LOOKS = 2
"""Looks in a row that must say the same of the mains: a HAT changes over within milliseconds, and a
driver may answer half of it."""

VOLTAGE_STEADY_S = 60.0
"""Real seconds without a dip until the voltage is called right again: a supply that is too weak
dips whenever the Pi works."""

BATTERY_LOW_PCT = 15
"""Percent at which a battery is nearly empty: a few minutes on the usual HAT (two 18650 cells, a Pi
at 4 W, some 15 W h)."""


@dataclass(frozen=True, slots=True)
class Power:
    """What the sources say now; None: none of them tells."""

    mains: bool | None = None
    battery_pct: int | None = None
    undervolted: bool | None = None


class Sources:
    """The files under `root` (`/sys`).  Reading may block: in a thread of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen_online: set[str] = set()

    def there(self) -> bool:
        """Whether this is a Pi."""
        return _text(self._root / MODEL).startswith("Raspberry Pi")

    def read(self) -> Power:
        """What they say now."""
        online: list[bool] = []
        discharging: list[bool] = []
        pct: list[int] = []
        for supply in sorted(self._root.glob("class/power_supply/*")):
            if _text(supply / "scope") == "Device":
                continue
            if _text(supply / "type") == "Battery":
                discharging.append(_text(supply / "status") == "Discharging")
                with suppress(ValueError):
                    pct.append(int(_text(supply / "capacity")))
                continue
            says = _text(supply / "online")
            if says not in ("", "0"):  # 2: online, and set to a fixed voltage
                self._seen_online.add(supply.name)
            if supply.name in self._seen_online and says:
                online.append(says != "0")
        mains = any(online) if online else None
        if any(discharging) and not mains:
            mains = False
        elif discharging and mains is None:
            mains = True
        return Power(mains, min(pct, default=None), self._undervolted())

    def _undervolted(self) -> bool | None:
        for sensor in sorted(self._root.glob("class/hwmon/*")):
            if _text(sensor / "name") == "rpi_volt":
                says = _text(sensor / "in0_lcrit_alarm")
                return says == "1" if says else None
        return None


def _text(file: Path) -> str:
    """What a file of `/sys` says; empty when it is not there or its driver does not answer."""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


class PowerWatch:
    """Looks at the sources until cancelled, and tells each change once.

    `record` writes an event.  `lost`, `low` and `undervolted` are what was known when the home
    started: what goes on is not told again, and what ended meanwhile is told."""

    def __init__(
        self,
        record: Callable[[Data], None],
        *,
        sources: Sources,
        lost: bool = False,
        low: bool = False,
        undervolted: bool = False,
        real_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._sources = sources
        self._real_s = real_s
        self._lost, self._low = lost, low
        self._mains: bool | None = None
        self._looks = 0
        self._undervolted = undervolted
        self._dip_s = real_s()
        self._reading: asyncio.Future[Power] | None = None

    async def run(self) -> None:
        """Watch until cancelled; ends at once where there is nothing to watch."""
        while self._sources.there():
            power = await self.look()
            if power is not None:
                self.see(power)
            await asyncio.sleep(LOOK_S)

    async def look(self, timeout_s: float = READ_TIMEOUT_S) -> Power | None:
        """What the sources say; None while they do not answer."""
        if self._reading is None:
            self._reading = _in_a_thread(self._sources.read)
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_s)
        if not done:
            log.warning("a source of the power does not answer")
            return None
        reading, self._reading = self._reading, None
        return reading.result()

    def see(self, power: Power) -> None:
        """Tell what changed by this look."""
        if power.mains is not None:
            self._looks = self._looks + 1 if power.mains is self._mains else 1
            self._mains = power.mains
            if self._looks >= STEADY_LOOKS:
                self._see_mains(lost=not power.mains, pct=power.battery_pct)
        if power.undervolted is not None:
            self._see_voltage(undervolted=power.undervolted)

    def _see_mains(self, *, lost: bool, pct: int | None) -> None:
        if lost is not self._lost:
            self._lost, self._low = lost, False
            self._record(PowerLost(battery_pct=pct) if lost else PowerRestored())
        if lost and not self._low and pct is not None and pct <= BATTERY_LOW_PCT:
            self._low = True
            self._record(PowerBatteryLow(battery_pct=pct))

    def _see_voltage(self, *, undervolted: bool) -> None:
        now_s = self._real_s()
        if undervolted:
            self._dip_s = now_s
            if not self._undervolted:
                self._undervolted = True
                self._record(PowerUndervolted())
        elif self._undervolted and now_s - self._dip_s >= VOLTAGE_STEADY_S:
            self._undervolted = False
            self._record(PowerSteadied())


def _in_a_thread(work: Callable[[], Power]) -> asyncio.Future[Power]:
    """`work`, in a daemon thread: one that hangs must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Power] = loop.create_future()

    def done(power: Power | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        elif power is not None:
            future.set_result(power)

    def run() -> None:
        power, trouble = None, None
        try:
            power = work()
        except Exception as error:  # told to whoever waits
            trouble = error
        with suppress(RuntimeError):  # the loop is closed: the home is going down
            loop.call_soon_threadsafe(done, power, trouble)

    Thread(target=run, name="power", daemon=True).start()
    return future


def power_watch(view: HomeView, record: Callable[[Data], None], sys_dir: Path) -> PowerWatch:
    """The watch of a home whose log left `view`."""
    return PowerWatch(
        record,
        sources=Sources(sys_dir),
        lost=view.mains is False,
        low=view.battery_low,
        undervolted=view.undervolted,
    )
