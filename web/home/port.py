"""The one seam between the page that the Pi serves and the gateway that it shows.

Plain frozen dataclasses; every method may be called from any thread and answers from memory, except
`self_test`, which may take `SELF_TEST_MAX_S`, and `enter_code` and `prove`, the only ones that turn
a lock.

Not for: how the gateway finds this out (`gateway.app.home`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gateway.installs.nearby import Near
from gateway.installs.trial import Trial

SELF_TEST_MAX_S = 40.0
"""Seconds that a self-test may take: a sleeping lock is given its operation's deadline (25 s), and
the rest its own; longer, and whoever stands there thinks that it hangs."""


class Health(StrEnum):
    """How a device, or a part of the home, is."""

    OK = "ok"
    WARN = "warn"
    """It works, and something should be done (a battery, a sleeping lock)."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """Nobody knows (yet)."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The link to the staff server.  `last_ok` aware UTC, None: never since the start; `backlog`
    events that the server has not confirmed; `configured` False: this home has no server;
    `problem` a sentence for a technician, None: none; `put_away`: the server has another gateway
    for this home (`replaced`), or takes none (`ended`)."""

    configured: bool
    up: bool
    last_ok: datetime | None
    backlog: int
    problem: str | None = None
    put_away: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One device.  `state` is its last reading or bolt as a word of the events (`pressed`,
    `released`, `locked`, `unlocked`, `jammed`, `asleep`, `unknown`, …); `since` aware UTC, None:
    not known; `battery_low` None: not told."""

    id: str
    driver: str
    type: str
    role: str | None
    room: str | None
    health: Health
    state: str
    since: datetime | None = None
    battery_low: bool | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One open alarm.  `type` is what it is about; `acknowledged` whether somebody goes there;
    `taken_back_by` who may take it back here: `wearer`, `caregiver`."""

    ref: str
    type: str
    severity: str
    since: datetime
    device: str | None
    acknowledged: bool
    taken_back_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckState:
    """One night check ahead: its name and its slot (aware UTC)."""

    check: str
    slot: datetime


@dataclass(frozen=True, slots=True)
class PlanState:
    """Which plan of night checks holds: `number` that of the staff server's, 0: the home's own
    file; `paused`: the coming night has no checks; `looks_agreed`: who lives here agreed that a
    night watcher may look through a camera."""

    number: int = 0
    paused: bool = False
    looks_agreed: bool = False


@dataclass(frozen=True, slots=True)
class ConfigState:
    """What says which devices and rules there are: `number` that of the staff server's
    configuration, 0: the home's own file.  `waits` is a newer one (its number, and a word for what
    is let end first), `refused` one that was not taken (its number, and why in a sentence); `here`:
    with what was added at this page."""

    number: int = 0
    waits: tuple[int, str] | None = None
    refused: tuple[int, str] | None = None
    here: bool = False


@dataclass(frozen=True, slots=True)
class ChainState:
    """How the last test alarm went: `hop` is where it stayed, None when it came back; `path_ok`
    whether the home could tell somebody without the server, None when it is to tell nobody."""

    passed_at: datetime | None
    hop: str | None
    path_ok: bool | None


@dataclass(frozen=True, slots=True)
class LookState:
    """Somebody may see into the home now.  `person` a staff id, None when nobody knows who; `room`
    where the camera is, None: not said; `picture` what it shows (`edges`, `thermal`, …)."""

    person: str | None
    room: str | None
    picture: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HomeState:
    """The home at a moment (`now`, aware UTC; domain time).  `bed` is `in`, `out` or `unknown`,
    since `bed_since`; `clock_synced` whether the home is sure of the time; `in_memory_since`: the
    disk refuses the log since then, and it is in memory."""

    home: str
    version: str
    timezone: str
    now: datetime
    started: datetime
    clock_synced: bool
    log_problem: str | None
    link: LinkState
    bed: str
    bed_since: datetime | None
    devices: tuple[DeviceState, ...]
    alarms: tuple[AlarmState, ...]
    checks: tuple[CheckState, ...]
    in_memory_since: datetime | None = None
    chain: ChainState | None = None
    """None: the home has no server."""
    plan: PlanState = PlanState()
    looks_agreed: bool = False
    """Whether everybody who lives here agreed to looks by the camera."""
    look: LookState | None = None
    configuration: ConfigState = ConfigState()
    ssh_until: datetime | None = None
    """A technician may sign in to the machine over the network until then; None: nobody may."""


class Part(StrEnum):
    """What a self-test looked at."""

    LOG = "log"
    """Can the log be written?  `detail` the error."""
    CLOCK = "clock"
    LINK = "link"
    DEVICE = "device"
    """`name` is the device's id, `detail` what it said."""
    RADIO = "radio"
    """`detail` why it does not listen; only where a device needs it."""
    POWER = "power"
    """Only where the home can tell: is there mains, is the supply strong enough?"""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One line of a self-test.  `took_ms` None: not measured; `detail` a technician's word or
    sentence, never a person's name."""

    part: Part
    name: str
    health: Health
    detail: str = ""
    took_ms: float | None = None

    __test__ = False  # pytest: this is no test class


