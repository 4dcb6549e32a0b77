"""Changing what the server keeps about a home: what it is called, where it is, what to do when
nothing works, who lives there.

By those who say who works where, in their own organisation; names of residents by those who may
know them.  Each change is an event of the home that says what was changed and never to what, so
names and addresses are in no event; what changes nothing writes nothing.  Not for: adding homes
(`registry`), areas and accounts (`accounts`), or showing anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from sqlalchemy import insert, select, update

from gateway.envelope import Draft
from gateway.events import HomeChanged, HomeField, HomeProtectionSet
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.events import append
from web.staff.homelink import second_path
from web.staff.people import look_consents
from web.staff.people.accounts import By, Refused, Wrong
from web.staff.storage import tables
from web.staff.storage.database import Tx

TEXT_MAX = 2000
"""Characters of one of these texts: a routine is a page, not a book."""

COLUMNS = {
    HomeField.LABEL: tables.home.c.label,
    HomeField.ADDRESS: tables.home.c.address,
    HomeField.FALLBACK: tables.home.c.fallback,
}
"""What is kept of the home itself."""


def set_details(staff: Staff, actor: By, home: str, said: Mapping[HomeField, str]) -> bool:
    """Let these be the home's label, address and routine; whether that changed anything.  Raises
    `Refused`: NO_RIGHT, NOT_FOUND, EMPTY (no label), TOO_LONG."""
    _need(actor, Right.ASSIGN)
    wanted = {what: _text(said[what]) for what in COLUMNS if what in said}
    if not wanted.get(HomeField.LABEL, "x"):
        raise Refused(Wrong.EMPTY)
    with staff.write() as tx:
        h = tables.home
        _hold(tx, actor, home)
        had = tx.conn.execute(select(h).where(h.c.id == home)).one()
        changed = [what for what, text in wanted.items() if getattr(had, what) != text]
        for what in changed:
            tx.conn.execute(update(h).where(h.c.id == home).values({COLUMNS[what]: wanted[what]}))
            _note(staff, tx, actor, home, what)
        if HomeField.LABEL in changed:
            second_path.details_changed(staff, tx, home)
    return bool(changed)


def set_resident(staff: Staff, actor: By, home: str, person: str | None, name: str) -> bool:
    """Let the resident `person` be called `name`; None: somebody who had no name here, with a
    new id.  Whether that changed anything.  Raises `Refused`: NO_RIGHT, NOT_FOUND, EMPTY,
    TOO_LONG."""
    _need(actor, Right.ASSIGN)
    _need(actor, Right.SEE_CARE)
    text = _text(name)
    if not text:
        raise Refused(Wrong.EMPTY)
    with staff.write() as tx:
        _hold(tx, actor, home)
        r = tables.resident
        if person is None:
            new = f"r{secrets.token_hex(4)}"
            tx.conn.execute(insert(r).values(id=new, home_id=home, name=text))
        else:
            query = select(r.c.name).where(
                r.c.id == person, r.c.home_id == home, r.c.moved_out_at.is_(None)
            )
            had = tx.conn.execute(query).scalar_one_or_none()
            if had is None:
                raise Refused(Wrong.NOT_FOUND)
            if had == text:
                return False
            tx.conn.execute(update(r).where(r.c.id == person).values(name=text))
        _note(staff, tx, actor, home, HomeField.RESIDENT)
        look_consents.settle(staff, tx, home, actor.person)  # who is new has agreed to nothing
    return True


def set_protected(staff: Staff, actor: By, home: str, *, protected: bool) -> bool:
    """Say whether somebody of protected identity lives there: then no message that leaves the pages
    says which home it is.  Whether that changed anything.  Raises `Refused`: NO_RIGHT,
    NOT_FOUND."""
    _need(actor, Right.ASSIGN)
    h = tables.home
    with staff.write() as tx:
        _hold(tx, actor, home)
        query = select(h.c.protected).where(h.c.id == home)
        if bool(tx.conn.execute(query).scalar_one()) == protected:
            return False
        tx.conn.execute(update(h).where(h.c.id == home).values(protected=protected))
        told = HomeProtectionSet(protected=protected)
        append.write(staff, tx, home, Draft(told, person=actor.person))
        second_path.details_changed(staff, tx, home)
    return True


def _need(actor: By, right: Right) -> None:
    if not actor.may(right):
        raise Refused(Wrong.NO_RIGHT)


def _text(said: str) -> str:
    text = said.replace("\r\n", "\n").strip()
    if len(text) > TEXT_MAX:
        raise Refused(Wrong.TOO_LONG)
    return text


def _hold(tx: Tx, actor: By, home: str) -> None:
    """Nobody else writes about the home until the commit; NOT_FOUND for another organisation's."""
    h = tables.home.c
    query = select(h.id).where(h.id == home, h.org_id == actor.org, h.closed_at.is_(None))
    if tx.conn.execute(query).first() is None:
        raise Refused(Wrong.NOT_FOUND)
    append.hold(tx, home)


def _note(staff: Staff, tx: Tx, actor: By, home: str, what: HomeField) -> None:
    append.write(staff, tx, home, Draft(HomeChanged(what=what), person=actor.person))
