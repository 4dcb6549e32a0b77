"""What a ladder reads of alarms: open or not, taken or not, and how far who took one has come.

Not for: changing any of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Connection, select

from gateway.events import Climbed
from web.staff.care.mass_alarms import is_gathered
from web.staff.storage import coming
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.coming import Coming

_A = t.alarm.c
COLUMNS = (
    *(_A.id, _A.home_id, _A.type, _A.severity, _A.raised_at),
    *(_A.acknowledged_by, _A.acknowledged_at, _A.ref, _A.closed_at),
    *(_A.departed_at, _A.arrived_at, _A.coming, _A.coming_at, _A.coming_seq),
)
"""The columns of an `Alarm`."""


class Stage(StrEnum):
    """How far an alarm is that somebody has; the state of its ladder meanwhile."""

    TAKEN = "taken"
    """They have not set out."""
    COMING = "coming"
    ASKED = "asked"
    """Asked whether they are there."""
    THERE = "there"


HELD = frozenset(one.value for one in Stage)

STAGES = {
    Coming.SET_OUT: Stage.COMING,
    Coming.STILL: Stage.COMING,
    Coming.ASKED: Stage.ASKED,
    Coming.THERE: Stage.THERE,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What of an alarm its ladder goes by.  `stage` and since when: of one that somebody has;
    `is_old`: they set out before it was known who does not arrive."""

    id: str
    home: str
    about: str
    severity: str
    raised_at: datetime
    taken_by: str | None
    taken_at: datetime | None
    ref: str
    is_open: bool
    stage: Stage
    stage_at: datetime | None
    is_old: bool = False

    @classmethod
    def of(cls, values: Sequence[Any]) -> Self:
        """From the columns `COLUMNS`."""
        alarm, home, about, severity, raised_at, taken_by, taken_at, ref, closed_at, *way = values
        departed_at, arrived_at, *steps = way
        come = coming.of(*steps, taken_at=taken_at, departed_at=departed_at)
        stage, stage_at = (Stage.TAKEN, taken_at) if come is None else (STAGES[come[0]], come[1])
        if arrived_at is not None:  # whoever it was: somebody is there
            stage, stage_at = Stage.THERE, arrived_at
        return cls(
            *(alarm, home, about, severity, raised_at, taken_by, taken_at, ref),
            is_open=closed_at is None,
            stage=stage,
            stage_at=stage_at,
            is_old=come is not None and steps[-1] is None,
        )


def why_of(word: str) -> Climbed:
    """Why a ladder takes its next step, as its row has it; a word of a newer version is the usual
    one."""
    try:
        return Climbed(word)
    except ValueError:
        return Climbed.TIMED_OUT


def read(conn: Connection, ids: Collection[str]) -> dict[str, Alarm]:
    """These alarms; one of which only what followed was seen is left out."""
    query = select(*COLUMNS).where(among(_A.id, ids), _A.raised_at.is_not(None))
    return {row[0]: Alarm.of(row) for row in conn.execute(query)}


def gathered(conn: Connection, ids: Collection[str]) -> set[str]:
    """Those that ring with others now."""
    query = select(_A.id).where(among(_A.id, ids), is_gathered(_A.id))
    return set(conn.execute(query).scalars())


def came_again(conn: Connection, alarm: Alarm, since: datetime) -> bool:
    """Whether the alarm's cause came once more at that time or later."""
    r = t.alarm_repeat.c
    query = select(r.id).where(
        r.home_id == alarm.home, r.alarm.in_({alarm.id, alarm.ref}), r.at >= since
    )
    return conn.execute(query.limit(1)).first() is not None
