"""A configuration from the server: what is wrong with one, how it is kept, and a home that really
runs while it changes."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.virtual import VirtualPins
from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.config.held_config import (
    FOLDER,
    HELD,
    TEXT_MAX,
    THE_FILE,
    TRIES_MAX,
    Held,
    KeptConfig,
    checked,
    refusal,
    text_of,
)
from gateway.envelope import Draft, Event
from gateway.errors import ConfigError
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    ConfigFault,
    ConfigHeld,
    ConfigSet,
    ConfigWhy,
    to_fields,
)
from tests.drivers.parts import until

TOML = """
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.bed]
driver = "mat_gpio"
pin = 17
role = "bed"
[devices.lamp]
driver = "indicator"
light_pin = 25
[rules.bed_exit]
enabled = false
"""

BED = {"driver": "mat_gpio", "pin": 17, "role": "bed"}
FLOOR = {"driver": "mat_gpio", "pin": 22, "role": "floor", "room": "bedroom"}
LOCK = {"driver": "lock_nuki", "role": "front_door"}


def file(text: str = TOML) -> home_file.HomeConfig:
    return home_file.parse(text.encode(), Path("home.toml"))


def text(rules: dict[str, Any] | None = None, **devices: dict[str, Any]) -> str:
    return json.dumps({"devices": devices, "rules": rules or {}})


# --- what is wrong with one -----------------------------------------------------------------------

WRONG = [
    (text(mat={**BED, "driver": "mat_gpoi"}), ConfigFault.DRIVER, "mat", "driver"),
    (text(mat={**BED, "pinn": 4}), ConfigFault.KEY, "mat", "pinn"),
    (text(mat={"driver": "mat_gpio"}), ConfigFault.MISSING, "mat", "pin"),
    (text(mat={"pin": 4}), ConfigFault.MISSING, "mat", "driver"),
    (text(mat={**BED, "pin": 99}), ConfigFault.VALUE, "mat", "pin"),
    (text(mat={**BED, "role": "Säng"}), ConfigFault.VALUE, "mat", "role"),
    (text(**{"Ett namn": BED}), ConfigFault.NAME, "Ett namn", None),
    (text(bed=BED, floor={**FLOOR, "pin": 17}), ConfigFault.PIN, "floor", None),
    (text({"bed_exti": {}}), ConfigFault.RULE, "bed_exti", None),
    (text({"bed_exit": {"home": {}}}), ConfigFault.KEY, "bed_exit", "home"),
    (text({"bed_exit": {"enabled": "ja tack"}}), ConfigFault.VALUE, "bed_exit", "enabled"),
    (text(door={**LOCK, "secret": "home_key"}), ConfigFault.FILE_ONLY, "door", "secret"),
    (
        text(cam={"driver": "camera_virtual", "scene": "/etc/passwd"}),
        ConfigFault.FILE_ONLY,
        *("cam", "scene"),
    ),
    ("{", ConfigFault.NOT_UNDERSTOOD, None, None),
    ('{"devices": {"a": {"driver": "mat_gpio", "pin": NaN}}}', *(ConfigFault.NOT_UNDERSTOOD,) * 1,
     None, None),
    ("[" * 9_000, ConfigFault.NOT_UNDERSTOOD, None, None),
    ("[]", ConfigFault.NOT_UNDERSTOOD, None, None),
    ('{"home": {"id": "h2"}}', ConfigFault.NOT_UNDERSTOOD, None, None),
    ('{"devices": []}', ConfigFault.VALUE, None, "devices"),
    ('{"devices": 5}', ConfigFault.VALUE, None, "devices"),
    ('{"devices": {"\\ud800": {"driver": "mat_gpio"}}}', *(ConfigFault.NOT_UNDERSTOOD,) * 1,
     None, None),
    ('{"rules": {"\\udfff": {}}}', ConfigFault.NOT_UNDERSTOOD, None, None),
    (text(mat={**BED, "role": "x" * TEXT_MAX}), ConfigFault.NOT_UNDERSTOOD, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "why", "about", "field"), WRONG)
def test_what_is_wrong_is_said_by_device_and_setting(
    given: str, why: ConfigFault, about: str | None, field: str | None
) -> None:
    """One sentence as for the file, and where it is, for a page in another language."""
    with pytest.raises(ConfigError) as caught:
        checked(file(), Held(7, given))
    said = refusal(7, caught.value)
    assert (said.number, said.why, said.about, said.field) == (7, why, about, field)
    assert said.said.startswith("configuration 7: ")
    assert said.said.encode(), "the log can keep it"


def test_pins_are_the_files_and_the_rest_is_the_servers() -> None:
    """A home whose file says nothing of pins has none; both tables hold whole, all others stay."""
    with pytest.raises(ConfigError) as caught:
        checked(file('[home]\nid = "h9"'), Held(1, text(mat=BED)))
    assert refusal(1, caught.value).why is ConfigFault.PINS
    held = checked(file(), Held(1, text(floor=FLOOR)))
    assert list(held.devices) == ["floor"]
    assert dict(held.rules) == {}
    assert (held.home.id, held.web.enabled) == ("h9", False)


def test_what_the_file_says_may_be_said_again() -> None:
    """The server begins with the file's own words, its paths and its names of secrets too."""
    own = file(
        TOML + '[devices.cam]\ndriver = "camera_virtual"\nscene = "/tmp/scene"\n'
        '[devices.door]\ndriver = "lock_nuki"\nsecret = "door"\n'
    )
    held = checked(own, Held(1, text_of(own)))
    assert held.devices == own.devices
    assert held.rules == own.rules


