"""A home tells its own broker of states and alarms: a home that really runs, and Mosquitto."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.virtual import VirtualPins
from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.config.mqtt import check_devices
from gateway.envelope import Draft
from gateway.errors import ConfigError
from gateway.events import (
    AlarmAcknowledged,
    AlarmRaised,
    AlarmType,
    DeviceFailed,
    DeviceTold,
    HomeDescribed,
    LockLocked,
    LockUnlocked,
    PowerLost,
)
from gateway.services.home_states import UNKNOWN, states
from gateway.state.home_view import HomeView
from tests.drivers.parts import until
from tests.staff.channels import twin_mqtt
from tests.staff.channels.twin_mqtt import SECRET, Heard
from tests.test_view import BEGIN, DESCRIBED, Told

TOML = """
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[mqtt]
host = "localhost"
port = {port}
tls = false
user = "tryggve"
devices = {named}
[devices.bed]
driver = "mat_gpio"
pin = 17
role = "bed"
[devices.bath]
driver = "motion_gpio"
pin = 23
role = "motion"
"""

BASE = "tryggve/h9"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Heard]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with twin_mqtt.running(folder) as heard:
        yield heard


def port_of(broker: Heard) -> int:
    port: int = broker.settings["organisations"]["org1"]["port"]
    return port


@asynccontextmanager
async def running(
    folder: Path, port: int, password: str = SECRET, named: str = '["bed"]'
) -> AsyncIterator[Home]:
    """A home whose bed is empty."""
    board = VirtualPins()
    board.mat(17)
    board.contact(23, drives=True)
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "mqtt_password").write_text(password)
    (secrets / "mqtt_password").chmod(0o600)
    home = Home(
        home_file.parse(TOML.format(port=port, named=named).encode(), folder / "home.toml"),
        state_dir=folder,
        clock=SystemClock(),
        memory_dir=folder,
        pin_factory=board.factory,
    )
    running = asyncio.create_task(home.run())
    await until(lambda: {"bed", "bath"} <= set(home.view.devices))
    yield home
    home.stop()
    await running


def said(broker: Heard, name: str) -> str | None:
    return broker.topics.get(f"{BASE}/{name}", (None, False))[0]


async def test_alarms_and_named_states_are_shown(tmp_path: Path, broker: Heard) -> None:
    """Home Assistant finds alarms and the bed that the file names, and nothing of the bathroom; who
    it is about and since when nobody has taken it; no topic takes an order; at the end the home is
    said to be away."""
    async with running(tmp_path, port_of(broker)) as home:
        await until(lambda: said(broker, "device/bed") == "OFF" and said(broker, "alarm") == "OFF")
        found = {
            topic: json.loads(told)
            for topic, (told, _) in broker.topics.items()
            if topic.endswith("/config") and told
        }
        assert {one["name"] for one in found.values()} == {
            *("Larm", "Tekniskt fel", "Ström", "bed"),
        }
        for topic, told in found.items():
            assert topic.startswith("homeassistant/binary_sensor/tryggve_home_h9_")
            assert not [key for key in told if "command" in key or "set" in key]
            assert told["availability_topic"] == f"{BASE}/status"
            assert told["state_topic"] in broker.topics
        raised = await home.engine.write(
            Draft(AlarmRaised.usual(AlarmType.ON_FLOOR, home.clock.now()))
        )
        await until(lambda: said(broker, "alarm") == "ON")
        assert json.loads(said(broker, "alarm/more") or "{}")["about"] == ["on_floor"]
        await home.engine.write(Draft(AlarmAcknowledged(alarm=raised.ref), person="p1"))
        await until(lambda: '"taken": true' in (said(broker, "alarm/more") or ""))
        assert said(broker, "status") == "online"
        assert not [told for told, _ in broker.topics.values() if re.search(r"\bp1\b", told)]
        assert "bath" not in str({k: v for k, v in broker.topics.items() if v[0]})
    await until(lambda: said(broker, "status") == "offline")


async def test_a_broker_that_comes_back_is_told_all(tmp_path: Path, broker: Heard) -> None:
    """A broker that ends takes nothing of the home with it, and a new one, which knows nothing, is
    told how it is by then."""
    async with running(tmp_path, port_of(broker)) as home:
        await until(lambda: said(broker, "alarm") == "OFF")
        broker.behave("stopped")
        await home.engine.write(Draft(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now())))
        broker.topics.clear()
        broker.behave("started anew")
        await until(lambda: said(broker, "alarm") == "ON" and said(broker, "device/bed") == "OFF")


async def test_what_is_named_no_more_is_taken_back(tmp_path: Path, broker: Heard) -> None:
    """A broker that had kept the bed keeps neither its state nor that there is one, once the file
    names it no more."""
    first, second = tmp_path / "first", tmp_path / "second"
    found = "homeassistant/binary_sensor/tryggve_home_h9_device_bed/config"
    first.mkdir()
    second.mkdir()
    async with running(first, port_of(broker)):
        await until(lambda: said(broker, "device/bed") == "OFF" and found in broker.topics)
    async with running(second, port_of(broker), named="[]"):
        await until(lambda: said(broker, "device/bed") == "" and broker.topics[found][0] == "")


async def test_a_broker_that_lets_nobody_in_costs_the_home_nothing(
    tmp_path: Path, broker: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    """With a wrong password the home runs, keeps its log and stops in time; the journal says so."""
    async with running(tmp_path, port_of(broker), "another password") as home:
        await until(lambda: "the home's broker does not let us in" in caplog.text)
        written = await home.engine.write(Draft(PowerLost()))
        await until(lambda: home.engine.log.durable >= written.seq)
    assert said(broker, "alarm") is None


async def test_a_missing_password_costs_the_telling_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its secret nothing is told, one line says why, and the home runs."""
    async with running(tmp_path, 1, "") as home:
        assert home.broker is None
        assert "the home's broker is not told" in caplog.text


