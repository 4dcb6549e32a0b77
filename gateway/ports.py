"""The seams between the home's runtime and the hardware: what a driver is.

A driver is one file, `drivers/<name>.py`, with a `Config` (pydantic, unknown keys refused) and a
`Driver`.  A driver imports nothing of the gateway but `events`, `ports` and `errors`.

Not for: what the readings mean (rules) or who may turn a lock (access).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gateway.events import Data, LockOperationOutcome, LockOperationStep, PictureKind


class Emit(Protocol):
    """How a driver tells what it saw.  May be called from any thread; never blocks and never
    raises; the moment of the call is the event's time."""

    def __call__(self, data: Data, /) -> None: ...


class Secrets(Protocol):
    """The home's secrets: systemd credentials or files with mode 0600."""

    def read(self, name: str) -> str:
        """The secret, stripped of white space at its ends.  Raises `SecretError`."""

    def write(self, name: str, value: str) -> None:
        """Keep a secret (mode 0600), replacing an older one."""


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver is given beside its own configuration.

    `device` is its id; `state_dir` a folder of its own for counters and the like; `pin_factory` the
    gpiozero factory chosen in the configuration (None when the home has no pins), `scanner` the one
    shared Bluetooth scanner (None when no device needs it); `role` what the device is for
    (`pendant`, `button`, …), None when not said.
    """

    device: str
    state_dir: Path
    secrets: Secrets
    pin_factory: Any = None
    scanner: Scanner | None = None
    role: str | None = None


class Level(StrEnum):
    """A reading.  Unknown is a value, never a guess."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


@runtime_checkable
class Sensor(Protocol):
    """A device that tells what it sees."""

    async def run(self, emit: Emit) -> None:
        """Tell the present state once, then each change, until cancelled.

        Raises `DeviceError` when it cannot go on; it is started again with growing pauses.
        """

    async def close(self) -> None:
        """Give back pins and radios.  May be called twice, and after a failed `run`."""


@runtime_checkable
class Indicator(Protocol):
    """A light or a tone for the person in the home."""

    async def set(self, on: bool) -> None:
        """Begin or end.  Also before `run` and after a fault: the last word holds as soon as the
        device can be had.  Raises `DeviceError` when it cannot be had now."""

    async def run(self, emit: Emit) -> None:
        """Keep it as it was set; `device.online` first.  Until cancelled, dark at the end."""

    async def close(self) -> None:
        """Dark; give the pins back.  May be called twice."""


class Signal(StrEnum):
    """What the resident is told by a sound."""

    RAISED = "raised"
    """The home has the alarm, and tells it on."""
    TAKEN = "taken"
    """A person has taken the alarm."""
    LISTENING = "listening"
    """From now on somebody hears the home."""
    LISTENED = "listened"
    """Nobody hears the home any more."""


@dataclass(frozen=True, slots=True)
class SoundPlace:
    """Where a call finds the home's sound.  `kind`: `card`, the names are PortAudio's ("" the usual
    ones); `files`, they are paths.  `echo_cancelled`: what the speaker plays does not come back by
    the microphone, so that both may speak at once."""

    kind: str
    microphone: str
    speaker: str
    echo_cancelled: bool


@runtime_checkable
class Speaker(Protocol):
    """A speaker with a microphone."""

    async def play(self, signal: Signal) -> None:
        """Return when it has been heard.  Raises `DeviceError`; within `SIGNAL_MAX_S`."""

    def place(self) -> SoundPlace:
        """Where a call finds its sound."""

    async def run(self, emit: Emit) -> None:
        """`device.online` once it is there; until cancelled.  Raises `DeviceError`."""

    async def close(self) -> None:
        """Silence.  May be called twice."""


SIGNAL_MAX_S = 10.0
"""Seconds that a sound for the resident may take: the longest sentence takes four."""


