"""Who is on call: rotas and their shifts, changed in the page or taken from a calendar.

A shift is written out with its instants, so that a night that loses an hour, or has one twice, is
what the calendar's zone says it is.  A calendar replaces what was imported before and begins later
than now; what was written in the page stays beside it.

Not for: reading a calendar's lines (`web.staff.visits.plan_ical`), or whom a ladder reaches.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.events import RotaChange, RotaChanged
from web.staff.core.context import Staff
from web.staff.core.i18n import ZONE
from web.staff.core.rights import Right
from web.staff.events import append
from web.staff.ladders.definitions import NAME_MAX, By, tell
from web.staff.storage import tables as t
from web.staff.storage.database import Tx
from web.staff.storage.ladder_tables import ladder, rota, rota_shift
from web.staff.visits import plan_ical

ROTAS_MAX = 50
"""Of one organisation."""

SHIFTS_MAX = 3_000
"""Shifts of a rota that are yet to end: three a day for more than two years."""

SHIFT_MAX = timedelta(days=31)
"""The longest shift: a month on call is one person's, and a year is a slip of the pen."""

AHEAD = timedelta(days=190)
"""How far a calendar is written out: half a year, as rotas are made."""

WEEKS_MAX = 52
"""How often a shift may be repeated at once."""

HELD = "jour"
"""What a calendar's events are of, for its reader: no home."""


