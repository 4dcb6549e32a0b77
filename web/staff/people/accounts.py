"""Changing accounts, teams, areas and homes, from the pages and the command line: by whom, and only
in one's own organisation.

Each function looks for what it changes inside the actor's organisation, so that another one's ids
are simply not there.  Each change is an event, is noticed by open streams (`rights_version`), and
takes back in the same transaction what it leaves no ground for; what changes nothing writes
nothing.  Not for: adding accounts and homes (`registry`), or showing anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, insert, select, update

from gateway.envelope import Draft
from gateway.events import AccountChanged
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Right, Role
from web.staff.doors import revocation
from web.staff.events import append
from web.staff.people import group_rights, way_in
from web.staff.people.before import Thing, keep
from web.staff.signin import failed_attempts, grace, sessions
from web.staff.signin.auth import new_uniquifier
from web.staff.signin.models import normal_address
from web.staff.storage import tables
from web.staff.storage.database import Tx

ABOUT_MAX = 200
"""Characters of a name or an address: the longest address that mail carries is 254, and none of
staff comes near."""

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
"""What can be an e-mail address; whether it is one only mail could show."""

By = Actor | Operator
"""Who changes something."""

Pick = Callable[[set[Any]], Iterable[Any]]
"""What is to be, by what is."""


class Wrong(StrEnum):
    """Why a change was refused."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    YOURSELF = "yourself"
    """Nobody takes the administration or the account away from themselves: that is how an
    organisation locks itself out."""
    EXISTS = "exists"
    OUT_OF_RANGE = "out_of_range"
    WHICH_PROVIDER = "which_provider"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    BAD_ADDRESS = "bad_address"
    NO_SIP = "no_sip"
    """No SIP address of an alarm centre."""
    OPEN_ALARMS = "open_alarms"
    """Something is open there that somebody must see to first."""
    CHANGED = "changed"
    """Somebody else changed it since."""
    IN_USE = "in_use"
    """Positions, relatives or a consent must be ended first."""
    NO_DIGITS = "no_digits"
    """A care id has digits only."""
    LOCKED_OUT = "locked_out"
    """No administrator could sign in any more."""
    NOTHING = "nothing"
    """Neither a role nor a team was chosen."""
    TOO_MANY = "too_many"


class Refused(Exception):
    """A change was refused."""

    def __init__(self, why: Wrong) -> None:
        super().__init__(why.value)
        self.why = why


def need(actor: By, right: Right) -> None:
    """Raise `Refused` (NO_RIGHT) for whoever has not this right."""
    if not actor.may(right):
        raise Refused(Wrong.NO_RIGHT)


@contextmanager
def keeping_a_way_in(staff: Staff, tx: Tx, actor: By) -> Iterator[None]:
    """Nobody else changes meanwhile who may administer, and what is done here takes away no last
    administrator who can sign in: raises `Refused` (LOCKED_OUT).  The command line, which can make
    one, may; and where there is none already nothing is held up."""
    way_in.alone(tx, actor.org)
    had = isinstance(actor, Actor) and way_in.is_left(tx.conn, staff, actor.org)
    yield
    if had and not way_in.is_left(tx.conn, staff, actor.org):
        raise Refused(Wrong.LOCKED_OUT)


def account_of(conn: Connection, actor: By, person: str) -> Any:
    """The account's row.  Raises `Refused`: NOT_FOUND, also for another organisation's."""
    u = tables.user
    row = conn.execute(
        select(u.c.id, u.c.person_id, u.c.active).where(
            u.c.person_id == person, u.c.org_id == actor.org
        )
    ).one_or_none()
    if row is None:
        raise Refused(Wrong.NOT_FOUND)
    return row


def note(staff: Staff, tx: Tx, actor: By, what: str, account: str | None = None) -> None:
    """Write the event of a change: who, whose, what; never a name."""
    changed = AccountChanged(what=what, account=account)
    append.write(staff, tx, None, Draft(changed, person=actor.person))


def bump(tx: Tx, user_ids: Collection[int]) -> None:
    """What these accounts may do was changed: their open streams end."""
    u = tables.user
    tx.look_again |= set(user_ids)
    tx.conn.execute(
        update(u).where(u.c.id.in_(list(user_ids))).values(rights_version=u.c.rights_version + 1)
    )


