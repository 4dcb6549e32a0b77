"""What a night's round was before there were night checks, as the unit itself says it.

Each that was ever said is kept, with who said it and when; the newest holds for all nights, for it
speaks of the time before them.  Not for: what was saved (`night_figures`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.envelope import Draft
from gateway.errors import TryggveError
from gateway.events import AccountChanged
from web.staff.care.night_figures import Before
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.storage.plan_tables import night_baseline

MOST = Before(visits=20, minutes=240, km=500)
"""More is a slip of the pen: a visit an hour, of four hours each, over half the country."""

KEPT_SHOWN = 5
"""Of those that held before, the page shows so many."""


class NoBaseline(TryggveError):
    """What was said cannot be a round at night."""


@dataclass(frozen=True, slots=True)
class Said:
    """One of them."""

    before: Before
    by: str
    at: datetime


def set_baseline(staff: Staff, actor: Actor, before: Before) -> None:
    """Say what it was.  Raises `NoBaseline` for numbers that no round has, or without the right."""
    asked = ((before.visits, MOST.visits), (before.minutes, MOST.minutes), (before.km, MOST.km))
    fits = all(math.isfinite(value) and 0 <= value <= most for value, most in asked)
    if not fits or before.visits == 0 or not actor.may(Right.ASSIGN):
        raise NoBaseline("not a round at night")
    with staff.write() as tx:
        said = insert(night_baseline).values(
            visits=before.visits,
            minutes=before.minutes,
            km=before.km,
            org_id=actor.org,
            set_by=actor.person,
            set_at=staff.clock.now(),
        )
        tx.conn.execute(said)
        noted = AccountChanged(what="night_baseline")
        append.write(staff, tx, None, Draft(noted, person=actor.person))


def of_org(conn: Connection, org: str) -> list[Said]:
    """What was said, the newest first; empty: nobody has said anything."""
    b = night_baseline.c
    query = select(night_baseline).where(b.org_id == org).order_by(b.id.desc())
    rows = conn.execute(query.limit(KEPT_SHOWN + 1))
    return [Said(Before(r.visits, r.minutes, r.km), r.set_by, r.set_at) for r in rows]
