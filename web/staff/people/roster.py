"""Who there is and where each works, as a list to read: accounts, teams and areas.

Reads only.  Not for: what is shown on pages, or what anybody may see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from web.staff.core.assignments import ASSIGNED
from web.staff.storage import tables as t


@dataclass(frozen=True, slots=True)
class Account:
    """One account.  `homes` are those it is assigned to, by itself or by a team."""

    person: str
    email: str
    name: str
    org: str
    active: bool
    roles: tuple[str, ...]
    teams: tuple[str, ...]
    homes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A team (`inside`: its members' addresses, `covers`: its areas), or an area (`inside`: its
    homes, `covers`: the teams that cover it)."""

    name: str
    inside: tuple[str, ...]
    covers: tuple[str, ...]


def accounts(conn: Connection, org: str | None, person: str | None = None) -> list[Account]:
    """The accounts, of one organisation or of all, by organisation and address; only that of
    `person`, if given."""
    u, ur, m = t.user.c, t.user_role, t.team_member
    roles = _by(conn, select(ur.c.user_id, t.role.c.name).join(t.role, t.role.c.id == ur.c.role_id))
    teams = _by(conn, select(m.c.user_id, t.team.c.name).join(t.team, t.team.c.id == m.c.team_id))
    homes = _by(conn, select(ASSIGNED.c.user_id, ASSIGNED.c.home_id))
    query = select(t.user).order_by(u.org_id, u.email)
    if org is not None:
        query = query.where(u.org_id == org)
    if person is not None:
        query = query.where(u.person_id == person)
    return [
        Account(
            person=row.person_id,
            email=row.email,
            name=row.name,
            org=row.org_id,
            active=row.active,
            roles=roles.get(row.id, ()),
            teams=teams.get(row.id, ()),
            homes=homes.get(row.id, ()),
        )
        for row in conn.execute(query)
    ]


def teams(conn: Connection, org: str) -> list[Group]:
    """The organisation's teams by name."""
    m, c = t.team_member, t.team_area
    members = _by(
        conn, select(m.c.team_id, t.user.c.email).join(t.user, t.user.c.id == m.c.user_id)
    )
    covers = _by(conn, select(c.c.team_id, t.area.c.name).join(t.area, t.area.c.id == c.c.area_id))
    return _groups(conn, t.team, org, members, covers)


def areas(conn: Connection, org: str) -> list[Group]:
    """The organisation's areas by name."""
    h, c = t.area_home, t.team_area
    homes = _by(conn, select(h.c.area_id, h.c.home_id))
    by_team = _by(conn, select(c.c.area_id, t.team.c.name).join(t.team, t.team.c.id == c.c.team_id))
    return _groups(conn, t.area, org, homes, by_team)


def _groups(
    conn: Connection,
    table: Table,
    org: str,
    inside: dict[int, tuple[str, ...]],
    covers: dict[int, tuple[str, ...]],
) -> list[Group]:
    query = select(table.c.id, table.c.name).where(table.c.org_id == org).order_by(table.c.name)
    return [
        Group(row.name, inside.get(row.id, ()), covers.get(row.id, ()))
        for row in conn.execute(query)
    ]


def _by(conn: Connection, query: Select[*tuple[Any, ...]]) -> dict[int, tuple[str, ...]]:
    """The second column of a query by its first, in order."""
    values_of: dict[int, set[str]] = {}
    for key, value in conn.execute(query):
        values_of.setdefault(key, set()).add(value)
    return {key: tuple(sorted(values)) for key, values in values_of.items()}
