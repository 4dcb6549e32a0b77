"""The Pi's own page for who installs the home: who may, what they see, and a home that really runs
and is installed from there without any server."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from json import dumps
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from drivers.virtual import VirtualPins, twin, virtual_home_radio
from gateway.app import configuration, install_parts
from gateway.app.home import Home
from gateway.clock import ManualClock, SystemClock
from gateway.config import home_file
from gateway.config.held_config import FOLDER, HERE
from gateway.config.secrets import FileSecrets
from gateway.doors import install_code
from gateway.doors.install_code import InstallEntry
from gateway.doors.tries import PLACE_TRIES
from gateway.engine.log_reader import LogReader
from gateway.envelope import Draft
from gateway.errors import ConfigError
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    BedEntered,
    ConfigSet,
    ConfigWhy,
    InstallAccepted,
)
from gateway.wire import make_code
from tests.drivers.parts import until
from tests.home.test_page import FakeInstalls, FakePort, enter, sample, send
from web.home.app import create_app
from web.home.guard import is_near
from web.home.port import HomePort, InstallPort
from web.home.sessions import Sessions

CODE = make_code(bytes(range(7)), bytes(32))
OTHER = make_code(bytes(range(1, 8)), bytes(32))


# --- who may --------------------------------------------------------------------------------------


class World:
    """The page over a home that tells nothing, and what was asked of it."""

    def __init__(self) -> None:
        self.port, self.installs = FakePort(sample()), FakeInstalls()
        self.real_s = 0.0
        self.app = create_app(
            cast(HomePort, self.port),
            Sessions(lambda: self.real_s),
            installs=cast(InstallPort, self.installs),
        )

    def installer(self) -> FlaskClient:
        """Who has typed the code."""
        client = self.app.test_client()
        assert send(client, "/in/install", install=self.installs.code).status_code == 303
        return client


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stands there waits as long as a busy machine takes."""
    monkeypatch.setattr(configuration, "HERE_S", 60.0)


@pytest.fixture
def world() -> World:
    return World()


def test_nobody_without_the_code_installs_anything(world: World) -> None:
    """Not a stranger, nor who lives there, nor staff with a code for the door, nor with another
    home's code: they are sent to the entry, and nothing is asked of the home."""
    resident, staff = enter(world.app.test_client()), world.app.test_client()
    assert send(staff, "/in", code="12345678").status_code == 303
    wrong = world.app.test_client()
    answer = send(wrong, "/in/install", install=OTHER)
    assert (answer.status_code, "Fel kod, använd eller för gammal" in answer.text) == (422, True)
    world.installs.did.clear()
    for client in (world.app.test_client(), resident, staff, wrong):
        for path in ("/install", "/install/near", "/install/files/morph.js"):
            assert client.get(path).status_code == 303, path
        for path in ("/install", "/install/near"):
            assert send(client, path, do="begin").status_code == 303, path
    assert world.installs.did == []


