"""Every kind of event, one frozen class each: what it means, and what it does not.

An event says that something *happened*; it is written once and never changed.  A class here is the
`data` of one kind; the envelope around it (who wrote it, when, why) is `gateway.envelope.Event`.
Kinds are `noun.past_verb` and are never reused.  Ids only: names of people live in an erasable
table at the staff server.  `docs/events.md` is generated from this file.

Not for: deciding anything, reading a clock, or any I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, ClassVar, TypeVar, dataclass_transform

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from gateway.errors import BadEvent

Ref = str
"""Names one event: `<origin>/<seq>`, as in `home:h1/123`."""


class Data:
    """What one kind of event carries.  An `URGENT` kind also goes at once over the urgent lane, so
    that a long backlog never delays it."""

    __slots__ = ()
    KIND: ClassVar[str] = ""
    URGENT: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


T = TypeVar("T", bound=Data)
KINDS: dict[str, type[Data]] = {}
"""Kind name to class, in the order of this file."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _kind(name: str, *, urgent: bool = False) -> Callable[[type[T]], type[T]]:
    def register(cls: type[T]) -> type[T]:
        if name in KINDS:
            raise ValueError(f"the kind {name} is defined twice")
        made = dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)
        made.KIND, made.URGENT = name, urgent
        made.__pydantic_config__ = ConfigDict(extra="forbid")
        KINDS[name] = made
        return made

    return register


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown(Data):
    """The data of a kind that this version does not know (or cannot read): kept whole, never
    dropped.  `kind` is the name as written; `fields` the JSON object as it came."""

    kind: str
    fields: Mapping[str, Any]


# --- the gateway itself ---------------------------------------------------------------------------


class PreviousRun(StrEnum):
    """How the run before this one ended."""

    NONE = "none"
    """There was no run before: a new log."""
    CLEAN = "clean"
    """It stopped in order."""
    CUT = "cut"
    """It was killed, crashed, or lost its power."""


@_kind("gateway.started", urgent=True)
class GatewayStarted(Data):
    """The program runs and its log is open.  Not: that every device answers."""

    version: str
    config_sha256: str
    """Of the configuration file, so that a change of settings is visible in the log."""
    previous: PreviousRun


@_kind("gateway.stopped")
class GatewayStopped(Data):
    """The program was told to stop and did so in order.  A cut run leaves no such event."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceTold:
    """One device of a home, as its configuration has it: `role` is what it is for (`bed`,
    `front_door`, …), `room` where it is, None when not said."""

    id: str
    driver: str
    type: str
    """`sensor`, `lock`, `camera` or `indicator`."""
    role: str | None = None
    room: str | None = None


@_kind("home.described", urgent=True)
class HomeDescribed(Data):
    """What the home consists of, told at each start and whenever it changed."""

    devices: tuple[DeviceTold, ...]
    timezone: str
    resident: str | None = None
    """The person id of the one who lives here."""


@_kind("clock.synced")
class ClockSynced(Data):
    """The home's clock became right.  Earlier times of the same boot are off by `offset_s`: add it
    to their `at` to correct them (0 when the clock was right all along)."""

    offset_s: float


@_kind("log.recovered", urgent=True)
class LogRecovered(Data):
    """The log's file could not be used and was set aside; this is the first event of a new log with
    an origin of its own.  What the old file held and had not yet forwarded must be read from it by
    hand."""

    set_aside: str | None
    """File name of the old file, in the log's folder; None when there was none left."""
    continues: str | None
    """The old log's origin; None when it is not known."""
    why: str


@_kind("log.stalled", urgent=True)
class LogStalled(Data):
    """The disk refused or held back a write; events wait in memory, alarms are sent without it."""

    why: str


@_kind("power.lost", urgent=True)
class PowerLost(Data):
    """Mains power went away; the gateway runs on its battery."""


@_kind("power.restored")
class PowerRestored(Data):
    """Mains power is back."""


@_kind("rule.failed", urgent=True)
class RuleFailed(Data):
    """A rule broke on an event; it goes on from the state it had before."""

    rule: str
    error: str


# --- devices --------------------------------------------------------------------------------------


@_kind("device.online")
class DeviceOnline(Data):
    """A device answers, or is heard, after it was not."""


@_kind("device.offline")
class DeviceOffline(Data):
    """A device has not been heard for longer than it should be silent."""

    reason: str


