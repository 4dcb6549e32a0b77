"""Mitt pass: the phone page.  My homes, one large button for the door, what happens at the lock
step by step, arrival and departure.

The state of a turn comes from the table `turn` alone, so that a page loaded anew, another tab and
the live page show the same; what no event tells any more, the page tells itself when the time is
out (`data-show-after`).  Not for: turning the lock (`deeds`, `actions`; the home decides).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.access import Action
from gateway.events import Refusal, TurnOutcome, Undone
from web.staff import tables as t
from web.staff import words, words_visits
from web.staff.context import staff
from web.staff.i18n import local
from web.staff.i18n import say as _
from web.staff.pages import reading, rounds
from web.staff.pages.frame import main_attributes, need, page, signed_in
from web.staff.pages.now import tiles
from web.staff.pages.reading import Place
from web.staff.pages.rounds import Stop
from web.staff.rights import Actor, Right
from web.staff.turning import UNHEARD_S

SHOWN = timedelta(minutes=10)
"""How long a turn's outcome stays on the page."""

SILENT_STEP = timedelta(seconds=UNHEARD_S)
"""Without a word from the home for this long the page says so, and the button may be pressed
again."""

GRACE = timedelta(seconds=10)
"""Time for the last word to arrive after the grant's own deadline."""

ORDER = ("issued", "requested", "waking", "connecting", "turning", "asking", "ended")
"""Steps of a turn as the table has them, in order."""

