"""Night checks as pages show them: where each is, who has it, what it rests on.

Not for: the board itself (`night_board`), or what is done about one (`check_forms`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.envelope import Event
from gateway.events import BedEntered, MatPressed, Ref
from web.staff.checks import claims, following, plans, visits
from web.staff.core import i18n
from web.staff.core.context import staff
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.pages import lookups
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import CheckRow, read_all, read_one

NOON = 12
"""The hour at which one night's board ends and the next one's begins."""

DONE = 24
"""Checks that are done, or missed, on the board: the newest; how many there are is told above."""

AHEAD = 8
"""Checks that come later in the night, on the board."""

GOES_THERE = "visit"
"""Why a check is asked whose plan says that somebody goes there, without a look before."""

OPEN = ("due", "asked", "started", "answered")


@dataclass(frozen=True, slots=True)
class CheckCard:
    """A check with where it is and who works on it.  `by`: who has it, or answered; `mine`: nobody
    else has it; `goes`: who goes there; `before`: who had it before, without an answer."""

    row: CheckRow
    place: Place | None
    by: str | None = None
    mine: bool = False
    goes: str | None = None
    before: str | None = None
    asked: Event | None = None
    """The newest `check.asked`, while an answer is awaited and it is shown whole: it says why the
    sensors do not tell."""
    rests_on: str = ""
    """Of one that the sensors answered: on what."""
    again_at: datetime | None = None
    """Of one that was unclear: when the home makes it again, where that is known."""

    @property
    def key(self) -> str:
        """Its name on the page."""
        return f"{self.row.home_id}/{self.row.check}"

    @property
    def at(self) -> datetime:
        """The slot; of a look that a rule asked for, when it asked."""
        return self.row.slot or self.row.asked_at or self.row.state_at

    @property
    def asks_since(self) -> datetime:
        """Since when it asks for a visit, if it does."""
        row = self.row
        return row.visit_asked_at or row.closed_at or row.unreported_at or self.at

    @property
    def claim_until(self) -> datetime | None:
        """Until when who has it may tell nothing."""
        return self.row.started_at + following.CLAIM if self.row.started_at else None

    @property
    def seen(self) -> bool:
        """Whether who has it saw something through the camera, as far as the home has told."""
        by = self.row.started_by
        return by is not None and claims.has_seen(self.row, by, self.row.asked_at)

    @property
    def part(self) -> str:
        """Which part of the board it belongs to while it is open."""
        row = self.row
        if row.state in ("asked", "started") and row.why == GOES_THERE:
            return "visit"
        if row.state == "answered":
            return "unclear" if row.finding == "unclear" else "looking"
        return "looking" if row.state == "started" else "due"

    @property
    def ambiguous(self) -> str:
        """In the hour that comes twice when summer time ends: which of the two."""
        zone = i18n.zone_of(self.place.zone if self.place else None)
        local = self.at.astimezone(zone)
        first, second = local.replace(fold=0), local.replace(fold=1)
        if first.utcoffset() == second.utcoffset() or local.astimezone(zone) != local:
            return ""
        return _("sommartid") if local.dst() else _("vintertid")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many checks of the night are over."""

    done: int
    missed: int
    ahead: int


def name_of(person: str | None, names: Mapping[str, str]) -> str | None:
    """What a person is called; the id where nobody knows."""
    return None if person is None else names.get(person, person)


def cards(
    rows: Iterable[CheckRow], actor: Actor, places: Mapping[str, Place], names: Mapping[str, str]
) -> list[CheckCard]:
    """The checks with their people."""
    return [
        CheckCard(
            row=row,
            place=places.get(row.home_id),
            by=name_of(row.answered_by or row.started_by, names),
            mine=row.started_by in (None, actor.person),
            goes=name_of(row.visit_by, names),
            before=name_of(row.before_by, names),
        )
        for row in rows
    ]


def tonight(now: datetime) -> tuple[datetime, datetime]:
    """From noon to noon around now, local time, also in the nights of 23 and 25 hours."""
    zone = ZoneInfo(i18n.ZONE)
    here = now.astimezone(zone)
    day = here.date() if here.hour >= NOON else here.date() - timedelta(days=1)
    noons = [datetime(d.year, d.month, d.day, NOON, tzinfo=zone) for d in (day, day + timedelta(1))]
    return noons[0].astimezone(now.tzinfo), noons[1].astimezone(now.tzinfo)


# --- reading --------------------------------------------------------------------------------------


def open_checks(
    conn: Connection,
    actor: Actor,
    places: Mapping[str, Place],
    names: Mapping[str, str],
    homes: Collection[str] | None = None,
) -> list[CheckCard]:
    """Checks that have begun and are not over, the most urgent first; also those that were due and
    of which the home has not told.  `homes`: of these of the person's only."""
    c = t.night_check.c
    seen = actor.homes if homes is None else actor.homes & set(homes)
    here = among(c.home_id, seen), c.closed_at.is_(None)
    late = and_(c.state == "planned", c.slot <= staff().clock.now())
    query = select(t.night_check).where(*here, or_(c.state.in_(OPEN), late))
    rows = read_all(conn, CheckRow, query)
    found = cards(rows, actor, places, names)
    return sorted(found, key=lambda card: (card.row.answer_by or card.at, card.at, card.key))


def tasks(
    conn: Connection,
    actor: Actor,
    places: Mapping[str, Place],
    names: Mapping[str, str],
    homes: Collection[str] | None = None,
) -> list[CheckCard]:
    """Homes where somebody must go: a check ended without an "all is well", or was never reported,
    and nobody has been there since.  `homes`: of these of the person's only."""
    c = t.night_check.c
    seen = actor.homes if homes is None else actor.homes & set(homes)
    query = (
        select(t.night_check)
        .where(among(c.home_id, seen), visits.unvisited(staff().clock.now()))
        .order_by(visits.asked_at())
    )
    return cards(read_all(conn, CheckRow, query), actor, places, names)