@_kind("device.failed")
class DeviceFailed(Data):
    """A driver gave up with an error and will be started again after `retry_s`."""

    error: str
    """The error's class name in `gateway.errors`, or the library's own if it had no mapping."""
    text: str
    retry_s: float


@_kind("device.battery_low")
class BatteryLow(Data):
    """The battery should be changed.  `level_pct` is None when the device tells only "low"."""

    level_pct: int | None = None


@_kind("device.battery_ok")
class BatteryOk(Data):
    """The battery is in order again."""

    level_pct: int | None = None


# --- sensors --------------------------------------------------------------------------------------


@_kind("mat.pressed")
class MatPressed(Data):
    """The mat's contact closed.  Not: that somebody lies there; mats chatter."""


@_kind("mat.released")
class MatReleased(Data):
    """The mat's contact opened.  Not: that the bed is empty."""


class MatFault(StrEnum):
    """What is wrong with a mat."""

    CUT = "cut"
    """Supervised wiring only: the loop is open, the cable is cut or unplugged."""
    STUCK = "stuck"
    """Pressed for longer than anybody lies."""
    FLAPPING = "flapping"
    """Changes faster than a person can make it change: a loose contact."""


@_kind("mat.loaded")
class MatLoaded(Data):
    """How many of a mat's cells carry load, told when the number changed.  Not: how heavy."""

    cells: int
    of: int
    """How many cells the mat has."""


class MatQuality(StrEnum):
    """How far a bed mat can be trusted, from what it told in the resident's own nights."""

    LEARNING = "learning"
    """Too few nights yet: safe defaults are used."""
    GOOD = "good"
    """It tells who lies there nearly all the time."""
    POOR = "poor"
    """It misses a person who lies there for minutes on end: move it, or change it."""
    FAULTY = "faulty"
    """It says nothing, or the same all the time: change it."""


@_kind("mat.learned")
class MatLearned(Data):
    """What a bed mat's own nights say of it: how long it is silent while somebody lies there.
    Written anew at least every seven days; the newest of a device holds."""

    quality: MatQuality
    nights: int
    """Nights that this rests on."""
    gaps: int
    """How many silences while somebody lay there were counted."""
    gap_p50_s: float
    gap_p95_s: float
    gap_p99_s: float
    """Half, 19 of 20, and 99 of 100 of the silences were shorter than these seconds."""
    on_share_pct: float
    """Part of the time in bed in which the mat was on."""
    counts: tuple[int, ...] = ()
    """Silences by length, in the classes of the rule `mat_quality`: what it goes on from."""


@_kind("mat.faulted")
class MatFaulted(Data):
    """The mat's state is unknown until its next reading."""

    fault: MatFault
    count: int = 1
    """How many changes were folded into this one event (flapping)."""


@_kind("door.opened")
class DoorOpened(Data):
    """A door's contact opened."""


@_kind("door.closed")
class DoorClosed(Data):
    """A door's contact closed.  Not: that it is locked."""


@_kind("motion.detected")
class MotionDetected(Data):
    """Something warm moved."""


@_kind("motion.cleared")
class MotionCleared(Data):
    """A motion detector's own hold time ran out."""


@_kind("moisture.detected")
class MoistureDetected(Data):
    """A moisture sensor is wet."""


@_kind("moisture.cleared")
class MoistureCleared(Data):
    """A moisture sensor is dry again."""


@_kind("temperature.measured")
class TemperatureMeasured(Data):
    """A room's temperature, told when it changed by half a degree, and at least once an hour."""

    celsius: float


@_kind("button.pressed")
class ButtonPressed(Data):
    """A button in the home that is no alarm was pressed.  What it answers, the rules know."""

    verified: bool = True
    """False when the message could not be proved genuine."""


@_kind("device.heard")
class DeviceHeard(Data):
    """A sign of life of a radio device that had nothing else to say; told at most once in six
    hours."""


@_kind("contact.changed")
class ContactChanged(Data):
    """A plain on/off sensor changed (seat, toilet, tap): evidence of activity, no more."""

    on: bool


class ContactFault(StrEnum):
    """What is wrong with a sensor that is no mat."""

    FLAPPING = "flapping"
    """Changes faster than anybody can make it change: a loose contact."""
    STUCK = "stuck"
    """A button pressed for longer than anybody presses: it cannot tell a second press."""
    TAMPERED = "tampered"
    """It says itself that it was opened or taken down."""
    UNPROVEN = "unproven"
    """What it sends cannot be proved genuine: a wrong key, or its counter began anew after a change
    of battery.  Pair it again."""


