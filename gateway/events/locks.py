"""Locks: orders to turn one, what came of them, codes, and where the bolt is.

A lock operation turns the bolt either way.  Its kinds are called `unlock.*`, also where it locks: a
kind is sealed into logs that nobody may change, and homes and servers of different versions name it
to each other, so its class has the right name and the kind keeps the old one.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Else, Why, kind


class Refusal(Coded):
    """Why an unlock was refused.  The home decides; the phone shows it in words."""

    FORGED = "forged"
    """Not signed by a key this home trusts, or not readable."""
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    REPLAYED = "replayed"
    """This grant was used before."""
    OTHER_HOME = "other_home"
    OTHER_DEVICE = "other_device"
    OTHER_ACTION = "other_action"
    REVOKED = "revoked"
    ALARM_CLOSED = "alarm_closed"
    """The grant lived with an alarm, and the alarm is closed."""
    CLOCK_UNCERTAIN = "clock_uncertain"
    """The home does not know what time it is, so it cannot judge the grant's window."""
    BUSY = "busy"
    """Another operation turns this lock now."""
    NOT_RECORDED = "not_recorded"
    """The log could not be written: no turn without its record."""
    CHECK_CLOSED = "check_closed"
    """The grant lived with a night check's visit, and that is made."""
    NOT_APPROVED = "not_approved"
    """A turn for service that no second person approved, or not for this person and lock."""
    WRONG_CODE = "wrong_code"
    """No such code of this home.  Five of them slow the entry down (`codes.paused`)."""
    NOT_UNDERSTOOD = "not_understood"
    """The server signed it, and it says something that this version of the home does not know: it
    may be a restriction."""
    UNKNOWN = "unknown"
    """Of a newer version: refused all the same."""


DOOR_OPEN = "door_open"
"""Why the home shuts no bolt by itself: the door's contact says open."""


@kind("unlock.requested", by=By.HOME, urgent=True)
class LockOperationRequested(Data):
    """A valid grant asks to turn the lock; it is used up.  Written before the lock is told."""

    grant: str
    action: Why
    """`unlock` or `lock`."""
    reason: Why
    """`planned_visit`, `alarm`, `check` or `service`; `relock` when the home shuts the bolt by
    itself (no person, and `grant` is none of the server's)."""


@kind("unlock.refused", by=By.HOME, urgent=True)
class LockOperationRefused(Data):
    """A request to turn the lock was refused.  `grant` is None when it could not be read."""

    grant: str | None
    why: Refusal


class LockOperationStep(Coded):
    """What happens at the door now, for the phone."""

    WAKING = "waking"
    """The lock sleeps: somebody must take the handle or knock."""
    CONNECTING = "connecting"
    TURNING = "turning"
    ASKING = "asking"
    """The command went out and no answer came: the lock is asked for its state, nothing is
    repeated."""
    UNKNOWN = "unknown"
    """Of a newer version: the step before it stands."""


@kind("unlock.progressed", by=By.HOME, urgent=True)
class LockOperationProgressed(Data):
    """A requested turn reached a step."""

    grant: str
    step: LockOperationStep


class LockOperationOutcome(Coded):
    """How a lock operation ended."""

    DONE = "done"
    """The lock reported its bolt where it should be."""
    FAILED = "failed"
    """The lock did not turn, and said so or could not be reached."""
    UNKNOWN = "unknown"
    """The command was given and the lock does not say what became of it; also what a newer version
    calls otherwise."""


@kind("unlock.ended", by=By.HOME, urgent=True)
class LockOperationEnded(Data):
    """A requested turn is over."""

    grant: str
    outcome: LockOperationOutcome
    why: str | None = None
    """None when done; else `asleep`, `unreachable`, `radio`, `jammed`, `refused_by_lock`,
    `no_answer`, `link_lost`, `low_voltage`, `not_calibrated`, `not_paired`, `busy`, `restarted`;
    `revoked`, `alarm_closed`, `check_closed` or `not_approved` when the right ended before the lock
    was told; `not_recorded` when the log did not take the request in time, and `door_open` when the
    door was opened before the home shut the bolt by itself: nothing was turned."""
    took_s: float = 0.0