def test_nothing_is_taken_from_the_broker() -> None:
    """The home's side has no word for listening: no subscription, and no reader of a message."""
    import gateway.services.home_assistant as teller

    source = Path(teller.__file__ or "").read_text("utf-8")
    assert "publish(" in source
    assert "subscribe(" not in source and "on_message" not in source


def test_what_has_no_state_is_told_as_none() -> None:
    """A press asks for help as an alarm and is no state, nor is a lamp or a camera one, also where
    the file names it."""
    named = {
        "pendant": ("bthome", "sensor", "pendant"),
        "answer": ("button_gpio", "sensor", "button"),
        "lamp": ("indicator", "indicator", None),
        "eye": ("camera_pi", "camera", "bedroom"),
    }
    devices = (DeviceTold(id=one, driver=d, type=t, role=r) for one, (d, t, r) in named.items())
    told = Told()
    told.say(HomeDescribed(devices=(*DESCRIBED.devices, *devices), timezone="Europe/Stockholm"))
    shown = values(told.view, [*named, "mat"])
    assert [one for one in shown if one.startswith("device/")] == ["device/mat"]


def test_what_is_not_known_is_not_told_as_known() -> None:
    """A lock that failed, power that nobody measured: neither on nor off.  What the file does not
    name is not there; a technical alarm is no alarm of care."""
    told = Told()
    told.say(DESCRIBED)
    told.say(LockUnlocked(), "door")
    assert values(told.view, ["door"]) == {
        "alarm": "OFF",
        "fault": "OFF",
        "mains": UNKNOWN,
        "device/door": "ON",
    }
    told.say(LockLocked(), "door")
    assert values(told.view, ["door"], server=False)["device/door"] == "OFF"
    assert values(told.view, [], server=False)["server"] == "OFF"
    told.say(DeviceFailed(error="gone", text="is gone", retry_s=1.0), "door")
    told.say(AlarmRaised.usual(AlarmType.BATTERY_LOW, BEGIN), "door")
    told.say(PowerLost())
    assert values(told.view, ["door", "mat"]) == {
        "alarm": "OFF",
        "fault": "ON",
        "mains": "OFF",
        "device/door": UNKNOWN,
        "device/mat": UNKNOWN,
    }


def values(view: HomeView, named: list[str], server: bool | None = None) -> dict[str, str]:
    return {one.name: one.value for one in states(view.snapshot(), named, server)}


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('host = "ha.local"\ntls = false', "without TLS"),
        ('host = "a b"', "host"),
        ('host = "localhost"\nlisten = true', "listen"),
    ],
)
def test_what_would_be_wrong_is_one_sentence(tmp_path: Path, lines: str, key: str) -> None:
    """In the clear to another machine, no host, an unknown key: refused."""
    text = f'[home]\nid = "h9"\n[mqtt]\n{lines}\n'
    with pytest.raises(ConfigError, match=key):
        home_file.parse(text.encode(), tmp_path / "home.toml")


def test_a_device_that_is_named_and_not_there_is_said_by_check(tmp_path: Path) -> None:
    """`tryggve gateway check` says it; a start is not held up by it."""
    text = '[home]\nid = "h9"\n[mqtt]\nhost = "localhost"\ndevices = ["bde"]\n'
    config = home_file.parse(text.encode(), tmp_path / "home.toml")
    with pytest.raises(ConfigError, match=r"mqtt\.devices.*no such device"):
        check_devices("home.toml", config.mqtt, config.devices)
    check_devices("home.toml", config.mqtt, {"bde"})
