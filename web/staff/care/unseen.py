"""A look that showed nothing makes no check done: whoever called it well through the camera, before
the home told that no picture had gone out, is not believed.

Not for: a look that nobody answered (`web.staff.checks.following`).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from gateway.envelope import Draft, Event
from gateway.events import CheckVisitAsked, Looked, LookEnded
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.database import Tx


def tell(staff: Staff, tx: Tx, home: str, events: Iterable[Event]) -> None:
    """Say that somebody must go there, for each of these looks that was such a one."""
    for event in events:
        if isinstance(event.data, LookEnded) and not event.data.pictures:
            c = tables.night_check.c
            query = select(c.check).where(
                c.home_id == home,
                c.look == event.data.look,
                c.looked == Looked.CAMERA.value,
                c.state.in_(("answered", "done")),
                c.visit_asked_at.is_(None),
            )
            for check in tx.conn.execute(query).scalars().all():
                asked = CheckVisitAsked(check=check, why="look_broke_off")
                append.write(staff, tx, home, Draft(asked))