UNSURE = frozenset({"no_answer", "link_lost", "restarted"})
"""Reasons after which nobody knows where the bolt is."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step on the phone.  `state` is done, now or later."""

    name: str
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a lock as the phone shows it.  `outcome` is None while it is under way, else `ok`,
    `bad` or `unknown`, with `text`."""

    row: Row[Any]
    lines: tuple[StepLine, ...]
    outcome: str | None
    text: str
    late_at: datetime | None
    over_at: datetime | None
    busy: bool
    """Whether pressing again must wait: no longer when the home has not said a word in time."""

    @property
    def running(self) -> bool:
        return self.outcome is None


@dataclass(frozen=True, slots=True)
class MyHome:
    """One of my homes on the shift page."""

    place: Place
    locks: tuple[Row[Any], ...]
    turn: Turn | None
    visit: Row[Any] | None
    earlier: tuple[Row[Any], ...]
    alarm: Row[Any] | None
    silent_since: datetime | None
    stops: tuple[Stop, ...] = ()

    @property
    def next(self) -> Stop | None:
        """The planned visit that comes next here, None when none is left."""
        return next((stop for stop in self.stops if stop.state == "next"), None)


@signed_in
def shift(actor: Actor) -> str:
    """The page `/pass`."""
    need(actor, Right.TURN_LOCK)
    with staff().db.read() as conn:
        places = {
            home: place
            for home, place in reading.places(conn, actor).items()
            if home in actor.assigned
        }
        glances = {tile.place.id: tile for tile in tiles(conn, actor, places, {})}
        visits = _visits(conn, actor, places)
        alarms = _alarms(conn, actor, places)
        now = staff().clock.now()
        round_ = rounds.stops(conn, actor, list(places), now)
        mine = [
            MyHome(
                place=place,
                locks=glances[home].locks,
                turn=_turn(conn, actor, home),
                visit=next((v for v in visits.get(home, ()) if _is_open(v)), None),
                earlier=tuple(v for v in visits.get(home, ()) if v.until or v.corrected_until),
                alarm=alarms.get(home),
                silent_since=state.silent_since if (state := glances[home].state) else None,
                stops=round_.get(home, ()),
            )
            for home, place in places.items()
        ]
        mine.sort(key=_order)
        return page(
            "shift.html",
            conn,
            actor,
            mine=mine,
            actions=Action,
            unended=rounds.unended(conn, actor, now),
            reasons=words_visits.CORRECTED_WHY,
            all_places=reading.places(conn, actor),
            names=reading.names(conn, actor),
            undone=list(Undone),
            may_tap=actor.may(Right.TAP_VISIT),
            **main_attributes(kinds="alarm grant unlock lock visit home device"),
        )


def _order(one: MyHome) -> tuple[bool, bool, bool, float]:
    """Alarms first, then where I am, then as the plan has it; what is not planned comes last."""
    ahead = one.next
    at = ahead.visit.since.timestamp() if ahead else 0.0
    return (one.alarm is None, one.visit is None, ahead is None, at)


def _visits(conn: Connection, actor: Actor, places: dict[str, Place]) -> dict[str, list[Row[Any]]]:
    """My visits that are open or began today, by home, oldest first."""
    v = t.visit.c
    now = staff().clock.now()
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    query = select(t.visit).where(v.person == actor.person, v.home_id.in_(places))
    still = v.until.is_(None) & v.corrected_until.is_(None) & ~v.overdue
    rows = conn.execute(query.where(still | (v.since >= midnight)).order_by(v.since))
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.home_id, []).append(row)
    return found


def _is_open(row: Row[Any]) -> bool:
    return row.until is None and row.corrected_until is None and not row.overdue


def _alarms(conn: Connection, actor: Actor, places: dict[str, Place]) -> dict[str, Row[Any]]:
    a = t.alarm.c
    rows = conn.execute(
        select(t.alarm)
        .where(reading.open_alarms(actor), a.home_id.in_(places), a.severity == "care")
        .order_by(a.raised_at.desc())
    )
    return {row.home_id: row for row in rows}


def _turn(conn: Connection, actor: Actor, home: str) -> Turn | None:
    """My newest turn in this home, while it is worth showing."""
    c = t.turn.c
    now = staff().clock.now()
    row = conn.execute(
        select(t.turn)
        .where(c.home_id == home, c.person == actor.person, c.issued_at > now - SHOWN)
        .order_by(c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else turn_of(row, now)


def turn_of(row: Row[Any], now: datetime) -> Turn:
    """A row of `turn` as the phone shows it at `now`."""
    outcome, text = _outcome(row)
    over_at = None
    if outcome is None:
        over_at = (row.expires_at or row.step_at) + GRACE
        if now >= over_at:
            outcome, text = "unknown", _silence()
    late_at = row.step_at + SILENT_STEP if row.step == "issued" and outcome is None else None
    return Turn(
        row=row,
        lines=_lines(row),
        outcome=outcome,
        text=text,
        late_at=late_at,
        over_at=over_at if outcome is None else None,
        busy=outcome is None and (late_at is None or now < late_at),
    )


def _silence() -> str:
    return _("Låset svarar inte. Vi vet inte om det är öppet. Känn på dörren.")


def _outcome(row: Row[Any]) -> tuple[str | None, str]:
    if row.step == "refused":
        return "bad", words.enum_word(Refusal, row.why)
    if row.step != "ended":
        return None, ""
    if row.outcome == TurnOutcome.DONE:
        locking = row.action == Action.LOCK
        return "ok", _("Låst.") if locking else _("Öppet. Låset har vridit upp.")
    if row.outcome == TurnOutcome.UNKNOWN or row.why in UNSURE:
        known = row.why in words.TURN_WHY and row.why in UNSURE
        return "unknown", words.spoken(words.TURN_WHY, row.why) if known else _silence()
    return "bad", words.spoken(words.TURN_WHY, row.why) or _("Det gick inte.")


def _lines(row: Row[Any]) -> tuple[StepLine, ...]:
    """The steps on the way, each done, now or still to come."""
    locking = row.action == Action.LOCK
    shown = [
        ("issued", _("Skickat till hemmet")),
        ("waking", _("Väcker låset")),
        ("connecting", _("Ansluter till låset")),
        ("turning", _("Vrider")),
        ("ended", _("Låst") if locking else _("Öppet")),
    ]
    if row.step == "asking":
        shown.insert(4, ("asking", _("Inget svar. Frågar låset hur det står")))
    at = ORDER.index(row.step) if row.step in ORDER else 0
    here = max((i for i, (name, _text) in enumerate(shown) if ORDER.index(name) <= at), default=0)
    if row.step == "ended" and row.outcome == TurnOutcome.DONE:
        here = len(shown)
    return tuple(
        StepLine(name, text, "done" if i < here else "now" if i == here else "later")
        for i, (name, text) in enumerate(shown)
    )
