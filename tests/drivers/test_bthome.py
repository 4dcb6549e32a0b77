"""The BTHome driver: over the virtual radio, on an air that is heard in the same call, paired."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers import bthome
from drivers.radio.bthome_decode import SERVICE, seal
from drivers.radio.bthome_replay_guard import Guard, Marks, Verdict
from drivers.radio.scanner import SharedScanner
from drivers.virtual import VirtualBthome, VirtualRadio, virtual_home_radio
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.events import (
    ContactFault,
    ContactFaulted,
    Data,
    DeviceOnline,
    DoorOpened,
    MotionCleared,
    MotionDetected,
    PendantPressed,
    PressHow,
)
from gateway.ports import Advert
from tests.drivers.parts import (
    SOON_S,
    Heard,
    MemorySecrets,
    driver_context,
    kept_memory,
    until,
)
from tests.drivers.twins import KEY

ADDRESS = "E8:E0:7E:00:00:01"
GENUINE = PendantPressed(verified=True, button=1, how=PressHow.ONCE)
DOUBTFUL = PendantPressed(verified=False, button=1, how=PressHow.ONCE)
UNREADABLE = PendantPressed(verified=False)
UNPROVEN = ContactFault.UNPROVEN


@asynccontextmanager
async def radio_home() -> AsyncIterator[tuple[VirtualRadio, SharedScanner]]:
    """A radio and the gateway's scanner."""
    async with virtual_home_radio() as radio:
        scanner = SharedScanner()
        await scanner.start()
        yield radio, scanner
        await scanner.stop()


def made(
    folder: Path, scanner: Any, role: str | None = "pendant", key: bytes | None = KEY, **config: Any
) -> bthome.Driver:
    """A driver for the device at `ADDRESS`, paired with `key`."""
    secrets = MemorySecrets(**({"bthome-it": key.hex()} if key else {}))
    parts = driver_context("it", state_dir=folder, secrets=secrets, scanner=scanner, role=role)
    return bthome.Driver(bthome.Config(address=ADDRESS, **config), parts)


def files(folder: Path) -> list[Path]:
    """What lies in the state folder."""
    return list(folder.iterdir())


def paired(folder: Path, counter: int = 1000) -> None:
    """As pairing leaves the state folder."""
    bthome.MarksFile(folder, KEY).save(Marks(counter))


@asynccontextmanager
async def running(driver: bthome.Driver) -> AsyncIterator[Heard]:
    """The driver runs."""
    heard = Heard()
    task = asyncio.create_task(driver.run(heard))
    await asyncio.sleep(0)
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def pendant_home(folder: Path, **device: Any) -> AsyncIterator[tuple[VirtualBthome, Heard]]:
    """A paired pendant and its driver, running."""
    paired(folder)
    async with radio_home() as (radio, scanner):
        pendant = VirtualBthome(radio, address=ADDRESS, key=KEY, **device)
        await pendant.start()
        async with running(made(folder, scanner)) as heard:
            yield pendant, heard
        await pendant.stop()


def presses(heard: Heard) -> list[Data]:
    return [data for data in heard.data if isinstance(data, PendantPressed)]


async def test_a_press_over_the_air(tmp_path: Path) -> None:
    """Sent again and again, it is one event; the next press is another."""
    async with pendant_home(tmp_path) as (pendant, heard):
        for count in (1, 2, 3):
            await pendant.press()
            await until(lambda count=count: len(presses(heard)) == count)
            await asyncio.sleep(0.1)
        assert presses(heard) == [GENUINE] * 3


class Air:
    """A scanner without a radio: what is said is heard in the same call."""

    def __init__(self) -> None:
        self.watchers: list[Any] = []
        self.now_s = 1000.0
        self.trouble: str | None = None

    def watch(self, on_advert: Any) -> Any:
        self.watchers.append(on_advert)
        return lambda: self.watchers.remove(on_advert)

    def problem(self) -> str | None:
        return self.trouble

    def say(self, data: bytes, *, later_s: float = 1.0, address: str = ADDRESS) -> None:
        self.now_s += later_s
        uuid = {SERVICE: data}
        advert = Advert(address, None, -60, {}, uuid, (), None, self.now_s)
        for watcher in tuple(self.watchers):
            watcher(advert)


def message(counter: int, objects: bytes = b"\x3a\x01", key: bytes = KEY) -> bytes:
    return seal(bytes([0, counter % 256]) + objects, ADDRESS, key, counter)


