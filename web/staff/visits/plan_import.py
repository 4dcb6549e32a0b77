"""What a plan that is brought in may hold: every line is checked against the organisation.

A planned visit is known by its home, the system it comes from and what it is called there.  A visit
that repeats is known by its `slot` too, the time in the home when its series has it (`visit_id`); a
`Claim` says what of a series is no more.

Not for: reading files (`plan_files`, `plan_ical`), keeping a plan (`plan_store`), or who may bring
one in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from gateway.errors import UserError
from web.staff.storage import tables as t
from web.staff.storage.plan_tables import plan_visit
from web.staff.storage.storable import storable

ROWS_MAX = 20_000
"""Visits in one import: a month of a large municipality's home care in one area."""

LONGEST = timedelta(hours=24)
"""A visit that takes longer is a mistake in the file: the longest are watches over a night."""

YEAR_MIN, YEAR_MAX = 1970, 2999
"""Years of a plan: what lies outside is a mistake, and near the ends of time sums fail."""

STAFF_MAX = 6
"""More at one visit is a mistake in the file."""

TEXT_MAX = 200
"""Characters of what is to be done, and of an id."""

SAID_MAX = 200
"""Characters of what a file says that are said back."""

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
class Claim:
    """Visits of `uid` that are no more, unless a draft names them: in `home` (None: wherever), that
    begin at `first` or later (None: whenever).

    `slot` chooses: None, all; "", the visit that does not repeat; a time as in `slot_name`, or a
    day of it, that one; with `onward` the later ones too.
    """

    line: int
    uid: str
    home: str | None
    slot: str | None = None
    onward: bool = False
    first: datetime | None = None

    def covers(self, row: Any, slot: str) -> bool:
        """Whether it is about this row of `plan_visit`, of this UID, with this slot."""
        if self.home not in (None, row.home_id) or (self.first and row.since < self.first):
            return False
        if self.slot is None:
            return True
        if self.onward:
            return slot >= self.slot
        return slot.startswith(self.slot) if self.slot else not slot


@dataclass(frozen=True, slots=True)
class Before:
    """What reading a file needs to know: the time zones of the organisation's homes, and how far
    the same source had planned each series (UID to the end of its last day)."""

    zones: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, datetime] = field(default_factory=dict)


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > SAID_MAX:
        return value[:SAID_MAX] + "…"
    return value