@_kind("contact.faulted")
class ContactFaulted(Data):
    """A door, motion, button or other sensor that is no mat cannot be trusted until its next
    reading."""

    fault: ContactFault
    count: int = 1
    """How many changes, or messages, were folded into this one event."""


@_kind("pendant.pressed", urgent=True)
class PendantPressed(Data):
    """The resident asks for help."""

    verified: bool
    """False when the message could not be proved genuine; it raises its alarm all the same."""


# --- the resident ---------------------------------------------------------------------------------


@_kind("bed.entered")
class BedEntered(Data):
    """The rules hold that the resident lies in bed."""


@_kind("bed.left")
class BedLeft(Data):
    """The rules hold that the resident left the bed.  `empty_since` is when the last sign of
    somebody in it ended (UTC); the decision comes later, because mats chatter."""

    empty_since: AwareDatetime
    certain: bool = True
    """False: this bed's mats lose who lies there for minutes, and it took another sensor to tell;
    that may have been somebody else's doing."""


@_kind("bed.doubted")
class BedDoubted(Data):
    """The rules cannot tell whether the resident lies in bed."""

    since: AwareDatetime
    """When the last sign that told it ended."""
    why: str
    """What the doubt is: `mat_silent` (mats that lose who lies there say empty, and nothing else
    says that somebody left), `mat_unknown` (no mat of the bed can be trusted now)."""


@_kind("activity.prewarned", urgent=True)
class ActivityPrewarned(Data):
    """The home has been quiet for long; the resident is asked, by light or tone, whether all is
    well."""

    quiet_since: AwareDatetime
    answer_by: AwareDatetime


@_kind("activity.answered", urgent=True)
class ActivityAnswered(Data):
    """The pre-warning ended: the resident pressed the button, or is active again."""

    by: str
    """`button` or `activity`."""


@_kind("home.emptied")
class HomeEmptied(Data):
    """The rules hold that nobody is at home: the front door, then silence.  Watching activity
    pauses."""

    since: AwareDatetime


@_kind("home.occupied")
class HomeOccupied(Data):
    """Somebody is at home again."""


@_kind("fault.counted")
class FaultCounted(Data):
    """How often a fault of the event's `device` has come back: kept as an event, because the rules
    are rebuilt from days and count over a month."""

    fault: str
    """The alarm's word, as `device_down`."""
    times: tuple[AwareDatetime, ...]
    """When it was raised within the last 30 days, oldest first."""


# --- alarms ---------------------------------------------------------------------------------------


class Severity(StrEnum):
    """Whom an alarm concerns."""

    CARE = "care"
    """A person may need help now."""
    TECHNICAL = "technical"
    """Something must be mended; care is not affected yet."""
    ROUTINE = "routine"
    """Care, without haste and without a sound: at the next visit."""


@_kind("alarm.raised", urgent=True)
class AlarmRaised(Data):
    """Somebody must act.  The event's reference is the alarm's identity."""

    alarm: str
    """Which alarm: the rule's word, as `bed_exit`, `device_offline`, `check_help`."""
    severity: Severity
    since: AwareDatetime
    """Since when the condition holds (UTC); the event's `at` is when it became an alarm."""


@_kind("alarm.delivered")
class AlarmDelivered(Data):
    """An alarm reached one receiver on one channel.  Not: that anybody read it."""

    alarm: Ref
    receiver: str
    channel: str


@_kind("alarm.acknowledged", urgent=True)
class AlarmAcknowledged(Data):
    """A person (the event's `person`) has taken the alarm on."""

    alarm: Ref


@_kind("alarm.cancelled", urgent=True)
class AlarmCancelled(Data):
    """The alarm's cause is gone by itself, or the wearer took it back."""

    alarm: Ref
    reason: str


class AlarmOutcome(StrEnum):
    """What an alarm turned out to be."""

    HELPED = "helped"
    """Help was needed and given."""
    NO_NEED = "no_need"
    """Somebody looked; no help was needed."""
    FALSE = "false"
    """There was no cause: a sensor or a rule was wrong."""
    MENDED = "mended"
    """Technical: mended."""


