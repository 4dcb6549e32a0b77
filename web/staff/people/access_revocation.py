"""Access taken back by a person: from one home, from a lost phone, or altogether.

What somebody can open with now is revoked (`web.staff.doors.revocation`), and what would give them
new rights ends in the same transaction: the assignment, the team, the session.  A home that listens
hears at once; whether each has is kept in view (`home_notices`).  Not for: closing an account
(`web.staff.people.accounts`), or texts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gateway.access.codes import LIFE_H
from web.staff.core.assignments import assigned_homes, is_assigned
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right, Role
from web.staff.doors import revocation
from web.staff.doors.revocation import Live
from web.staff.events import append
from web.staff.people import accounts, group_rights
from web.staff.people.accounts import Refused, Wrong
from web.staff.signin import sessions
from web.staff.signin.auth import new_uniquifier
from web.staff.storage import event_store, tables
from web.staff.storage.among import among
from web.staff.storage.database import Tx


class Scope(StrEnum):
    """How much is taken back."""

    HOME = "home"
    """One home: what is live there, and being assigned there.  A team that only a group of single
    sign-on gives is left whole: its other homes would outlast the group."""
    PHONE = "phone"
    """A phone is lost: what is live anywhere, and every session.  The work stays."""
    ALL = "all"
    """Not to go in to anybody any more, at an alarm neither: as PHONE, every assignment and team,
    and the account is closed (an administrator may open it again)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What taking back does.  `homes` are those where something is live or the assignment ends, in
    order; `teams` rows that are left (`id`, `name`, `by_hand`); `stays` homes of a left team that
    stay as the person's own."""

    person: str
    scope: Scope
    live: Live
    homes: tuple[str, ...]
    ends: tuple[str, ...]
    teams: tuple[Any, ...]
    stays: tuple[str, ...]
    sessions: int


@dataclass(frozen=True, slots=True)
class HomeNotice:
    """Whether a home has heard that something was taken back there.  `until`: when the last of it
    ends by itself, also in a home that never hears."""

    home: str
    at: datetime
    by: str | None
    count: int
    heard: bool
    until: datetime


def effect(
    conn: Connection, actor: Actor, person: str, scope: Scope, home: str | None, now: datetime
) -> Effect:
    """What `take_back` would do now.  Raises `Refused`: NO_RIGHT (an administrator's account is
    closed by administrators only), NOT_FOUND, YOURSELF (ALL)."""
    if not actor.may(Right.ASSIGN):
        raise Refused(Wrong.NO_RIGHT)
    row = accounts.account_of(conn, actor, person)
    if scope is Scope.ALL and person == actor.person:
        raise Refused(Wrong.YOURSELF)
    if scope is Scope.ALL and not may_revoke_all(conn, actor, row.id):
        raise Refused(Wrong.NO_RIGHT)
    if scope is Scope.HOME and not _is_ours(conn, actor, home):
        raise Refused(Wrong.NOT_FOUND)
    one = home if scope is Scope.HOME else None
    live = revocation.live_of(conn, person, now, home=one)
    h = tables.home.c
    ours = set(conn.execute(select(h.id).where(h.org_id == actor.org)).scalars())
    ends = assigned(conn, actor, row.id)
    teams, still_ours = _teams(conn, row.id), set[str]()
    if scope is Scope.HOME:
        left = [team for team in teams if home in _covered(conn, [team.id])]
        rest = [team.id for team in teams if team not in left]
        by_hand = [team.id for team in left if team.by_hand]
        still_ours = (ours & _covered(conn, by_hand)) - {home}
        ends -= (_alone(conn, row.id) - {home}) | _covered(conn, rest) | still_ours
        teams = left
    elif scope is Scope.PHONE:
        ends, teams = set(), []
    touched = {r.home_id for r in (*live.turns, *live.codes, *live.requests)}
    return Effect(
        person=person,
        scope=scope,
        live=live,
        homes=tuple(sorted((touched | ends) & ours)),
        ends=tuple(sorted(ends)),
        teams=tuple(teams),
        stays=tuple(sorted(still_ours)),
        sessions=0 if scope is Scope.HOME else sessions.count(conn, row.id),
    )


def revoke(
    staff: Staff, actor: Actor, person: str, scope: Scope, home: str | None = None
) -> Effect:
    """Take access back, and say what was done.  Raises `Refused`, as `effect`, and LOCKED_OUT (ALL,
    of the last administrator who can sign in)."""
    with staff.write() as tx, accounts.keeping_a_way_in(staff, tx, actor):
        plan = effect(tx.conn, actor, person, scope, home, staff.clock.now())
        user_id = accounts.account_of(tx.conn, actor, person).id
        _end_work(tx, user_id, plan)  # first what would give new rights, then what is live
        if scope is not Scope.HOME:
            sessions.end(tx, user_id)
            u, new = tables.user, new_uniquifier()
            changes: dict[str, object] = {"fs_uniquifier": new}
            if scope is Scope.ALL:
                changes["active"] = False
            tx.conn.execute(update(u).where(u.c.id == user_id).values(**changes))
        for one in plan.homes:
            revocation.revoke_person(staff, tx, one, person, by=actor.person)
        accounts.bump(tx, [user_id])
        accounts.note(staff, tx, actor, f"taken_back_{scope.value}", person)
        return plan


