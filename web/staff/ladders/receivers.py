"""Who a step of a ladder means at this moment, and where they are reached.

Asked for many homes at once, in a number of statements that does not grow with them.  A receiver is
of the home's organisation, whatever a ladder says; a person is active and may answer such an alarm.

Not for: sending, or which ladder it is (`choosing`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, select

from gateway.events import Severity
from web.staff.core.rights import Right, Role, rights_of
from web.staff.ladders import steps
from web.staff.storage import alarm_tables
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.ladder_tables import rota, rota_shift

PEOPLE_MAX = 40
"""People that one step tells about one alarm, those with the lowest account numbers: a team of a
thousand that is told at once would hold up every other alarm, and forty are enough to find one."""

CENTRE = "centre:"

LIVE_PAGE = "live_page"
"""The channel that needs no address: the open pages of an account."""

PAGE = "page:"


@dataclass(frozen=True, slots=True)
class Contact:
    """An address of a receiver: its row, channel, and in which order it is tried."""

    id: str
    channel: str
    place: int


@dataclass(frozen=True, slots=True)
class Reached:
    """A receiver: `key` is the person id, or `centre:<id>`.  `named`: it must be this one, and
    not anybody of a group."""

    key: str
    person: str | None
    contacts: tuple[Contact, ...]
    named: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One step, asked for homes of one organisation."""

    org: str
    step: steps.Step
    homes: frozenset[str]
    severity: str


@dataclass(slots=True)
class _Found:
    """Accounts and centres that a step means, in each home; `named` of them by themselves."""

    users: dict[str, set[int]]
    centres: set[str] = field(default_factory=set)
    named: set[int] = field(default_factory=set)

    def add(self, users: Iterable[int], homes: Iterable[str] | None = None) -> None:
        found = set(users)
        for home in self.users if homes is None else homes:
            self.users[home] |= found


def resolve(
    conn: Connection, asked: Sequence[Asked], channels: Collection[str], now: datetime
) -> list[dict[str, list[Reached]]]:
    """Who is reached in each home of each question, in a fixed order; only by these channels."""
    found = [_find(conn, one, now) for one in asked]
    users = {user for one in found for each in one.users.values() for user in each}
    people = _people(conn, users)
    contacts = _contacts(conn, people.keys(), channels)
    centres = _centres(conn, {centre for one in found for centre in one.centres}, channels)
    answer = []
    for question, one in zip(asked, found, strict=True):
        right = right_to_answer(question.severity)
        outside = [
            Reached(f"{CENTRE}{centre}", None, known.contacts, named=True)
            for centre in sorted(one.centres)
            for known in (centres.get(centre),)
            if known is not None and known.org == question.org
        ]
        by_home = {}
        for home, accounts in one.users.items():
            told = [
                Reached(
                    people[user].person,
                    people[user].person,
                    contacts.get(user) or page_of(user, channels if named else ()),
                    named,
                )
                for user in sorted(accounts)
                if user in people and people[user].org == question.org
                for named in (user in one.named,)
                if people[user].may(right) and (named or user in contacts)
            ]
            by_home[home] = [*told[:PEOPLE_MAX], *outside]
        answer.append(by_home)
    return answer


def outside(channels: Iterable[str]) -> frozenset[str]:
    """The channels that reach somebody who has no page open."""
    return frozenset(channels) - {LIVE_PAGE}


def page_of(user: int, channels: Collection[str]) -> tuple[Contact, ...]:
    """Where somebody is told who is named and has no address: on an open page, if there is one."""
    return (Contact(f"{PAGE}{user}", LIVE_PAGE, 0),) if LIVE_PAGE in channels else ()


def right_to_answer(severity: str) -> Right:
    """What a person must be allowed to be told of an alarm."""
    technical = severity == Severity.TECHNICAL.value
    return Right.ANSWER_TECHNICAL_ALARM if technical else Right.ANSWER_CARE_ALARM


def may(conn: Connection, person: str, right: Right) -> bool:
    """Whether this person has the right, by any role."""
    return any(one.may(right) for one in _people(conn, _person(conn, person)).values())


@dataclass(frozen=True, slots=True)
class _Person:
    person: str
    org: str
    roles: frozenset[Role]

    def may(self, right: Right) -> bool:
        return right in rights_of(self.roles)


def _people(conn: Connection, users: Collection[int]) -> dict[int, _Person]:
    u, r, ur = t.user.c, t.role.c, t.user_role.c
    query = (
        select(u.id, u.person_id, u.org_id, r.name)
        .outerjoin(t.user_role, ur.user_id == u.id)
        .outerjoin(t.role, r.id == ur.role_id)
        .where(u.active, _is_one_of(u.id, users))
    )
    roles: dict[int, set[Role]] = {}
    names: dict[int, tuple[str, str]] = {}
    for user, person, org, role in conn.execute(query):
        names[user] = person, org
        if role in set(Role):
            roles.setdefault(user, set()).add(Role(role))
    return {user: _Person(*who, frozenset(roles.get(user, ()))) for user, who in names.items()}


