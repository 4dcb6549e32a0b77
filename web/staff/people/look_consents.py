"""Who agreed to looks through a camera: each resident, and whoever else lives there.

A resident's consent is kept as any other (`consents`); somebody who lives with them is noted by
what they are to the resident, never by name, and agrees on a day, asked by somebody, in some way.
What all of it means for the home is settled in the same transaction (`consent.settled`): looks may
be made when everybody agreed, and not a moment longer than the first who agrees no longer.

Not for: permitting a look.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, insert, select, update

from gateway.envelope import Draft
from gateway.events import (
    Cohabitant,
    ConsentAbout,
    ConsentHow,
    ConsentSettled,
    HouseholdChange,
    HouseholdChanged,
)
from web.staff.care.look_consent import looks_agreed
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right
from web.staff.events import append
from web.staff.looks import sessions
from web.staff.people import consents
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.place_tables import cohabitant, cohabitant_consent, consent

COHABITANTS_MAX = 10
"""People who live with the residents of one home."""


@dataclass(frozen=True, slots=True)
class Given:
    """A consent: on which day, asked by whom, how; when it was withdrawn, None: it stands."""

    asked_on: str
    asked_by: str
    how: ConsentHow
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody whose consent is needed: a resident, by person id, or somebody who lives with them,
    by number and role.  `given` is the newest first."""

    resident: str | None
    number: int | None
    role: Cohabitant | None
    given: tuple[Given, ...]

    @property
    def agrees(self) -> bool:
        """Whether a consent of theirs stands."""
        return bool(self.given) and self.given[0].withdrawn_at is None


def parties(conn: Connection, home: str) -> list[Party]:
    """Everybody who lives there now: the residents, then the others as they were noted."""
    r, c, k = tables.resident.c, consent.c, cohabitant.c
    found = []
    for resident in conn.execute(
        select(r.id).where(r.home_id == home, r.moved_out_at.is_(None)).order_by(r.id)
    ).scalars():
        about = (c.resident == resident, c.about == ConsentAbout.LOOK.value)
        query = select(consent).where(*about).order_by(c.noted_at.desc(), c.id.desc())
        found.append(Party(resident, None, None, _given(conn.execute(query).all())))
    there = select(cohabitant).where(k.home_id == home, k.gone_at.is_(None)).order_by(k.id)
    for row in conn.execute(there).all():
        g = cohabitant_consent.c
        query = select(cohabitant_consent).where(g.cohabitant_id == row.id).order_by(g.id.desc())
        given = _given(conn.execute(query).all())
        found.append(Party(None, row.id, Cohabitant.read(row.role), given))
    return found


def _given(rows: object) -> tuple[Given, ...]:
    return tuple(
        Given(
            row.asked_on, row.asked_by, ConsentHow.read(row.how), row.withdrawn_at, row.withdrawn_by
        )
        for row in rows  # type: ignore[attr-defined]
    )


# --- residents ------------------------------------------------------------------------------------


def agree(
    staff: Staff, actor: Actor, home: str, resident: str, asked_on: date, how: ConsentHow
) -> None:
    """Note that the resident agreed.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EXISTS, OUT_OF_RANGE
    (a day to come)."""
    with _planned(staff, actor, home) as tx:
        _lives_here(tx.conn, home, resident)
        if consents.given_at(tx.conn, resident, ConsentAbout.LOOK) is not None:
            raise Refused(Wrong.EXISTS)
        about = ConsentAbout.LOOK
        consents.give(staff, tx, actor, home, resident, about, asked_on=asked_on, how=how)
        settle(staff, tx, home, actor.person)


def withdraw(staff: Staff, actor: Actor, home: str, resident: str) -> None:
    """Note that the resident agrees no longer: no look is permitted from now on.  Raises `Refused`:
    NO_RIGHT, NOT_FOUND."""
    with _planned(staff, actor, home) as tx:
        _lives_here(tx.conn, home, resident)
        consents.withdraw(staff, tx, actor, home, resident, ConsentAbout.LOOK)
        settle(staff, tx, home, actor.person)


# --- whoever lives with them ----------------------------------------------------------------------


def lives_there(staff: Staff, actor: Actor, home: str, role: Cohabitant) -> int:
    """Note that somebody lives there: until they have agreed there are no looks.  Returns their
    number.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EXISTS (too many)."""
    with _planned(staff, actor, home) as tx:
        k = cohabitant.c
        there = select(func.count()).where(k.home_id == home, k.gone_at.is_(None))
        if tx.conn.execute(there).scalar_one() >= COHABITANTS_MAX:
            raise Refused(Wrong.EXISTS)
        row = {
            "home_id": home,
            "role": role.value,
            "noted_at": staff.clock.now(),
            "noted_by": actor.person,
        }
        made = insert(cohabitant).values(**row).returning(cohabitant.c.id)
        number = int(tx.conn.execute(made).scalar_one())
        _note(staff, tx, actor, home, role, HouseholdChange.LIVES_THERE)
        settle(staff, tx, home, actor.person)
        return number


