"""A BTHome v2 device (kind `bthome`): pendant, button, door, window, motion, moisture, temperature.

The device speaks in advertisements and is never connected to.  What it tells follows from what it
sends; with `role = "pendant"` a press is `pendant.pressed`, told in the very callback that heard
it.  Encrypted devices need their bind key (the secret `bthome-<id>`, kept by `tryggve gateway
pair`), and a pendant must be one.  The highest counter is kept on disk, so that a replay is refused
after a restart too: written whenever a message told something, in a thread, after the telling.  A
power cut between the two lets one message tell twice; the other order could lose a press.

What a press means that cannot be proved genuine: `bthome_replay_guard`.  After a change of battery
pair again.  Nothing is kept of any other address.  What only a real device can show:
docs/hardware.md.  Not for: what a reading means.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers import _state_file
from drivers.radio import bthome_decode as decoder
from drivers.radio import bthome_events as words
from drivers.radio import bthome_quirks
from drivers.radio.bthome_decode import Packet, Problem
from drivers.radio.bthome_events import Words
from drivers.radio.bthome_replay_guard import Guard, Marks, Verdict
from drivers.radio.listening import scanner_of
from gateway.errors import DeviceRefused, DeviceUnavailable, RadioAway, SecretError
from gateway.events import ContactFault, ContactFaulted, Data, DeviceOnline
from gateway.ports import Advert, DriverContext, Emit, Guide, Scanner

log = logging.getLogger(__name__)

KIND = "sensor"
NEEDS_PINS = False
NEEDS_RADIO = True

RADIO_CHECK_S = 2.0
"""Seconds between looks at whether the radio still listens."""

UNPROVEN_AFTER = 3
"""Messages that cannot be proved until the device is called unproven: one may be a stranger's."""

UNPROVEN_EVERY_S = 6 * 3600.0
"""Seconds until that is told again; a forger in range must not fill the log."""

PAIR_WAIT_S = 120.0
"""Seconds for the technician to make the device send."""

SURE_S = 8.0
"""Seconds for a message that can be read, after one that cannot: whoever pressed presses again.
Then it is told, and nobody waits for a wrong key."""

KEY_TRIES = 3
"""How often a mistyped key may be typed again."""

HEARD_MAX = 8
"""Other devices that are named when the right one was not heard."""


class Config(BaseModel):
    """`[devices.<id>]` with `driver = "bthome"`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")
    """The device's Bluetooth address: on its label, in the maker's app, or named by pairing."""
    encrypted: bool = True
    """False: the device sends in the clear, and anybody can forge it.  Never for a pendant."""
    secret: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the secret that holds the bind key; `bthome-<id>` when left out."""
    quirks: Annotated[
        tuple[str, ...], AfterValidator(bthome_quirks.known), Field(max_length=5)
    ] = ()
    """What this device says differently, see docs/drivers.md."""


def secret_name(config: Config, device: str) -> str | None:
    """The secret that holds the bind key (32 hexadecimal digits); None for one without a key."""
    return (config.secret or f"bthome-{device}") if config.encrypted else None


class MarksFile:
    """The counters of one device, on disk.  `key` ties them to the bind key: another key begins
    anew."""

    NAME = "counter.json"

    def __init__(self, folder: Path, key: bytes | None) -> None:
        self._path = folder / self.NAME
        self._key = hashlib.sha256(key or b"").hexdigest()[:16]
        self.saved: Marks | None = None

    def load(self) -> Marks | None:
        """What was kept; None when nothing was, or nothing that fits and can be read."""
        kept = _state_file.load(self._path)
        try:
            if kept is None or kept["key"] != self._key:
                return None
            self.saved = Marks(_count(kept["counter"]), _count(kept["doubt"]))
        except (ValueError, KeyError):
            return None
        return self.saved

    def save(self, marks: Marks) -> None:
        """Keep `marks`: on disk when it returns.  Raises `OSError`."""
        kept = {"key": self._key, "counter": marks.counter, "doubt": marks.doubt}
        _state_file.save(self._path, kept)
        self.saved = marks


def _count(value: object) -> int | None:
    if value is None or (type(value) is int and 0 <= value < 2**32):
        return value
    raise ValueError("no counter")


