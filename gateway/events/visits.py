"""Visits: taps, arrivals, departures, corrections, approval."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AwareDatetime

from gateway.events.base import By, Coded, Data, Else, Ref, Unread, kind


class Stamp(Coded):
    """Where a visit's time comes from."""

    UNLOCK = "unlock"
    LOCK = "lock"
    TAP = "tap"
    TAG = "tag"
    UNKNOWN = "unknown"
    """Of a newer version: the time counts all the same."""


class Tap(Coded):
    """What a caregiver tapped."""

    ARRIVE = "arrive"
    LEAVE = "leave"
    UNKNOWN = "unknown"
    """Of a newer version: neither arrival nor departure is made of it."""


@kind("visit.tapped", by=By.SERVER, urgent=True)
class VisitTapped(Data):
    """Written by the server: a caregiver (the event's `person`) tapped arrival or departure."""

    tap: Tap
    source: Stamp = Stamp.TAP
    """`tap` on the page, or `tag`: the link of the NFC or QR tag at the door was opened."""


@kind("visit.started", by=By.HOME, urgent=True)
class VisitStarted(Data):
    """A caregiver (the event's `person`) is there, since `since` (UTC).  Its reference names the
    visit."""

    since: AwareDatetime
    source: Stamp


@kind("visit.ended", by=By.HOME, urgent=True)
class VisitEnded(Data):
    """The caregiver left, at `until` (UTC)."""

    visit: Ref
    until: AwareDatetime
    source: Stamp


@kind("visit.overdue", by=By.HOME)
class VisitOverdue(Data):
    """A visit has no departure after a long time: somebody should say when it ended.  The time is
    never invented."""

    visit: Ref


@kind("visit.corrected", by=By.SERVER)
class VisitCorrected(Data):
    """A person corrected a stamp; the original stays in its own event.  None: that stamp stays as
    it was."""

    visit: Ref
    since: Annotated[AwareDatetime | None, Else(Unread.WHOLE)] = None
    until: Annotated[AwareDatetime | None, Else(Unread.WHOLE)] = None
    reason: str = ""
    """A word for why: `forgot`, `wrong_time`, `phone`, `lock` or `other`.  A note in words, if one
    was written, is kept at the server beside the event, where it can be erased."""


class Undone(Coded):
    """Why a visit that was planned did not take place."""

    DECLINED = "declined"
    """The resident did not want it."""
    ABSENT = "absent"
    """The resident was not there."""
    OTHER = "other"
    """Something else came between."""

    @classmethod
    def unread(cls) -> Self:
        """Another reason than those."""
        return cls.OTHER


@kind("visit.declined", by=By.SERVER)
class VisitDeclined(Data):
    """A caregiver (the event's `person`) tells that a visit does not take place.  Not: that nobody
    was there; a stamp says that."""

    why: Undone
    planned: str | None = None
    """Which visit of the plan; None when the home has no plan."""


@kind("visit.plan_changed", by=By.SERVER)
class VisitPlanChanged(Data):
    """What visits are planned in an organisation (`org`) was changed: by a person with a file, by
    another system with the token of this name, or (neither) from the server's command line.  The
    plan itself is no event."""

    org: str
    source: str
    """What the system that plans is called there."""
    added: int
    changed: int
    withdrawn: int
    token: str | None = None
    undone: bool = False
    """The last change was taken back."""


@kind("visit.approved", by=By.SERVER)
class VisitApproved(Data):
    """A coordinator (the event's `person`) holds the visit's times to be right.  A correction
    afterwards takes the approval back."""

    visit: Ref


@kind("visits.locked", by=By.SERVER)
class VisitsLocked(Data):
    """From now on nothing changes in the home's visits that began before `before` (UTC): no
    correction, no approval.  A later lock never moves the time back."""

    before: AwareDatetime