def rights_changed(
    staff: Staff, tx: Tx, actor: By, users: Iterable[int], what: str, account: str | None = None
) -> None:
    """What every change of rights does beside itself, for these accounts: see the module."""
    concerned = list(users)
    bump(tx, concerned)
    revocation.revoke_lost(staff, tx, concerned, by=actor.person)
    note(staff, tx, actor, what, account)


def _replace(tx: Tx, table: Table, fixed: Mapping[str, Any], column: str, wanted: set[Any]) -> bool:
    """Let the rows of `table` with `fixed` have exactly `wanted` in `column`, given by hand;
    whether that changed anything."""
    had = _held(tx, table, fixed, column)
    if "by_hand" in table.c and had != wanted:
        group_rights.replace(tx, table, fixed["user_id"], column, wanted)
        return True
    for gone in sorted(had - wanted):
        tx.conn.execute(delete(table).filter_by(**fixed, **{column: gone}))
    for new in sorted(wanted - had):
        tx.conn.execute(insert(table).values(**fixed, **{column: new}))
    return had != wanted


def _held(tx: Tx, table: Table, fixed: Mapping[str, object], column: str) -> set[Any]:
    """What was given by hand."""
    hand = {"by_hand": True} if "by_hand" in table.c else {}
    return set(tx.conn.execute(select(table.c[column]).filter_by(**fixed, **hand)).scalars())


def set_roles(staff: Staff, actor: By, person: str, roles: Iterable[Role]) -> bool:
    """Give an account exactly these roles; whether that is a change.  Raises `Refused`."""
    wanted = set(roles)
    return pick_roles(staff, actor, person, lambda _had: wanted)


def pick_roles(staff: Staff, actor: By, person: str, pick: Pick) -> bool:
    """Give an account the roles that `pick` makes of those that were given by hand; whether that
    is a change.  Nobody makes their own administration theirs by hand that a group gives them, nor
    takes it away.  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    with staff.write() as tx, keeping_a_way_in(staff, tx, actor):
        row = account_of(tx.conn, actor, person)
        ids = group_rights.role_ids(tx)
        names = {number: name for name, number in ids.items()}
        had = _held(tx, tables.user_role, {"user_id": row.id}, "role_id")
        before = {names[number] for number in had}
        wanted = set(pick(before))
        if person == actor.person and Role.ADMINISTRATOR in before ^ wanted:
            raise Refused(Wrong.YOURSELF)
        numbers = {ids[role] for role in wanted}
        if not _replace(tx, tables.user_role, {"user_id": row.id}, "role_id", numbers):
            return False
        keep(staff, tx, actor, Thing.ROLES, person, sorted(before), sorted(wanted))
        rights_changed(staff, tx, actor, [row.id], "roles", person)
    return True


def set_active(staff: Staff, actor: By, person: str, active: bool) -> None:
    """Close an account (its sessions end), or open it again.  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    if person == actor.person and not active:
        raise Refused(Wrong.YOURSELF)
    with staff.write() as tx, keeping_a_way_in(staff, tx, actor):
        row = account_of(tx.conn, actor, person)
        tx.conn.execute(update(tables.user).where(tables.user.c.id == row.id).values(active=active))
        if not active:
            sessions.end(tx, row.id)
        rights_changed(staff, tx, actor, [row.id], "opened" if active else "closed", person)


def sign_out(staff: Staff, actor: By, person: str) -> int:
    """End all sessions of an account: one's own, or as administrator anybody's of the organisation.
    Returns how many were open.  Raises `Refused`."""
    if person != actor.person:
        need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        row = account_of(tx.conn, actor, person)
        done = sessions.end(tx, row.id)
        tx.conn.execute(
            update(tables.user)
            .where(tables.user.c.id == row.id)
            .values(fs_uniquifier=new_uniquifier())
        )
        note(staff, tx, actor, "signed_out", person)
    return done


def set_password(staff: Staff, actor: By, person: str, password_hash: str) -> None:
    """Give an account a new password; its sessions end.  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    with staff.write() as tx:
        row = account_of(tx.conn, actor, person)
        sessions.end(tx, row.id)
        tx.conn.execute(
            update(tables.user)
            .where(tables.user.c.id == row.id)
            .values(password=password_hash, fs_uniquifier=new_uniquifier())
        )
        failed_attempts.forgive(tx, row.id)
        note(staff, tx, actor, "password", person)


def reset_factors(staff: Staff, actor: By, person: str) -> None:
    """Take away an account's second factor, recovery codes and passkeys (a lost phone); its
    sessions end.  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    with staff.write() as tx, keeping_a_way_in(staff, tx, actor):
        row = account_of(tx.conn, actor, person)
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