@_kind("alarm.resolved", urgent=True)
class AlarmResolved(Data):
    """A person closed the alarm with its outcome."""

    alarm: Ref
    outcome: AlarmOutcome
    note_ref: str | None = None
    """Where the server keeps a note, if one was written; the text itself is not in the event."""


# --- night checks ---------------------------------------------------------------------------------
# A check is named by its slot: `<plan>@<UTC minute>`, as `night@2026-03-29T01:30Z`.  One that a
# rule asks for by itself is a look, `look-<rule>@<UTC second>`: never planned, asked at once.


@_kind("check.planned")
class CheckPlanned(Data):
    """A slot lies ahead.  From these the server knows which checks to miss if the home falls
    silent."""

    check: str
    slot: AwareDatetime
    report_by: AwareDatetime
    """When neither an outcome nor a question has come by then, nobody looked."""


@_kind("check.due")
class CheckDue(Data):
    """The slot's time came."""

    check: str
    slot: AwareDatetime


@_kind("check.asked", urgent=True)
class CheckAsked(Data):
    """The sensors do not answer the check: a night watcher must look."""

    check: str
    why: str
    """What the sensors lack: `bed_empty`, `reading_stale`, `mat_faulty`, `no_sensor`, `recheck`.
    What a rule could not tell by itself and asks a person to look at: `not_back` (out of bed and
    not back), `bed_doubtful` (nobody can tell whether somebody lies in bed), `all_silent` (no sign
    of life after leaving the bed), `bathroom_long`, `door_at_night`."""
    answer_by: AwareDatetime
    attempt: int = 1


@_kind("check.started", urgent=True)
class CheckStarted(Data):
    """A watcher (the event's `person`) has begun to look."""

    check: str


@_kind("check.extended")
class CheckExtended(Data):
    """A look was extended once."""

    check: str


class Looked(StrEnum):
    """How a watcher looked."""

    PHONE = "phone"
    IN_PERSON = "in_person"
    CAMERA = "camera"


class Finding(StrEnum):
    """What a watcher found."""

    OK = "ok"
    """All is well."""
    UNCLEAR = "unclear"
    """Look again in a while."""
    HELP = "help"
    """Help is needed now."""
    COULD_NOT_LOOK = "could_not_look"
    """No answer, no picture, no access: somebody must go."""


@_kind("check.answered", urgent=True)
class CheckAnswered(Data):
    """A watcher (the event's `person`) told what was found.  What follows, the home decides."""

    check: str
    finding: Finding
    looked: Looked


class CheckBy(StrEnum):
    """Who answered a check."""

    SENSOR = "sensor"
    WATCHER = "watcher"


@_kind("check.done", urgent=True)
class CheckDone(Data):
    """The check is answered: all is well."""

    check: str
    by: CheckBy


@_kind("check.missed", urgent=True)
class CheckMissed(Data):
    """The slot passed without a check: the gateway did not run, or it came too late to use."""

    check: str
    why: str


@_kind("check.unreported", urgent=True)
class CheckUnreported(Data):
    """Written by the server: the home did not report a planned slot in time."""

    check: str


@_kind("check.escalated", urgent=True)
class CheckEscalated(Data):
    """Nobody could say that all is well: somebody must go there."""

    check: str
    why: str
    """`help`, `unclear_twice`, `could_not_look` or `no_answer`."""


@_kind("camera.opened", urgent=True)
class CameraOpened(Data):
    """A look began; the indicator is lit."""

    check: str | None
    limit_s: float


@_kind("camera.closed", urgent=True)
class CameraClosed(Data):
    """The camera is off.  `open_s` is how long it was on."""

    open_s: float
    why: str


# --- the door -------------------------------------------------------------------------------------


class Refusal(StrEnum):
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
    """No such code of this home.  Five of them pause the entry (`codes.paused`)."""


@_kind("unlock.requested", urgent=True)
class UnlockRequested(Data):
    """A valid grant asks to turn the lock; it is used up.  Written before the lock is told."""

    grant: str
    action: str
    """`unlock` or `lock`."""
    reason: str
    """`planned_visit`, `alarm`, `check` or `service`; `relock` when the home shuts the bolt by
    itself (no person, and `grant` is none of the server's)."""


@_kind("unlock.refused", urgent=True)
class UnlockRefused(Data):
    """A request to turn the lock was refused.  `grant` is None when it could not be read."""

    grant: str | None
    why: Refusal


