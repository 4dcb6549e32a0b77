"""An administrator's decision that the organisation's homes run a release, and their rings.

Going back is the same decision, with an older release: it takes the same way.  Not for: telling
homes (`rounds`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.envelope import Draft
from gateway.events import UpdateCalledOff
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events.append_many import HOMES_AT_ONCE, write_many
from web.staff.homelink.mirror import Mirror
from web.staff.people.accounts import Refused, Wrong, note
from web.staff.storage import event_store, tables
from web.staff.storage.database import Tx
from web.staff.storage.release_tables import home_ring, release_plan

RINGS = (1, 2, 3)
"""Homes to try it in, a few, and all the rest."""

LAST = RINGS[-1]

LIMIT_PCT = 5
LIMIT_MAX_PCT = 50
"""Share of a ring's homes that may fail before it stops by itself: a release that every tenth home
cannot run is none."""

WAIT_H = 24
WAIT_MAX_H = 24 * 14
"""Hours between two rings: a night and a day of real life."""


class State(StrEnum):
    """Of a plan."""

    RUNNING = "running"
    STOPPED = "stopped"
    """By itself, or by somebody; it can go on."""
    DONE = "done"
    OFF = "off"
    """Called off."""


OPEN = (State.RUNNING.value, State.STOPPED.value)

WAITING = ("wanted", "fetched")
"""States of a home that has not begun: what it was told can be called off."""


def start(
    staff: Staff, actor: Actor, version: str, *, limit_pct: int = LIMIT_PCT, wait_h: int = WAIT_H
) -> int:
    """Begin with the first ring; the plan's number.  Raises `Refused`: NO_RIGHT, NOT_FOUND (no such
    release), OUT_OF_RANGE, EXISTS (one is under way), EMPTY (no home to try it in)."""
    _need(actor)
    if version not in listed(staff):
        raise Refused(Wrong.NOT_FOUND)
    if not (0 <= limit_pct <= LIMIT_MAX_PCT and 0 <= wait_h <= WAIT_MAX_H):
        raise Refused(Wrong.OUT_OF_RANGE)
    p = release_plan
    with staff.write() as tx:
        note(staff, tx, actor, "release")  # first: who decides at the same moment waits there
        if current(tx.conn, actor.org) is not None:
            raise Refused(Wrong.EXISTS)
        if not any(ring == 1 for ring in rings(tx.conn, actor.org).values()):
            raise Refused(Wrong.EMPTY)
        values = {
            "org_id": actor.org,
            "version": version,
            "state": State.RUNNING.value,
            "ring": 1,
            "made_by": actor.person,
            "made_at": staff.clock.now(),
            "limit_pct": limit_pct,
            "wait_h": wait_h,
        }
        return int(tx.conn.execute(insert(p).values(**values).returning(p.c.id)).scalar_one())


def go_on(staff: Staff, actor: Actor) -> None:
    """Where it stopped: with those homes that have not failed.  Raises `Refused`: NOT_FOUND also
    where the release was withdrawn."""
    with _open_one(staff, actor, State.STOPPED) as (tx, plan):
        if plan.version not in listed(staff):
            raise Refused(Wrong.NOT_FOUND)
        _set(tx, plan.id, state=State.RUNNING.value)
        note(staff, tx, actor, "release")


def stop(staff: Staff, actor: Actor) -> None:
    """No further home begins until somebody lets it go on.  Raises `Refused`."""
    with _open_one(staff, actor, State.RUNNING) as (tx, plan):
        halt(staff, tx, plan, State.STOPPED)
        note(staff, tx, actor, "release")


def call_off(staff: Staff, actor: Actor) -> None:
    """For good: what homes run stays.  Raises `Refused`."""
    with _open_one(staff, actor, *State) as (tx, plan):
        halt(staff, tx, plan, State.OFF)
        note(staff, tx, actor, "release")


def halt(staff: Staff, tx: Tx, plan: Row[Any], state: State) -> None:
    """No home begins from here on: those that were told and have not begun are told so."""
    u = tables.home_update.c
    query = select(u.home_id).where(u.plan == plan.id, u.state.in_(WAITING)).order_by(u.home_id)
    homes = list(tx.conn.execute(query).scalars())
    for first in range(0, len(homes), HOMES_AT_ONCE):
        part = homes[first : first + HOMES_AT_ONCE]
        event_store.lock_homes(tx.conn, part)
        told = [Draft(UpdateCalledOff(plan=plan.id))]
        write_many(staff, tx, dict.fromkeys(part, told))
    over = None if state is State.STOPPED else staff.clock.now()
    _set(tx, plan.id, state=state.value, over_at=over)


def set_ring(staff: Staff, actor: Actor, home: str, ring: int) -> None:
    """Raises `Refused`: NO_RIGHT, NOT_FOUND, OUT_OF_RANGE."""
    _need(actor)
    if ring not in RINGS:
        raise Refused(Wrong.OUT_OF_RANGE)
    with staff.write() as tx:
        note(staff, tx, actor, "release_ring")  # first, as in `start`
        if home not in rings(tx.conn, actor.org) or not actor.sees(home):
            raise Refused(Wrong.NOT_FOUND)
        tx.conn.execute(delete(home_ring).where(home_ring.c.home_id == home))
        if ring != LAST:
            tx.conn.execute(insert(home_ring).values(home_id=home, ring=ring))


def listed(staff: Staff) -> frozenset[str]:
    """The versions that homes can be let take."""
    return Mirror(staff.config.releases).versions() or frozenset()


def rings(conn: Connection, org: str) -> Mapping[str, int]:
    """The ring of each home of the organisation."""
    h, r = tables.home.c, home_ring.c
    query = select(h.id, r.ring).outerjoin_from(tables.home, home_ring, h.id == r.home_id)
    return {home: ring or LAST for home, ring in conn.execute(query.where(h.org_id == org))}


def current(conn: Connection, org: str, *, hold: bool = False) -> Row[Any] | None:
    """The plan that is under way or stopped; with `hold` nobody else changes it, or tells a home of
    it, until this transaction is over."""
    p = release_plan.c
    query = select(release_plan).where(p.org_id == org, p.state.in_(OPEN))
    return conn.execute(query.with_for_update() if hold else query).one_or_none()


def last(conn: Connection, org: str) -> Row[Any] | None:
    """The newest plan, whatever became of it."""
    p = release_plan.c
    query = select(release_plan).where(p.org_id == org).order_by(p.id.desc()).limit(1)
    return conn.execute(query).one_or_none()


# --- helpers --------------------------------------------------------------------------------------


def _need(actor: Actor) -> None:
    if not actor.may(Right.ADMINISTER):
        raise Refused(Wrong.NO_RIGHT)


@contextmanager
def _open_one(staff: Staff, actor: Actor, *states: State) -> Iterator[tuple[Tx, Row[Any]]]:
    _need(actor)
    with staff.write() as tx:
        plan = current(tx.conn, actor.org, hold=True)
        if plan is None or plan.state not in states:
            raise Refused(Wrong.NOT_FOUND)
        yield tx, plan


def _set(tx: Tx, plan: int, **values: object) -> None:
    p = release_plan
    tx.conn.execute(update(p).where(p.c.id == plan).values(**values))