async def test_a_press_is_told_in_the_callback_that_heard_it(tmp_path: Path) -> None:
    """No task, no wait, no disk lies between."""
    paired(tmp_path)
    air = Air()
    async with running(made(tmp_path, air)) as heard:
        air.say(message(1001))
        assert heard.data == [GENUINE]


async def test_a_replay_is_refused_across_restarts(tmp_path: Path) -> None:
    """The counter is on disk soon after a press, and after an orderly end the last one."""
    paired(tmp_path)
    air = Air()
    recorded = message(1001)
    driver = made(tmp_path, air)
    async with running(driver) as heard:
        air.say(recorded)
        kept = bthome.MarksFile(tmp_path, KEY)
        await until(lambda: (kept.load() or Marks()).counter == 1001)
        air.say(message(1005, b"\x01\x64"))
        air.say(message(1006, b"\x01\x64"))
    assert bthome.MarksFile(tmp_path, KEY).load() == Marks(1006)
    async with running(made(tmp_path, air)) as heard:
        air.say(message(1006, b"\x01\x64"))
        assert heard.data == [], "the newest message again is no news"
        air.say(recorded)
        assert heard.data == [DOUBTFUL, ContactFaulted(fault=UNPROVEN)]
        air.say(recorded, later_s=800)
        assert presses(heard) == [DOUBTFUL], "a recorded press is worth one alarm"
    async with running(made(tmp_path, air)) as heard:
        air.say(recorded)
        air.say(message(1000), later_s=10)
        assert len(presses(heard)) == 1, "a restart forgets the bytes, not the mark"
        air.say(message(1007))
        assert presses(heard)[-1] == GENUINE
        assert DeviceOnline() in heard.data


async def test_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thermometer that sends all day writes as often as it tells something."""
    paired(tmp_path)
    writes: list[Marks] = []
    real = bthome.MarksFile.save

    def save(self: bthome.MarksFile, marks: Marks) -> None:
        writes.append(marks)
        real(self, marks)

    monkeypatch.setattr(bthome.MarksFile, "save", save)
    air = Air()
    async with running(made(tmp_path, air, role=None)) as heard:
        for n in range(2000):
            air.say(message(1001 + n, b"\x45\xdc\x00"), later_s=3)
            if n % 100 == 0:
                await asyncio.sleep(0.005)
        told = len(heard.data)
    assert told == 2
    assert 1 <= len(writes) <= told + 1
    assert writes[-1] == Marks(3000)


async def test_a_disk_that_refuses_costs_no_press(tmp_path: Path) -> None:
    """Presses are told all the same."""
    air = Air()
    paired(tmp_path)
    driver = made(tmp_path, air)
    driver._file._path = tmp_path / "gone" / "counter.json"
    async with running(driver) as heard:
        air.say(message(1001))
        await asyncio.sleep(0.02)
        air.say(message(1002))
        assert heard.data == [GENUINE, GENUINE]


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """Presses are told all the same, and the home's loop goes on, also when the driver ends while
    the disk does not answer."""
    air = Air()
    paired(tmp_path)
    stuck = tmp_path / "counter.part"
    os.mkfifo(stuck)  # whoever opens it to write waits for a reader
    began = time.monotonic()
    driver = made(tmp_path, air)
    async with running(driver) as heard:
        air.say(message(1001))
        await asyncio.sleep(0.02)
        air.say(message(1002))
        assert heard.data == [GENUINE, GENUINE]
    assert time.monotonic() - began < SOON_S
    reader = os.open(stuck, os.O_RDONLY | os.O_NONBLOCK)
    assert driver._keeper.settle(SOON_S), "nothing of it goes on beside other tests"
    os.close(reader)


@pytest.mark.parametrize("kept", [None, "", "{}", '{"key": "x", "counter": 1, "doubt": null}'])
async def test_a_lost_counter(tmp_path: Path, kept: str | None) -> None:
    """Missing, damaged, another key's: the first press counts, unverified, the next is proved."""
    if kept is not None:
        (tmp_path / bthome.MarksFile.NAME).write_text(kept)
    air = Air()
    async with running(made(tmp_path, air)) as heard:
        air.say(message(7))
        air.say(message(8), later_s=5)
        assert presses(heard) == [DOUBTFUL, GENUINE]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (message(2000, key=bytes(16)), UNREADABLE),
        (b"\x44\x00\x01\x3a\x01", DOUBTFUL),
        (message(5), DOUBTFUL),
    ],
    ids=["wrong key", "not encrypted", "old counter"],
)
async def test_in_doubt_a_press_counts(tmp_path: Path, data: bytes, told: Data) -> None:
    """Marked unverified, and the technician hears that the pendant must be paired again."""
    paired(tmp_path)
    air = Air()
    async with running(made(tmp_path, air)) as heard:
        air.say(data)
        assert heard.data == [told, ContactFaulted(fault=UNPROVEN)]
        for _ in range(100):
            air.say(data)
        assert len(heard.data) == 2
        air.say(message(3000))
        assert heard.data[2:] == [GENUINE, DeviceOnline()]