@kind("unlock.deviated", by=By.EITHER, urgent=True)
class LockOperationDeviated(Data):
    """The door did not open as it should, and the fallback routine of the home applies.  Not: that
    anybody has followed it."""

    grant: str | None
    """The last try."""
    why: Why
    """`three_failures`, `deadline` (the lock did not wake or answer in time), or `no_word`: the
    home never answered the order (written by the server)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CodeTold:
    """What a home is told of a one-time code: enough to know it when it is typed, not to find it.
    Its `hash` binds all of this, the home and the person (`gateway.access.codes`)."""

    id: str
    number: int
    """Its first two digits, so that the home need not try them all."""
    device: str
    not_before: AwareDatetime
    expires: AwareDatetime
    salt: str
    hash: str


@kind("codes.issued", by=By.SERVER, urgent=True, strict=True)
class CodesIssued(Data):
    """One-time codes for the door, for the event's `person`; they open without the server."""

    codes: tuple[CodeTold, ...]
    kid: str
    """Of the server's key that the hashes were made with."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CodeGiven:
    """What a home is told of a one-time code whose digits its disk cannot tell
    (`gateway.access.given_codes`)."""

    id: str
    number: int
    """Its first two digits, so that the home need not try them all."""
    device: str
    not_before: AwareDatetime
    expires: AwareDatetime
    phone_key: str
    """Public key (P-256, x and y in hexadecimal) of the phone that holds the code."""
    page_key: str
    """Which `page.described` the hash is for: it ends with that run of the home."""
    salt: str
    hash: str
    """Of the six digits."""
    seal: str
    """The server's signature (Ed25519) over all of this, the home and the person."""


@kind("codes.given", by=By.SERVER, urgent=True, strict=True)
class CodesGiven(Data):
    """One-time codes for the door, for the event's `person`, to a home that wrote `page.described`.
    Told again, with the same ids, whenever the home has started anew."""

    codes: tuple[CodeGiven, ...]
    kid: str
    """Of the server's key that the seals and hashes were made with."""


@kind("codes.missed", by=By.HOME)
class CodesMissed(Data):
    """A wrong code was typed at the door.  Not: what it was, but for its number."""

    number: int
    """The first two digits of what was typed."""
    slowed: bool
    """Whether it came from where five wrong ones had come from shortly before."""


@kind("codes.paused", by=By.HOME, urgent=True)
class CodesPaused(Data):
    """Five wrong codes came from one place: until `until` its tries are counted apart.  A right
    code opens all the same.  (Homes before `codes.given` took none until then.)"""

    tries: int
    until: AwareDatetime


@kind("relock.ordered", by=By.HOME, urgent=True)
class RelockOrdered(Data):
    """The bolt has been open for as long as it may: it is to be shut.  Not: that it is."""


@kind("lock.unlocked", by=By.HOME, urgent=True)
class LockUnlocked(Data):
    """The lock reported its bolt open.  Not: that the door is open."""


@kind("lock.locked", by=By.HOME, urgent=True)
class LockLocked(Data):
    """The lock reported its bolt shut.  Not: that the door is closed."""


@kind("lock.jammed", by=By.HOME, urgent=True)
class LockJammed(Data):
    """The lock reported its motor blocked."""


@kind("lock.asleep", by=By.HOME)
class LockAsleep(Data):
    """The lock has not been heard for a while: it sleeps, or is out of range."""


@kind("lock.awake", by=By.HOME)
class LockAwake(Data):
    """The lock is heard again."""


@kind("lock.unreachable", by=By.HOME)
class LockUnreachable(Data):
    """The lock did not answer within the deadline."""


@kind("lock.unknown", by=By.HOME, urgent=True)
class LockUnknown(Data):
    """Nobody knows where the bolt is.  Silence is unknown, never locked."""

    unanswered: Annotated[bool, Else(False)] = False
    """It was asked and did not answer, and nothing says that it was turned since it last did: what
    it said last still stands for whoever reads it with its time."""
