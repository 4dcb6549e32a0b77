"""The supervisor: drivers that fail are told of, started again, and touch no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from drivers import Loaded
from gateway.config.home_file import (
    DeviceConfig,
    GpioSection,
    HomeConfig,
    HomeSection,
    LogSection,
    WebSection,
)
from gateway.config.secrets import FileSecrets
from gateway.errors import ConfigError, DeviceUnavailable, RadioAway, SecretError
from gateway.events import Data, DeviceFailed, DeviceOffline, DeviceOnline, MatPressed, Offline
from gateway.ports import DriverContext, Emit
from gateway.services import driver_supervisor as module
from gateway.services.driver_supervisor import DriverSupervisor, open_pins


class Settings(BaseModel):
    """A device without settings."""


class Scripted:
    """A driver that does what its list says, one entry a run: an error, or None to run on."""

    scripts: dict[str, list[BaseException | None]] = {}  # noqa: RUF012 - set by each test

    def __init__(self, settings: Any, context: DriverContext) -> None:
        self.context = context
        self.closed = 0
        self.runs = 0

    async def run(self, emit: Emit) -> None:
        self.runs += 1
        script = self.scripts[self.context.device]
        error = script.pop(0) if script else None
        if error is not None:
            raise error
        emit(MatPressed())
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed += 1


class Unmakeable(Scripted):
    """A driver that cannot be made the first time (its secret is missing)."""

    left = 1

    def __init__(self, settings: Any, context: DriverContext) -> None:
        if Unmakeable.left:
            Unmakeable.left -= 1
            raise SecretError("the secret is missing; pair the device.")
        super().__init__(settings, context)


class Stubborn(Scripted):
    """A driver whose `close` hangs."""

    async def close(self) -> None:
        await asyncio.Event().wait()


class Radio:
    """A scanner of which only the trouble matters."""

    trouble: str | None = "the radio is away"

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def problem(self) -> str | None:
        return self.trouble


class Stage:
    """A supervisor over scripted drivers, and what it submitted."""

    def __init__(
        self, tmp_path: Path, devices: dict[str, type[Scripted]], radio: Radio | None = None
    ) -> None:
        self.told: list[tuple[str, Data]] = []
        self.chances: Iterator[float] = iter(())
        self.supervisor = DriverSupervisor(
            home_of(tmp_path, devices),
            state_dir=tmp_path,
            secrets=FileSecrets(tmp_path),
            submit=lambda device, data: self.told.append((device, data)),
            pause_rand=lambda: next(self.chances, 0.01),
            scanner=radio,
        )

    def of(self, device: str) -> list[Data]:
        return [data for name, data in self.told if name == device]

    async def until(self, what: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not what():
                await asyncio.sleep(0.005)


async def test_a_library_that_cancels_its_own_driver_is_an_error_like_another(
    tmp_path: Path,
) -> None:
    """Told, and started again; when the home stops it, it stops."""
    Scripted.scripts = {"mat": [asyncio.CancelledError(), None]}
    stage = Stage(tmp_path, {"mat": Scripted})
    await stage.supervisor.start()
    await stage.until(lambda: stage.supervisor.devices["mat"].runs == 2)
    assert [type(data) for data in stage.of("mat")] == [DeviceFailed, MatPressed]
    await stage.supervisor.close()
    assert not stage.supervisor._tasks


def home_of(path: Path, devices: dict[str, type[Scripted]]) -> HomeConfig:
    configured = {
        name: DeviceConfig(
            id=name,
            driver=Loaded(
                name="scripted",
                kind="sensor",
                Config=Settings,
                Driver=made,
                pins=lambda _: (),
                needs_pins=False,
                needs_radio=False,
                pair=None,
            ),
            settings=Settings(),
            role=None,
            room=None,
        )
        for name, made in devices.items()
    }
    return HomeConfig(
        path=path / "home.toml",
        sha256="",
        home=HomeSection(id="h1"),
        staff=None,
        log=LogSection(),
        gpio=None,
        web=WebSection(),
        devices=configured,
        rules={},
        plans={},
    )


Make = Callable[..., Stage]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    monkeypatch.setattr(module, "STEADY_S", 0.1)
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.3)
    made: list[Stage] = []

    def build(radio: Radio | None = None, **devices: type[Scripted]) -> Stage:
        made.append(Stage(tmp_path, devices, radio))
        return made[-1]

    Scripted.scripts = {}
    yield build
    for stage in made:
        await stage.supervisor.close()


async def test_a_driver_that_fails_is_told_once_and_runs_again(make: Make) -> None:
    """Three equal failures are one event; when it runs steadily it is online again."""
    stage = make(mat=Scripted)
    Scripted.scripts["mat"] = [DeviceUnavailable("unplugged")] * 3
    await stage.supervisor.start()
    await stage.until(lambda: DeviceOnline() in stage.of("mat"))
    failed = [data for data in stage.of("mat") if isinstance(data, DeviceFailed)]
    assert [(data.error, data.text) for data in failed] == [("DeviceUnavailable", "unplugged")]
    assert failed[0].retry_s > 0
    assert stage.supervisor.devices["mat"].runs == 4
    assert stage.supervisor.problem("mat") is None
    assert stage.of("mat").count(DeviceOnline()) == 1


async def test_a_radio_that_is_away_is_no_fault_of_a_device(make: Make) -> None:
    """It is told once as what it is; the driver waits without trying, and runs as soon as the radio
    is back, however long the pauses of its own faults had grown."""
    radio = Radio()
    stage = make(radio=radio, pendant=Scripted)
    unwell: list[Exception | None] = [DeviceUnavailable("flat")] * 9
    Scripted.scripts["pendant"] = [*unwell, RadioAway("the radio is away")]
    stage.chances = chain(repeat(0.01, len(unwell)), repeat(1.0))  # the tenth pause is minutes
    await stage.supervisor.start()
    offline = DeviceOffline(reason=Offline.RADIO)
    await stage.until(lambda: offline in stage.of("pendant"))
    assert stage.supervisor.problem("pendant") == "the radio is away"
    await asyncio.sleep(3 * module.RADIO_LOOK_S)
    assert stage.supervisor.devices["pendant"].runs == 10
    radio.trouble = None
    async with asyncio.timeout(60):
        while MatPressed() not in stage.of("pendant"):
            await asyncio.sleep(0.005)
    await stage.until(lambda: DeviceOnline() in stage.of("pendant"))
    assert stage.of("pendant").count(offline) == 1
    assert len([one for one in stage.of("pendant") if isinstance(one, DeviceFailed)]) == 1


async def test_each_new_error_is_told(make: Make) -> None:
    """Another error is another event, also one that the driver did not map."""
    stage = make(mat=Scripted)
    Scripted.scripts["mat"] = [DeviceUnavailable("a"), KeyError("b"), DeviceUnavailable("a")]
    await stage.supervisor.start()
    await stage.until(lambda: MatPressed() in stage.of("mat"))
    failed = [data.error for data in stage.of("mat") if isinstance(data, DeviceFailed)]
    assert failed == ["DeviceUnavailable", "KeyError"]


async def test_one_that_fails_touches_no_other(make: Make) -> None:
    """The second device reads on while the first fails for good."""
    stage = make(bad=Scripted, good=Scripted)
    Scripted.scripts = {"bad": [RuntimeError("x")] * 1000, "good": []}
    await stage.supervisor.start()
    await stage.until(lambda: MatPressed() in stage.of("good"))
    await stage.until(lambda: stage.supervisor.devices["bad"].runs > 3)
    assert stage.supervisor.devices["good"].runs == 1
    assert stage.supervisor.problem("bad") == "x"
    assert stage.supervisor.problem("good") is None


async def test_a_driver_that_cannot_be_made_is_tried_again(make: Make) -> None:
    """A missing secret stops that device only, is told, and heals without a restart."""
    Unmakeable.left = 2  # at the supervisor's start, and at the task's
    stage = make(lock=Unmakeable, mat=Scripted)
    Scripted.scripts = {"lock": [], "mat": []}
    assert "lock" not in stage.supervisor.devices
    await stage.supervisor.start()
    await stage.until(lambda: MatPressed() in stage.of("lock"))
    failed = [data for data in stage.of("lock") if isinstance(data, DeviceFailed)]
    assert [data.error for data in failed] == ["SecretError"]
    assert MatPressed() in stage.of("mat")


async def test_a_driver_that_ends_is_a_failure(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` goes on until cancelled; one that returns is started again and told."""

    class Ending(Scripted):
        async def run(self, emit: Emit) -> None:
            self.runs += 1
            if self.runs > 1:
                await super().run(emit)

    stage = make(mat=Ending)
    Scripted.scripts["mat"] = []
    await stage.supervisor.start()
    await stage.until(lambda: MatPressed() in stage.of("mat"))
    assert isinstance(stage.of("mat")[0], DeviceFailed)


