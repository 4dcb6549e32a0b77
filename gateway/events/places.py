"""What was agreed to, and where residents are: consent, transponders, zones, outings.  Never a
position: those are kept at the server, apart from events, and are erased after days."""

from __future__ import annotations

from gateway.events.base import By, Coded, Data, Resident, Since, kind


class ConsentAbout(Coded):
    """What a resident agreed to."""

    POSITION = "position"
    """That a device tells where the resident is."""
    RELATIVE = "relative"
    """That a relative is told of what was agreed."""
    LOOK = "look"
    """That a night watcher looks through a camera for seconds."""
    UNKNOWN = "unknown"
    """Of a newer version: nothing is done because of it."""


class ConsentHow(Coded):
    """How a resident agreed."""

    SPOKEN = "spoken"
    WRITTEN = "written"
    REPRESENTATIVE = "representative"
    """Through whoever the law lets speak for the resident."""
    UNKNOWN = "unknown"
    """Of a newer version: in another way."""


@kind("consent.given", by=By.SERVER)
class ConsentGiven(Data):
    """A staff member (the event's `person`) noted that a resident agreed."""

    resident: Resident
    about: ConsentAbout
    how: ConsentHow


@kind("consent.withdrawn", by=By.SERVER)
class ConsentWithdrawn(Data):
    """The resident agrees no longer: what rested on it has ended, and what it brought in is
    erased."""

    resident: Resident
    about: ConsentAbout


@kind("consent.settled", by=By.SERVER, strict=True)
class ConsentSettled(Data):
    """What the consents to looks of all who live there come to: looks may be made from now on, or
    (not `held`) may not.  The home obeys this one, and makes none that it was not told of."""

    held: bool


class Cohabitant(Coded):
    """Who else lives in a home, by what they are to the resident; never a name."""

    PARTNER = "partner"
    CHILD = "child"
    PARENT = "parent"
    OTHER = "other"
    UNKNOWN = "unknown"
    """Of a newer version: somebody."""


class HouseholdChange(Coded):
    """What was noted about somebody else in a home."""

    LIVES_THERE = "lives_there"
    """Lives there, and has not been asked."""
    AGREED = "agreed"
    """Agreed to looks, as the event's `how` says."""
    WITHDREW = "withdrew"
    """Agrees no longer."""
    MOVED_OUT = "moved_out"
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("household.changed", by=By.SERVER)
class HouseholdChanged(Data):
    """A staff member (`person`) noted something about somebody who lives with the resident."""

    who: Cohabitant
    what: HouseholdChange
    how: ConsentHow | None = None


class PlaceField(Coded):
    """What is set about a resident's places."""

    POINT = "point"
    """Where the home lies."""
    ZONE_DRAWN = "zone_drawn"
    ZONE_REMOVED = "zone_removed"
    TRACKER_ADDED = "tracker_added"
    TRACKER_REVOKED = "tracker_revoked"
    UNKNOWN = "unknown"
    """Of a newer version: something else."""


@kind("places.changed", by=By.SERVER)
class PlacesChanged(Data):
    """Somebody (`person`) changed a resident's zones or transponders: what, never where."""

    what: PlaceField


@kind("zone.left", by=By.SERVER)
class ZoneLeft(Data):
    """By what a transponder (the event's `device`) told, the resident was outside every zone of
    theirs from `since` on: the time of the fix, which may have come late."""

    resident: Resident
    since: Since


@kind("zone.returned", by=By.SERVER)
class ZoneReturned(Data):
    """The resident was inside again from `since` on (the time of the fix), or was never outside, as
    fixes that came late have shown."""

    resident: Resident
    since: Since