class UnlockStep(StrEnum):
    """What happens at the door now, for the phone."""

    WAKING = "waking"
    """The lock sleeps: somebody must take the handle or knock."""
    CONNECTING = "connecting"
    TURNING = "turning"
    ASKING = "asking"
    """The command went out and no answer came: the lock is asked for its state, nothing is
    repeated."""


@_kind("unlock.progressed", urgent=True)
class UnlockProgressed(Data):
    """A requested turn reached a step."""

    grant: str
    step: UnlockStep


class TurnOutcome(StrEnum):
    """How a lock operation ended."""

    DONE = "done"
    """The lock reported its bolt where it should be."""
    FAILED = "failed"
    """The lock did not turn, and said so or could not be reached."""
    UNKNOWN = "unknown"
    """The command was given and the lock does not say what became of it."""


@_kind("unlock.ended", urgent=True)
class UnlockEnded(Data):
    """A requested turn is over."""

    grant: str
    outcome: TurnOutcome
    why: str | None = None
    """None when done; else `asleep`, `unreachable`, `jammed`, `refused_by_lock`, `no_answer`,
    `link_lost`, `low_voltage`, `not_calibrated`, `not_paired`, `busy`, `restarted`; `revoked`,
    `alarm_closed` or `check_closed` when the right ended before the lock was told."""
    took_s: float = 0.0


@_kind("unlock.deviated", urgent=True)
class UnlockDeviated(Data):
    """The door did not open as it should, and the fallback routine of the home applies.  Not: that
    anybody has followed it."""

    grant: str | None
    """The last try."""
    why: str
    """`three_failures`, `deadline` (the lock did not wake or answer in time), or `no_word`: the
    home never answered the order (written by the server)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CodeTold:
    """What a home is told of a one-time code: enough to know it when it is typed, not to find it.
    Its `hash` binds all of this, the home and the person (`gateway.codes`)."""

    id: str
    number: int
    """Its first two digits, so that the home need not try them all."""
    device: str
    not_before: AwareDatetime
    expires: AwareDatetime
    salt: str
    hash: str


@_kind("codes.issued", urgent=True)
class CodesIssued(Data):
    """One-time codes for the door, for the event's `person`; they open without the server."""

    codes: tuple[CodeTold, ...]
    kid: str
    """Of the server's key that the hashes were made with."""


@_kind("codes.paused", urgent=True)
class CodesPaused(Data):
    """Too many wrong codes: the entry at the door takes none until `until`."""

    tries: int
    until: AwareDatetime


@_kind("relock.ordered", urgent=True)
class RelockOrdered(Data):
    """The bolt has been open for as long as it may: it is to be shut.  Not: that it is."""


@_kind("lock.unlocked", urgent=True)
class LockUnlocked(Data):
    """The lock reported its bolt open.  Not: that the door is open."""


@_kind("lock.locked", urgent=True)
class LockLocked(Data):
    """The lock reported its bolt shut.  Not: that the door is closed."""


@_kind("lock.jammed", urgent=True)
class LockJammed(Data):
    """The lock reported its motor blocked."""


@_kind("lock.asleep")
class LockAsleep(Data):
    """The lock has not been heard for a while: it sleeps, or is out of range."""


@_kind("lock.awake")
class LockAwake(Data):
    """The lock is heard again."""


@_kind("lock.unreachable")
class LockUnreachable(Data):
    """The lock did not answer within the deadline."""


@_kind("lock.unknown", urgent=True)
class LockUnknown(Data):
    """Nobody knows where the bolt is.  Silence is unknown, never locked."""


# --- visits ---------------------------------------------------------------------------------------


class Stamp(StrEnum):
    """Where a visit's time comes from."""

    UNLOCK = "unlock"
    LOCK = "lock"
    TAP = "tap"
    TAG = "tag"


class Tap(StrEnum):
    """What a caregiver tapped."""

    ARRIVE = "arrive"
    LEAVE = "leave"


@_kind("visit.tapped", urgent=True)
class VisitTapped(Data):
    """Written by the server: a caregiver (the event's `person`) tapped arrival or departure."""

    tap: Tap
    source: Stamp = Stamp.TAP
    """`tap` on the page, or `tag`: the link of the NFC or QR tag at the door was opened."""


@_kind("visit.started", urgent=True)
class VisitStarted(Data):
    """A caregiver (the event's `person`) is there, since `since` (UTC).  Its reference names the
    visit."""

    since: AwareDatetime
    source: Stamp


