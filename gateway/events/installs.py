"""A home is installed: tried by a person, step by step, and accepted.

What a step saw is the event that ticked it, never somebody's word.  Written by the server, for it
has the person; the home hears of it as of everything that is decided about it.  Where a home is
tried at the Pi's own page, without a server, the home writes them: that page knows nobody, only
that who stands there has the home's code.

Not for: what a home consists of (`gateway`), or which events tick a step (`web.staff.installs`).
"""

from __future__ import annotations

import dataclasses

from gateway.events.base import By, Coded, Data, Ref, kind


class TrialStep(Coded):
    """What whoever tries a home does, and what the home must tell of it."""

    STEPPED_ON = "stepped_on"
    """A mat is pressed that nobody was on."""
    STEPPED_OFF = "stepped_off"
    LAY_DOWN = "lay_down"
    """The home holds that somebody lies in bed."""
    FELL = "fell"
    """Somebody stays on the mat beside the bed: the alarm is raised."""
    PRESSED = "pressed"
    """The pendant was heard."""
    CALLED = "called"
    """The pendant's alarm was raised."""
    ANSWERED = "answered"
    """A button that is no alarm was pressed."""
    OPENED = "opened"
    CLOSED = "closed"
    MOVED = "moved"
    """Motion was detected."""
    HEARD = "heard"
    """A sensor of another sort said anything of its own."""
    UNLOCKED = "unlocked"
    LOCKED = "locked"
    UNPLUGGED = "unplugged"
    """The mains went away: the battery's word, or a run that was cut."""
    PLUGGED_IN = "plugged_in"
    UNKNOWN = "unknown"
    """Of a newer version: nothing is concluded from it."""


class SkipWhy(Coded):
    """Why a step was not tried."""

    NOT_HERE = "not_here"
    """The thing is not in place yet."""
    NOT_POSSIBLE = "not_possible"
    """It cannot be tried now, as a bed that somebody sleeps in."""
    NOT_WANTED = "not_wanted"
    """Who lives there does not want it tried."""
    BROKEN = "broken"
    """It was tried and does not work: it is to be mended."""
    OTHER = "other"
    """Something else, in the words of a note."""
    UNKNOWN = "unknown"
    """Of a newer version: not that it works."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """One step of a trial, as it ended.  `device` None: of the whole home.  `seen` is what ticked
    it; None: it was skipped, for the reason `why`."""

    step: TrialStep
    device: str | None = None
    seen: Ref | None = None
    why: SkipWhy | None = None


@kind("install.begun", by=By.EITHER)
class InstallBegun(Data):
    """A person (the event's `person`; none: at the Pi's own page) began to try the home; an earlier
    trial that was begun there and not accepted is over."""

    pressed: tuple[str, ...] = ()
    """Mats that said at the beginning that somebody is on them, which nobody was."""


@kind("install.retried", by=By.EITHER)
class InstallRetried(Data):
    """The steps of a device (the event's `device`) are tried anew; what was seen or skipped of it
    before counts no more."""

    pressed: bool
    """Whether it is a mat that still says that somebody is on it."""


@kind("install.skipped", by=By.EITHER)
class InstallSkipped(Data):
    """A person (the event's `person`) left a step of the trial out; `device` of the event: which
    thing's."""

    step: TrialStep
    why: SkipWhy
    note_ref: str | None = None
    """Where the server keeps the words that belong to it; None: none were written."""


@kind("install.accepted", by=By.EITHER)
class InstallAccepted(Data):
    """A person (the event's `person`) accepted the home: each step was seen, or skipped for a
    reason.  Not: that what was skipped works."""

    begun: Ref
    """The trial's beginning."""
    steps: tuple[Tried, ...]
