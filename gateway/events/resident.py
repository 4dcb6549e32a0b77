"""What is concluded about the resident: in bed or not, at home or not, active or not."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime

from gateway.events.alarm_types import AnyAlarmType
from gateway.events.base import By, Data, Else, Since, Why, kind


@kind("bed.entered", by=By.HOME)
class BedEntered(Data):
    """The rules hold that the resident lies in bed."""


@kind("bed.left", by=By.HOME)
class BedLeft(Data):
    """The rules hold that the resident left the bed.  `empty_since` is when the last sign of
    somebody in it ended (UTC); the decision comes later, because mats chatter."""

    empty_since: Since
    certain: Annotated[bool, Else(False)] = True
    """False: this bed's mats lose who lies there for minutes, and it took another sensor to tell,
    which may have been somebody else's doing; or it is not learned yet whether they do."""


@kind("bed.doubted", by=By.HOME)
class BedDoubted(Data):
    """The rules cannot tell whether the resident lies in bed."""

    since: Since
    """When the last sign that told it ended."""
    why: Why
    """What the doubt is: `mat_silent` (mats that lose who lies there say empty, and nothing else
    says that somebody left), `mat_unknown` (no mat of the bed can be trusted now)."""


@kind("seat.taken", by=By.HOME)
class SeatTaken(Data):
    """Somebody sits on a seat (the event's `device`), since `since`: it was pressed for longer than
    its mat pulses by itself."""

    since: Since


@kind("seat.left", by=By.HOME)
class SeatLeft(Data):
    """Whoever sat there rose, or moved so that the seat does not feel them."""


@kind("activity.prewarned", by=By.HOME, urgent=True)
class ActivityPrewarned(Data):
    """The home has been quiet for long; the resident is asked, by light or tone, whether all is
    well."""

    quiet_since: AwareDatetime
    answer_by: AwareDatetime


@kind("activity.answered", by=By.HOME, urgent=True)
class ActivityAnswered(Data):
    """The pre-warning ended: the resident pressed the button, or is active again."""

    by: Why
    """`button` or `activity`."""


@kind("home.emptied", by=By.HOME)
class HomeEmptied(Data):
    """The rules hold that nobody is at home: the front door, then silence.  Watching activity
    pauses."""

    since: Since


@kind("home.occupied", by=By.HOME)
class HomeOccupied(Data):
    """Somebody is at home again."""


@kind("fault.counted", by=By.HOME)
class FaultCounted(Data):
    """How often a fault of the event's `device` has come back: kept as an event, because the rules
    are rebuilt from days and count over a month."""

    fault: AnyAlarmType
    """What the fault's alarms are about."""
    times: tuple[AwareDatetime, ...]
    """When it was raised within the last 30 days, oldest first."""