class Driver:
    """One device (`gateway.ports.Sensor`).  Raises `SecretError` when its key is missing or is no
    key, `DeviceUnavailable` without a scanner."""

    refused: Counter[Verdict]
    """Messages that were not believed or said nothing, since the start."""

    def __init__(self, config: Config, context: DriverContext) -> None:
        self._scanner = scanner_of(context)
        self._address = config.address.upper()
        self._role = context.role
        self._quirks = config.quirks
        self._key = _read_key(config, context)
        self._file = MarksFile(context.state_dir, self._key)
        marks = self._file.load()
        known = self._key is None or marks is not None
        self._guard = Guard(marks, known=known)
        self._words = Words(context.role)
        self.refused = Counter()
        self._unproven = 0
        self._unproven_data: bytes | None = None
        self._unproven_s: float | None = None
        self._ailing = False
        self._keeper = _state_file.Keeper(context.device)

    async def run(self, emit: Emit) -> None:
        """See `gateway.ports.Sensor`.  Raises `DeviceUnavailable` while the radio does not listen.

        What was told before this run is told again: a run is a new beginning for the state.
        """
        self._words = Words(self._role)

        def on_advert(advert: Advert) -> None:
            if advert.address == self._address:
                data = advert.service_data.get(decoder.SERVICE)
                if data is not None:
                    self._take(data, advert.heard_s, emit)

        stop = self._scanner.watch(on_advert)
        try:
            while True:
                if (problem := self._scanner.problem()) is not None:
                    raise RadioAway(problem)
                await asyncio.sleep(RADIO_CHECK_S)
        finally:
            stop()
            self._keeper.put(self._save)
            self._keeper.settle()

    async def close(self) -> None:
        """See `gateway.ports.Sensor`."""

    def _take(self, data: bytes, now_s: float, emit: Emit) -> None:
        """One message, in the callback that heard it."""
        found = decoder.decode(data, self._address, self._key)
        verdict = self._guard.judge(found, data, now_s, encrypted=self._key is not None)
        if verdict is Verdict.FRESH and isinstance(found, Packet):
            told = self._words.say(bthome_quirks.read(found, self._quirks), now_s)
            self._unproven = 0
            if self._ailing:
                self._ailing = False
                told.append(DeviceOnline())
        else:
            self.refused[verdict] += 1
            told = []
            if verdict in (Verdict.STALE, Verdict.UNPROVEN):
                told = self._in_doubt(found, data, now_s)
        for event in told:
            emit(event)
        if told:
            self._keeper.put(self._save)

    def _in_doubt(self, found: Packet | Problem, data: bytes, now_s: float) -> list[Data]:
        """What follows from a message that cannot be proved: a press counts all the same."""
        new = data != self._unproven_data
        self._unproven_data = data
        self._unproven += new
        # What a pendant says that cannot be read may be a press.
        packet = found if isinstance(found, Packet) else None
        press = self._role == words.PENDANT if packet is None else bool(words.presses(packet))
        told: list[Data] = []
        if press and self._guard.doubtful(found, data, now_s):
            told += self._words.doubtful(packet)
        again = self._unproven_s is None or now_s - self._unproven_s >= UNPROVEN_EVERY_S
        if again and (told or self._unproven >= UNPROVEN_AFTER):
            self._unproven_s, self._ailing = now_s, True
            told.append(ContactFaulted(fault=ContactFault.UNPROVEN, count=self._unproven))
        return told

    def _save(self) -> None:
        """Keep the marks, in the keeper's thread.  A disk that refuses or hangs costs the memory of
        replays, never a press."""
        if self._key is not None and self._guard.marks != self._file.saved:
            self._file.save(self._guard.marks)


def knows(advert: Advert) -> bool | None:
    """Whether it waits to be paired: a BTHome device never says so.  None: it is none."""
    return False if decoder.SERVICE in advert.service_data else None


def parse_key(text: str) -> bytes | None:
    """A bind key as somebody typed it: 32 hexadecimal digits, spaces, colons and dashes do not
    matter.  None when it is none."""
    plain = "".join(text.split()).replace(":", "").replace("-", "")
    try:
        key = bytes.fromhex(plain)
    except ValueError:
        return None
    return key if len(key) == decoder.KEY_BYTES else None


