"""Changing accounts, teams, areas and homes from the pages: by whom, and only in one's own
organisation.

Each function looks for what it changes inside the actor's organisation, so that another one's ids
are simply not there; each change is an event, and open streams notice it (`rights_version`).
Not for: the command line (`people`), or showing anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from gateway.envelope import Draft
from gateway.events import AccountChanged
from web.staff import decisions, sessions, tables
from web.staff.auth import new_uniquifier
from web.staff.context import Staff
from web.staff.db import Tx
from web.staff.rights import Actor, Right, Role


class Wrong(StrEnum):
    """Why a change was refused."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    YOURSELF = "yourself"
    """Nobody takes the administration or the account away from themselves: that is how an
    organisation locks itself out."""
    TAKEN = "taken"
    EMPTY = "empty"


class Refused(Exception):
    """A change was refused."""

    def __init__(self, why: Wrong) -> None:
        super().__init__(why.value)
        self.why = why


def _need(actor: Actor, right: Right) -> None:
    if not actor.may(right):
        raise Refused(Wrong.NO_RIGHT)


def account_of(tx: Tx, actor: Actor, person: str) -> Any:
    """The account's row.  Raises `Refused`: NOT_FOUND, also for another organisation's."""
    u = tables.user
    row = tx.conn.execute(
        select(u.c.id, u.c.person_id, u.c.active).where(
            u.c.person_id == person, u.c.org_id == actor.org
        )
    ).one_or_none()
    if row is None:
        raise Refused(Wrong.NOT_FOUND)
    return row


def note(staff: Staff, tx: Tx, actor: Actor, what: str, account: str | None = None) -> None:
    """Write the event of a change: who, whose, what; never a name."""
    changed = AccountChanged(what=what, account=account)
    decisions.write(staff, tx, None, Draft(changed, person=actor.person))


def bump(tx: Tx, user_ids: Iterable[int]) -> None:
    """What these accounts may do was changed: their open streams end."""
    u = tables.user
    tx.conn.execute(
        update(u).where(u.c.id.in_(list(user_ids))).values(rights_version=u.c.rights_version + 1)
    )


def set_roles(staff: Staff, actor: Actor, person: str, roles: Iterable[Role]) -> None:
    """Give an account exactly these roles.  Raises `Refused`."""
    _need(actor, Right.ADMINISTER)
    wanted = set(roles)
    if person == actor.person and Role.ADMINISTRATOR not in wanted:
        raise Refused(Wrong.YOURSELF)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        ur, r = tables.user_role, tables.role
        tx.conn.execute(delete(ur).where(ur.c.user_id == row.id))
        for role in sorted(wanted):
            role_id = tx.conn.execute(
                select(r.c.id).where(r.c.name == role.value)
            ).scalar_one_or_none()
            if role_id is None:
                role_id = tx.conn.execute(
                    insert(r).values(name=role.value).returning(r.c.id)
                ).scalar_one()
            tx.conn.execute(insert(ur).values(user_id=row.id, role_id=role_id))
        bump(tx, [row.id])
        note(staff, tx, actor, "roles", person)


def set_active(staff: Staff, actor: Actor, person: str, active: bool) -> None:
    """Close an account (its sessions end), or open it again.  Raises `Refused`."""
    _need(actor, Right.ADMINISTER)
    if person == actor.person and not active:
        raise Refused(Wrong.YOURSELF)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        tx.conn.execute(update(tables.user).where(tables.user.c.id == row.id).values(active=active))
        if not active:
            sessions.end(tx, row.id)
        bump(tx, [row.id])
        note(staff, tx, actor, "opened" if active else "closed", person)


def sign_out(staff: Staff, actor: Actor, person: str) -> int:
    """End all sessions of an account: one's own, or as administrator anybody's of the organisation.
    Returns how many were open.  Raises `Refused`."""
    if person != actor.person:
        _need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        done = sessions.end(tx, row.id)
        tx.conn.execute(
            update(tables.user)
            .where(tables.user.c.id == row.id)
            .values(fs_uniquifier=new_uniquifier())
        )
        note(staff, tx, actor, "signed_out", person)
    return done


def set_password(staff: Staff, actor: Actor, person: str, password_hash: str) -> None:
    """Give an account a new password; its sessions end.  Raises `Refused`."""
    _need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        sessions.end(tx, row.id)
        tx.conn.execute(
            update(tables.user)
            .where(tables.user.c.id == row.id)
            .values(password=password_hash, fs_uniquifier=new_uniquifier())
        )
        note(staff, tx, actor, "password", person)


def reset_factors(staff: Staff, actor: Actor, person: str) -> None:
    """Take away an account's second factor, recovery codes and passkeys (a lost phone); its
    sessions end.  Raises `Refused`."""
    _need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        sessions.end(tx, row.id)
        tx.conn.execute(delete(tables.passkey).where(tables.passkey.c.user_id == row.id))
        gone = dict.fromkeys(
            ("tf_primary_method", "tf_totp_secret", "mf_recovery_codes", "tf_last_counter")
        )
        tx.conn.execute(
            update(tables.user)
            .where(tables.user.c.id == row.id)
            .values(**gone, fs_uniquifier=new_uniquifier())
        )
        note(staff, tx, actor, "factors", person)