class Flaw(str):
    """A sentence that knows what it is made of, so that a page can say it in another language
    (`web.staff.texts.plan_words`)."""

    template: str
    values: Mapping[str, object]

    @classmethod
    def of(cls, template: str, **values: object) -> Flaw:
        """`template` with its values, as `str.format` has it; a long text is cut: what is wrong is
        seen from its beginning, and a cell may be a book."""
        short = {name: _cut(value) for name, value in values.items()}
        made = cls(template.format(**short))
        made.template, made.values = template, short
        return made


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line: its number in the file, from 1, and a sentence."""

    line: int
    text: str


class PlanRefused(UserError):
    """A plan was refused, and nothing of it kept.  `lines` has a sentence for each bad line."""

    def __init__(self, lines: Sequence[LineError]) -> None:
        ordered = sorted(dict.fromkeys(lines), key=lambda one: one.line)
        shown = [f"line {one.line}: {one.text}" for one in ordered[:ERRORS_MAX]]
        if len(ordered) > ERRORS_MAX:
            shown.append(f"and {len(ordered) - ERRORS_MAX} lines more.")
        super().__init__("\n".join(shown), lines=len(ordered))
        self.lines = tuple(ordered)


@dataclass(frozen=True, slots=True)
class Ready:
    """A visit that was checked, as it is kept."""

    home: str
    external_id: str
    people: tuple[str, ...]
    values: dict[str, Any]
    withdrawn: bool


def checked(conn: Connection, org: str, source: str, drafts: Sequence[Draft]) -> list[Ready]:
    """The visits of a plan, each checked against the organisation.  Raises `PlanRefused`."""
    return _check(conn, org, source, [_composed(draft) for draft in drafts])


def before(conn: Connection, org: str, source: str, now: datetime) -> Before:
    """What reading a file of this source needs to know.  Raises `UserError`: it is no source."""
    check_source(source)
    p, h = plan_visit.c, t.home.c
    zones = {row.id: row.timezone for row in conn.execute(_homes(org))}
    query = (
        select(p.home_id, p.external_id)
        .join(t.home, h.id == p.home_id)
        .where(h.org_id == org, p.source == source, p.withdrawn_at.is_(None), p.until > now)
    )
    last: dict[str, datetime] = {}
    for row in conn.execute(query):
        uid, slot = split_id(row.external_id)
        if slot:
            day = datetime.combine(datetime.fromisoformat(slot), time.max)
            at = to_utc(day, zones[row.home_id])
            last[uid] = max(at, last.get(uid, at))
    return Before(zones, last)


_SLOT = re.compile(r"(.*)@([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})", re.DOTALL)


def slot_name(slot: datetime, zone: tzinfo) -> str:
    """A slot as it stands in an id: local time in the home, to the minute."""
    return f"{slot.astimezone(zone):%Y-%m-%dT%H:%M}"


def visit_id(uid: str, slot: str = "") -> str:
    """The id of a visit; `slot` (`slot_name`) when it is one of a series."""
    return f"{uid}@{slot}" if slot else uid


def split_id(external_id: str) -> tuple[str, str]:
    """The UID and the slot of an id; the slot is empty when it is not one of a series."""
    found = _SLOT.fullmatch(external_id)
    if found is None:
        return external_id, ""
    try:
        datetime.fromisoformat(found[2])
    except ValueError:
        return external_id, ""
    return found[1], found[2]


def composed(text: str) -> str:
    """Unicode's NFC: some systems write `ö` as `o` and a mark, and mean the same name."""
    return unicodedata.normalize("NFC", text)


def to_utc(at: datetime, zone: str) -> datetime:
    """`at` in UTC; a naive one is local time in `zone`.

    As iCalendar has it (RFC 5545, 3.3.5): a local time that comes twice is the first of the two,
    one that is skipped is reckoned with the offset before the gap (02:30 becomes 03:30).  Raises
    `ValueError` for one that no calendar has in UTC.
    """
    known = at.replace(tzinfo=ZoneInfo(zone)) if at.tzinfo is None else at
    try:
        return known.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time at the end of the calendar") from error


# --- checking -------------------------------------------------------------------------------------


def check_source(source: str) -> None:
    """Raise `UserError` for what is no name of a source."""
    if not source or len(source) > TEXT_MAX or not storable(source):
        raise UserError(
            Flaw.of("A plan needs a source: a short word for the system it comes from.")
        )


def _check(conn: Connection, org: str, source: str, drafts: Sequence[Draft]) -> list[Ready]:
    check_source(source)
    if len(drafts) > ROWS_MAX:
        raise UserError(
            Flaw.of("A plan has at most {most} visits; send it in parts.", most=ROWS_MAX)
        )
    u, m = t.user, t.team
    zones = {row.id: row.timezone for row in conn.execute(_homes(org))}
    people: dict[str, str] = {}
    for row in conn.execute(select(u.c.person_id, u.c.email).where(u.c.org_id == org, u.c.active)):
        people[_folded(row.person_id)] = people[_folded(row.email)] = row.person_id
    teams = {
        _folded(row.name): row.id
        for row in conn.execute(select(m.c.name, m.c.id).where(m.c.org_id == org))
    }
    errors: list[LineError] = []
    ready: list[Ready] = []
    seen: dict[tuple[str, str], int] = {}
    for draft in drafts:
        wrong = _wrong(draft, zones, people, teams)
        key = (draft.home, draft.external_id)
        if wrong is None and key in seen:
            wrong = Flaw.of(
                "the visit {id} is on line {line} already.",
                id=draft.external_id,
                line=seen[key],
            )
        if wrong is not None:
            errors.append(LineError(draft.line, wrong))
            continue
        seen[key] = draft.line
        ready.append(_ready(draft, zones[draft.home], people, teams))
    if errors:
        raise PlanRefused(errors)
    return ready