def one(
    conn: Connection, actor: Actor, key: str, places: Mapping[str, Place], names: Mapping[str, str]
) -> tuple[CheckCard, bool] | None:
    """The check that is named so, in a home of this person's, and whether it asks for a visit."""
    home, _slash, check = key.partition("/")
    if not actor.sees(home):
        return None
    this = select(t.night_check).where(t.night_check.c.home_id == home)
    this = this.where(t.night_check.c.check == check)
    row = read_one(conn, CheckRow, this)
    if row is None:
        return None
    asks = conn.execute(this.where(visits.unvisited(staff().clock.now()))).first() is not None
    return cards([row], actor, places, names)[0], asks


def _of_night(begin: datetime, end: datetime) -> ColumnElement[bool]:
    c = t.night_check.c
    unplanned = and_(c.slot.is_(None), c.state_at >= begin, c.state_at < end)
    return or_(and_(c.slot >= begin, c.slot < end), unplanned)


def _is_done(now: datetime) -> ColumnElement[bool]:
    return and_(t.night_check.c.state.in_(("done", "escalated")), ~visits.unvisited(now))


def _is_missed() -> ColumnElement[bool]:
    return t.night_check.c.state.in_(("missed", "unreported"))


def counts(conn: Connection, actor: Actor, now: datetime) -> Counts:
    """How many of tonight's are over, and how many are to come."""
    c, (begin, end) = t.night_check.c, tonight(now)
    ahead = and_(c.state == "planned", c.slot > now)
    sums = [func.count(case((what, 1))) for what in (_is_done(now), _is_missed(), ahead)]
    query = select(*sums).where(among(c.home_id, actor.homes), _of_night(begin, end))
    return Counts(*(int(n) for n in conn.execute(query).one()))


def over(
    conn: Connection,
    actor: Actor,
    places: Mapping[str, Place],
    names: Mapping[str, str],
    now: datetime,
) -> tuple[list[CheckCard], list[CheckCard]]:
    """Tonight's checks that are done, with what those of the sensors rest on, and those that were
    missed: the newest of each."""
    c, (begin, end) = t.night_check.c, tonight(now)
    base = select(t.night_check).where(among(c.home_id, actor.homes), _of_night(begin, end))
    done = base.where(_is_done(now)).order_by(c.closed_at.desc(), c.home_id).limit(DONE)
    missed = base.where(_is_missed()).order_by(c.slot.desc(), c.home_id).limit(DONE)
    found = [
        cards(read_all(conn, CheckRow, query), actor, places, names) for query in (done, missed)
    ]
    return explained(conn, actor, found[0]), found[1]


def ahead(
    conn: Connection, actor: Actor, places: Mapping[str, Place], now: datetime
) -> list[CheckCard]:
    """The next of tonight's."""
    c, (_begin, end) = t.night_check.c, tonight(now)
    query = (
        select(t.night_check)
        .where(among(c.home_id, actor.homes), c.state == "planned", c.slot > now, c.slot < end)
        .order_by(c.slot, c.home_id)
        .limit(AHEAD)
    )
    return [CheckCard(row, places.get(row.home_id)) for row in read_all(conn, CheckRow, query)]


def asked_again(conn: Connection, unclear: list[CheckCard]) -> list[CheckCard]:
    """With when each is made again, by the plan that its home follows."""
    by_home = plans.rechecks(conn, {card.row.home_id for card in unclear}) if unclear else {}
    return [replace(card, again_at=_again_at(card, by_home)) for card in unclear]


def _again_at(card: CheckCard, by_home: Mapping[str, plans.Rechecks]) -> datetime | None:
    plan, answered_at = by_home.get(card.row.home_id), card.row.answered_at
    if plan is None or answered_at is None or plan.since > card.at:
        return None
    once = card.part == "unclear" and (card.row.attempt or 1) == 1  # twice: somebody goes there
    return answered_at + timedelta(minutes=plan.minutes) if once else None


def explained(conn: Connection, actor: Actor, done: list[CheckCard]) -> list[CheckCard]:
    """With what the sensors' answers rest on."""
    refs = [card.row.closed_ref for card in done if card.row.closed_ref and _by_sensor(card)]
    ends = lookups.events_by_ref(conn, refs, actor.homes)
    because = lookups.reasons(conn, ends.values(), actor.homes)
    return [
        replace(card, rests_on=rests_on(ends.get(card.row.closed_ref or ""), because, card.place))
        if _by_sensor(card)
        else card
        for card in done
    ]


def _by_sensor(card: CheckCard) -> bool:
    return card.row.done_by == "sensor"


def rests_on(end: Event | None, because: Mapping[Ref, Event], place: Place | None) -> str:
    """In a few words, what the home's sensors said; nothing where the event has not come."""
    if end is None or end.because is None:
        return ""
    zone = place.zone if place else None
    told = []
    for ref in end.because.events:
        event = because.get(ref)
        if event is None:
            continue
        at = f"{i18n.local(event.at, zone):%H:%M}"
        if isinstance(event.data, BedEntered):
            told.append(_("i sängen sedan %(at)s", at=at))
        elif isinstance(event.data, MatPressed):
            told.append(_("mattan känner någon sedan %(at)s", at=at))
        elif event.kind.startswith("mat."):
            told.append(_("mattan kände någon senast %(at)s", at=at))
    return ", ".join(told)