def _is_one_of(column: ColumnElement[int], users: Collection[int]) -> ColumnElement[bool]:
    return column.in_(sorted(users)) if users else false()


def is_usable() -> ColumnElement[bool]:
    """Whether an address may be told: its owner has shown that a message comes there, and nobody
    said that it is no longer."""
    c = alarm_tables.contact_point.c
    return and_(c.gone_at.is_(None), c.proved_at.is_not(None))


def _contacts(
    conn: Connection, users: Collection[int], channels: Collection[str]
) -> dict[int, tuple[Contact, ...]]:
    c = alarm_tables.contact_point.c
    query = (
        select(c.user_id, c.id, c.channel, c.place)
        .where(_is_one_of(c.user_id, users), is_usable(), c.channel.in_(sorted(channels)))
        .order_by(c.user_id, c.place, c.id)
    )
    found: dict[int, list[Contact]] = {}
    for user, *rest in conn.execute(query):
        found.setdefault(user, []).append(Contact(*rest))
    return {user: tuple(contacts) for user, contacts in found.items()}


@dataclass(frozen=True, slots=True)
class _Centre:
    org: str
    contacts: tuple[Contact, ...]


def _centres(
    conn: Connection, centres: Collection[str], channels: Collection[str]
) -> dict[str, _Centre]:
    if not centres:
        return {}
    c = alarm_tables.alarm_centre.c
    query = select(c.id, c.org_id, c.channel).where(among(c.id, centres), c.ended_at.is_(None))
    return {
        row.id: _Centre(
            row.org_id, (Contact(row.id, row.channel, 0),) if row.channel in channels else ()
        )
        for row in conn.execute(query)
    }


# --- what each kind of receiver means -------------------------------------------------------------


def _find(conn: Connection, asked: Asked, now: datetime) -> _Found:
    found = _Found({home: set() for home in asked.homes})
    for one in asked.step.receivers:
        if isinstance(one, steps.Person):
            users = _person(conn, one.id)
            found.named |= users
            found.add(users)
        elif isinstance(one, steps.Team):
            found.add(_team(conn, asked.org, one.id))
        elif isinstance(one, steps.OnCall):
            users = _on_call(conn, asked.org, one.id, now)
            found.named |= users
            found.add(users)
        elif isinstance(one, steps.Centre):
            found.centres.add(one.id)
        elif isinstance(one, steps.InRole) and not one.area:
            found.add(_in_role(conn, asked.org, one.id))
        else:
            _by_home(conn, found, asked, one)
    return found


def _by_home(
    conn: Connection, found: _Found, asked: Asked, one: steps.Assigned | steps.Area | steps.InRole
) -> None:
    pairs: set[tuple[int, str]] = set()
    if not isinstance(one, steps.Area):
        a = t.assignment.c
        query = select(a.user_id, a.home_id).where(among(a.home_id, asked.homes))
        pairs |= {(user, home) for user, home in conn.execute(query)}
    if not isinstance(one, steps.Assigned):
        m, covered, h = t.team_member.c, t.team_area.c, t.area_home.c
        query = (
            select(m.user_id, h.home_id)
            .join(t.team_area, covered.team_id == m.team_id)
            .join(t.area_home, h.area_id == covered.area_id)
            .where(among(h.home_id, asked.homes))
        )
        pairs |= {(user, home) for user, home in conn.execute(query)}
    if isinstance(one, steps.InRole):
        role = _in_role(conn, asked.org, one.id)
        pairs = {(user, home) for user, home in pairs if user in role}
    for user, home in pairs:
        found.add((user,), (home,))


def _person(conn: Connection, person: str) -> set[int]:
    u = t.user.c
    return set(conn.execute(select(u.id).where(u.person_id == person)).scalars())


def _team(conn: Connection, org: str, team: int) -> set[int]:
    m, tm = t.team_member.c, t.team.c
    query = (
        select(m.user_id).join(t.team, tm.id == m.team_id).where(tm.id == team, tm.org_id == org)
    )
    return set(conn.execute(query).scalars())


def _in_role(conn: Connection, org: str, role: str) -> set[int]:
    u, r, ur = t.user.c, t.role.c, t.user_role.c
    query = (
        select(u.id)
        .join(t.user_role, ur.user_id == u.id)
        .join(t.role, r.id == ur.role_id)
        .where(u.org_id == org, u.active, r.name == role)
    )
    return set(conn.execute(query).scalars())


def _on_call(conn: Connection, org: str, rota_id: str, now: datetime) -> set[int]:
    s, r = rota_shift.c, rota.c
    query = (
        select(s.user_id)
        .join(rota, r.id == s.rota_id)
        .where(r.id == rota_id, r.org_id == org, s.since <= now, s.until > now)
    )
    return set(conn.execute(query).scalars())