# --- keeping one ----------------------------------------------------------------------------------


class Died(BaseException):
    """The power went."""


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """`power(n)`: it goes at the n-th call that changes something on the card."""
    left = [-1]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Died
            return real(*args, **options)

        return call

    for owner, name in ((os, "open"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    yield lambda at: left.__setitem__(0, at)
    monkeypatch.undo()


def test_a_death_at_any_write_leaves_one_of_the_two_whole(
    tmp_path: Path, power: Callable[[int], None]
) -> None:
    """The power goes at each write in turn, until none is left where it could."""
    steps, number = 0, 1
    KeptConfig(tmp_path).keep(Held(1, text(bed=BED)))
    while True:
        steps += 1
        kept = KeptConfig(tmp_path)
        power(steps)
        try:
            kept.tries(number + 1)
            kept.keep(Held(number + 1, text(bed=BED, floor={**FLOOR, "pin": number % 5 + 5})))
        except Died:
            power(-1)
            found = kept.in_force(file())
            assert found.number in (number, number + 1)
            assert list(found.config.devices) == (
                ["bed"] if found.number == 1 else ["bed", "floor"]
            )
            assert not found.left
            number = found.number
            continue
        power(-1)
        break
    assert steps > 8, "each file is opened, written and renamed"
    assert KeptConfig(tmp_path).in_force(file()).number == number + 1


def test_what_cannot_be_read_gives_way_to_the_one_before(tmp_path: Path) -> None:
    """A block that a card gave back damaged; one that this version does not know; at last the
    file."""
    kept, newest = KeptConfig(tmp_path), tmp_path / FOLDER / HELD
    kept.keep(Held(1, text(bed=BED)))
    kept.keep(Held(2, text(floor=FLOOR)))
    good = newest.read_text()
    newest.write_text(good.replace("22", "23"))
    assert kept.in_force(file()).number == 1
    newest.write_text(good)
    kept.keep(Held(3, text(mat={**BED, "of_the_future": 1})))
    found = kept.in_force(file())
    assert (found.number, [number for number, _ in found.left]) == (2, [3])
    for path in newest.parent.iterdir():
        path.write_bytes(b"\x00" * 80)
    assert kept.in_force(file()).number == THE_FILE


# --- a home that runs -----------------------------------------------------------------------------


class Place:
    """A home's folder and its pins; `running()` is its gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: list[Event] = []
        self.live: list[Event] = []
        self.board = VirtualPins()
        self.bed, self.floor = self.board.mat(17), self.board.mat(22)
        self.board.lamp(25)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Home]:
        home = Home(
            file(),
            state_dir=self.folder,
            clock=SystemClock(),
            memory_dir=self.folder,
            pin_factory=self.board.factory,
        )
        self.before, self.live = [*self.before, *self.live], []
        home.watchers.append(self.live.append)
        running = asyncio.create_task(home.run())
        await until(lambda: self.count("config.held") > 0)
        yield home
        home.stop()
        await running

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The data of every such event of all runs."""
        return [to_fields(one.data) for one in (*self.before, *self.live) if one.kind == kind]

    def count(self, kind: str) -> int:
        """Such events of this run."""
        return sum(one.kind == kind for one in self.live)

    def holds(self, number: int) -> Callable[[], bool]:
        """Whether the home has said, in this run, that this configuration holds."""
        return lambda: any(
            isinstance(one.data, ConfigHeld) and one.data.number == number for one in self.live
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_what_is_asked_of_roots_half_is_written_beside_the_loop(place: Place) -> None:
    """A card that hangs at such a write would have the watchdog end the home, again and again."""
    where: list[threading.Thread] = []
    async with place.running() as home:
        home.root_parts.ssh._background(lambda: where.append(threading.current_thread()))
        await until(lambda: bool(where))
    assert where[0] is not threading.current_thread()


async def test_a_part_of_the_home_that_ends_is_told(place: Place) -> None:
    """Whatever goes on beside the engine and breaks: it is an event, not a line in a journal that
    nobody reads, and the home goes on."""

    async def breaks() -> None:
        raise KeyError("a part")

    async with place.running() as home:
        home.spawn(breaks())
        await until(lambda: place.count("rule.failed") == 1)
        assert place.told("rule.failed")[0]["rule"].endswith("breaks")


async def test_a_configuration_with_half_a_character_ends_no_home(place: Place) -> None:
    """It is refused in words that the log can keep; what held goes on, also at the next start."""
    for _ in range(2):
        async with place.running() as home:
            if not place.before:
                await give(home, 1, '{"devices": {"\\ud800": {"driver": "mat_gpio"}}}')
            await until(lambda: len(place.told("config.refused")) >= 1)
            place.bed.press()
            await until(lambda: place.count("mat.pressed") == 1)
            assert place.count("rule.failed") == 0


async def give(home: Home, number: int, given: str) -> None:
    """The server's event has come."""
    data = ConfigSet(number=number, why=ConfigWhy.NEW_DEVICE, text=given)
    await home.engine.write(Draft(data))


async def test_it_holds_while_the_home_goes_on_and_outlasts_its_log(place: Place) -> None:
    """What did not change runs on and loses nothing; what went is stopped and what came begins;
    it holds after a restart, and after the log is gone."""
    async with place.running() as home:
        assert place.told("config.held")[-1]["number"] == THE_FILE
        assert json.loads(place.told("config.held")[-1]["text"])["devices"]["bed"] == BED
        bed, lamp = home.supervisor.devices["bed"], home.supervisor.devices["lamp"]
        place.bed.press()
        await until(lambda: place.count("mat.pressed") == 1)
        await give(home, 1, text({"bed_exit": {"enabled": True}}, bed=BED, floor=FLOOR))
        await until(place.holds(1))
        assert home.supervisor.devices["bed"] is bed
        assert "lamp" not in home.supervisor.devices
        assert home.supervisor.devices.get("lamp") is not lamp
        assert home.engine._sequencer.fold.state_of("bed_exit") is not None
        assert set(home.view.devices) == {"bed", "floor"}
        place.floor.press()
        place.bed.release()
        await until(lambda: place.count("mat.pressed") == 2)
        await until(lambda: place.count("mat.released") >= 1)
    async with place.running() as home:
        assert set(home.supervisor.devices) == {"bed", "floor"}
        assert place.told("config.held")[-1]["number"] == 1
    for path in place.folder.glob("events.sqlite*"):
        path.unlink()
    async with place.running() as home:
        assert set(home.supervisor.devices) == {"bed", "floor"}
        assert place.told("config.held")[-1]["number"] == 1


async def test_a_wrong_one_is_refused_once_and_what_held_goes_on(place: Place) -> None:
    """Also after a restart, which tries it anew and says nothing new; and of several that came
    together only the newest is tried."""
    async with place.running() as home:
        await give(home, 1, text(bed={**BED, "pin": 99}))
        await until(lambda: place.count("config.refused") == 1)
        assert (home.configuration.number, set(home.supervisor.devices)) == (0, {"bed", "lamp"})
    async with place.running() as home:
        for number, given in ((2, text(bed={**BED, "pin": 98})), (3, text(floor=FLOOR))):
            data = ConfigSet(number=number, why=ConfigWhy.MENDED, text=given)
            home.engine.submit(Draft(data))  # both in one turn
        await until(place.holds(3))
        assert [said["number"] for said in place.told("config.refused")] == [1]
        assert set(home.supervisor.devices) == {"floor"}


async def test_somebody_who_may_need_help_is_not_cut(place: Place) -> None:
    """It waits, says for what, and holds as soon as the alarm is over."""
    async with place.running() as home:
        now = home.clock.now()
        alarm = await home.engine.write(Draft(AlarmRaised.usual(AlarmType.ON_FLOOR, now)))
        await give(home, 1, text(floor=FLOOR))
        await until(lambda: place.count("config.waiting") == 1)
        assert home.configuration.number == THE_FILE
        assert home.configuration.waits is not None
        ended = AlarmResolved(alarm=alarm.ref, outcome=AlarmOutcome.HELPED)
        await home.engine.write(Draft(ended))
        await until(place.holds(1))
        assert [said["why"] for said in place.told("config.waiting")] == ["alarm"]
        assert home.configuration.waits is None


async def test_a_lock_without_its_secret_is_there_and_said(place: Place) -> None:
    """The home takes it, and says what must be paired until it is."""
    async with place.running() as home:
        await give(home, 1, text(bed=BED, door=LOCK))
        await until(place.holds(1))
        assert place.told("config.held")[-1]["unpaired"] == ["door"]
        home.secrets.write("nuki-door", "{}")
        await home.configuration.paired()
        await until(lambda: place.told("config.held")[-1]["unpaired"] == [])


async def test_one_that_ends_the_gateway_again_and_again_is_left(place: Place) -> None:
    """After as many that were begun and never kept the home goes on with what it had."""
    kept = KeptConfig(place.folder)
    for before in range(TRIES_MAX):
        assert kept.tries(1) == before
    async with place.running() as home:
        await give(home, 1, text(floor=FLOOR))
        await until(lambda: place.count("config.refused") == 1)
        await give(home, 2, text(floor=FLOOR))
        await until(place.holds(2))
