"""What somebody has because a provider of single sign-on says that they are in a group.

Roles and teams lie in `user_role` and `team_member` whoever gave them, so that there is one place
to read what somebody may: `by_hand` says whether a person gave it, and what nobody gave by hand is
there as long as a group gives it.  `fill` makes it so, in the transaction of whatever changed:
somebody's groups, what a group gives, what was given by hand.  A team that somebody was taken out
of stays closed to their groups until it is given by hand.  Not for: who is in which group
(`signing_on`), or setting what one gives (`sign_on_groups`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, delete, false, insert, literal, select

from web.staff.core.rights import Role
from web.staff.storage import event_store, tables
from web.staff.storage.admin_tables import (
    sign_on_group,
    sign_on_group_team,
    sign_on_member,
    sign_on_withheld,
)
from web.staff.storage.database import Tx

USERS_AT_ONCE = 5_000
"""Accounts that one statement names: SQLite takes 32,766 values, PostgreSQL 65,535."""


@dataclass(slots=True)
class Filled:
    """The accounts whose roles or teams became others, and those that lost any."""

    roles: set[int] = field(default_factory=set)
    teams: set[int] = field(default_factory=set)
    less: set[int] = field(default_factory=set)

    @property
    def changed(self) -> set[int]:
        """All of them."""
        return self.roles | self.teams


@dataclass(frozen=True, slots=True)
class Given:
    """What one group gives somebody: the group, the provider's issuer, roles, and teams by id;
    `withheld`: those of the teams that it does not, for the person was taken out of them."""

    group: str
    issuer: str
    roles: tuple[Role, ...]
    teams: tuple[int, ...]
    withheld: tuple[int, ...]


def roles_in(text: str) -> tuple[Role, ...]:
    """The roles of a row of `sign_on_group`, of those that this version knows; none of what it
    cannot read."""
    known = {role.value for role in Role}
    return tuple(Role(name) for name in role_names(text) if name in known)


def role_names(text: str) -> list[str]:
    """The words of a row of `sign_on_group`, also those of another version."""
    said = json.loads(text)
    return [name for name in said if isinstance(name, str)] if isinstance(said, list) else []


def role_ids(tx: Tx) -> dict[str, int]:
    """The number of every role; rows that are missing are made, by whoever comes first."""
    r = tables.role
    every = select(r.c.name, r.c.id)
    ids = {row.name: row.id for row in tx.conn.execute(every)}
    missing = [role.value for role in Role if role.value not in ids]
    for name in missing:
        event_store.upsert(tx.conn, r, {"name": name}, {})
    return {row.name: row.id for row in tx.conn.execute(every)} if missing else ids


def fill(tx: Tx, users: Iterable[int]) -> Filled:
    """Let these accounts have what was given by hand and what their groups give, and nothing
    else."""
    ids = sorted(set(users))
    done = Filled()
    if not ids:
        return done
    numbers = role_ids(tx)
    roles = {
        (user, numbers[role]) for user, text in _of_groups(tx.conn, ids) for role in roles_in(text)
    }
    changed, less = _even(tx, tables.user_role, "role_id", roles, ids)
    done.roles, done.less = changed, less
    changed, less = _even(tx, tables.team_member, "team_id", _teams(tx.conn, ids), ids)
    done.teams, done.less = changed, done.less | less
    return done


def _of_groups(conn: Connection, ids: Collection[int]) -> list[Any]:
    """Each of these accounts with the roles of each of its groups.  A group of another organisation
    gives nothing, whoever is noted in it."""
    m, group, u = sign_on_member.c, sign_on_group.c, tables.user.c
    query = (
        select(m.user_id, group.roles)
        .join(sign_on_group, group.id == m.group_id)
        .join(tables.user, u.id == m.user_id)
        .where(m.user_id.in_(ids), u.org_id == group.org_id)
    )
    return list(conn.execute(query))


def _teams(conn: Connection, ids: Collection[int]) -> set[tuple[int, int]]:
    """Each of these accounts with each team that a group gives it and nobody took away."""
    m, group, link = sign_on_member.c, sign_on_group.c, sign_on_group_team.c
    u, t, w = tables.user.c, tables.team.c, sign_on_withheld.c
    query = (
        select(m.user_id, link.team_id)
        .join(sign_on_group, group.id == m.group_id)
        .join(sign_on_group_team, link.group_id == group.id)
        .join(tables.user, u.id == m.user_id)
        .join(tables.team, t.id == link.team_id)
        .where(m.user_id.in_(ids), u.org_id == group.org_id, t.org_id == group.org_id)
        .where(~select(w.user_id).where(w.user_id == m.user_id, w.team_id == link.team_id).exists())
    )
    return {(row.user_id, row.team_id) for row in conn.execute(query)}


def _even(
    tx: Tx, table: Table, column: str, given: set[tuple[int, int]], ids: Collection[int]
) -> tuple[set[int], set[int]]:
    """Let `table` have what groups give beside what was given by hand; whose that changed, and who
    has less."""
    c = table.c
    rows = tx.conn.execute(select(c.user_id, c[column], c.by_hand).where(c.user_id.in_(ids)))
    by_hand = {(row[0], row[1]): row[2] for row in rows}
    gone = {pair for pair, hand in by_hand.items() if not hand} - given
    new = given - set(by_hand)
    for number, users in _by_number(gone):
        tx.conn.execute(delete(table).where(c[column] == number, c.user_id.in_(users)))
    for number, users in _by_number(new):
        u = tables.user.c
        whose = select(u.id, literal(number), false()).where(u.id.in_(users))
        tx.conn.execute(insert(table).from_select(["user_id", column, "by_hand"], whose))
    less = {user for user, _number in gone}
    return less | {user for user, _number in new}, less


def _by_number(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """A role or a team, and whose it is: a thousand people are one statement, and no more are in
    one than a statement takes."""
    found: dict[int, list[int]] = {}
    for user, number in sorted(pairs):
        found.setdefault(number, []).append(user)
    return [
        (number, users[first : first + USERS_AT_ONCE])
        for number, users in sorted(found.items())
        for first in range(0, len(users), USERS_AT_ONCE)
    ]


def replace(tx: Tx, table: Table, user_id: int, column: str, wanted: Collection[int]) -> None:
    """Let exactly these have been given by hand to an account, beside what its groups give."""
    c = table.c
    mine = c.user_id == user_id
    tx.conn.execute(delete(table).where(mine, c.by_hand, c[column].not_in(sorted(wanted))))
    for number in sorted(wanted):
        key = {"user_id": user_id, column: number}
        event_store.upsert(tx.conn, table, key, {"by_hand": True})
    if table is tables.team_member:
        w = sign_on_withheld
        again = delete(w).where(w.c.user_id == user_id, w.c.team_id.in_(sorted(wanted)))
        tx.conn.execute(again)
    fill(tx, [user_id])


def withhold(tx: Tx, user_id: int, teams: Iterable[int]) -> None:
    """No group gives an account these teams, until somebody gives them by hand."""
    for team in sorted(set(teams)):
        event_store.upsert(tx.conn, sign_on_withheld, {"user_id": user_id, "team_id": team}, {})


def forget(tx: Tx, user_id: int) -> Filled:
    """Nobody knows of any group of this account any more: what groups gave it is taken."""
    tx.conn.execute(delete(sign_on_member).where(sign_on_member.c.user_id == user_id))
    return fill(tx, [user_id])


def of(conn: Connection, user_id: int) -> list[Given]:
    """What groups give an account, by the groups' names."""
    m, group, link, w = sign_on_member.c, sign_on_group.c, sign_on_group_team.c, sign_on_withheld.c
    query = (
        select(group.id, group.name, group.issuer, group.roles)
        .join(sign_on_group, group.id == m.group_id)
        .where(m.user_id == user_id)
        .order_by(group.name, group.id)
    )
    links = select(link.group_id, link.team_id).join(sign_on_member, m.group_id == link.group_id)
    teams: dict[str, set[int]] = {}
    for given, team in conn.execute(links.where(m.user_id == user_id)):
        teams.setdefault(given, set()).add(team)
    shut = set(conn.execute(select(w.team_id).where(w.user_id == user_id)).scalars())
    return [
        Given(
            row.name,
            row.issuer,
            roles_in(row.roles),
            tuple(sorted(teams.get(row.id, set()) - shut)),
            tuple(sorted(teams.get(row.id, set()) & shut)),
        )
        for row in conn.execute(query)
    ]
