"""Tells homes what they are to take, ring by ring, some at a time; stops where too many fail.

A step of the watch.  A home that is silent takes it when it is heard again, and one where somebody
is in an alarm for days when that is over: neither holds anybody up.  One whose program is too old
to take releases is passed over.  Not for: an administrator's decisions (`plans`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from gateway.envelope import Draft
from gateway.events import UpdateWanted
from web.staff.core.context import Staff
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.homelink.mirror import Mirror
from web.staff.releases import plans
from web.staff.releases.plans import LAST, RINGS, State
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.release_tables import home_ring, release_plan

AT_ONCE_PCT = 10
AT_ONCE_MIN = 5
"""Homes of a ring that take it at the same time: so many may fail before it is noticed."""

TELL_AGAIN = timedelta(days=5)
"""What a home was told so long ago without a word of it is told again: it reads back a week of its
log, and may have lost it with its card."""

LATE = timedelta(days=2)
"""A home that has waited so long for a quiet moment holds nobody up any more: an alarm that nobody
ends, or a mains that stays off."""

FIRST_ABLE = (0, 2)
"""The first version that takes releases."""

FAILED = ("refused", "returned")
UNDER_WAY = (*plans.WAITING, "begun")


@dataclass(frozen=True, slots=True)
class Member:
    """A home of a ring, as far as a plan goes: `state` `done`, `failed`, `under_way`, `off` (told
    and called off), `new` (not told yet), `old` (its program takes none)."""

    home: str
    ring: int
    state: str
    silent: bool
    stale: bool
    """It was told long ago and has said nothing."""
    late: bool
    """It has waited for days, and not begun."""
    version: str | None
    why: str | None


def look(staff: Staff) -> None:
    """One round over all plans that run."""
    p = release_plan
    with staff.db.read() as conn:
        query = select(p.c.id).where(p.c.state == State.RUNNING.value).order_by(p.c.id)
        running = list(conn.execute(query).scalars())
    listed = Mirror(staff.config.releases).versions() if running else None
    if listed is None:
        return
    for number in running:
        with staff.write() as tx:
            query = select(p).where(p.c.id == number, p.c.state == State.RUNNING.value)
            plan = tx.conn.execute(query.with_for_update()).one_or_none()
            if plan is not None and plan.version not in listed:
                plans.halt(staff, tx, plan, State.STOPPED)  # it was withdrawn
            elif plan is not None:
                _one(staff, tx, plan)


def _one(staff: Staff, tx: Tx, plan: Row[Any]) -> None:
    now = staff.clock.now()
    everybody = [one for one in members(tx.conn, plan, now) if one.state != "old"]
    ring = [one for one in everybody if one.ring == plan.ring]
    failed = sum(one.state == "failed" for one in ring)
    if failed * 100 > plan.limit_pct * len(ring):
        plans.halt(staff, tx, plan, State.STOPPED)
        return
    due = [one for one in everybody if one.ring <= plan.ring]
    open_ = [one for one in due if one.state in ("new", "off", "under_way")]
    tried = plan.ring != 1 or any(one.state == "done" for one in ring)
    if tried and all(one.silent or one.late for one in open_ if one.ring == plan.ring):
        _through(staff, tx, plan, whole=not open_)
    _tell(staff, tx, plan, due, len(ring))


def _through(staff: Staff, tx: Tx, plan: Row[Any], *, whole: bool) -> None:
    """The ring's homes are through, as far as they are heard."""
    now, p = staff.clock.now(), release_plan
    values: dict[str, object] = {}
    if plan.ring == LAST:
        if whole:
            values = {"state": State.DONE.value, "over_at": now}
    elif plan.ring_done_at is None or plan.ring_done_at > now:  # the clock was wrong then
        values = {"ring_done_at": now}
    elif now - plan.ring_done_at >= timedelta(hours=plan.wait_h):
        values = {"ring": plan.ring + 1, "ring_done_at": None}
    if values:
        tx.conn.execute(update(p).where(p.c.id == plan.id).values(**values))


def _tell(staff: Staff, tx: Tx, plan: Row[Any], due: Iterable[Member], ring_homes: int) -> None:
    due = list(due)
    busy = sum(one.state == "under_way" and not (one.silent or one.late) for one in due)
    room = max(AT_ONCE_MIN, ring_homes * AT_ONCE_PCT // 100) - busy
    new = [one.home for one in due if one.state in ("new", "off") and not one.silent]
    stale = [one.home for one in due if one.state == "under_way" and one.stale]
    told = [*stale, *new[: max(0, room)]][:HOMES_AT_ONCE]
    if told:
        event_store.lock_homes(tx.conn, told)
        wanted = Draft(UpdateWanted(plan=plan.id, version=plan.version), person=plan.made_by)
        write_many(staff, tx, dict.fromkeys(told, (wanted,)))


def members(conn: Connection, plan: Row[Any], now: datetime) -> list[Member]:
    """The homes of the plan's organisation."""
    h, s, u, r = tables.home.c, tables.home_state.c, tables.home_update.c, home_ring.c
    query = (
        select(h.id, r.ring, s.version, s.silent_since)
        .add_columns(u.plan, u.state, u.state_at, u.why, u.wanted_at)
        .select_from(tables.home)
        .join(tables.home_state, s.home_id == h.id)
        .outerjoin(tables.home_update, u.home_id == h.id)
        .outerjoin(home_ring, r.home_id == h.id)
        .where(h.org_id == plan.org_id, h.closed_at.is_(None), s.version.is_not(None))
        .order_by(h.id)
    )
    found = []
    for row in conn.execute(query):
        ours = row.plan == plan.id
        state = _state(row.state if ours else None, row.version, plan.version)
        stale = ours and row.wanted_at is not None and abs(now - row.wanted_at) > TELL_AGAIN
        ring = row.ring if row.ring in RINGS else LAST
        why = row.why if ours else None
        silent = row.silent_since is not None
        waits = ours and row.state in plans.WAITING and row.state_at is not None
        late = waits and now - row.state_at > LATE
        found.append(Member(row.id, ring, state, silent, stale, late, row.version, why))
    return found


def _state(told: str | None, version: str, wanted: str) -> str:
    if told in FAILED:
        return "failed"
    if told in UNDER_WAY:  # also one that runs it already: it is on trial there
        return "under_way"
    if told == "held" or version == wanted:
        return "done"
    if not is_able(version):
        return "old"
    return "off" if told == "off" else "new"


def is_able(version: str) -> bool:
    """Whether a home's program takes releases."""
    found = re.match(r"([0-9]+)\.([0-9]+)", version)
    return found is None or (int(found[1]), int(found[2])) >= FIRST_ABLE