@_kind("visit.ended", urgent=True)
class VisitEnded(Data):
    """The caregiver left, at `until` (UTC)."""

    visit: Ref
    until: AwareDatetime
    source: Stamp


@_kind("visit.overdue")
class VisitOverdue(Data):
    """A visit has no departure after a long time: somebody should say when it ended.  The time is
    never invented."""

    visit: Ref


@_kind("visit.corrected")
class VisitCorrected(Data):
    """A person corrected a stamp; the original stays in its own event.  None: that stamp stays as
    it was."""

    visit: Ref
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    reason: str = ""
    """A word for why: `forgot`, `wrong_time`, `phone`, `lock` or `other`.  A note in words, if one
    was written, is kept at the server beside the event, where it can be erased."""


class Undone(StrEnum):
    """Why a visit that was planned did not take place."""

    DECLINED = "declined"
    """The resident did not want it."""
    ABSENT = "absent"
    """The resident was not there."""
    OTHER = "other"
    """Something else came between."""


@_kind("visit.declined")
class VisitDeclined(Data):
    """A caregiver (the event's `person`) tells that a visit does not take place.  Not: that nobody
    was there; a stamp says that."""

    why: Undone
    planned: str | None = None
    """Which visit of the plan; None when the home has no plan."""


@_kind("visit.approved")
class VisitApproved(Data):
    """A coordinator (the event's `person`) holds the visit's times to be right.  A correction
    afterwards takes the approval back."""

    visit: Ref


@_kind("visits.locked")
class VisitsLocked(Data):
    """From now on nothing changes in the home's visits that began before `before` (UTC): no
    correction, no approval.  A later lock never moves the time back."""

    before: AwareDatetime


# --- decided at the server ------------------------------------------------------------------------


@_kind("grant.issued")
class GrantIssued(Data):
    """The server signed a grant for the event's `person` and `device`."""

    grant: str
    action: str
    reason: str
    reason_ref: Ref | None
    expires: AwareDatetime


@_kind("grant.revoked", urgent=True)
class GrantRevoked(Data):
    """A grant is void from now on, whatever its time."""

    grant: str


@_kind("grant.acute")
class GrantAcute(Data):
    """The grant went to somebody who is not assigned to this home: acute, because of an open care
    alarm there."""

    grant: str
    alarm: Ref


@_kind("grant.requested", urgent=True)
class GrantRequested(Data):
    """The event's `person` asks to turn the event's `device` for service; a second person must
    approve.  Its reference is the request."""

    action: str
    why: str | None = None
    """A code (`battery`, `lock`, `gateway`, …); words of the person's own are no part of it."""


@_kind("grant.approved", urgent=True)
class GrantApproved(Data):
    """A second person (the event's `person`) approves a request; it may be used until `until`."""

    request: Ref
    until: AwareDatetime


@_kind("grant.refused", urgent=True)
class GrantDeclined(Data):
    """A second person (the event's `person`) says no to a request, or takes an approval back; or
    the one who asked takes the request back."""

    request: Ref


@_kind("server.key_added", urgent=True)
class ServerKeyAdded(Data):
    """The server has a new key for grants, signed by the one before it (`gateway.access`)."""

    kid: str
    public_key: str
    """PEM, Ed25519."""
    signed_by: str
    signature: str
    """Base64url, by the key `signed_by`."""
    old_until: AwareDatetime
    """The older key is good until then."""


@_kind("server.key_trusted", urgent=True)
class ServerKeyTrusted(Data):
    """The home verified a new key of the server and keeps it."""

    kid: str


@_kind("server.key_refused", urgent=True)
class ServerKeyRefused(Data):
    """A key was offered as the server's and is not signed by one that this home trusts."""

    kid: str


@_kind("home.enrolled")
class HomeEnrolled(Data):
    """A gateway was enrolled for this home with a new key; an older key is void."""

    key_sha256: str


@_kind("home.silent", urgent=True)
class HomeSilent(Data):
    """The server has not heard the home for `silent_s`: nothing there can be seen or raised."""

    silent_s: float


@_kind("home.heard", urgent=True)
class HomeHeard(Data):
    """The home is heard again."""


@_kind("home.tampered", urgent=True)
class HomeTampered(Data):
    """What the home sent does not continue its chain: an edit, a cut tail, or an old disk."""

    seq: int
    why: str


@_kind("consent.given")
class ConsentGiven(Data):
    """The resident, or a cohabiting relative, agreed to `covers`."""

    covers: str


