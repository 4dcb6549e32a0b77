"""The plan of night checks: set at the server, held by the home.

Not for: a check itself (`checks`), or which slots a plan has (`gateway.schedule`).
"""

from __future__ import annotations

import dataclasses

from gateway.events.base import By, Coded, Data, kind


class CheckMethod(Coded):
    """How a check of the plan is made."""

    SENSOR = "sensor"
    """The sensors first; a person only when they cannot tell."""
    CAMERA = "camera"
    """A person looks, whatever the sensors say."""
    VISIT = "visit"
    """A person goes there."""
    UNKNOWN = "unknown"
    """Of a newer version: a person is asked."""


class Night(Coded):
    """The evening on which a night begins, in the order of `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    UNKNOWN = "unknown"
    """Of a newer version: no night."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlanPause:
    """Nights without checks, both included: the evenings on which they begin, `2026-11-29`."""

    first: str
    last: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlanTerms:
    """A whole plan.  Times are local, `HH:MM`; one before noon is of the night that began the
    evening before.  What may stand in it, `gateway.schedule.night_plan` says."""

    times: tuple[str, ...] = ()
    every_min: int | None = None
    """Minutes from one check to the next between `begins` and `ends`, as they pass; None: none."""
    begins: str | None = None
    ends: str | None = None
    nights: tuple[Night, ...] = ()
    method: CheckMethod = CheckMethod.SENSOR
    recheck_min: int = 15
    """Minutes from an unclear look to the next."""
    tolerance_min: int = 0
    """Minutes after its time that a check may come, so that homes do not ring together."""
    offset_min: int = 0
    """How much of that this home has been given."""
    pauses: tuple[PlanPause, ...] = ()


@kind("plan.set", by=By.SERVER, strict=True)
class PlanSet(Data):
    """Somebody (`person`) changed the home's plan: whole, with its number.  It holds from the next
    slot on after the home has it, in place of the plans in the home's file."""

    number: int
    terms: PlanTerms


@kind("plan.held", by=By.HOME, strict=True)
class PlanHeld(Data):
    """This plan holds in the home from its next slot on.  Told when that changes, at each start,
    and again after days, so that a log that lets old events go does not forget it."""

    number: int
    """0: the plans in the home's file."""
    terms: PlanTerms | None
    looks_agreed: bool
    """Whether everybody there has agreed to looks, as far as the home was told."""


class PlanRefusal(Coded):
    """Why a home does not follow a plan."""

    NOT_UNDERSTOOD = "not_understood"
    """It says something that this version does not know."""
    OUT_OF_RANGE = "out_of_range"
    """A value in it is none that a plan may have."""
    UNKNOWN = "unknown"
    """Of a newer version: for another reason."""


@kind("plan.refused", by=By.HOME)
class PlanRefused(Data):
    """The home does not follow a plan that was set; the one before goes on."""

    number: int | None
    """None: not even that can be read."""
    why: PlanRefusal
