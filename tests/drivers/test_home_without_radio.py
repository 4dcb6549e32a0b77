"""The running home, and what it says of itself when bluetoothd goes away: on a real D-Bus, with
bleak's own back end, the real drivers, engine and rules."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.events import AlarmCancelled, AlarmRaised, AlarmType, DeviceOffline, DeviceOnline
from gateway.services import driver_supervisor
from tests.drivers.bluez import BlueZ, system_bus
from tests.drivers.parts import until

HOME = """
[home]
id = "h1"
timezone = "Europe/Stockholm"

[web]
enabled = false

[rules.radio]
grace_s = 0

[devices.motion]
driver = "bthome"
role = "motion"
encrypted = false
address = "C0:FF:EE:00:00:01"

[devices.wet]
driver = "bthome"
role = "moisture"
encrypted = false
address = "C0:FF:EE:00:00:02"
"""


async def test_bluetoothd_ends_and_returns_under_a_running_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each device is offline because of the radio, once; there is one alarm; nothing is called
    failed or asleep; and all of it is over when bluetoothd is back."""
    monkeypatch.setattr(driver_supervisor, "STEADY_S", 0.2)
    (tmp_path / "home.toml").write_text(HOME)
    with system_bus(tmp_path, monkeypatch) as address:
        bluez = BlueZ(address)
        await bluez.start()
        home = Home(
            home_file.load(tmp_path / "home.toml"),
            state_dir=tmp_path / "state",
            clock=SystemClock(),
        )
        told: list[tuple[str, str | None]] = []
        alarms: list[AlarmType] = []

        def see(event: object) -> None:
            data, device = event.data, event.device  # type: ignore[attr-defined]
            if isinstance(data, DeviceOffline):
                told.append((f"offline {data.reason}", device))
            elif isinstance(data, DeviceOnline):
                told.append(("online", device))
            elif isinstance(data, AlarmRaised):
                alarms.append(AlarmType(data.type))
            elif isinstance(data, AlarmCancelled):
                alarms.clear()

        home.watchers.append(see)
        running = asyncio.create_task(home.run())
        await until(lambda: bluez.scanning)
        await bluez.kill()
        await until(lambda: alarms == [AlarmType.RADIO_DOWN])
        await until(lambda: len(told) == 2)
        assert sorted(told) == [("offline radio", "motion"), ("offline radio", "wet")]
        assert "bluetoothd" in str(home.supervisor.problem("motion"))
        told.clear()
        await bluez.start()
        await until(lambda: len(told) == 2 and not alarms)
        assert sorted(told) == [("online", "motion"), ("online", "wet")]
        assert home.supervisor.problem("motion") is None
        home.stop()
        await running
        await bluez.kill()