class Wrong(StrEnum):
    """Why nothing was changed."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    EXISTS = "exists"
    TOO_MANY = "too_many"
    ORDER = "order"
    """A shift ends before it begins, or lasts longer than a month."""
    IN_USE = "in_use"
    """A ladder names the rota."""
    WHO = "who"
    """A calendar names somebody who is nobody here."""


class Refused(Exception):
    """Nothing was changed; `about` is what is wrong, `line` where in a calendar."""

    def __init__(self, why: Wrong, about: str = "", line: int = 0) -> None:
        super().__init__(why.value)
        self.why = why
        self.about = about
        self.line = line


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody on call, from when until when."""

    id: str
    person: str
    since: datetime
    until: datetime
    imported: bool


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when."""

    since: datetime
    until: datetime


def make(staff: Staff, actor: By, name: str) -> str:
    """A new rota; returns its id.  Raises `Refused`."""
    _need(actor)
    said = name.strip()
    if not said:
        raise Refused(Wrong.EMPTY)
    if len(said) > NAME_MAX:
        raise Refused(Wrong.TOO_LONG)
    r, made = rota.c, secrets.token_hex(8)
    with staff.write() as tx:
        append.hold(tx, None)
        ours = select(func.count()).where(r.org_id == actor.org)
        if tx.conn.execute(ours).scalar_one() >= ROTAS_MAX:
            raise Refused(Wrong.TOO_MANY)
        if tx.conn.execute(select(r.id).where(r.org_id == actor.org, r.name == said)).first():
            raise Refused(Wrong.EXISTS)
        values = {"id": made, "org_id": actor.org, "name": said, "timezone": ZONE}
        tx.conn.execute(insert(rota).values(**values, changed_at=datetime.now(UTC)))
        _tell(staff, tx, actor, made, RotaChange.MADE)
    return made


def remove(staff: Staff, actor: By, rota_id: str) -> None:
    """Take a rota away.  Raises `Refused`: IN_USE while a ladder names it."""
    _need(actor)
    with staff.write() as tx:
        _hold(tx, actor, rota_id)
        c = ladder.c
        names = select(c.name).where(c.org_id == actor.org, c.steps.contains(f'"{rota_id}"'))
        used = tx.conn.execute(names.limit(1)).scalar_one_or_none()
        if used is not None:
            raise Refused(Wrong.IN_USE, used)
        tx.conn.execute(delete(rota).where(rota.c.id == rota_id))
        _tell(staff, tx, actor, rota_id, RotaChange.REMOVED)


def add_shift(staff: Staff, actor: By, rota_id: str, person: str, spans: Sequence[Span]) -> None:
    """Let this person be on call then.  Raises `Refused`."""
    _need(actor)
    for span in spans:
        if not span.since < span.until <= span.since + SHIFT_MAX:
            raise Refused(Wrong.ORDER)
    u = t.user.c
    with staff.write() as tx:
        _hold(tx, actor, rota_id)
        who = select(u.id).where(u.person_id == person, u.org_id == actor.org, u.active)
        user = tx.conn.execute(who).scalar_one_or_none()
        if user is None:
            raise Refused(Wrong.NOT_FOUND)
        _put(tx.conn, staff, rota_id, [(user, span) for span in spans], imported=False)
        _tell(staff, tx, actor, rota_id, RotaChange.SHIFT_ADDED)


def remove_shift(staff: Staff, actor: By, rota_id: str, shift: str) -> None:
    """Take a shift away.  Raises `Refused`."""
    _need(actor)
    s = rota_shift.c
    with staff.write() as tx:
        _hold(tx, actor, rota_id)
        gone = delete(rota_shift).where(s.id == shift, s.rota_id == rota_id)
        if not tx.conn.execute(gone).rowcount:
            raise Refused(Wrong.NOT_FOUND)
        _tell(staff, tx, actor, rota_id, RotaChange.SHIFT_REMOVED)


def take_calendar(staff: Staff, actor: By, rota_id: str, data: bytes) -> int:
    """Let a calendar's shifts take the place of those that were imported before; returns how many
    there are.  Who is on call stands in ATTENDEE (an address of an account), else in SUMMARY (a
    name or an address).  Raises `Refused`, `PlanRefused` with the lines that are wrong, or
    `UserError` for what is no calendar."""
    _need(actor)
    now = staff.clock.now()
    reading = plan_ical.read_ical(data, (now - timedelta(days=1), now + AHEAD), home=HELD)
    s = rota_shift.c
    with staff.write() as tx:
        _hold(tx, actor, rota_id)
        known = _people(tx.conn, actor.org)
        found = []
        for draft in reading.drafts:
            if draft.withdrawn or draft.until <= now:
                continue
            span = Span(draft.since, draft.until)
            if not span.since < span.until <= span.since + SHIFT_MAX:
                raise Refused(Wrong.ORDER, draft.what, draft.line)
            for said in draft.people or (draft.what,):
                user = known.get(said.strip().casefold())
                if user is None:
                    raise Refused(Wrong.WHO, said, draft.line)
                found.append((user, span))
        old = delete(rota_shift).where(s.rota_id == rota_id, s.imported, s.until > now)
        tx.conn.execute(old)
        _put(tx.conn, staff, rota_id, found, imported=True)
        _tell(staff, tx, actor, rota_id, RotaChange.IMPORTED)
    return len(found)


def _people(conn: Connection, org: str) -> dict[str, int]:
    """Accounts of the organisation by address, and by a name that only one of them has."""
    u = t.user.c
    rows = conn.execute(select(u.id, u.email, u.name).where(u.org_id == org, u.active)).all()
    names = [row.name.casefold() for row in rows]
    known = {name: row.id for name, row in zip(names, rows, strict=True) if names.count(name) == 1}
    return known | {row.email.casefold(): row.id for row in rows}


def _put(
    conn: Connection,
    staff: Staff,
    rota_id: str,
    shifts: Sequence[tuple[int, Span]],
    *,
    imported: bool,
) -> None:
    s = rota_shift.c
    left = select(func.count()).where(s.rota_id == rota_id, s.until > staff.clock.now())
    if conn.execute(left).scalar_one() + len(shifts) > SHIFTS_MAX:
        raise Refused(Wrong.TOO_MANY)
    rows = [
        {
            "id": secrets.token_hex(8),
            "rota_id": rota_id,
            "user_id": user,
            "since": span.since,
            "until": span.until,
            "imported": imported,
        }
        for user, span in shifts
    ]
    if rows:
        conn.execute(insert(rota_shift), rows)


def _need(actor: By) -> None:
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)


def _hold(tx: Tx, actor: By, rota_id: str) -> None:
    """Nobody else changes rotas until the commit; NOT_FOUND for another organisation's."""
    append.hold(tx, None)
    r = rota.c
    ours = select(r.id).where(r.id == rota_id, r.org_id == actor.org)
    if tx.conn.execute(ours).first() is None:
        raise Refused(Wrong.NOT_FOUND)


def _tell(staff: Staff, tx: Tx, actor: By, rota_id: str, what: RotaChange) -> None:
    if what is not RotaChange.REMOVED:
        this = update(rota).where(rota.c.id == rota_id)
        tx.conn.execute(this.values(changed_at=datetime.now(UTC)))
    tell(staff, tx, actor, RotaChanged(rota=rota_id, what=what))


# --- reading --------------------------------------------------------------------------------------


def shifts(conn: Connection, rota_id: str, first: datetime, last: datetime) -> list[Shift]:
    """The shifts of a rota that lie in this time, in part or whole, in order."""
    s, u = rota_shift.c, t.user.c
    query = (
        select(s.id, u.person_id, s.since, s.until, s.imported)
        .join(t.user, u.id == s.user_id)
        .where(s.rota_id == rota_id, s.since < last, s.until > first)
        .order_by(s.since, s.until, s.id)
    )
    return [Shift(*row) for row in conn.execute(query)]


def gaps(found: Sequence[Shift], first: datetime, last: datetime) -> Iterator[Span]:
    """When nobody is on call."""
    at = first
    for shift in sorted(found, key=lambda one: one.since):
        if shift.since > at:
            yield Span(at, min(shift.since, last))
        at = max(at, shift.until)
        if at >= last:
            return
    if at < last:
        yield Span(at, last)