class Form(StrEnum):
    """In which form a camera gives its pictures."""

    FRAMES = "frames"
    """I420: the planes Y, U and V, packed without padding; width and height are even."""
    PACKETS = "packets"
    """H264 as Annex B, one picture each, constrained baseline; before each key picture its SPS and
    PPS."""
    JPEG = "jpeg"
    """One file each, `JPEG_MAX_BYTES` at the most."""


JPEG_MAX_BYTES = 100_000
"""Of a picture for the blind relay, which carries four a second over a slow line."""

SHUTTER_MAX_S = 3.0
"""Seconds that a shutter may take: a servo takes half of one."""

EYE_SILENT_S = 2.0
"""Seconds that an open camera may be without a picture; the first may take as long."""


class Shutter(StrEnum):
    """What stands before a camera.  Unknown is a value, never a guess."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"
    """It cannot be read back, or does not answer."""
    NONE = "none"
    """The camera has none."""


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """Where the process of a look finds the camera: it imports `module` (`drivers.<name>`), which
    has `open_eye`, and hands it `settings`.  `forms` are what the camera gives, the best first;
    JPEG is among them.  `picture` is what it shows of the room: nothing else leaves the eye."""

    module: str
    settings: Mapping[str, str | int | float | bool | None]
    forms: tuple[Form, ...]
    picture: PictureKind


@runtime_checkable
class Camera(Protocol):
    """A camera, as the gateway has it: it never opens it.  Its module also has, for the process of
    a look, `open_eye(settings, form) -> Eye`, which blocks; `DeviceUnavailable`: the camera is not
    there, `DeviceRefused` with `why="busy"`: another program has it."""

    async def run(self, emit: Emit) -> None:
        """The shutter shut first; then `device.online` once the camera is there, which is looked
        for and not opened; until cancelled.  Raises `DeviceError`."""

    def place(self) -> CameraPlace:
        """Where a look finds it."""

    async def open_shutter(self) -> None:
        """Return when the shutter is open, read back where the hardware can; at once where there is
        none.  Within `SHUTTER_MAX_S`; raises `DeviceError`."""

    async def shut(self) -> None:
        """Shut it; otherwise as `open_shutter`.  May be called twice."""

    async def shutter(self) -> Shutter:
        """What the shutter is now, as read."""

    async def close(self) -> None:
        """Shut; give everything back.  May be called twice."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture.  `key` False: a packet that needs the one before."""

    form: Form
    data: bytes
    width: int
    height: int
    key: bool = True


class Eye(Protocol):
    """An open camera, in the process of a look and nowhere else.  It keeps its own pace, some ten
    pictures a second."""

    def read(self) -> Shot:
        """The next picture; waits for it, in a thread, `EYE_SILENT_S` at the most.  Raises
        `DeviceUnavailable`."""

    def want_key(self) -> None:
        """The next packet is to be a key picture.  Any thread; nothing in other forms."""

    def close(self) -> None:
        """Give the camera back.  Any thread, also while `read` waits, which then raises; may be
        called twice."""