class Answered(StrEnum):
    """What became of a code, a phone's proof or a PIN."""

    ACCEPTED = "accepted"
    MALFORMED = "malformed"
    WRONG = "wrong"
    REFUSED = "refused"
    PAUSED = "paused"
    """Wrong, and many wrong ones came from there."""
    GUESSED = "guessed"
    """Not judged: this code's number was guessed at too often."""
    NO_CLOCK = "no_clock"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class DoorState:
    """The newest turn that a code began: `step` is `requested`, `waking`, `connecting`, `turning`,
    `asking`, then `done`, `failed` or `unknown`; None: none of late.  `phone_page` is where phones
    keep their codes, None without a server; `word` what a phone is to sign now."""

    step: str | None = None
    phone_page: str | None = None
    word: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the ledger.  `ref` names its event; `at` aware UTC; `action` the event's kind;
    `person` a staff id, None when nobody knows who; `why` the code that belongs to the action;
    `turn` is `unlock` or `lock` for a turn of the lock; `outcome` how that ended, None: not
    (yet), `unseen` for a look without a picture; `took_s` how long somebody listened or saw, None:
    not (yet) known."""

    ref: str
    at: datetime
    action: str
    person: str | None
    why: str
    turn: str | None = None
    outcome: str | None = None
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class Guiding:
    """A device is paired or calibrated, as `gateway.wire.Guided` says it."""

    device: str
    what: str
    said: tuple[str, ...]
    number: int
    question: str
    hidden: bool
    outcome: str
    code: str


@dataclass(frozen=True, slots=True)
class InstallState:
    """How far the installation of the home is.  `may`: the code is still good, so that things may
    be done; `may_add`: what the home consists of is said here (`devices`, with their settings) and
    not at a server.  `hears`: for the page that asks, `asked`: in a moment; `other`: for another
    one; `radio`: by pins only.  `guided` are devices to pair or calibrate: id, what, whether it
    must be.  `trial` None: none was begun, or it was left."""

    may: bool
    may_add: bool
    devices: Mapping[str, Mapping[str, Any]]
    guided: tuple[tuple[str, str, bool], ...] = ()
    hears: bool = False
    asked: bool = False
    other: bool = False
    radio: bool = False
    near: tuple[Near, ...] = ()
    guiding: Guiding | None = None
    trial: Trial | None = None


class InstallPort(Protocol):
    """What the page asks of the gateway for who installs the home; `page` names one browser's
    session.  What returns a word was refused for that reason (`gateway.installs.words.REFUSALS`);
    empty: done."""

    def enter(self, typed: str, place: str) -> Answered:
        """Judge the home's code, typed at the network address `place`: `ACCEPTED`, `WRONG` or
        `PAUSED`."""

    def may(self) -> bool:
        """Whether there is a code that is still good."""

    def state(self, page: str) -> InstallState:
        """How far it is; whoever asks has the page open."""

    def hear(self, page: str) -> None:
        """Listen for this page, in place of any other."""

    def end(self, page: str) -> None:
        """Nobody looks any more."""

    def guide(self, page: str, device: str) -> str:
        """Pair or calibrate a device."""

    def answer(self, page: str, number: int, text: str) -> None:
        """What somebody answers to question `number`; kept by nobody."""

    def add(self, page: str, thing: str, use: str, room: str) -> str:
        """Put a thing that is heard now into what the home consists of."""

    def begin(self) -> str:
        """Begin a trial, in place of one that goes on."""

    def retry(self, device: str) -> str:
        """Try a thing's steps anew."""

    def skip(self, step: str, why: str) -> str:
        """Leave a step out, by its key, for one of the reasons that need no words."""

    def accept(self) -> str:
        """Accept the home."""


LEDGER_DAYS = 30
"""Days that the ledger shows: what one remembers; the staff server keeps five years."""


class HomePort(Protocol):
    """What the page asks of the gateway."""

    def state(self) -> HomeState:
        """The home now."""

    def self_test(self) -> tuple[TestResult, ...]:
        """Try every part for real: a record in the log's file system, the clock, the link, each
        device's status.  Never turns anything.  Takes at most `SELF_TEST_MAX_S`."""

    def ledger(self) -> tuple[Access, ...]:
        """Who came in, opened or tried to, or looked in the last `LEDGER_DAYS`, newest first: the
        rows of the staff's access log.  Reads the log; may take a second."""

    def door(self) -> DoorState:
        """What happens at the door."""

    def enter_code(self, typed: str, place: str) -> Answered:
        """Judge a one-time code, typed at the network address `place`; the lock is then turned,
        without waiting for it here.  Takes at most some seconds."""

    def prove(self, code: str, word: str, signature: str, place: str) -> Answered:
        """The same for a phone's proof: `signature` (hexadecimal) of the code `code` over `word`
        (`DoorState`)."""

    def look(self, typed: str, place: str) -> Answered:
        """Judge a one-time code that is to open the page and no door; it is used up."""

    def take_back(self, alarm: str, by: str) -> bool:
        """Take an open alarm back; `by`: `wearer` or `caregiver`.  False: it is not open, not for
        them, or cannot be written.  Takes at most some seconds."""

    def enter_pin(self, typed: str, place: str) -> Answered:
        """Judge the resident's own PIN: `ACCEPTED`, `WRONG` or `PAUSED`."""
