"""What the watch does about positions: erases what is older than the organisation keeps, and tells
of transponders that are silent.

Not for: judging fixes (`positions`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType, ConsentAbout
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.storage import tables
from web.staff.storage.place_tables import consent, outing, place_look, position, tracker

OUTINGS_KEPT = timedelta(days=90)
"""How long it is kept when somebody was out: longer than any late fix may come, and what is to be
known later stands in the home's events."""


def look(staff: Staff, alive: Callable[[], None] = lambda: None) -> None:
    """One round."""
    erase(staff)
    alive()
    tell_silent(staff)


def erase(staff: Staff) -> int:
    """Erase positions that are older than their organisation keeps them, and looks that are over;
    returns how many positions."""
    now = staff.clock.now()
    p, h, o = position.c, tables.home.c, tables.organisation.c
    old = []
    with staff.db.read() as conn:
        oldest = conn.execute(select(p.at).order_by(p.at).limit(1)).scalar_one_or_none()
        stale = conn.execute(
            select(place_look.c.id).where(place_look.c.until <= now).limit(1)
        ).first()
        if oldest is not None:
            for org, days in conn.execute(select(o.id, o.position_retain_days)).all():
                before = now - timedelta(days=days)
                if oldest < before:
                    old.append((org, before))
    if not old and stale is None:
        return 0
    count = 0
    with staff.write() as tx:
        for org, before in old:
            homes = select(h.id).where(h.org_id == org)
            gone = delete(position).where(p.at < before, p.home_id.in_(homes))
            count += tx.conn.execute(gone).rowcount
        tx.conn.execute(delete(place_look).where(place_look.c.until <= now))
        over = delete(outing).where(outing.c.until < now - OUTINGS_KEPT)
        tx.conn.execute(over)
    return count


def tell_silent(staff: Staff) -> int:
    """Raise a technical alarm for each transponder that is expected and was not heard for as long
    as it may be silent; returns how many."""
    with staff.db.read() as conn:
        silent = [row for row in conn.execute(_EXPECTED).all() if _is_silent(staff, row)]
    for row in silent:
        _tell(staff, row.id, row.home_id)
    return len(silent)


def _is_silent(staff: Staff, row: Any) -> bool:
    last = max(at for at in (row.heard_at, row.made_at, row.agreed_at) if at is not None)
    return bool(staff.clock.now() - last > timedelta(hours=row.silent_after_h))


def _tell(staff: Staff, which: str, home: str) -> None:
    t = tracker.c
    with staff.write() as tx:
        append.hold(tx, home)
        row = tx.conn.execute(_EXPECTED.where(t.id == which)).first()
        if row is None or not _is_silent(staff, row):
            return  # another worker was first, or it has been heard
        since = row.heard_at or row.made_at
        raised = AlarmRaised.usual(AlarmType.TRACKER_SILENT, since)
        written = append.write(staff, tx, home, Draft(raised, device=which))
        tx.conn.execute(update(tracker).where(t.id == which).values(silent_alarm=written.ref))


_EXPECTED = (
    select(
        tracker.c.id,
        tracker.c.home_id,
        tracker.c.heard_at,
        tracker.c.made_at,
        tracker.c.silent_after_h,
        consent.c.noted_at.label("agreed_at"),
    )
    .join(consent, consent.c.resident == tracker.c.resident)
    .where(
        consent.c.about == ConsentAbout.POSITION.value,
        consent.c.withdrawn_at.is_(None),
        tracker.c.revoked_at.is_(None),
        tracker.c.silent_alarm.is_(None),
    )
)
"""Transponders that are to be heard, and whose silence is not told."""
