"""The BTHome driver over the virtual radio, and its pieces with time that arrives as numbers."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers import _bthome_guard, bthome
from drivers._bthome_decode import SERVICE, Packet, Problem, decode, seal
from drivers._bthome_guard import Guard, Marks, Verdict
from drivers._bthome_words import Words
from drivers.scanner import SharedScanner
from drivers.virtual import VirtualBthome, VirtualRadio, virtual_home_radio
from gateway.errors import DeviceRefused, DeviceUnavailable, SecretError
from gateway.events import (
    BatteryLow,
    BatteryOk,
    ButtonPressed,
    ContactChanged,
    ContactFault,
    ContactFaulted,
    Data,
    DeviceHeard,
    DeviceOnline,
    DoorClosed,
    DoorOpened,
    MoistureCleared,
    MoistureDetected,
    MotionCleared,
    MotionDetected,
    PendantPressed,
    TemperatureMeasured,
)
from gateway.ports import Advert
from tests.drivers.parts import Heard, MemorySecrets, bench, until
from tests.drivers.twins import KEY

ADDRESS = "E8:E0:7E:00:00:01"
GENUINE, DOUBTFUL = PendantPressed(verified=True), PendantPressed(verified=False)
UNPROVEN = ContactFault.UNPROVEN


# --- what a reading says --------------------------------------------------------------------------


def say(words: Words, objects: str, now_s: float = 0.0) -> list[Data]:
    """What is told of a message with these objects."""
    packet = decode(b"\x44" + bytes.fromhex(objects), ADDRESS, None)
    assert isinstance(packet, Packet)
    assert packet.whole
    return words.say(packet, now_s)


@pytest.mark.parametrize(
    ("on", "off", "told"),
    [
        ("1a01", "1a00", (DoorOpened(), DoorClosed())),
        ("2d01", "2d00", (DoorOpened(), DoorClosed())),
        ("1101", "1100", (DoorOpened(), DoorClosed())),
        ("2101", "2100", (MotionDetected(), MotionCleared())),
        ("2301", "2300", (MotionDetected(), MotionCleared())),
        ("2501", "2500", (MotionDetected(), MotionCleared())),
        ("2001", "2000", (MoistureDetected(), MoistureCleared())),
        ("2c01", "2c00", (ContactChanged(on=True), ContactChanged(on=False))),
        ("1501", "1500", (BatteryLow(), BatteryOk())),
        ("010f", "0164", (BatteryLow(level_pct=15), BatteryOk(level_pct=100))),
        ("2b01", "2b00", (ContactFaulted(fault=ContactFault.TAMPERED), DeviceOnline())),
    ],
)
def test_on_and_off(on: str, off: str, told: tuple[Data, Data]) -> None:
    """Each change is told once, whatever is repeated."""
    words = Words(None)
    assert say(words, on) == [told[0]]
    assert say(words, on) == []
    assert say(words, off) == [told[1]]
    assert say(words, off) == []
    assert say(words, on) == [told[0]]


@pytest.mark.parametrize("role", ["pendant", "button", None])
@pytest.mark.parametrize("kind", ["01", "02", "03", "04", "80", "fe", "77"])
def test_any_kind_of_press_is_a_press(role: str | None, kind: str) -> None:
    """Once, twice, long, held, and kinds that nobody knows yet; by what the device is for."""
    words = Words(role)
    press = GENUINE if role == "pendant" else ButtonPressed()
    assert say(words, "3a" + kind) == [press]
    assert say(words, "3a" + kind) == [press]
    assert say(words, "3a003a003a003a" + kind) == [press], "one of four buttons"
    assert say(words, "3a00") == []


def test_a_press_comes_before_anything_else() -> None:
    """Also when the same message tells of a battery and a temperature."""
    assert say(Words("pendant"), "010545df003a01")[0] == GENUINE


def test_battery_has_hysteresis() -> None:
    """Between low and well nothing is told, in either direction."""
    words = Words(None)
    told = [say(words, f"01{pct:02x}") for pct in (60, 20, 15, 16, 20, 24, 25, 15)]
    assert [data for one in told for data in one if not isinstance(data, DeviceHeard)] == [
        BatteryOk(level_pct=60),
        BatteryLow(level_pct=15),
        BatteryOk(level_pct=25),
        BatteryLow(level_pct=15),
    ]


def test_temperature_is_told_by_half_degrees_and_each_hour() -> None:
    """In between a message says nothing."""
    words = Words(None)
    assert say(words, "45dc00", 0) == [TemperatureMeasured(celsius=22.0)]
    assert say(words, "45e000", 60) == []
    assert say(words, "45e100", 120) == [TemperatureMeasured(celsius=22.5)]
    assert say(words, "45e100", 119 + 3600) == []
    assert say(words, "45e100", 120 + 3600) == [TemperatureMeasured(celsius=22.5)]
    assert say(words, "026af6", 4000) == [TemperatureMeasured(celsius=-24.54)]


def test_motion_that_goes_on_is_told_again() -> None:
    """The message that it ended may be lost: the next one counts, not more than two a minute."""
    words = Words(None)
    told = [data for now_s in range(0, 121, 5) for data in say(words, "2101", now_s)]
    assert told == [MotionDetected()] * 5


def test_signs_of_life() -> None:
    """A device that has nothing to say is heard once in six hours; one that speaks is not."""
    words = Words(None)
    told = [(now_s, data) for now_s in range(0, 86_401, 600) for data in say(words, "2e32", now_s)]
    assert told == [(n * 21_600, DeviceHeard()) for n in range(5)]


# --- replays and repeats --------------------------------------------------------------------------


class Pendant:
    """A guard and what was made of each message."""

    def __init__(self, marks: Marks | None = Marks(100), *, known: bool = True) -> None:  # noqa: B008
        self.guard = Guard(marks, known=known)

    def hear(self, counter: int, now_s: float, packet_id: int | None = None) -> Verdict:
        data = self.message(counter, packet_id)
        return self.guard.judge(decode(data, ADDRESS, KEY), data, now_s, encrypted=True)

    def doubt(self, counter: int, now_s: float, key: bytes = KEY) -> bool:
        data = self.message(counter, key=key)
        return self.guard.doubtful(decode(data, ADDRESS, KEY), data, now_s)

    @staticmethod
    def message(counter: int, packet_id: int | None = None, key: bytes = KEY) -> bytes:
        head = b"" if packet_id is None else bytes([0, packet_id])
        return seal(head + b"\x3a\x01", ADDRESS, key, counter)


def test_counters_only_rise() -> None:
    """Above is fresh, the same is a repeat for ever, below is stale."""
    pendant = Pendant()
    assert [pendant.hear(c, c) for c in (101, 101, 105, 105, 104, 100, 106)] == [
        *(Verdict.FRESH, Verdict.REPEAT, Verdict.FRESH, Verdict.REPEAT),
        *(Verdict.STALE, Verdict.STALE, Verdict.FRESH),
    ]
    assert pendant.hear(106, 1e6) is Verdict.REPEAT
    assert pendant.hear(2**32 - 1, 1e6) is Verdict.FRESH


def test_one_press_in_several_messages_is_one() -> None:
    """A device that counts each repeat: the packet id tells; the next press is another."""
    pendant = Pendant()
    told = [pendant.hear(101 + n, n / 10, packet_id=7) for n in range(20)]
    assert told == [Verdict.FRESH] + [Verdict.REPEAT] * 19
    assert pendant.hear(200, 3, packet_id=8) is Verdict.FRESH
    assert pendant.hear(201, 4, packet_id=3) is Verdict.FRESH, "the counter proves that it is new"
    assert pendant.hear(202, 4 + 61, packet_id=3) is Verdict.FRESH, "a device without packet ids"


def test_lost_marks_make_the_first_message_doubtful() -> None:
    """It cannot be told from a replay; from then on the counter is known again."""
    pendant = Pendant(None, known=False)
    assert pendant.hear(500, 1) is Verdict.UNPROVEN
    assert pendant.hear(500, 2) is Verdict.REPEAT
    assert pendant.hear(501, 3) is Verdict.FRESH


def test_a_replayed_press_counts_once() -> None:
    """The same bytes not again while they are heard; each recorded one once, one a minute."""
    pendant = Pendant()
    assert pendant.doubt(50, 0)
    assert not any(pendant.doubt(50, now_s) for now_s in range(1, 100_000, 50))
    assert not pendant.doubt(60, 59), "one a minute"
    assert pendant.doubt(61, 61)
    assert not pendant.doubt(40, 61 + 299), "an older one: one in five minutes"
    assert pendant.doubt(41, 61 + 300)


def test_a_storm_of_replays_is_bounded() -> None:
    """A thousand recorded presses sent in every order for a day: a genuine press passes all the
    same, and doubtful ones stay within the stated bounds."""
    pendant = Pendant(Marks(10_000))
    counted = 0
    for now_s in range(0, 86_400, 10):
        counted += pendant.doubt((now_s * 7919) % 10_000, now_s)
    assert counted <= 86_400 / _bthome_guard.OLD_DOUBT_S + 50
    assert pendant.hear(10_001, 86_400) is Verdict.FRESH


def test_a_pendant_with_a_new_battery_is_never_silent() -> None:
    """Its counter began anew and counts up: each press, a minute apart, counts, unverified; after
    the next change of battery, or with one that sits loose, five minutes apart."""
    pendant = Pendant(Marks(5000))
    for life, apart_s in enumerate((61, 301, 301)):
        for n in range(20):
            now_s = life * 10_000.0 + n * apart_s
            assert pendant.hear(10 + n, now_s) is Verdict.STALE
            assert pendant.doubt(10 + n, now_s)
    assert [pendant.doubt(5, 50_000 + n * 901) for n in range(5)] == [True] * 5


def test_a_wrong_key_counts_every_five_minutes() -> None:
    """What cannot be read may be a press."""
    pendant = Pendant()
    other = bytes(16)
    counted = [now_s for now_s in range(0, 1200, 20) if pendant.doubt(now_s, now_s, key=other)]
    assert counted == [0, 300, 600, 900]


def test_without_encryption_packet_ids_tell_repeats() -> None:
    """The same id is never new, one a little older is not either; the same bytes without an id are
    one message for four seconds."""
    guard = Guard()

    def hear(objects: str, now_s: float) -> Verdict:
        data = b"\x44" + bytes.fromhex(objects)
        return guard.judge(decode(data, ADDRESS, None), data, now_s, encrypted=False)

    fresh, repeat = Verdict.FRESH, Verdict.REPEAT
    assert hear("0007", 0) is fresh
    assert hear("0007", 9999) is repeat
    assert hear("0006", 10) is repeat
    assert [hear(f"00{n % 256:02x}", n) for n in range(8, 600)] == [fresh] * 592
    assert [hear("3a01", n) for n in (1000, 1001, 1003, 1008)] == [fresh, repeat, repeat, fresh]
    assert guard.judge(Problem.LOCKED, b"", 0, encrypted=False) is Verdict.NOISE
    assert guard.judge(Problem.NO_BTHOME, b"", 0, encrypted=True) is Verdict.NOISE


# --- the driver -----------------------------------------------------------------------------------


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
    parts = bench("it", state_dir=folder, secrets=secrets, scanner=scanner, role=role)
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
    "data",
    [
        message(2000, key=bytes(16)),
        b"\x44\x00\x01\x3a\x01",
        message(5),
    ],
    ids=["wrong key", "not encrypted", "old counter"],
)
async def test_in_doubt_a_press_counts(tmp_path: Path, data: bytes) -> None:
    """Marked unverified, and the technician hears that the pendant must be paired again."""
    paired(tmp_path)
    air = Air()
    async with running(made(tmp_path, air)) as heard:
        air.say(data)
        assert heard.data == [DOUBTFUL, ContactFaulted(fault=UNPROVEN)]
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
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for n in range(5000):
                air.say(message(n, key=bytes(16)))
                air.say(b"\x41" + n.to_bytes(12, "big"), address=f"{n:012X}")
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 30_000
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
        parts = bench("it", state_dir=tmp_path, secrets=secrets, scanner=scanner, role="pendant")
        guide = Technician("not a key", KEY.hex(":").upper())
        config = bthome.Config(address=ADDRESS.lower())
        pairing = asyncio.create_task(bthome.pair(config, parts, guide))
        await until(lambda: len(guide.said) == 2)
        recorded = await pendant.press()
        await pairing
        assert secrets.kept == {"bthome-it": KEY.hex()}
        assert KEY.hex() not in " ".join(guide.said)
        assert "button 1" in guide.said[-1]
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
    parts: Any = bench("it", state_dir=tmp_path, secrets=secrets, scanner=air)
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


async def test_no_key_no_pairing(tmp_path: Path) -> None:
    """After three mistyped keys it ends."""
    parts: Any = bench("it", state_dir=tmp_path, scanner=Air())
    with pytest.raises(DeviceRefused, match="no bind key"):
        await bthome.pair(bthome.Config(address=ADDRESS), parts, Technician("a", "b", "c"))