def set_sso_id(staff: Staff, actor: Actor, person: str, sso_id: str) -> None:
    """What single sign-on calls this person; empty: not by single sign-on.  Raises `Refused`."""
    _need(actor, Right.ADMINISTER)
    u = tables.user
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        if sso_id:
            taken = select(u.c.id).where(
                u.c.org_id == actor.org, u.c.sso_id == sso_id, u.c.id != row.id
            )
            if tx.conn.execute(taken).first() is not None:
                raise Refused(Wrong.TAKEN)
        tx.conn.execute(update(u).where(u.c.id == row.id).values(sso_id=sso_id or None))
        note(staff, tx, actor, "sso_id", person)


# --- who works where ------------------------------------------------------------------------------


def set_homes(staff: Staff, actor: Actor, person: str, homes: Iterable[str]) -> None:
    """Assign an account to exactly these homes (beside its teams').  Raises `Refused`."""
    _need(actor, Right.ASSIGN)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        wanted = _mine(tx, actor, tables.home, homes)
        a = tables.assignment
        tx.conn.execute(delete(a).where(a.c.user_id == row.id))
        for home in wanted:
            tx.conn.execute(insert(a).values(user_id=row.id, home_id=home))
        bump(tx, [row.id])
        note(staff, tx, actor, "homes", person)


def set_teams(staff: Staff, actor: Actor, person: str, teams: Iterable[int]) -> None:
    """Make an account a member of exactly these teams.  Raises `Refused`."""
    _need(actor, Right.ASSIGN)
    with staff.write() as tx:
        row = account_of(tx, actor, person)
        wanted = _mine(tx, actor, tables.team, teams)
        m = tables.team_member
        tx.conn.execute(delete(m).where(m.c.user_id == row.id))
        for team in wanted:
            tx.conn.execute(insert(m).values(user_id=row.id, team_id=team))
        bump(tx, [row.id])
        note(staff, tx, actor, "teams", person)


def add_group(staff: Staff, actor: Actor, kind: str, name: str) -> None:
    """Add a `team` or an `area`.  Raises `Refused`."""
    _need(actor, Right.ASSIGN)
    t = tables.team if kind == "team" else tables.area
    name = name.strip()
    if not name:
        raise Refused(Wrong.EMPTY)
    with staff.write() as tx:
        taken = select(t.c.id).where(t.c.org_id == actor.org, t.c.name == name)
        if tx.conn.execute(taken).first() is not None:
            raise Refused(Wrong.TAKEN)
        tx.conn.execute(insert(t).values(org_id=actor.org, name=name))
        note(staff, tx, actor, kind)


def set_team_areas(staff: Staff, actor: Actor, team: int, areas: Iterable[int]) -> None:
    """Which areas a team covers.  Raises `Refused`."""
    _need(actor, Right.ASSIGN)
    with staff.write() as tx:
        _mine(tx, actor, tables.team, [team])
        wanted = _mine(tx, actor, tables.area, areas)
        c, m = tables.team_area, tables.team_member
        tx.conn.execute(delete(c).where(c.c.team_id == team))
        for area in wanted:
            tx.conn.execute(insert(c).values(team_id=team, area_id=area))
        members = tx.conn.execute(select(m.c.user_id).where(m.c.team_id == team)).scalars()
        bump(tx, list(members))
        note(staff, tx, actor, "team_areas")


def set_home_area(staff: Staff, actor: Actor, home: str, area: int | None) -> None:
    """Which area a home is in; None: none.  Raises `Refused`."""
    _need(actor, Right.ASSIGN)
    with staff.write() as tx:
        _mine(tx, actor, tables.home, [home])
        if area is not None:
            _mine(tx, actor, tables.area, [area])
        h, c, m = tables.area_home, tables.team_area, tables.team_member
        before = select(h.c.area_id).where(h.c.home_id == home)
        concerned = [a for a in (area, tx.conn.execute(before).scalar_one_or_none()) if a]
        tx.conn.execute(delete(h).where(h.c.home_id == home))
        if area is not None:
            tx.conn.execute(insert(h).values(home_id=home, area_id=area))
        members = select(m.c.user_id).join(c, c.c.team_id == m.c.team_id)
        found = tx.conn.execute(members.where(c.c.area_id.in_(concerned))).scalars()
        bump(tx, list(found))
        note(staff, tx, actor, "home_area")


def _mine(tx: Tx, actor: Actor, table: Table, ids: Iterable[Any]) -> list[Any]:
    """These ids, all of the actor's organisation.  Raises `Refused`: NOT_FOUND."""
    wanted = sorted(set(ids))
    found = tx.conn.execute(
        select(table.c.id).where(table.c.id.in_(wanted), table.c.org_id == actor.org)
    ).scalars()
    if set(found) != set(wanted):
        raise Refused(Wrong.NOT_FOUND)
    return wanted