def test_who_installs_sees_nothing_of_who_lives_there(world: World) -> None:
    """Not the bed, the alarms, the ledger, the door's steps or the self-test; an alarm cannot be
    taken back; leaving ends it, and two hours do."""
    client = world.installer()
    for path in ("/", "/ledger", "/test", "/state.json"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/install"), path
    assert send(client, "/alarm", alarm="home:h1/7").status_code == 303
    assert send(client, "/test").status_code == 303
    assert (world.port.taken_back, world.port.tests) == ([], 0)
    assert "lämnat sängen" not in client.get("/install").text
    assert client.get("/install").status_code == 200
    assert send(client, "/out").status_code == 303
    assert client.get("/install").status_code == 303
    again = world.installer()
    world.real_s += 2 * 3600 - 1
    assert again.get("/install").status_code == 200
    world.real_s += 1
    assert again.get("/install").status_code == 303


def test_only_who_is_in_the_homes_network_may_try(world: World) -> None:
    """The code is not even judged from elsewhere, and a session that was carried away does
    nothing."""
    far = {"REMOTE_ADDR": "8.8.8.8"}
    client = world.installer()
    token = re.search(r'name="token" value="([^"]+)"', client.get("/install").text)
    assert token is not None
    fields = {"token": token[1], "install": world.installs.code, "do": "begin"}
    headers = {"Origin": "https://localhost"}
    world.installs.did.clear()
    for path, status in (("/in/install", 422), ("/install", 403), ("/install/near", 403)):
        answer = client.post(path, data=fields, headers=headers, environ_overrides=far)
        assert answer.status_code == status
    assert client.get("/install", environ_overrides=far).status_code == 403
    assert world.installs.did == []
    near = ("192.168.4.2", "10.42.0.7", "::1", "fe80::1%wlan0", "fd00::7", "::ffff:192.168.4.2")
    assert all(is_near(one) for one in near)
    assert not any(is_near(one) for one in ("8.8.8.8", "2a00::1", "100.64.0.1", "", "x"))


def test_a_code_that_is_used_up_changes_nothing(world: World) -> None:
    """The session may still read the protocol; each form is refused in words; a stranger is not
    even asked for a code."""
    client = world.installer()
    assert "installationskod" in world.app.test_client().get("/").text
    world.installs.good = False
    world.installs.shown = replace(world.installs.shown, may=False)
    world.installs.did.clear()
    for path in ("/install", "/install/near"):
        answer = send(client, path, do="begin")
        assert (answer.status_code, "Koden gäller inte längre" in answer.text) == (409, True)
    assert world.installs.did == []
    assert client.get("/install").status_code == 200
    assert "installationskod" not in world.app.test_client().get("/").text


def test_what_is_asked_is_handed_on_and_refused_in_words(world: World) -> None:
    """Each form reaches the home with what it says, cut to a size; English from the catalogue."""
    client = world.installer()
    world.installs.did.clear()
    page = send(client, "/install/near", do="add", thing="pin-4", use="bed", room="bedroom")
    assert page.status_code == 303
    send(client, "/install/near", do="answer", number="2", text="x" * 500)
    send(client, "/install", do="skip", step="fell floor", why="broken")
    did = [(name, *given) for name, *given in world.installs.did]
    assert [one[0] for one in did] == ["add", "answer", "skip"]
    assert did[0][2:] == ("pin-4", "bed", "bedroom")
    assert did[1][2:] == ("2", "x" * 200)
    assert did[2][1:] == ("fell floor", "broken")
    world.installs.why = "at_server"
    refused = send(client, "/install/near", do="pair", device="x")
    assert (refused.status_code, "bestäms på serverns sida" in refused.text) == (409, True)
    assert send(client, "/install", do="what").status_code == 400
    english = client.get("/install", headers={"Accept-Language": "en"}).text
    assert "Start the trial" in english or "Begin the trial" in english
    assert 'lang="en"' in english


def test_a_home_that_does_not_answer_is_one_sentence(world: World) -> None:
    """Its loop stands still: whoever waits is told after some seconds."""
    client = world.installer()

    def never(_page: str) -> Any:
        raise TimeoutError

    world.installs.state = never  # type: ignore[assignment, method-assign]
    for path in ("/install", "/install/near"):
        answer = client.get(path)
        assert (answer.status_code, "svarar inte just nu" in answer.text) == (503, True)


@pytest.mark.parametrize("cookie", [b"\xff\xfe", "å".encode(), b"\x00", b'"', b"a" * 9_000])
def test_odd_cookies_are_nobodys(world: World, cookie: bytes) -> None:
    """A browser's cookie may be anything: no form and no page breaks by it."""
    client = world.app.test_client()
    for name in ("__Host-form", "__Host-session"):
        environ = {"HTTP_COOKIE": f"{name}={cookie.decode('latin-1')}"}
        assert client.get("/", environ_overrides=environ).status_code == 200
        assert client.get("/install", environ_overrides=environ).status_code == 303
        answer = client.post(
            *("/in/install",),
            data={"token": cookie.decode("latin-1"), "install": CODE},
            headers={"Origin": "https://localhost"},
            environ_overrides=environ,
        )
        assert answer.status_code in (303, 403, 413, 422)


# --- the code -------------------------------------------------------------------------------------


def test_a_code_opens_until_the_home_is_accepted_and_for_a_day(tmp_path: Path) -> None:
    """As it is typed, or read by a camera; not another home's; wrong ones are slowed by place, and
    nobody uses up somebody else's tries; the file does not hold it."""
    secrets, clock = FileSecrets(tmp_path), ManualClock(datetime(2026, 3, 3, 9, tzinfo=UTC))
    accepted: list[datetime | None] = [None]
    entry = InstallEntry(
        secrets, now=clock.now, accepted_at=lambda: accepted[0], mono_s=clock.mono_s
    )
    assert not entry.open
    assert entry.is_right(CODE, "a") is False
    install_code.keep(secrets, CODE, clock.now())
    assert CODE.replace("-", "")[:10] not in secrets.path("install_code").read_text()
    assert entry.open
    for typed in (CODE, CODE.lower().replace("-", " "), f"TRYGGVE:https://s.example#{CODE}"):
        assert entry.is_right(typed, "a") is True
    assert entry.is_right("", "a") is False
    for _ in range(PLACE_TRIES):
        assert entry.is_right(OTHER, "b") is False
    assert entry.is_right(CODE, "b") is None
    assert entry.is_right(CODE, "a") is True
    accepted[0] = clock.now() + timedelta(minutes=1)
    assert entry.is_right(CODE, "a") is False, "used up"
    clock.advance(120)
    install_code.keep(secrets, OTHER, clock.now())
    assert (entry.is_right(CODE, "a"), entry.is_right(OTHER, "a")) == (False, True)
    clock.advance(install_code.LIFE.total_seconds())
    assert entry.is_right(OTHER, "a") is False, "expired"
    assert not entry.open


def test_a_used_code_is_kept_no_longer(tmp_path: Path) -> None:
    """An acceptance of before says nothing of a code that was given since; what cannot be read is
    left to who reads it."""
    secrets, at = FileSecrets(tmp_path), datetime(2026, 3, 3, 9, tzinfo=UTC)
    install_code.forget_used(secrets, at)
    install_code.keep(secrets, CODE, at)
    assert install_code.is_kept(secrets, CODE) and not install_code.is_kept(secrets, OTHER)
    install_code.forget_used(secrets, at - timedelta(seconds=1))
    assert secrets.has("install_code")
    install_code.forget_used(secrets, at)
    assert not secrets.has("install_code") and not install_code.is_kept(secrets, CODE)
    secrets.write("install_code", f"{'9' * 40}:x:y")
    install_code.forget_used(secrets, at)


# --- a home that is installed ---------------------------------------------------------------------

TOML = """
[home]
id = "h9"
timezone = "Europe/Stockholm"
[web]
enabled = false
[gpio]
factory = "mock"
"""
MAT, BUTTON = 17, 24


class Installed:
    """A home whose page is on somebody's phone."""

    def __init__(self, home: Home) -> None:
        self.home = home
        installs = home.installs.page()
        self.app = create_app(cast(HomePort, FakePort(sample())), installs=installs)
        self.phone = self.app.test_client()

    async def enter(self, code: str = CODE) -> int:
        """Type the code; the answer's status."""
        answer = await asyncio.to_thread(send, self.phone, "/in/install", install=code)
        return int(answer.status_code)

    async def see(self, path: str) -> str:
        """A page."""
        return str((await asyncio.to_thread(self.phone.get, path)).text)

    async def do(self, path: str, **fields: str) -> str:
        """Send a form; what is answered (empty: done)."""
        answer = await asyncio.to_thread(send, self.phone, path, **fields)
        return "" if answer.status_code == 303 else str(answer.text)

    async def shows(self, path: str, *parts: str, no_more: str = "") -> str:
        """The page, once all of this stands on it, and that no more."""
        async with asyncio.timeout(60):
            while True:
                page = await self.see(path)
                if all(part in page for part in parts) and not (no_more and no_more in page):
                    return page
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(folder: Path, pins: VirtualPins, text: str = TOML) -> AsyncIterator[Installed]:
    home = Home(
        home_file.parse(text.encode(), folder / "home.toml"),
        state_dir=folder,
        clock=SystemClock(),
        memory_dir=folder,
        pin_factory=pins.factory,
    )
    task = asyncio.create_task(home.run())
    await until(lambda: home.supervisor is not None and home._running)
    try:
        yield Installed(home)
    finally:
        home.stop()
        await task


def kinds(folder: Path) -> list[str]:
    """The kinds in the log."""
    return [str(one["kind"]) for one in LogReader(folder / "events.sqlite").events()]


async def test_a_home_without_a_server_is_installed_from_its_own_page(tmp_path: Path) -> None:
    """A mat and a button are found by touching them, named by pictures, held over a restart, and
    tried; the trial is ticked by the home's own events, goes on after the plug was pulled, and its
    protocol is an event in the log; then the code is used up, and kept no longer."""
    pins = VirtualPins()
    mat, button = pins.mat(MAT), pins.contact(BUTTON)
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    near, page = "/install/near", "/install"
    async with virtual_home_radio() as radio:
        lock: Any = twin("lock_nuki")(radio)
        await lock.start()
        async with running(tmp_path, pins) as who:
            assert await who.enter(OTHER) == 422
            assert await who.enter() == 303
            assert "Hemmet har inte berättat" in await who.do(page, do="begin")
            assert await who.do(near, do="begin") == ""
            await who.shows(near, 'data-test="hearing"')
            await touched(who, mat.press, f'data-near="pin-{MAT}" data-moves="yes"')
            assert "Välj vad det är" in await who.do(near, do="add", thing=f"pin-{MAT}", use="bed")
            add = {"do": "add", "use": "bed", "room": "bedroom"}
            assert await who.do(near, thing=f"pin-{MAT}", **add) == ""
            mat.release()
            await who.shows(near, 'data-test="named-one" data-device="bed"')
            await touched(who, button.close, f'data-near="pin-{BUTTON}" data-moves="yes"')
            button.open()
            add = {"do": "add", "use": "button", "room": "kitchen"}
            assert await who.do(near, thing=f"pin-{BUTTON}", **add) == ""
            await who.shows(near, 'data-device="button"')
            await lock.hold_button()
            await who.shows(near, f'data-near="{lock.address}"')
            add = {"do": "add", "use": "front", "room": "hall"}
            assert await who.do(near, thing=lock.address, **add) == ""
            await who.shows(near, 'data-test="guide-front"', "måste paras")
            assert await who.do(near, do="pair", device="front") == ""
            await lock.hold_button()
            await who.shows(near, 'data-guided="front" data-outcome="done"')
            assert who.home.secrets.has("nuki-front")
            assert who.home.configuration.here
        async with running(tmp_path, pins) as who:
            assert set(who.home.config.devices) == {"bed", "button", "front"}
            assert await who.enter() == 303
            await who.shows(page, 'data-device="bed"', 'data-device="front"')
            await until(lambda: who.home.view.devices["bed"].level.value == "off")
            assert await who.do(page, do="begin") == ""
            assert "Allt är inte provat än" in await who.do(page, do="accept")
            mat.press()
            await who.shows(page, 'data-step="stepped_on bed" data-state="seen"')
            await who.home.engine.write(Draft(BedEntered()))
            mat.release()
            button.close()
            await who.shows(
                *(page, 'data-step="stepped_off bed" data-state="seen"'),
                *('data-step="lay_down bed" data-state="seen"',),
                'data-step="answered button" data-state="seen"',
            )
            assert "Välj varför" in await who.do(page, do="skip", step="unplugged", why="other")
            for step in ("unlocked front", "locked front"):
                assert await who.do(page, do="skip", step=step, why="not_possible") == ""
        (tmp_path / "origin").touch()
        async with running(tmp_path, pins) as who:
            assert await who.enter() == 303
            await who.shows(page, 'data-step="answered button" data-state="seen"', 'data-left="2"')
            for step in ("unplugged", "plugged_in"):
                assert await who.do(page, do="skip", step=step, why="broken") == ""
            assert await who.do(page, do="accept") == ""
            shown = await who.shows(page, 'data-accepted="yes"', 'data-test="lines"')
            assert re.search(r'data-step="stepped_on" data-seen="home:h9/\d+"', shown)
            await until(lambda: not who.home.secrets.has(install_code.KEPT_AS))
            assert "Koden gäller inte längre" in await who.do(page, do="begin")
            assert await who.enter() == 422
        await lock.stop()
    told = kinds(tmp_path)
    assert [one for one in told if one.startswith("install.")] == [
        *("install.begun", "install.skipped", "install.skipped"),
        *("install.skipped", "install.skipped", "install.accepted"),
    ]


async def touched(who: Installed, touch: Callable[[], Any], part: str) -> None:
    """Touch it, and see it move."""
    await who.shows("/install/near", 'data-test="hearing"')
    await until(lambda: bool(who.home.installs.room._session.hearing.pins()))  # type: ignore[union-attr]
    touch()
    await who.shows("/install/near", part)


BED = '[devices.bed]\ndriver = "mat_gpio"\nrole = "bed"\npin = 17\n'


async def test_nothing_stays_open_when_the_home_is_accepted(tmp_path: Path) -> None:
    """Somebody accepted it at the server while a phone here hears, and tries: the home stops
    hearing, and who lies in its bed is not told any more."""
    pins = VirtualPins()
    pins.mat(MAT)
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    near, page = "/install/near", "/install"
    async with running(tmp_path, pins, TOML + BED) as who:
        assert await who.enter() == 303
        await until(lambda: bool(who.home.view.devices))
        assert await who.do(page, do="begin") == ""
        assert 'data-test="step"' in await who.see(page)
        assert await who.do(near, do="begin") == ""
        await who.shows(near, 'data-test="hearing"')
        room = who.home.installs.room
        accepted = InstallAccepted(begun="staff:h9/1", steps=())
        await who.home.engine.write(Draft(accepted))
        await who.shows(page, no_more='data-test="step"')
        await who.shows(near, 'data-test="idle"')
        await until(lambda: not room.busy)
        assert "Koden gäller inte längre" in await who.do(near, do="begin")


def test_a_code_is_used_by_whoever_is_accepted_in_the_same_second(tmp_path: Path) -> None:
    """It is kept by the whole second: never by one that is still to come, after which nobody would
    have been accepted, and the code stay."""
    secrets, kept_at = FileSecrets(tmp_path), datetime(2026, 11, 30, 12, 0, 0, 700_000, UTC)
    install_code.keep(secrets, CODE, kept_at)
    install_code.forget_used(secrets, kept_at - timedelta(seconds=1))
    assert install_code.is_kept(secrets, CODE)
    install_code.forget_used(secrets, kept_at + timedelta(seconds=0.1))
    assert not install_code.is_kept(secrets, CODE)


async def test_two_taps_add_a_thing_once(tmp_path: Path) -> None:
    """A thumb that taps twice, or two phones: the lock is in the home once."""
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    near = "/install/near"
    async with virtual_home_radio() as radio:
        lock: Any = twin("lock_nuki")(radio)
        await lock.start()
        async with running(tmp_path, VirtualPins()) as who:
            assert await who.enter() == 303
            assert await who.do(near, do="begin") == ""
            await lock.hold_button()
            await who.shows(near, f'data-near="{lock.address}"')
            add = {"do": "add", "use": "front", "room": "hall", "thing": lock.address}
            await asyncio.gather(*(who.do(near, **add) for _ in range(3)))
            await who.shows(near, 'data-device="front"')
            assert set(who.home.config.devices) == {"front"}
        await lock.stop()


async def test_two_things_at_once_are_both_added(tmp_path: Path) -> None:
    """Somebody taps the next before the first is answered: none is taken for a second tap."""
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    pins = VirtualPins()
    mat, button = pins.mat(MAT), pins.contact(BUTTON)
    near = "/install/near"
    async with running(tmp_path, pins) as who:
        assert await who.enter() == 303
        assert await who.do(near, do="begin") == ""
        await touched(who, mat.press, f'data-near="pin-{MAT}"')
        button.close()
        await who.shows(near, f'data-near="pin-{BUTTON}"')
        both = {MAT: ("bed", "bedroom"), BUTTON: ("button", "kitchen")}
        done = await asyncio.gather(
            *(
                who.do(near, do="add", thing=f"pin-{pin}", use=use, room=room)
                for pin, (use, room) in both.items()
            )
        )
        assert done == ["", ""]
        assert set(who.home.config.devices) == {"bed", "button"}


async def test_what_begins_in_between_ends_the_adding_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that is turned, or a card that refuses, just when it was quiet: whoever stands there
    is told, and the next try is not held up by the first."""
    monkeypatch.setattr(configuration, "LOOK_S", 0.05)

    async def never(_rules: object) -> bool:
        return False

    bed = dumps({"devices": {"bed": {"driver": "mat_gpio", "pin": MAT}}, "rules": {}})
    pins = VirtualPins()
    pins.mat(MAT)
    async with running(tmp_path, pins) as who, asyncio.timeout(60):
        with monkeypatch.context() as patch:
            patch.setattr(configuration, "HERE_S", 0.2)
            patch.setattr(who.home.engine, "fold_again", never)
            with pytest.raises(ConfigError):
                await who.home.configuration.set_here(lambda _: bed)
        assert who.home.config.devices == {}
        assert await who.home.configuration.set_here(lambda _: bed) is None
    assert "config.waiting" not in kinds(tmp_path)


async def test_a_card_that_hangs_holds_up_nothing_when_the_home_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is taken from the card beside the loop: an alarm does not wait for it."""
    begun, goes_on = threading.Event(), threading.Event()

    def hangs(*_: object) -> None:
        begun.set()
        goes_on.wait(60)

    monkeypatch.setattr(install_parts, "forget_used", hangs)
    async with running(tmp_path, VirtualPins()) as who, asyncio.timeout(60):
        try:
            await who.home.engine.write(Draft(InstallAccepted(begun="staff:h9/1", steps=())))
            assert await asyncio.to_thread(begun.wait, 60) and not goes_on.is_set()
        finally:
            goes_on.set()


async def test_nothing_is_added_hours_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alarm is open: whoever stands there is told, and when it is over the home is as it was."""
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    pins = VirtualPins()
    mat = pins.mat(MAT)
    near = "/install/near"
    async with running(tmp_path, pins) as who:
        assert await who.enter() == 303
        assert await who.do(near, do="begin") == ""
        await touched(who, mat.press, f'data-near="pin-{MAT}"')
        raised = AlarmRaised.usual(AlarmType.PENDANT, datetime.now(UTC))
        event = await who.home.engine.write(Draft(raised))
        await until(lambda: bool(who.home.view.alarms))
        add = {"do": "add", "use": "bed", "room": "bedroom", "thing": f"pin-{MAT}"}
        with monkeypatch.context() as patch:
            patch.setattr(configuration, "HERE_S", 0.2)
            assert "Inget lades till" in await who.do(near, **add)
        await who.home.engine.write(Draft(AlarmCancelled(alarm=event.ref, reason="caregiver")))
        await until(lambda: not who.home.view.alarms)
        await asyncio.sleep(2 * configuration.LOOK_S)
        assert who.home.config.devices == {}
        mat.release()
        await touched(who, mat.press, f'data-near="pin-{MAT}"')
        assert await who.do(near, **add) == ""
        await who.shows(near, 'data-device="bed"')


async def test_what_the_server_set_is_not_changed_here(tmp_path: Path) -> None:
    """A home that a coordinator prepared is paired and tried here, and its equipment is the
    server's: nothing is added; what was added before gives way, and the file that is changed has
    the last word."""
    pins = VirtualPins()
    pins.mat(MAT)
    install_code.keep(FileSecrets(tmp_path), CODE, datetime.now(UTC))
    bed = {"driver": "mat_gpio", "role": "bed", "pin": MAT}
    async with running(tmp_path, pins) as who:
        text = dumps({"devices": {"bed": bed}, "rules": {}})
        assert await who.home.configuration.set_here(lambda _: text) is None
        assert (tmp_path / FOLDER / HERE).is_file()
        wrong = dumps({"devices": {"bed": {**bed, "pin": 99}}, "rules": {}})
        refused = await who.home.configuration.set_here(lambda _: wrong)
        assert refused is not None
        assert (refused.about, refused.field) == ("bed", "pin")
        assert await who.enter() == 303
        assert await who.do("/install/near", do="begin") == ""
        await who.shows("/install/near", 'data-test="hearing"')
        data = ConfigSet(number=1, why=ConfigWhy.NEW_DEVICE, text='{"devices":{},"rules":{}}')
        await who.home.engine.write(Draft(data))
        await until(lambda: who.home.configuration.number == 1)
        assert not who.home.configuration.here
        page = await who.shows("/install/near", 'data-test="at-server"')
        assert 'data-test="add"' not in page
        assert who.home.config.devices == {}
    (tmp_path / FOLDER / "held.json").unlink()
    async with running(tmp_path, pins) as who:
        assert set(who.home.config.devices) == {"bed"}, "what was added here is as the file"
    other = TOML + '[devices.lamp]\ndriver = "indicator"\nlight_pin = 5\n'
    pins.lamp(5)
    async with running(tmp_path, pins, other) as who:
        assert set(who.home.config.devices) == {"lamp"}, "somebody changed the file since"
