"""Bringing a plan in: every line is checked against the organisation; all of it is kept, or none.

A planned visit is known by its home, the system it comes from and what it is called there: coming
again it is changed, not doubled.  With a span given, what the same source had planned in that span
and no longer names is taken out of the plan.

Not for: reading files (`plan_files`), or who may bring a plan in.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select, update

from gateway.errors import UserError
from web.staff.storage import tables as t
from web.staff.storage.plan_tables import plan_staff, plan_visit

ROWS_MAX = 20_000
"""Visits in one import: a month of a large municipality's home care in one area."""

LONGEST = timedelta(hours=24)
"""A visit that takes longer is a mistake in the file: the longest are watches over a night."""

STAFF_MAX = 6
"""More at one visit is a mistake in the file."""

TEXT_MAX = 200
"""Characters of what is to be done, and of an id."""

ERRORS_MAX = 50
"""Lines that are told; whoever sends a wrong file needs no more to see what is wrong."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One line of a plan as it was read.  Times that are naive are the home's own local time;
    `people` are person ids or addresses of accounts; `team` a name, None: none; `staff_needed`
    None: as many as are named, at least one."""

    line: int
    home: str
    external_id: str
    since: datetime
    until: datetime
    what: str = ""
    people: tuple[str, ...] = ()
    team: str | None = None
    staff_needed: int | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line: its number in the file, from 1, and a sentence."""

    line: int
    text: str


class PlanRefused(UserError):
    """A plan was refused, and nothing of it kept.  `lines` has a sentence for each bad line."""

    def __init__(self, lines: Sequence[LineError]) -> None:
        ordered = sorted(lines, key=lambda one: one.line)
        shown = [f"line {one.line}: {one.text}" for one in ordered[:ERRORS_MAX]]
        if len(ordered) > ERRORS_MAX:
            shown.append(f"and {len(ordered) - ERRORS_MAX} lines more.")
        super().__init__("\n".join(shown), lines=len(ordered))
        self.lines = tuple(ordered)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import changed: numbers of planned visits."""

    added: int
    changed: int
    unchanged: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class _Ready:
    home: str
    external_id: str
    people: tuple[str, ...]
    values: dict[str, Any]
    withdrawn: bool


def store(
    conn: Connection,
    org: str,
    source: str,
    drafts: Sequence[Draft],
    *,
    now: datetime,
    span: tuple[datetime, datetime] | None = None,
) -> Outcome:
    """Keep a plan of `org` that came from `source`, inside the caller's transaction.

    `span` (aware): visits of this source that begin in it and are not in `drafts` are withdrawn.
    Raises `PlanRefused` before anything is written.
    """
    ready = _check(conn, org, source, drafts)
    known = _known(conn, org, source)
    added = changed = unchanged = withdrawn = 0
    named = set()
    for one in ready:
        key = (one.home, one.external_id)
        named.add(key)
        old = known.get(key)
        if one.withdrawn:
            withdrawn += _withdraw(conn, old, now)
        elif old is None:
            _add(conn, one, source, now)
            added += 1
        elif _same(conn, old, one):
            unchanged += 1
        else:
            _change(conn, old, one, now)
            changed += 1
    if span is not None:
        for key, old in known.items():
            if key not in named and span[0] <= old.since < span[1]:
                withdrawn += _withdraw(conn, old, now)
    return Outcome(added, changed, unchanged, withdrawn)


def to_utc(at: datetime, zone: str) -> datetime:
    """`at` in UTC; a naive one is local time in `zone`.

    As iCalendar has it (RFC 5545, 3.3.5): a local time that comes twice is the first of the two,
    one that is skipped is reckoned with the offset before the gap (02:30 becomes 03:30).
    """
    return (
        at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if at.tzinfo is None
        else at.astimezone(UTC)
    )


# --- checking -------------------------------------------------------------------------------------


def _check(conn: Connection, org: str, source: str, drafts: Sequence[Draft]) -> list[_Ready]:
    if not source or len(source) > TEXT_MAX:
        raise UserError("A plan needs a source: a short word for the system it comes from.")
    if len(drafts) > ROWS_MAX:
        raise UserError(f"A plan has at most {ROWS_MAX} visits; send it in parts.")
    h, u, m = t.home, t.user, t.team
    zones = {
        row.id: row.timezone
        for row in conn.execute(select(h.c.id, h.c.timezone).where(h.c.org_id == org))
    }
    people: dict[str, str] = {}
    for row in conn.execute(select(u.c.person_id, u.c.email).where(u.c.org_id == org, u.c.active)):
        people[row.person_id.casefold()] = people[row.email.casefold()] = row.person_id
    teams = {
        row.name.casefold(): row.id
        for row in conn.execute(select(m.c.name, m.c.id).where(m.c.org_id == org))
    }
    errors: list[LineError] = []
    ready: list[_Ready] = []
    seen: dict[tuple[str, str], int] = {}
    for draft in drafts:
        wrong = _wrong(draft, zones, people, teams)
        key = (draft.home, draft.external_id)
        if wrong is None and key in seen:
            wrong = f"the visit {draft.external_id} is on line {seen[key]} already."
        if wrong is not None:
            errors.append(LineError(draft.line, wrong))
            continue
        seen[key] = draft.line
        ready.append(_ready(draft, zones[draft.home], people, teams))
    if errors:
        raise PlanRefused(errors)
    return ready


