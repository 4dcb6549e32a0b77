"""Which groups of a provider of single sign-on give which roles and teams of the organisation, and
whether who is in one gets an account: set in the pages by an administrator.

What a group gives, once it is changed, holds at once for everybody who was in it at their last
sign-in.  The last change of a group is put back like any other (`undoing`).  Not for: who is in it
(`signing_on`), or the provider itself (`sign_on`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from web.staff.core.context import Staff
from web.staff.core.rights import Right, Role
from web.staff.people import group_rights, way_in
from web.staff.people.accounts import By, Refused, Wrong, mine, need, note, rights_changed
from web.staff.people.before import Thing, keep
from web.staff.signin import providers
from web.staff.signin.groups import NAME_MAX
from web.staff.storage import tables
from web.staff.storage.admin_tables import sign_on_group, sign_on_group_team, sign_on_member
from web.staff.storage.database import Tx

KEPT_MAX = 200
"""Groups of one organisation that give something: a hundred units with a group each, twice."""

Gives = dict[str, list[Any]]
"""What a group gives, as JSON has it: `roles` by name, `teams` by number, both sorted."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that gives something; `members`: who was in it at their last sign-in."""

    id: str
    issuer: str
    name: str
    roles: tuple[Role, ...]
    teams: tuple[int, ...]
    members: int


def kept(conn: Connection, org: str) -> list[Group]:
    """The organisation's, by provider and name."""
    c, link, m = sign_on_group.c, sign_on_group_team.c, sign_on_member.c
    rows = conn.execute(select(sign_on_group).where(c.org_id == org).order_by(c.issuer, c.name))
    teams: dict[str, list[int]] = {}
    links = select(link.group_id, link.team_id).join(sign_on_group, c.id == link.group_id)
    for group, team in conn.execute(links.where(c.org_id == org).order_by(link.team_id)):
        teams.setdefault(group, []).append(team)
    counting = select(m.group_id, func.count()).join(sign_on_group, c.id == m.group_id)
    counted = {
        row[0]: int(row[1])
        for row in conn.execute(counting.where(c.org_id == org).group_by(m.group_id))
    }
    return [
        Group(
            row.id,
            row.issuer,
            row.name,
            group_rights.roles_in(row.roles),
            tuple(teams.get(row.id, ())),
            counted.get(row.id, 0),
        )
        for row in rows.all()
    ]


def about(issuer: str, name: str) -> str:
    """What `change_before.about` says of a group: it may come and go, and is the same again."""
    return f"{issuer}\n{name}"


def called(about: str) -> str:
    """The group's name in that."""
    return about.partition("\n")[2]


def add(
    staff: Staff,
    actor: By,
    provider: str,
    name: str,
    roles: Iterable[Role],
    teams: Iterable[int],
) -> None:
    """Let a group give something: `provider` by its name, `name` as it writes the group.  Raises
    `Refused`: NO_RIGHT, EMPTY, TOO_LONG (also what no text is), NOTHING, EXISTS, TOO_MANY,
    NOT_FOUND (the provider, a team)."""
    need(actor, Right.ADMINISTER)
    name = name.strip()
    if not name:
        raise Refused(Wrong.EMPTY)
    if len(name) > NAME_MAX or not name.isprintable():
        raise Refused(Wrong.TOO_LONG)
    with staff.db.read() as conn:
        known = providers.used_of(conn, staff, actor.org).get(provider)
    if known is None:
        raise Refused(Wrong.NOT_FOUND)
    wanted = _gives(roles, teams)

    def new(had: Gives | None) -> Gives:
        if had is not None:
            raise Refused(Wrong.EXISTS)
        return wanted

    _pick(staff, actor, known.bare_issuer(), name, new)


def change(
    staff: Staff, actor: By, group: str, roles: Iterable[Role], teams: Iterable[int]
) -> bool:
    """Let a group give exactly these; whether that is a change.  Raises `Refused`: NO_RIGHT,
    NOTHING, NOT_FOUND."""
    need(actor, Right.ADMINISTER)
    wanted = _gives(roles, teams)
    return _pick(staff, actor, *_of(staff, actor, group), lambda _had: wanted)


def remove(staff: Staff, actor: By, group: str) -> None:
    """Let a group give nothing any more.  Raises `Refused`: NO_RIGHT, NOT_FOUND."""
    need(actor, Right.ADMINISTER)
    _pick(staff, actor, *_of(staff, actor, group), lambda _had: None)


