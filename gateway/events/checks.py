"""Night checks: planned, due, asked, answered, done or missed."""

from __future__ import annotations

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Since, Why, kind


@kind("check.planned", by=By.HOME)
class CheckPlanned(Data):
    """A slot lies ahead.  From these the server knows which checks to miss if the home falls
    silent."""

    check: str
    slot: AwareDatetime
    report_by: AwareDatetime
    """When neither an outcome nor a question has come by then, nobody looked."""


@kind("check.withdrawn", by=By.HOME)
class CheckWithdrawn(Data):
    """A slot that lay ahead is in the plan no longer, or at another time: nothing is to be reported
    of it.  It may be planned anew."""

    check: str


@kind("check.due", by=By.HOME)
class CheckDue(Data):
    """The slot's time came."""

    check: str
    slot: AwareDatetime


@kind("check.asked", by=By.HOME, urgent=True)
class CheckAsked(Data):
    """The sensors do not answer the check: a night watcher must look.  Also the look that follows
    an unclear one, minutes later (`recheck`): each is a question of its own."""

    check: str
    why: Why
    """What the sensors lack: `bed_empty`, `reading_stale`, `mat_faulty`, `no_sensor`, `recheck`.
    What the plan asks for: `camera`, `visit`.
    What a rule could not tell by itself and asks a person to look at: `not_back` (out of bed and
    not back), `bed_doubtful` (nobody can tell whether somebody lies in bed), `all_silent` (no sign
    of life after leaving the bed), `bathroom_long`, `door_at_night`."""
    answer_by: Since
    attempt: int = 1


@kind("check.started", by=By.SERVER, urgent=True)
class CheckStarted(Data):
    """A watcher (the event's `person`) has begun to look."""

    check: str


class Looked(Coded):
    """How a watcher looked."""

    PHONE = "phone"
    IN_PERSON = "in_person"
    CAMERA = "camera"
    """Through the home's camera.  Said only of a home that has shown a picture, so that no home of
    before is told it."""
    UNKNOWN = "unknown"
    """Of a newer version: not that somebody was there."""


class Finding(Coded):
    """What a watcher found."""

    OK = "ok"
    """All is well."""
    UNCLEAR = "unclear"
    """Look again in a while."""
    HELP = "help"
    """Help is needed now."""
    COULD_NOT_LOOK = "could_not_look"
    """No answer, no picture, no access: somebody must go."""
    UNKNOWN = "unknown"
    """Of a newer version: not that all is well, so somebody must go."""


@kind("check.answered", by=By.SERVER, urgent=True)
class CheckAnswered(Data):
    """A watcher (the event's `person`) told what was found.  What follows, the home decides."""

    check: str
    finding: Finding
    looked: Looked


class CheckBy(Coded):
    """Who answered a check."""

    SENSOR = "sensor"
    WATCHER = "watcher"
    UNKNOWN = "unknown"
    """Of a newer version: the check is answered all the same."""


@kind("check.done", by=By.HOME, urgent=True)
class CheckDone(Data):
    """The check is answered: all is well."""

    check: str
    by: CheckBy


@kind("check.missed", by=By.HOME, urgent=True)
class CheckMissed(Data):
    """The slot passed without a check: the gateway did not run, or it came too late to use."""

    check: str
    why: Why


@kind("check.unreported", by=By.SERVER, urgent=True)
class CheckUnreported(Data):
    """Written by the server: the home did not report a planned slot in time."""

    check: str


@kind("check.escalated", by=By.HOME, urgent=True)
class CheckEscalated(Data):
    """Nobody could say that all is well: somebody must go there."""

    check: str
    why: Why
    """`help`, `unclear_twice`, `could_not_look`, `not_understood` or `no_answer`; of a look that
    gave no answer `look_refused` or `look_broke_off`."""


# --- who has it, and who goes there ---------------------------------------------------------------


@kind("check.claim_lapsed", by=By.SERVER)
class CheckClaimLapsed(Data):
    """Who had begun to look (the event's `person`) told nothing in time: others may look again."""

    check: str


@kind("check.visit_asked", by=By.SERVER)
class CheckVisitAsked(Data):
    """Somebody must go there, whatever the home says of it: at once for what a watcher told, within
    a minute for a look that gave no answer.  The home ends the check with it."""

    check: str
    why: Why
    """`help`, `could_not_look`, `look_refused`, `look_broke_off`, or `no_answer` where the home did
    not say so itself."""


@kind("check.visit_taken", by=By.SERVER)
class CheckVisitTaken(Data):
    """Somebody (the event's `person`) goes to the home because of the check."""

    check: str


class Settled(Coded):
    """Why nobody needs to go to the home because of a check any more."""

    CALLED = "called"
    """All was well on the phone."""
    SOMEBODY_THERE = "somebody_there"
    """A colleague or a relative is, or was, there."""
    AWAY = "away"
    """The resident is not at home."""
    OTHER = "other"
    """Told in words."""
    UNKNOWN = "unknown"
    """Of a newer version: it is settled all the same."""


@kind("check.visit_settled", by=By.SERVER)
class CheckVisitSettled(Data):
    """Somebody (the event's `person`) told that no visit is needed any more."""

    check: str
    why: Settled
    note_ref: str | None = None
    """The words beside it, in an erasable table at the server."""