async def test_close_closes_every_driver_and_waits_for_none_for_ever(make: Make) -> None:
    """A driver that hangs in `close` is left behind after the time-out; the others are closed."""
    stage = make(slow=Stubborn, mat=Scripted)
    Scripted.scripts = {"slow": [], "mat": []}
    await stage.supervisor.start()
    await stage.until(lambda: len(stage.told) == 2)
    mat = stage.supervisor.devices["mat"]
    async with asyncio.timeout(60):
        await stage.supervisor.close()
    assert mat.closed == 1


async def test_each_device_has_a_folder_of_its_own(make: Make, tmp_path: Path) -> None:
    """The device's folder is there before the driver is."""
    stage = make(mat=Scripted)
    folder = stage.supervisor.devices["mat"].context.state_dir
    assert folder == tmp_path / "devices" / "mat"
    assert folder.is_dir()


async def test_a_card_that_gives_no_folder_costs_no_device(make: Make, tmp_path: Path) -> None:
    """A new device on a full or read-only card: it runs, for it may keep nothing at all."""
    (tmp_path / "devices").write_text("in the way of every folder")
    stage = make(mat=Scripted)
    assert "mat" in stage.supervisor.devices


def test_the_pin_factory_never_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the chip, lgpio is one sentence that names file and key; no other pins are taken."""
    monkeypatch.setenv("LG_WD", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "lgpio", None)  # not installed
    monkeypatch.delitem(__import__("sys").modules, "gpiozero.pins.lgpio", raising=False)
    with pytest.raises(ConfigError) as caught:
        open_pins(GpioSection(factory="lgpio"), tmp_path, "home.toml")
    assert str(caught.value).startswith("home.toml: gpio.factory: the pins cannot be had")
    mock = open_pins(GpioSection(factory="mock"), tmp_path, "home.toml")
    mock.close()
