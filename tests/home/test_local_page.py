"""What the page that the Pi serves is told, by a home that really runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import urllib3

from drivers.virtual import VirtualPins, virtual_home_radio
from gateway.app.home import Home
from gateway.app.local_page import LocalPage
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.doors.page_identity import CERTIFICATE
from gateway.doors.page_pin import make_pin
from gateway.engine.log_reader import connect
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    ConsentSettled,
    Night,
    PlanPause,
    PlanSet,
    PlanTerms,
    PowerLost,
    PowerRestored,
    PowerSteadied,
    PowerUndervolted,
)
from gateway.link.link_state import Metrics, Problem
from tests.drivers.cameras import flap_board
from tests.drivers.parts import until
from tests.ports import free_port
from web.home.port import Answered, DoorState, Health, Part, PlanState

TOML = """
[home]
id = "h9"
[web]
port = 0
[gpio]
factory = "mock"
[devices.bed]
driver = "mat_gpio"
pin = 17
role = "bed"
[devices.lamp]
driver = "indicator"
light_pin = 25
"""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    board = VirtualPins()
    board.mat(17)
    board.lamp(25)
    home = Home(
        home_file.parse(
            TOML.replace("port = 0", f"port = {free_port()}").encode(), tmp_path / "home.toml"
        ),
        state_dir=tmp_path,
        clock=SystemClock(),
        memory_dir=tmp_path,
        pin_factory=board.factory,
    )
    running = asyncio.create_task(home.run())
    await until(lambda: "bed" in home.view.devices and "lamp" in home.view.devices)
    yield home
    home.stop()
    await running


def page_of(home: Home) -> LocalPage:
    assert home.local_page is not None
    return home.local_page


async def test_the_state_is_the_homes(home: Home) -> None:
    """Its id, its devices, no server, and a door at which nothing happens."""
    page = page_of(home)
    state = await asyncio.to_thread(page.state)
    assert (state.home, state.link.configured, state.log_problem) == ("h9", False, None)
    assert {device.id: device.health for device in state.devices}["bed"] is Health.OK
    assert page.door() == DoorState()
    assert await asyncio.to_thread(page.enter_code, "12", "a") in (
        Answered.NO_CLOCK,
        Answered.MALFORMED,
    )


@pytest.mark.parametrize(
    ("code", "put_away"), [("replaced", "replaced"), ("ended", "ended"), ("refused", None)]
)
async def test_the_link_says_that_the_home_has_another_gateway(
    home: Home, monkeypatch: pytest.MonkeyPatch, code: str, put_away: str | None
) -> None:
    """What the server calls this gateway is told by its word; any other no is a sentence."""
    told = Metrics(False, False, 3, None, Problem(code, "the staff server said no"))
    monkeypatch.setattr(home, "uplink", SimpleNamespace(metrics=lambda: told))
    state = await asyncio.to_thread(page_of(home).state)
    assert (state.link.up, state.link.put_away) == (False, put_away)
    monkeypatch.undo()


async def test_an_alarm_is_taken_back_once(home: Home) -> None:
    """Staff on the spot take back what the home raised, the resident their own press only; what is
    over is refused."""
    page = page_of(home)
    now = home.clock.now()
    alarms = {
        about: await home.engine.write(Draft(AlarmRaised.usual(about, now)))
        for about in (AlarmType.PENDANT, AlarmType.ON_FLOOR, AlarmType.BATTERY_LOW)
    }

    async def taken_back(about: AlarmType, by: str) -> bool:
        return await asyncio.to_thread(page.take_back, alarms[about].ref, by)

    assert not await taken_back(AlarmType.ON_FLOOR, "wearer")
    assert not await taken_back(AlarmType.BATTERY_LOW, "caregiver")
    assert await taken_back(AlarmType.ON_FLOOR, "caregiver")
    assert await taken_back(AlarmType.PENDANT, "wearer")
    assert not await taken_back(AlarmType.PENDANT, "wearer")
    left = await asyncio.to_thread(lambda: [alarm.type for alarm in page.state().alarms])
    assert left == [AlarmType.BATTERY_LOW]


async def test_a_self_test_tries_every_part(home: Home, tmp_path: Path) -> None:
    """The disk for real, and nothing is left on it; a device that was not heard is unknown; a
    folder that is gone is told."""
    page = page_of(home)
    results = await asyncio.to_thread(page.self_test)
    health = {(one.part, one.name): one.health for one in results}
    assert health[(Part.LOG, "")] is Health.OK
    assert health[(Part.LINK, "")] is Health.WARN, "it is not enrolled"
    assert health[(Part.DEVICE, "bed")] is Health.OK
    assert health[(Part.DEVICE, "lamp")] is Health.UNKNOWN
    assert not (tmp_path / ".self-test").exists()
    assert not {Part.RADIO, Part.POWER} & {one.part for one in results}, "this home has neither"
    home.log_folder.path = tmp_path / "gone"
    results = await asyncio.to_thread(page.self_test)
    assert next(one.health for one in results if one.part is Part.LOG) is Health.BAD


async def test_it_is_served_over_https_for_who_has_the_pin(home: Home, tmp_path: Path) -> None:
    """By the certificate that the server is told of in the log; a stranger is asked for a PIN, and
    with it sees the home."""
    port, pin = home.config.web.port, make_pin(home.secrets)
    seen = await asyncio.to_thread(_visit, port, tmp_path / CERTIFICATE, pin)
    assert "Känner" not in seen[0]
    assert "Din PIN-kod" in seen[0]
    assert "h9" in seen[1]
    with closing(connect(home.engine.log.path, read_only=True)) as db:
        (told,) = (
            json.loads(body)["data"]
            for (body,) in db.execute("SELECT body FROM event")
            if json.loads(body)["kind"] == "page.described"
        )
    der = ssl.PEM_cert_to_DER_cert((tmp_path / CERTIFICATE).read_text())
    assert told["fingerprint"] == hashlib.sha256(der).hexdigest()
    assert told["url"] == f"https://127.0.0.1:{port}"


def _visit(port: int, certificate: Path, pin: str) -> list[str]:
    """What the page says before and after the PIN."""
    pool = urllib3.HTTPSConnectionPool(
        "localhost", port, ca_certs=str(certificate), timeout=60, retries=False
    )
    origin = f"https://localhost:{port}"
    first = pool.request("GET", "/")
    text = first.data.decode()
    token = re.search(r'name="token" value="([^"]+)"', text)
    assert token is not None
    cookie = first.headers["Set-Cookie"].split(";")[0]
    entered = pool.request(
        "POST",
        "/in",
        fields={"token": token[1], "pin": pin},
        encode_multipart=False,
        headers={"Cookie": cookie, "Origin": origin},
        redirect=False,
    )
    assert entered.status == 303, entered.data
    session = entered.headers["Set-Cookie"].split(";")[0]
    return [text, pool.request("GET", "/", headers={"Cookie": session}).data.decode()]


async def test_a_self_test_tells_of_the_power(home: Home) -> None:
    """Once the home could tell: from the mains, from the battery, from a supply too weak."""
    page = page_of(home)
    for told, health in (
        (PowerLost(), Health.WARN),
        (PowerRestored(), Health.OK),
        (PowerUndervolted(), Health.BAD),
        (PowerSteadied(), Health.OK),
    ):
        await home.engine.write(Draft(told))
        results = await asyncio.to_thread(page.self_test)
        assert [one.health for one in results if one.part is Part.POWER] == [health]


async def test_a_self_test_tells_why_the_radio_does_not_listen(tmp_path: Path) -> None:
    """A home with a device that needs it: no adapter, in one sentence; then one is plugged in."""
    toml = b'[home]\nid = "h9"\n[devices.front]\ndriver = "bthome"\naddress = "F0:00:00:00:00:01"\n'
    async with virtual_home_radio() as radio:
        radio.present = False
        toml += f"[web]\nport = {free_port()}\n".encode()
        config = home_file.parse(toml, tmp_path / "home.toml")
        home = Home(config, state_dir=tmp_path, clock=SystemClock(), memory_dir=tmp_path)
        page = page_of(home)

        async def listens() -> tuple[Health, str]:
            results = await asyncio.to_thread(page.self_test)
            (one,) = [one for one in results if one.part is Part.RADIO]
            return one.health, one.detail

        running = asyncio.create_task(home.run())
        await until(lambda: "not started" not in str(home.supervisor.radio_problem()))
        health, why = await listens()
        assert (health, "Bluetooth is off or missing" in why) == (Health.BAD, True)
        radio.present = True
        await until(lambda: home.supervisor.radio_problem() is None)
        assert await listens() == (Health.OK, "")
        home.stop()
        await running


async def test_a_plan_and_a_consent_that_came_down_are_told(home: Home) -> None:
    """From the event to the page: which plan holds, the next check, whether anybody may look; on a
    paused night there is none."""
    page = page_of(home)
    everyday = PlanTerms(every_min=15, begins="12:00", ends="11:45", nights=Night.offered())
    assert (await asyncio.to_thread(page.state)).plan == PlanState()
    await home.engine.write(Draft(PlanSet(number=4, terms=everyday)))
    await home.engine.write(Draft(ConsentSettled(held=True)))
    await until(lambda: home.view.looks_agreed)
    state = await asyncio.to_thread(page.state)
    assert state.plan == PlanState(number=4, looks_agreed=True)
    assert state.checks
    years = PlanPause(first="2000-01-01", last="2100-01-01")
    await home.engine.write(Draft(PlanSet(number=5, terms=replace(everyday, pauses=(years,)))))
    await home.engine.write(Draft(ConsentSettled(held=False)))
    await until(lambda: not home.view.looks_agreed)
    state = await asyncio.to_thread(page.state)
    assert state.plan == PlanState(number=5, paused=True)
    assert state.checks == ()


async def test_a_camera_that_is_not_covered_is_shown_at_once(tmp_path: Path) -> None:
    """A flap that does not shut, from its switch to the page: one alarm for the technician, gone
    when the flap is shut."""
    toml = (
        TOML
        + '[devices.eye]\ndriver = "camera_virtual"\nshutter_pin = 12\nshutter_switch_pin = 13\n'
    )
    with flap_board() as (board, flap):
        board.mat(17), board.lamp(25)
        flap.stuck = True
        config = home_file.parse(
            toml.replace("port = 0", f"port = {free_port()}").encode(), tmp_path / "home.toml"
        )
        home = Home(
            config,
            state_dir=tmp_path,
            clock=SystemClock(),
            memory_dir=tmp_path,
            pin_factory=board.factory,
        )
        running = asyncio.create_task(home.run())
        shown = partial(_shown, home)
        await until(lambda: shown() == [("camera_open", "technical", "eye")])
        flap.stuck = False
        camera = home.supervisor.devices["eye"]
        await camera.shut()
        await until(lambda: shown() == [])
        assert not flap.is_open
        home.stop()
        await running


def _shown(home: Home) -> list[tuple[str, str, str | None]]:
    """The open alarms on the home's own page, once there is one."""
    if home.local_page is None:
        return []
    return [(one.type, one.severity, one.device) for one in home.local_page.state().alarms]