def cohabitant_agrees(
    staff: Staff, actor: Actor, home: str, number: int, asked_on: date, how: ConsentHow
) -> None:
    """Note that they agreed.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EXISTS, OUT_OF_RANGE."""
    now = staff.clock.now()
    if asked_on > now.date():
        raise Refused(Wrong.OUT_OF_RANGE)
    with _planned(staff, actor, home) as tx:
        role = _role_of(tx.conn, home, number)
        g = cohabitant_consent.c
        stands = select(g.id).where(g.cohabitant_id == number, g.withdrawn_at.is_(None))
        if tx.conn.execute(stands).first() is not None:
            raise Refused(Wrong.EXISTS)
        row = {
            "home_id": home,
            "cohabitant_id": number,
            "asked_on": asked_on.isoformat(),
            "asked_by": actor.person,
            "how": how.value,
            "noted_at": now,
        }
        tx.conn.execute(insert(cohabitant_consent).values(**row))
        _note(staff, tx, actor, home, role, HouseholdChange.AGREED, how)
        settle(staff, tx, home, actor.person)


def cohabitant_withdraws(staff: Staff, actor: Actor, home: str, number: int) -> None:
    """Note that they agree no longer.  Raises `Refused`: NO_RIGHT, NOT_FOUND."""
    with _planned(staff, actor, home) as tx:
        role = _role_of(tx.conn, home, number)
        if _end_consent(staff, tx, actor, number):
            _note(staff, tx, actor, home, role, HouseholdChange.WITHDREW)
            settle(staff, tx, home, actor.person)


def moved_out(staff: Staff, actor: Actor, home: str, number: int) -> None:
    """Note that they live there no longer: they are asked no more.  Raises `Refused`: NO_RIGHT,
    NOT_FOUND."""
    with _planned(staff, actor, home) as tx:
        role = _role_of(tx.conn, home, number)
        _end_consent(staff, tx, actor, number)
        gone = update(cohabitant).where(cohabitant.c.id == number)
        tx.conn.execute(gone.values(gone_at=staff.clock.now()))
        _note(staff, tx, actor, home, role, HouseholdChange.MOVED_OUT)
        settle(staff, tx, home, actor.person)


# --- what it comes to -----------------------------------------------------------------------------


def settle(staff: Staff, tx: Tx, home: str, person: str | None) -> None:
    """Say what the consents mean now, if that is not what was said last."""
    everybody = parties(tx.conn, home)
    residents = any(party.resident for party in everybody)
    held = residents and all(party.agrees for party in everybody)
    if held != looks_agreed(tx.conn, home):
        settled = ConsentSettled(held=held)
        append.write(staff, tx, home, Draft(settled, person=person))
        if not held:
            sessions.end_all(tx, home)


def _end_consent(staff: Staff, tx: Tx, actor: Actor, number: int) -> bool:
    g = cohabitant_consent.c
    ended = update(cohabitant_consent).where(g.cohabitant_id == number, g.withdrawn_at.is_(None))
    said = {"withdrawn_at": staff.clock.now(), "withdrawn_by": actor.person}
    return bool(tx.conn.execute(ended.values(**said)).rowcount)


@contextmanager
def _planned(staff: Staff, actor: Actor, home: str) -> Iterator[Tx]:
    """A transaction about a home of the actor's own."""
    if not actor.may(Right.PLAN_CHECKS):
        raise Refused(Wrong.NO_RIGHT)
    if not actor.sees(home):
        raise Refused(Wrong.NOT_FOUND)
    with staff.write() as tx:
        append.hold(tx, home)
        yield tx


def _lives_here(conn: Connection, home: str, resident: str) -> None:
    r = tables.resident.c
    lives = (r.id == resident, r.home_id == home, r.moved_out_at.is_(None))
    if conn.execute(select(r.id).where(*lives)).first() is None:
        raise Refused(Wrong.NOT_FOUND)


def _role_of(conn: Connection, home: str, number: int) -> Cohabitant:
    k = cohabitant.c
    query = select(k.role).where(k.id == number, k.home_id == home, k.gone_at.is_(None))
    role = conn.execute(query).scalar_one_or_none()
    if role is None:
        raise Refused(Wrong.NOT_FOUND)
    return Cohabitant.read(role)


def _note(
    staff: Staff,
    tx: Tx,
    actor: Actor,
    home: str,
    role: Cohabitant,
    what: HouseholdChange,
    how: ConsentHow | None = None,
) -> None:
    changed = HouseholdChanged(who=role, what=what, how=how)
    append.write(staff, tx, home, Draft(changed, person=actor.person))