def _wrong(
    draft: Draft, zones: dict[str, str], people: dict[str, str], teams: dict[str, int]
) -> str | None:
    if draft.home not in zones:
        return f"there is no home {draft.home!r} in this organisation."
    if not draft.external_id or len(draft.external_id) > TEXT_MAX:
        return f"the visit needs an id of at most {TEXT_MAX} characters."
    if len(draft.what) > TEXT_MAX:
        return f"what is to be done has more than {TEXT_MAX} characters."
    if "\x00" in draft.external_id + draft.what:
        return "it holds a character that no text has."
    since, until = _times(draft, zones[draft.home])
    if until <= since:
        return "the visit ends before it begins."
    if until - since > LONGEST:
        return f"the visit is longer than {LONGEST.total_seconds() / 3600:.0f} hours."
    for name in draft.people:
        if name.casefold() not in people:
            return f"there is no active account {name!r} in this organisation."
    if draft.team is not None and draft.team.casefold() not in teams:
        return f"there is no team {draft.team!r} in this organisation."
    needed = draft.staff_needed
    if needed is not None and not 1 <= needed <= STAFF_MAX:
        return f"a visit takes 1 to {STAFF_MAX} persons, not {needed}."
    if len(set(draft.people)) > (needed or STAFF_MAX):
        return f"{len(draft.people)} persons are named, and {needed or STAFF_MAX} are needed."
    return None


def _times(draft: Draft, zone: str) -> tuple[datetime, datetime]:
    since, until = to_utc(draft.since, zone), to_utc(draft.until, zone)
    if until <= since and draft.until.tzinfo is None:
        # 02:45 to 02:15 in the hour that comes twice: it ends the second time
        until = to_utc(draft.until.replace(fold=1), zone)
    return since, until


def _ready(draft: Draft, zone: str, people: dict[str, str], teams: dict[str, int]) -> _Ready:
    since, until = _times(draft, zone)
    who = tuple(sorted({people[name.casefold()] for name in draft.people}))
    values = {
        "since": since,
        "until": until,
        "what": draft.what,
        "team_id": None if draft.team is None else teams[draft.team.casefold()],
        "staff_needed": draft.staff_needed or max(1, len(who)),
    }
    return _Ready(draft.home, draft.external_id, who, values, draft.withdrawn)


# --- writing --------------------------------------------------------------------------------------


def _known(conn: Connection, org: str, source: str) -> dict[tuple[str, str], Any]:
    p, h = plan_visit, t.home
    query = (
        select(p)
        .join(h, h.c.id == p.c.home_id)
        .where(h.c.org_id == org, p.c.source == source)
        .with_for_update(of=p)
    )
    return {(row.home_id, row.external_id): row for row in conn.execute(query)}


def _people_of(conn: Connection, plan_id: str) -> tuple[str, ...]:
    s = plan_staff.c
    query = select(s.person_id).where(s.plan_id == plan_id).order_by(s.person_id)
    return tuple(conn.execute(query).scalars())


def _same(conn: Connection, old: Any, one: _Ready) -> bool:
    if old.withdrawn_at is not None:
        return False
    values = all(getattr(old, name) == value for name, value in one.values.items())
    return values and _people_of(conn, old.id) == one.people


def _add(conn: Connection, one: _Ready, source: str, now: datetime) -> None:
    plan_id = secrets.token_hex(8)
    conn.execute(
        insert(plan_visit).values(
            id=plan_id,
            home_id=one.home,
            source=source,
            external_id=one.external_id,
            imported_at=now,
            **one.values,
        )
    )
    _name(conn, plan_id, one.people)


def _change(conn: Connection, old: Any, one: _Ready, now: datetime) -> None:
    conn.execute(
        update(plan_visit)
        .where(plan_visit.c.id == old.id)
        .values(imported_at=now, withdrawn_at=None, **one.values)
    )
    conn.execute(delete(plan_staff).where(plan_staff.c.plan_id == old.id))
    _name(conn, old.id, one.people)


def _name(conn: Connection, plan_id: str, people: Sequence[str]) -> None:
    if people:
        rows = [{"plan_id": plan_id, "person_id": person} for person in people]
        conn.execute(insert(plan_staff), rows)


def _withdraw(conn: Connection, old: Any, now: datetime) -> int:
    if old is None or old.withdrawn_at is not None:
        return 0
    conn.execute(update(plan_visit).where(plan_visit.c.id == old.id).values(withdrawn_at=now))
    return 1