def _homes(org: str) -> Select[Any]:
    return select(t.home.c.id, t.home.c.timezone).where(t.home.c.org_id == org)


def _folded(name: str) -> str:
    return composed(composed(name).casefold())


def _composed(draft: Draft) -> Draft:
    return replace(
        draft,
        home=composed(draft.home),
        external_id=composed(draft.external_id),
        what=composed(draft.what),
    )


def _wrong(
    draft: Draft, zones: dict[str, str], people: dict[str, str], teams: dict[str, int]
) -> Flaw | None:
    texts = (draft.home, draft.external_id, draft.what, *draft.people, draft.team or "")
    if not all(map(storable, texts)):
        return Flaw.of("it holds a character that no text has.")
    if draft.home not in zones:
        return Flaw.of("there is no home {home!r} in this organisation.", home=draft.home)
    if not draft.external_id or len(draft.external_id) > TEXT_MAX:
        return Flaw.of("the visit needs an id of at most {most} characters.", most=TEXT_MAX)
    if len(draft.what) > TEXT_MAX:
        return Flaw.of("what is to be done has more than {most} characters.", most=TEXT_MAX)
    if draft.withdrawn:  # whoever was to make it may have left, and the team be gone
        return None
    if said := _wrong_times(draft, zones[draft.home]):
        return said
    for name in draft.people:
        if _folded(name) not in people:
            return Flaw.of("there is no active account {name!r} in this organisation.", name=name)
    if draft.team is not None and _folded(draft.team) not in teams:
        return Flaw.of("there is no team {team!r} in this organisation.", team=draft.team)
    needed = draft.staff_needed
    if needed is not None and not 1 <= needed <= STAFF_MAX:
        return Flaw.of(
            "a visit takes 1 to {most} persons, not {needed}.", most=STAFF_MAX, needed=needed
        )
    named = len({people[_folded(name)] for name in draft.people})  # by id and by address is one
    if named > (needed or STAFF_MAX):
        return Flaw.of(
            "{named} persons are named, and {needed} are needed.",
            named=named,
            needed=needed or STAFF_MAX,
        )
    return None


def _wrong_times(draft: Draft, zone: str) -> Flaw | None:
    for at in (draft.since, draft.until):
        if not YEAR_MIN <= at.year <= YEAR_MAX:
            return Flaw.of("the year {year} is none of a plan.", year=at.year)
    since, until = _times(draft, zone)
    if until <= since:
        if until == since:
            return Flaw.of("the visit ends when it begins.")
        return Flaw.of("the visit ends before it begins.")
    if until - since > LONGEST:
        return Flaw.of(
            "the visit is longer than {hours} hours.", hours=round(LONGEST.total_seconds() / 3600)
        )
    return None


def _times(draft: Draft, zone: str) -> tuple[datetime, datetime]:
    since, until = to_utc(draft.since, zone), to_utc(draft.until, zone)
    if until <= since and draft.until.tzinfo is None:
        # 02:45 to 02:15 in the hour that comes twice: it ends the second time
        until = to_utc(draft.until.replace(fold=1), zone)
    if until <= since and _is_skipped(draft.since, zone) and draft.until.tzinfo is None:
        # 02:30 to 03:00 in the hour that is skipped: as long as that
        until = since + (draft.until - draft.since)
    return since, until


def _is_skipped(at: datetime, zone: str) -> bool:
    """Whether it is a local time that no clock shows, for summer time begins."""
    shown = to_utc(at, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return at.tzinfo is None and shown != at


def _ready(draft: Draft, zone: str, people: dict[str, str], teams: dict[str, int]) -> Ready:
    if draft.withdrawn:
        return Ready(draft.home, draft.external_id, (), {}, True)
    since, until = _times(draft, zone)
    who = tuple(sorted({people[_folded(name)] for name in draft.people}))
    values = {
        "since": since,
        "until": until,
        "what": draft.what,
        "team_id": None if draft.team is None else teams[_folded(draft.team)],
        "staff_needed": draft.staff_needed or max(1, len(who)),
    }
    return Ready(draft.home, draft.external_id, who, values, False)