async def test_what_is_no_press_is_not_believed(tmp_path: Path) -> None:
    """A door in the clear, or with an old counter, tells nothing; a stream of them is one fault."""
    paired(tmp_path)
    air = Air()
    async with running(made(tmp_path, air, role="front_door")) as heard:
        air.say(b"\x44\x00\x01\x2d\x01")
        air.say(message(6, b"\x2d\x01"))
        assert heard.data == []
        for n in range(5000):
            air.say(seal(n.to_bytes(2, "big"), ADDRESS, bytes(16), n), later_s=1)
        assert heard.data == [ContactFaulted(fault=UNPROVEN, count=3)]
        air.say(message(1001, b"\x2d\x01"))
        assert heard.data[1:] == [DoorOpened(), DeviceOnline()]


async def test_a_device_in_the_clear(tmp_path: Path) -> None:
    """A motion detector without a key works, and never writes."""
    air = Air()
    driver = made(tmp_path, air, role="motion", key=None, encrypted=False)
    async with running(driver) as heard:
        air.say(b"\x44\x00\x01\x21\x01")
        air.say(b"\x44\x00\x01\x21\x01")
        air.say(b"\x44\x00\x02\x21\x00")
        assert heard.data == [MotionDetected(), MotionCleared()]
    assert not files(tmp_path)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=30), st.sampled_from(["pendant", "motion", None]))
async def test_any_bytes_from_any_radio(noise: list[bytes], role: str | None) -> None:
    """From the device's own address or another: no exception, and a genuine press passes after."""
    air = Air()
    driver = made(Path("/nonexistent"), air, role=role)
    driver._guard = Guard(Marks(0))
    async with running(driver) as heard:
        for data in noise:
            air.say(data)
            air.say(data, address="11:22:33:44:55:66")
        before = len(heard.data)
        assert before <= 2, "noise is not worth more than one doubtful press and one fault"
        air.say(message(77))
        verified = [d for d in heard.data[before:] if getattr(d, "verified", False)]
        assert len(verified) == 1


async def test_no_memory_grows(tmp_path: Path) -> None:
    """Half a day of forged messages, each from another address or with another counter."""
    paired(tmp_path)
    air = Air()
    driver = made(tmp_path, air)
    async with running(driver):
        for n in range(1000):
            air.say(message(n, key=bytes(16)))
        with kept_memory() as kept:
            for n in range(5000):
                air.say(message(n, key=bytes(16)))
                air.say(b"\x41" + n.to_bytes(12, "big"), address=f"{n:012X}")
    assert kept[0] < 30_000
    assert driver.refused[Verdict.UNPROVEN] == 6000


async def test_a_radio_that_does_not_listen(tmp_path: Path, monkeypatch: Any) -> None:
    """`run` ends with why, so that a pendant nobody hears is a fault and not silence."""
    monkeypatch.setattr(bthome, "RADIO_CHECK_S", 0.01)
    air = Air()
    task = asyncio.create_task(made(tmp_path, air).run(Heard()))
    await asyncio.sleep(0.02)
    air.trouble = "the adapter is gone"
    with pytest.raises(DeviceUnavailable, match="adapter is gone"):
        await task
    assert not air.watchers


def test_secrets(tmp_path: Path) -> None:
    """Without its key a device does not run; a pendant never without encryption."""
    config = bthome.Config(address=ADDRESS)
    assert bthome.secret_name(config, "p1") == "bthome-p1"
    assert bthome.secret_name(bthome.Config(address=ADDRESS, secret="s"), "p1") == "s"
    assert bthome.secret_name(bthome.Config(address=ADDRESS, encrypted=False), "p1") is None
    with pytest.raises(SecretError, match="tryggve gateway pair it"):
        made(tmp_path, Air(), key=None)
    with pytest.raises(SecretError, match="no key of 32"):
        made(tmp_path, Air(), key=bytes(4))
    with pytest.raises(SecretError, match="must be encrypted"):
        made(tmp_path, Air(), encrypted=False)
    with pytest.raises(DeviceUnavailable, match="no Bluetooth"):
        made(tmp_path, None)
    with pytest.raises(ValidationError):
        bthome.Config(address="here")
    assert bthome.parse_key("00:01 02-03" + "0" * 24) == bytes([0, 1, 2, 3]) + bytes(12)
    assert bthome.parse_key("no key") is None