def put_back(staff: Staff, actor: By, what: str, before: Gives | None, after: Gives | None) -> bool:
    """Let a group (`about`) give what it gave before; whether that changed anything.  Raises
    `Refused`: NO_RIGHT, CHANGED, NOT_FOUND (a team is gone)."""
    need(actor, Right.ADMINISTER)

    def back(had: Gives | None) -> Gives | None:
        if had != after:
            raise Refused(Wrong.CHANGED)
        return before

    issuer, _, name = what.partition("\n")
    return _pick(staff, actor, issuer, name, back)


def adds(conn: Connection, org: str) -> bool:
    """Whether who is in a group that gives a role gets an account at the first sign-in."""
    o = tables.organisation.c
    return bool(conn.execute(select(o.sign_on_adds).where(o.id == org)).scalar_one_or_none())


def set_adds(staff: Staff, actor: By, on: bool) -> bool:
    """Say so; whether that is a change.  Raises `Refused`: NO_RIGHT."""
    need(actor, Right.ADMINISTER)
    o = tables.organisation
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        if adds(tx.conn, actor.org) is on:
            return False
        tx.conn.execute(update(o).where(o.c.id == actor.org).values(sign_on_adds=on))
        note(staff, tx, actor, "sign_on_adds")
    return True


def _gives(roles: Iterable[Role], teams: Iterable[int]) -> Gives:
    gives: Gives = {"roles": sorted({role.value for role in roles}), "teams": sorted(set(teams))}
    if not any(gives.values()):
        raise Refused(Wrong.NOTHING)
    return gives


def _of(staff: Staff, actor: By, group: str) -> tuple[str, str]:
    """A group's provider and name.  Raises `Refused`: NOT_FOUND."""
    c = sign_on_group.c
    query = select(c.issuer, c.name).where(c.id == group, c.org_id == actor.org)
    with staff.db.read() as conn:
        row = conn.execute(query).one_or_none()
    if row is None:
        raise Refused(Wrong.NOT_FOUND)
    return row.issuer, row.name


def _pick(
    staff: Staff,
    actor: By,
    issuer: str,
    name: str,
    pick: Callable[[Gives | None], Gives | None],
) -> bool:
    """Let a group give what `pick` makes of what it gives (None: nothing, it is not there)."""
    c = sign_on_group.c
    with staff.write() as tx:
        way_in.alone(tx, actor.org)
        row = tx.conn.execute(
            select(sign_on_group).where(c.org_id == actor.org, c.issuer == issuer, c.name == name)
        ).one_or_none()
        had = None if row is None else _had(tx.conn, row)
        wanted = pick(had)
        if wanted == had:
            return False
        members = [] if row is None else _members(tx.conn, row.id)
        _write(tx, actor, issuer, name, None if row is None else row.id, wanted)
        keep(staff, tx, actor, Thing.SIGN_ON_GROUP, about(issuer, name), had, wanted)
        changed = group_rights.fill(tx, members).changed
        rights_changed(staff, tx, actor, changed, "sign_on_group")
    return True


def _had(conn: Connection, row: Any) -> Gives:
    link = sign_on_group_team.c
    teams = conn.execute(select(link.team_id).where(link.group_id == row.id)).scalars()
    return {"roles": sorted(group_rights.role_names(row.roles)), "teams": sorted(teams)}


def _members(conn: Connection, group: str) -> Collection[int]:
    m = sign_on_member.c
    return list(conn.execute(select(m.user_id).where(m.group_id == group)).scalars())


def _write(
    tx: Tx, actor: By, issuer: str, name: str, group: str | None, wanted: Gives | None
) -> None:
    c, link, m = sign_on_group.c, sign_on_group_team, sign_on_member
    if group is not None:
        tx.conn.execute(delete(link).where(link.c.group_id == group))
    if wanted is None:
        tx.conn.execute(delete(m).where(m.c.group_id == group))
        tx.conn.execute(delete(sign_on_group).where(c.id == group))
        return
    teams = mine(tx, actor, tables.team, wanted["teams"])
    roles = json.dumps(wanted["roles"])
    if group is None:
        count = select(func.count()).where(c.org_id == actor.org)
        if tx.conn.execute(count).scalar_one() >= KEPT_MAX:
            raise Refused(Wrong.TOO_MANY)
        group = secrets.token_hex(8)
        new = insert(sign_on_group).values(
            id=group, org_id=actor.org, issuer=issuer, name=name, roles=roles
        )
        tx.conn.execute(new)
    else:
        tx.conn.execute(update(sign_on_group).where(c.id == group).values(roles=roles))
    for team in sorted(teams):
        tx.conn.execute(insert(link).values(group_id=group, team_id=team))