@_kind("consent.withdrawn", urgent=True)
class ConsentWithdrawn(Data):
    """The agreement to `covers` ended."""

    covers: str


@_kind("absence.started")
class AbsenceStarted(Data):
    """The resident is away: checks and rules pause until `until` (None: until ended)."""

    until: AwareDatetime | None = None


@_kind("absence.ended")
class AbsenceEnded(Data):
    """The resident is back."""


@_kind("record.read")
class RecordRead(Data):
    """A staff member (the event's `person`) opened what is kept about a resident."""

    what: str


class CheckedAs(StrEnum):
    """What a coordinator found when a row of the access log was checked."""

    IN_ORDER = "in_order"
    """There was a reason in the work."""
    ASKED = "asked"
    """The person is asked for the reason; another check will say what it was."""
    WRONG = "wrong"
    """There was no reason: it goes on by the organisation's own routine."""


@_kind("access.sampled")
class AccessSampled(Data):
    """A random part of an organisation's access log was drawn to be checked.  From `seed` and the
    log anybody can draw it again."""

    organisation: str
    month: str
    """Which month of the log, as `2026-10`."""
    seed: str
    of: int
    """How many rows the month had."""
    rows: tuple[Ref, ...]
    """The rows that were drawn: references of the events that they show."""


@_kind("access.checked")
class AccessChecked(Data):
    """A person (the event's `person`) checked one row of a sample."""

    sample: Ref
    row: Ref
    found: CheckedAs


@_kind("account.signed_in")
class AccountSignedIn(Data):
    """A staff member signed in at the server."""


@_kind("account.changed")
class AccountChanged(Data):
    """Somebody (`person`) changed an account, or who works where.  `account` is the person id it
    concerns, None for a team, an area or a home; `what` is what was changed, never to what."""

    what: str
    account: str | None = None


@_kind("account.refused")
class AccountRefused(Data):
    """A sign-in failed.  `address_sha256` groups tries without keeping the address."""

    address_sha256: str


ACCESS_KINDS = frozenset(
    {
        "record.read",
        "unlock.requested",
        "unlock.refused",
        "camera.opened",
        "visit.started",
    }
)
"""Who looked, who opened or tried to, who came in.  The staff's access log and the ledger that the
resident sees in the home are these events, no more and no fewer."""


# --- reading and writing --------------------------------------------------------------------------


_ADAPTERS: dict[str, TypeAdapter[Any]] = {}
_FIELDS = {kind: tuple(f.name for f in dataclasses.fields(cls)) for kind, cls in KINDS.items()}  # type: ignore[arg-type]
_EMPTY = {kind: KINDS[kind]() for kind, fields in _FIELDS.items() if not fields}
"""Kinds that carry nothing, as nine of ten events of a home (presses, motion): one of each is
enough."""


def _adapter(kind: str, cls: type[Data]) -> TypeAdapter[Any]:
    # made when first used: seventy of them at import would cost a Pi a third of its start
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(cls)
    return _ADAPTERS[kind]


def utc_text(at: datetime) -> str:
    """`2026-11-23T13:23:01.123Z`: UTC with milliseconds, the one form of a time in an event."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def to_fields(data: Data) -> dict[str, Any]:
    """The JSON object of an event's data; times as `utc_text`, enums as their value."""
    if isinstance(data, Unknown):
        return dict(data.fields)
    names = _FIELDS[type(data).KIND]
    return {name: _plain(getattr(data, name)) for name in names} if names else {}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def from_fields(kind: str, fields: Mapping[str, Any]) -> Data:
    """The data of `kind` read from its JSON object.

    An unknown kind, or a known one with fields that this version does not know, comes back as
    `Unknown`, whole.  Raises `BadEvent` when `fields` is no object.
    """
    if not isinstance(fields, Mapping):
        raise BadEvent(f"the data of {kind} is not an object")
    if not fields and (empty := _EMPTY.get(kind)) is not None:
        return empty
    cls = KINDS.get(kind)
    if cls is None:
        return Unknown(kind, dict(fields))
    try:
        data: Data = _adapter(kind, cls).validate_python(dict(fields))
    except ValidationError:
        return Unknown(kind, dict(fields))
    return data


def kind_of(data: Data) -> str:
    """The kind's name, also of an `Unknown`."""
    return data.kind if isinstance(data, Unknown) else type(data).KIND