def set_grace(staff: Staff, actor: By, hours: int) -> bool:
    """For how many hours from a first sign-in a password alone is enough in the organisation (0:
    never); whether that is a change.  Raises `Refused`."""
    need(actor, Right.ADMINISTER)
    if not 0 <= hours <= grace.HOURS_MAX:
        raise Refused(Wrong.OUT_OF_RANGE)
    o, u = tables.organisation, tables.user
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        had = tx.conn.execute(
            select(o.c.factor_grace_h).where(o.c.id == actor.org)
        ).scalar_one_or_none()
        if had is None:
            raise Refused(Wrong.NOT_FOUND)
        if had == hours:
            return False
        tx.conn.execute(update(o).where(o.c.id == actor.org).values(factor_grace_h=hours))
        bump(tx, list(tx.conn.execute(select(u.c.id).where(u.c.org_id == actor.org)).scalars()))
        note(staff, tx, actor, "grace")
    return True


def set_about(staff: Staff, actor: By, person: str, name: str, email: str) -> bool:
    """What an account's owner is called, and the address that signs in; whether that changed
    anything.  Raises `Refused`: EMPTY, TOO_LONG, BAD_ADDRESS (none, or in use)."""
    need(actor, Right.ADMINISTER)
    wanted = {"name": name.strip(), "email": normal_address(email)}
    if not wanted["name"]:
        raise Refused(Wrong.EMPTY)
    if max(map(len, wanted.values())) > ABOUT_MAX:
        raise Refused(Wrong.TOO_LONG)
    if not ADDRESS.fullmatch(wanted["email"]):
        raise Refused(Wrong.BAD_ADDRESS)
    u = tables.user
    with staff.write() as tx:
        # the account before the log, as everybody: who signs in there meanwhile waits for us
        mine = select(u.c.id).where(u.c.person_id == person, u.c.org_id == actor.org)
        tx.conn.execute(mine.with_for_update())
        append.hold(tx, None)  # two at once: the second sees the first
        row = account_of(tx.conn, actor, person)
        taken = select(u.c.id).where(u.c.email == wanted["email"], u.c.id != row.id)
        if tx.conn.execute(taken).first() is not None:
            raise Refused(Wrong.BAD_ADDRESS)  # who else has it is not this organisation's to know
        had = tx.conn.execute(select(u.c.name, u.c.email).where(u.c.id == row.id)).one()
        changed = [what for what, text in wanted.items() if getattr(had, what) != text]
        for what in changed:
            tx.conn.execute(update(u).where(u.c.id == row.id).values({what: wanted[what]}))
            note(staff, tx, actor, what, person)
    return bool(changed)


# --- who works where ------------------------------------------------------------------------------


def set_homes(staff: Staff, actor: By, person: str, homes: Iterable[str]) -> bool:
    """Assign an account to exactly these homes (beside its teams'); whether that is a change.
    Raises `Refused`."""
    wanted = set(homes)
    return pick_homes(staff, actor, person, lambda _had: wanted)


def pick_homes(staff: Staff, actor: By, person: str, pick: Pick) -> bool:
    """The same, by the homes it is assigned to.  Raises `Refused`."""
    return _pick_of(staff, actor, person, Thing.HOMES, tables.assignment, tables.home, pick)


def set_teams(staff: Staff, actor: By, person: str, teams: Iterable[int]) -> bool:
    """Make an account a member of exactly these teams; whether that is a change.  Raises
    `Refused`."""
    wanted = set(teams)
    return pick_teams(staff, actor, person, lambda _had: wanted)


def pick_teams(staff: Staff, actor: By, person: str, pick: Pick) -> bool:
    """The same, by the teams it is in.  Raises `Refused`."""
    return _pick_of(staff, actor, person, Thing.TEAMS, tables.team_member, tables.team, pick)