# --- pairing --------------------------------------------------------------------------------------


class Technician:
    """A `Guide` with answers ready."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.said: list[str] = []

    def __call__(self, text: str, /) -> None:
        self.said.append(text)

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        assert hidden, "a key is not shown while it is typed"
        return self.answers.pop(0)


async def test_pairing(tmp_path: Path) -> None:
    """A mistyped key is asked for again; the device proves it; key and counter are kept, so that
    what was heard while pairing is no press afterwards."""
    secrets = MemorySecrets()
    async with radio_home() as (radio, scanner):
        pendant = VirtualBthome(radio, address=ADDRESS, key=KEY)
        await pendant.start()
        parts = driver_context(
            "it", state_dir=tmp_path, secrets=secrets, scanner=scanner, role="pendant"
        )
        guide = Technician("not a key", KEY.hex(":").upper())
        config = bthome.Config(address=ADDRESS.lower())
        pairing = asyncio.create_task(bthome.pair(config, parts, guide))
        await until(lambda: len(guide.said) == 2)
        recorded = await pendant.press()
        await pairing
        assert secrets.kept == {"bthome-it": KEY.hex()}
        assert KEY.hex() not in " ".join(guide.said)
        assert "button 1" in guide.said[-2]
        assert "beacon mode" in guide.said[-1]
        async with running(bthome.Driver(config, parts)) as heard:
            await pendant.replay(recorded)
            await asyncio.sleep(0.1)
            assert heard.data == []
            await pendant.press()
            await until(lambda: presses(heard) == [GENUINE])
        await pendant.stop()


@pytest.mark.parametrize(
    ("sent", "error", "why"),
    [
        (message(5, key=bytes(16)), DeviceRefused, "does not fit"),
        (b"\x44\x3a\x01", DeviceRefused, "not encrypted"),
        (None, DeviceUnavailable, "was not heard; other BTHome devices: AA:AA"),
    ],
)
async def test_a_pairing_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes | None, error: Any, why: str
) -> None:
    """The sentence says what to do; nothing is kept."""
    monkeypatch.setattr(bthome, "PAIR_WAIT_S", 0.05)
    air, secrets = Air(), MemorySecrets()
    parts: Any = driver_context("it", state_dir=tmp_path, secrets=secrets, scanner=air)
    config = bthome.Config(address=ADDRESS)
    pairing = asyncio.create_task(bthome.pair(config, parts, Technician(KEY.hex())))
    await until(lambda: bool(air.watchers))
    air.say(message(6), address="AA:AA:AA:AA:AA:AA")
    if sent is not None:
        air.say(sent)
    with pytest.raises(error, match=why):
        await pairing
    assert not secrets.kept
    assert not files(tmp_path)
    assert not air.watchers


async def test_a_wrong_key_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pressed is not left to press for two minutes; a message of somebody else under the
    same address ends nothing, where the device's own comes too."""
    monkeypatch.setattr(bthome, "SURE_S", 0.05)
    for key, fits in ((bytes(16), False), (KEY, True)):
        air, secrets = Air(), MemorySecrets()
        parts: Any = driver_context("it", state_dir=tmp_path, secrets=secrets, scanner=air)
        config = bthome.Config(address=ADDRESS)
        pairing = asyncio.create_task(bthome.pair(config, parts, Technician(KEY.hex())))
        await until(lambda air=air: bool(air.watchers))
        air.say(message(5, key=bytes(16)))
        air.say(message(6, key=key))
        async with asyncio.timeout(60):
            if fits:
                await pairing
            else:
                with pytest.raises(DeviceRefused, match="does not fit"):
                    await pairing
        assert bool(secrets.kept) is fits
        assert not air.watchers


async def test_no_key_no_pairing(tmp_path: Path) -> None:
    """After three mistyped keys it ends."""
    parts: Any = driver_context("it", state_dir=tmp_path, scanner=Air())
    with pytest.raises(DeviceRefused, match="no bind key"):
        await bthome.pair(bthome.Config(address=ADDRESS), parts, Technician("a", "b", "c"))