class Bolt(StrEnum):
    """Where a lock's bolt is, as the lock itself reported it."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    JAMMED = "jammed"
    MOVING = "moving"
    UNKNOWN = "unknown"
    """Nobody knows: no answer, not calibrated, or an answer that means nothing."""


@dataclass(frozen=True, slots=True)
class LockStatus:
    """What a lock told of itself.  `battery_pct` None: not told; `battery_low` None: not told;
    `door_open` None: the lock has no door sensor.  `answered` False: it told nothing."""

    bolt: Bolt
    battery_pct: int | None = None
    battery_low: bool | None = None
    door_open: bool | None = None
    answered: bool = True


@dataclass(frozen=True, slots=True)
class LockResult:
    """How a lock operation ended.  `bolt` is what the lock reported last; `why` is a word of
    `gateway.events.LockOperationEnded.why`, None when done."""

    outcome: LockOperationOutcome
    bolt: Bolt
    why: str | None = None

    @property
    def not_reached(self) -> bool:
        """Whether the lock was never told to turn: it slept, or the radio did not get there."""
        failed = self.outcome is LockOperationOutcome.FAILED
        return (
            failed and self.bolt is Bolt.UNKNOWN and self.why in ("asleep", "unreachable", "radio")
        )


OnStep = Callable[[LockOperationStep], None]


@runtime_checkable
class Lock(Protocol):
    """A door lock.  One operation at a time; each ends within its own deadline whatever the radio
    does; a command that may have reached the lock is never sent a second time."""

    async def run(self, emit: Emit) -> None:
        """Watch the lock between operations: `lock.asleep`, `lock.awake`, battery, and changes that
        somebody made by hand.  Until cancelled."""

    async def status(self) -> LockStatus:
        """Ask the lock.  `Bolt.UNKNOWN` when it does not answer; never an older answer."""

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """Open the bolt.  Waits up to `wake_s` (real seconds) for a sleeping lock to wake, then at
        most its own operation deadline.  Never raises `DeviceError`: that is a `LockResult` too."""

    async def lock(self, on_step: OnStep, wake_s: float) -> LockResult:
        """Shut the bolt; otherwise as `unlock`."""

    async def close(self) -> None:
        """Drop the connection.  May be called twice."""


@dataclass(frozen=True, slots=True)
class Advert:
    """One Bluetooth advertisement.  `heard_s` is `time.monotonic()`; `device` is bleak's
    `BLEDevice`, to connect to."""

    address: str
    name: str | None
    rssi: int
    manufacturer_data: dict[int, bytes]
    service_data: dict[str, bytes]
    service_uuids: tuple[str, ...]
    device: Any
    heard_s: float


class Scanner(Protocol):
    """The one scanner that all Bluetooth drivers share."""

    def watch(self, on_advert: Callable[[Advert], None]) -> Callable[[], None]:
        """Call `on_advert` (in the event loop) for each advertisement; returns how to stop."""

    def last(self, address: str) -> Advert | None:
        """The newest advertisement of `address`, however old; None when never heard."""

    def connecting(self) -> Any:
        """An async context manager to hold while connecting: one attempt at a time per adapter."""

    def problem(self) -> str | None:
        """Why the radio does not listen now, one sentence; None while it does.  Without it a device
        that is merely not heard would be called asleep."""

    def since_s(self) -> float:
        """Since when (`time.monotonic()`) it has listened without a break; infinite while it does
        not.  What was heard before says nothing of now, and cannot be connected to."""


Say = Callable[[str], None]
"""Shows a technician one sentence.  A driver that pairs has `async def pair(config, context, say)`:
it guides the technician, keeps what the device gave through `context.secrets`, and raises
`DeviceError` when the device would not."""


class Guide(Protocol):
    """The technician at the command line: a `Say` that can also ask."""

    def __call__(self, text: str, /) -> None:
        """Show one sentence."""

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        """What the technician answers, stripped; with `hidden` nothing shows while typing.  Raises
        `UserError` when nobody can answer."""


@dataclass(frozen=True, slots=True)
class ModemState:
    """The Pi's modem now.  `problem` is `no_modem`, `locked` or `no_network`; None: it can send.
    `signal_pct` None: not told."""

    problem: str | None
    signal_pct: int | None = None


@dataclass(frozen=True, slots=True)
class ModemReport:
    """What became of the message that `Modem.send` called `reference`: it came, or never will."""

    reference: int
    came: bool


class Modem(Protocol):
    """Text messages.  Every call in the event loop that made it."""

    async def start(
        self, on_text: Callable[[str, str], None], on_report: Callable[[ModemReport], None]
    ) -> None:
        """Listen: `on_text(number, text)` for each message that comes in, `on_report` for each
        delivery report.  Returns once it listens, or once it is known that it cannot yet."""

    async def stop(self) -> None:
        """Listen no more.  May be called twice, and without `start`."""

    async def state(self) -> ModemState:
        """How it is now; never raises."""

    async def send(self, number: str, text: str) -> int:
        """Send a message; returns what its delivery report will be called by.  Raises
        `DeviceUnavailable` and `DeviceRefused`, each with `why` among its data."""