def _pick_of(
    staff: Staff, actor: By, person: str, what: Thing, links: Table, table: Table, pick: Pick
) -> bool:
    need(actor, Right.ASSIGN)
    column = f"{table.name}_id"
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        row = account_of(tx.conn, actor, person)
        fixed = {"user_id": row.id}
        had = _held(tx, links, fixed, column)
        wanted = mine(tx, actor, table, pick(had))
        if not _replace(tx, links, fixed, column, wanted):
            return False
        keep(staff, tx, actor, what, person, sorted(had), sorted(wanted))
        rights_changed(staff, tx, actor, [row.id], what.value, person)
    return True


def add_group(staff: Staff, actor: By, kind: str, name: str) -> None:
    """Add a `team` or an `area`.  Raises `Refused`."""
    need(actor, Right.ASSIGN)
    t = tables.team if kind == "team" else tables.area
    name = name.strip()
    if not name:
        raise Refused(Wrong.EMPTY)
    if len(name) > ABOUT_MAX:
        raise Refused(Wrong.TOO_LONG)
    with staff.write() as tx:
        append.hold(tx, None)  # two at once: the second sees the first
        taken = select(t.c.id).where(t.c.org_id == actor.org, t.c.name == name)
        if tx.conn.execute(taken).first() is not None:
            raise Refused(Wrong.EXISTS)
        tx.conn.execute(insert(t).values(org_id=actor.org, name=name))
        note(staff, tx, actor, kind)


def set_team_areas(staff: Staff, actor: By, team: int, areas: Iterable[int]) -> bool:
    """Let a team cover exactly these areas; whether that is a change.  Raises `Refused`."""
    wanted = set(areas)
    return pick_team_areas(staff, actor, team, lambda _had: wanted)


def pick_team_areas(staff: Staff, actor: By, team: int, pick: Pick) -> bool:
    """The same, by the areas it covers.  Raises `Refused`."""
    need(actor, Right.ASSIGN)
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        mine(tx, actor, tables.team, [team])
        links, fixed = tables.team_area, {"team_id": team}
        had = _held(tx, links, fixed, "area_id")
        wanted = mine(tx, actor, tables.area, pick(had))
        if not _replace(tx, links, fixed, "area_id", wanted):
            return False
        keep(staff, tx, actor, Thing.TEAM_AREAS, team, sorted(had), sorted(wanted))
        m = tables.team_member
        members = select(m.c.user_id).where(m.c.team_id == team)
        rights_changed(staff, tx, actor, tx.conn.execute(members).scalars(), "team_areas")
    return True


def set_home_area(staff: Staff, actor: By, home: str, area: int | None) -> bool:
    """Which area a home is in (None: none); whether that is a change.  Raises `Refused`."""
    wanted = set() if area is None else {area}
    return pick_home_area(staff, actor, home, lambda _had: wanted)


def pick_home_area(staff: Staff, actor: By, home: str, pick: Pick) -> bool:
    """The same, by the area that it is in (one or none).  Raises `Refused`."""
    need(actor, Right.ASSIGN)
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        mine(tx, actor, tables.home, [home])
        links, fixed = tables.area_home, {"home_id": home}
        had = _held(tx, links, fixed, "area_id")
        wanted = mine(tx, actor, tables.area, pick(had))
        if not _replace(tx, links, fixed, "area_id", wanted):
            return False
        keep(staff, tx, actor, Thing.HOME_AREA, home, sorted(had), sorted(wanted))
        members = tx.conn.execute(covering(had | wanted)).scalars()
        rights_changed(staff, tx, actor, members, "home_area")
    return True


def covering(areas: set[int]) -> Select[int]:
    """The members of the teams that cover one of these areas."""
    c, m = tables.team_area, tables.team_member
    query = select(m.c.user_id).join(c, c.c.team_id == m.c.team_id)
    return query.where(c.c.area_id.in_(areas)).distinct()


def mine(tx: Tx, actor: By, table: Table, ids: Iterable[Any]) -> set[Any]:
    """These ids, all of the actor's organisation, and no closed home.  Raises `Refused`:
    NOT_FOUND."""
    wanted = set(ids)
    query = select(table.c.id).where(table.c.id.in_(sorted(wanted)), table.c.org_id == actor.org)
    if table is tables.home:
        query = query.where(table.c.closed_at.is_(None))
    if set(tx.conn.execute(query).scalars()) != wanted:
        raise Refused(Wrong.NOT_FOUND)
    return wanted
