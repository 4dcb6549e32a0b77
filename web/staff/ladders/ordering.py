"""Which ladder is asked first: moving one, and putting the last move back.

Each move is an event of the server with who made it and why the order is another one.  Not for:
what a ladder says (`definitions`), or which one an alarm climbs (`choosing`).
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from gateway.events import LadderOrderChange, LadderOrderChanged
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.events import append
from web.staff.ladders.definitions import By, Refused, Wrong, tell
from web.staff.people.before import ORDER, Changed, Thing, keep
from web.staff.storage.database import Tx
from web.staff.storage.ladder_tables import ladder


def order_of(conn: Connection, org: str) -> list[str]:
    """An organisation's ladders, by id, in the order in which they are asked."""
    c = ladder.c
    query = select(c.id).where(c.org_id == org).order_by(c.place, c.name, c.id)
    return list(conn.execute(query).scalars())


def ask_earlier(staff: Staff, actor: By, ladder_id: str) -> None:
    """Let a ladder be asked before the one that is before it now; the first stays.  Raises
    `Refused`: NO_RIGHT, NOT_FOUND."""
    _move(staff, actor, ladder_id, LadderOrderChange.EARLIER)


def ask_later(staff: Staff, actor: By, ladder_id: str) -> None:
    """Let a ladder be asked after the one that is after it now; the last stays.  Raises `Refused`:
    NO_RIGHT, NOT_FOUND."""
    _move(staff, actor, ladder_id, LadderOrderChange.LATER)


def _move(staff: Staff, actor: By, ladder_id: str, why: LadderOrderChange) -> None:
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    with staff.write() as tx:
        append.hold(tx, None)  # two at once: the second sees the first
        had = order_of(tx.conn, actor.org)
        if ladder_id not in had:
            raise Refused(Wrong.NOT_FOUND)
        at = had.index(ladder_id)
        other = at - 1 if why is LadderOrderChange.EARLIER else at + 1
        if not 0 <= other < len(had):
            return
        order = list(had)
        order[at], order[other] = order[other], order[at]
        _set(staff, tx, actor, had, order, why, ladder_id)


def undo(staff: Staff, actor: By, change: Changed) -> None:
    """Put the order back as it was before the last move.  Ladders that were made since stay where
    they are, and those that were taken away since are left out.  Raises `Refused`: NO_RIGHT, and
    CHANGED (somebody moved one since, or fewer than two are left of those that were there)."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    with staff.write() as tx:
        append.hold(tx, None)
        had = order_of(tx.conn, actor.org)
        left = set(had) & set(change.before)
        now = [one for one in had if one in left]
        known = change.what is Thing.LADDER_ORDER
        if not known or now != [one for one in change.after if one in left]:
            raise Refused(Wrong.CHANGED)
        again = [one for one in change.before if one in left]
        if again == now:
            raise Refused(Wrong.CHANGED)
        places = iter(again)
        order = [next(places) if one in left else one for one in had]
        _set(staff, tx, actor, had, order, LadderOrderChange.PUT_BACK, None)


def _set(
    staff: Staff,
    tx: Tx,
    actor: By,
    had: list[str],
    order: list[str],
    why: LadderOrderChange,
    moved: str | None,
) -> None:
    c = ladder.c
    for place, one in enumerate(order, start=1):
        tx.conn.execute(
            update(ladder).where(c.id == one, c.org_id == actor.org).values(place=place)
        )
    keep(staff, tx, actor, Thing.LADDER_ORDER, ORDER, had, order)
    tell(staff, tx, actor, LadderOrderChanged(why=why, ladder=moved, order=tuple(order)))