def _read_key(config: Config, context: DriverContext) -> bytes | None:
    name = secret_name(config, context.device)
    if name is None:
        if context.role == words.PENDANT:
            raise SecretError(
                f"{context.device} is a pendant and must be encrypted: remove encrypted = false, "
                f"and run `tryggve gateway pair {context.device}`."
            )
        return None
    advice = f"pair the device with `tryggve gateway pair {context.device}`."
    try:
        key = parse_key(context.secrets.read(name))
    except SecretError as error:
        raise SecretError(f"{error.text.rstrip('.')}; {advice}") from error
    if key is None:
        raise SecretError(f"the secret {name} is no key of 32 hexadecimal digits; {advice}")
    return key


async def pair(config: Config, context: DriverContext, guide: Guide) -> None:
    """Take a device's bind key, prove it on what the device sends, and keep key and counter.

    Raises `DeviceUnavailable` when the device is not heard, `DeviceRefused` when the key does not
    fit.
    """
    scanner = scanner_of(context)
    name = secret_name(config, context.device)
    key = None if name is None else await _ask_key(guide)
    guide("Make the device send: press its button, open the door, or move before it.")
    packet = await _hear(scanner, config.address.upper(), key)
    if name is not None and key is not None:
        context.secrets.write(name, key.hex())
        MarksFile(context.state_dir, key).save(Marks(packet.counter))
    seen = ", ".join(f"{r.name} {r.value!r}" for r in packet.readings) or "nothing that we know"
    guide(f"Heard: {seen}.")
    if context.role == words.PENDANT:
        guide(
            "If its app has a beacon mode, switch it on: without it nobody can tell a pendant that "
            "is lost or dead from one that is not pressed, and it is called silent after a day."
        )


async def _ask_key(guide: Guide) -> bytes:
    for _ in range(KEY_TRIES):
        text = await guide.ask(
            "Bind key, from the maker's app (32 hexadecimal digits):", hidden=True
        )
        if (key := parse_key(text)) is not None:
            return key
        guide("That is no key: it has 32 digits, 0-9 and a-f.")
    raise DeviceRefused("no bind key was given; find it in the maker's app", why="no_key")


async def _hear(scanner: Scanner, address: str, key: bytes | None) -> Packet:
    """The first message of `address` that `key` opens."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[Packet] = loop.create_future()
    limit = asyncio.timeout(PAIR_WAIT_S)
    others: dict[str, str] = {}
    problems: set[Problem | str] = set()

    def on_advert(advert: Advert) -> None:
        data = advert.service_data.get(decoder.SERVICE)
        if data is None:
            return
        if advert.address != address:
            if len(others) < HEARD_MAX:
                others.setdefault(advert.address, advert.name or "no name")
            return
        found = decoder.decode(data, address, key)
        if isinstance(found, Packet) and (key is None or found.counter is not None):
            if not heard.done():
                heard.set_result(found)
        elif found is not Problem.NO_BTHOME:
            if not problems and not limit.expired():
                limit.reschedule(loop.time() + SURE_S)
            problems.add("plain" if isinstance(found, Packet) else found)

    try:
        async with limit:
            stop = scanner.watch(on_advert)
            try:
                return await heard
            finally:
                stop()
    except TimeoutError as error:
        raise _not_heard(address, problems, others, scanner.problem()) from error


def _not_heard(
    address: str, problems: set[Problem | str], others: dict[str, str], radio: str | None
) -> DeviceRefused | DeviceUnavailable:
    if Problem.FORGED in problems:
        return DeviceRefused(f"{address} is heard, and this key does not fit it", why="wrong_key")
    if "plain" in problems:
        text = f"{address} is not encrypted; switch its encryption on in the maker's app"
        return DeviceRefused(text, why="not_encrypted")
    if Problem.LOCKED in problems:
        text = f"{address} is encrypted; remove encrypted = false from its table"
        return DeviceRefused(text, why="encrypted")
    near = ", ".join(f"{other} ({name})" for other, name in others.items()) or "none"
    return DeviceUnavailable(radio or f"{address} was not heard; other BTHome devices: {near}")