def _end_work(tx: Tx, user_id: int, plan: Effect) -> None:
    a, m = tables.assignment, tables.team_member
    if plan.scope is Scope.PHONE:
        return
    gone = [a.c.user_id == user_id]
    if plan.scope is Scope.HOME:
        gone.append(a.c.home_id.in_(plan.ends))
    tx.conn.execute(delete(a).where(*gone))
    left = [team.id for team in plan.teams]
    tx.conn.execute(delete(m).where(m.c.user_id == user_id, m.c.team_id.in_(left)))
    have = set(tx.conn.execute(assigned_homes(user_id)).scalars())
    for home in plan.stays:
        if home not in have:
            tx.conn.execute(insert(a).values(user_id=user_id, home_id=home))
    if plan.scope is Scope.ALL:
        group_rights.forget(tx, user_id)
    else:
        group_rights.withhold(tx, user_id, left)


def may_revoke_all(conn: Connection, actor: Actor, user_id: int) -> bool:
    """Whether this actor may close the account: not the own, and an administrator's only as one."""
    u, ur, r = tables.user, tables.user_role.c, tables.role
    own = select(u.c.id).where(u.c.id == user_id, u.c.person_id == actor.person)
    roles = (
        select(r.c.name).join(tables.user_role, ur.role_id == r.c.id).where(ur.user_id == user_id)
    )
    above = Role.ADMINISTRATOR.value in set(conn.execute(roles).scalars())
    return conn.execute(own).first() is None and (actor.may(Right.ADMINISTER) or not above)


def assigned(conn: Connection, actor: Actor, user_id: int) -> set[str]:
    """The homes of the actor's organisation where an account is assigned, teams included."""
    h = tables.home.c
    query = select(h.id).where(h.id.in_(assigned_homes(user_id)), h.org_id == actor.org)
    return set(conn.execute(query).scalars())


def _is_ours(conn: Connection, actor: Actor, home: str | None) -> bool:
    h = tables.home.c
    query = select(h.id).where(h.id == home, h.org_id == actor.org)
    return conn.execute(query).first() is not None


def _teams(conn: Connection, user_id: int) -> list[Any]:
    """The teams of an account, by name, and whether they were given by hand."""
    t, m = tables.team, tables.team_member.c
    query = select(t.c.id, t.c.name, m.by_hand).join(tables.team_member, m.team_id == t.c.id)
    return list(conn.execute(query.where(m.user_id == user_id).order_by(t.c.name)))


def _alone(conn: Connection, user_id: int) -> set[str]:
    """The homes where an account is assigned by itself."""
    a = tables.assignment.c
    return set(conn.execute(select(a.home_id).where(a.user_id == user_id)).scalars())


def _covered(conn: Connection, teams: list[int]) -> set[str]:
    """The homes that these teams cover."""
    c, h = tables.team_area.c, tables.area_home.c
    query = select(h.home_id).where(h.area_id.in_(select(c.area_id).where(c.team_id.in_(teams))))
    return set(conn.execute(query).scalars())


# --- what came of it ------------------------------------------------------------------------------


def home_notices(conn: Connection, person: str, now: datetime) -> list[HomeNotice]:
    """What was taken back from this person as long as a code could still live, home by home, the
    newest first."""
    since, e = now - timedelta(hours=LIFE_H), tables.event.c
    ends: dict[str, tuple[str, datetime]] = {}
    for table, name in ((tables.turn, "grant"), (tables.door_code, "id")):
        c = table.c
        query = select(c[name], c.home_id, c.expires_at)
        rows = conn.execute(query.where(c.person == person, c.expires_at > since))
        ends |= {grant: (home, at) for grant, home, at in rows}
    homes = sorted({home for home, _ in ends.values()})
    rows = conn.execute(
        select(e.home_id, e.seq, e.corrected_at, e.person, e.body)
        .where(among(e.home_id, homes), among(e.origin, [append.origin_of(one) for one in homes]))
        .where(e.kind == "grant.revoked", e.corrected_at > since)
        .order_by(e.seq)
    )
    mine: dict[str, list[tuple[Any, str]]] = {}
    for row in rows:
        grant = event_store.data_in(row.body).get("grant")
        if isinstance(grant, str) and grant in ends:
            mine.setdefault(row.home_id, []).append((row, grant))
    down_have = _down_have(conn, mine)
    notices = []
    for home, revoked in mine.items():
        last = revoked[-1][0]
        heard = last.seq <= down_have.get(home, 0)
        until = max(ends[grant][1] for _, grant in revoked)
        notices.append(HomeNotice(home, last.corrected_at, last.person, len(revoked), heard, until))
    return sorted(notices, key=lambda one: (one.at, one.home), reverse=True)


def _down_have(conn: Connection, homes: Collection[str]) -> dict[str, int]:
    c = tables.home_link.c
    rows = conn.execute(select(c.home_id, c.down_have).where(among(c.home_id, homes)))
    return {row.home_id: row.down_have for row in rows}


def who_may_open(conn: Connection, home: str, org: str) -> list[Any]:
    """The active accounts that are assigned to a home and may turn locks (`person_id`, `name`), by
    name."""
    u, ur, r = tables.user, tables.user_role, tables.role
    turners = (
        select(ur.c.user_id).join(r, r.c.id == ur.c.role_id).where(r.c.name.in_(revocation.TURNERS))
    )
    query = select(u.c.person_id, u.c.name).where(
        u.c.org_id == org, u.c.active, is_assigned(u.c.id, home), u.c.id.in_(turners)
    )
    return list(conn.execute(query.order_by(u.c.name)))
