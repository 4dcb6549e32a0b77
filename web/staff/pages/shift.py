"""Mitt pass: the phone page.  It follows a visit (open, on site, leave, lock), by time.

Alarms of others stand apart from one's own homes (`alarms_elsewhere`).  Not for: turning the lock
(`forms`, `lock_orders`; the home decides), the steps of a turn (`lock_progress`), or what the plan
says (`my_plan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import Connection, func, select

from gateway.access.grants import Action
from gateway.events import LockOperationOutcome, Severity, Undone
from web.staff.care import mass_alarms
from web.staff.core.context import staff
from web.staff.core.i18n import N_, local
from web.staff.core.rights import Actor, Right
from web.staff.foresight import changing
from web.staff.pages import (
    alarms_elsewhere,
    incidents,
    lists,
    lock_progress,
    lookups,
    my_plan,
    night_rows,
)
from web.staff.pages import mass_alarms as mass_cards
from web.staff.pages.calm import WAITING
from web.staff.pages.home_choice import asked_for, found_by
from web.staff.pages.incidents import Incident
from web.staff.pages.layout import is_fragment, main_attributes, page
from web.staff.pages.lock_progress import Turn
from web.staff.pages.lookups import Place
from web.staff.pages.my_plan import Stop
from web.staff.pages.night_rows import CheckCard
from web.staff.pages.now import tiles
from web.staff.pages.routes import Menu, get
from web.staff.pages.row_guard import attempt
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import DeviceRow, HomeRow, VisitRow, read_all
from web.staff.texts import device_words

LEFT_MARGIN = timedelta(minutes=2)
"""A door that was unlocked this soon after I left is one that I left unlocked: the lock tells what
was done by hand when it is next heard."""

NIGHT = timedelta(hours=6)
"""How far behind midnight a visit counts as one of today: a door that was left unlocked at 23:50 is
still unlocked at 00:10."""


ALARMS = 6
"""Homes with an alarm that are shown whole; one person goes to one of them at a time."""

CARDS = 10
"""Homes of a round that are shown whole where there are more than twice as many: the longest shift
of home care has fewer visits left."""

VISITS = 3
"""Visits that checks ask for, whole: one person goes to one of them at a time."""

BATTERIES = 5
"""Batteries to be changed that are shown: the longest asked for first."""

UNENDED = 5
"""Visits without a departure that are asked for at a time."""

OVER = 60
"""Visits that are over, on a sheet."""


@dataclass(frozen=True, slots=True)
class MyHome:
    """One of my homes on the shift page; of several locks the front door's stands first.  `left` is
    the visit that I ended last; `somebody` whether a colleague is there."""

    place: Place
    state: HomeRow | None
    locks: tuple[DeviceRow, ...]
    turn: Turn | None
    visit: VisitRow | None
    earlier: tuple[VisitRow, ...]
    incidents: tuple[Incident, ...]
    somebody: bool
    stops: tuple[Stop, ...] = ()

    @property
    def next(self) -> Stop | None:
        """The planned visit that comes next here, None when none is left."""
        return next((stop for stop in self.stops if stop.state == "next"), None)

    @property
    def alarm(self) -> Incident | None:
        """The incident that somebody must go to, None when there is none."""
        return next((one for one in self.incidents if one.severity != Severity.ROUTINE), None)

    @property
    def left_at(self) -> datetime | None:
        """When I left; None while I am there, or have not been."""
        ended = [at for visit in self.earlier if (at := visit.corrected_until or visit.until)]
        return None if self.visit or not ended else max(ended)

    @property
    def left_open(self) -> tuple[DeviceRow, ...]:
        """Doors that I left unlocked, or without anybody knowing; nobody is there now."""
        left = self.left_at
        if left is None or self.somebody:
            return ()
        return tuple(
            lock
            for lock in self.locks
            if lock.state in ("unlocked", "jammed", "unknown")
            and lock.state_at is not None
            and lock.state_at - left <= LEFT_MARGIN
        )

    @property
    def phase(self) -> str:
        """Where in a visit I am: `on_site`, `left_open`, `opened` (the door, just now), `away`."""
        if self.visit is not None:
            return "on_site"
        if self.left_open:
            return "left_open"
        turn = self.turn
        done = turn is not None and turn.row.outcome == LockOperationOutcome.DONE
        if turn is not None and done and turn.row.action == Action.UNLOCK and self.not_since(turn):
            return "opened"
        return "away"

    def not_since(self, turn: Turn) -> bool:
        """Whether I have not left since that turn."""
        left = self.left_at
        return left is None or left < turn.row.step_at


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of my round, by time: a home's card, or a visit there that comes later (`stop`)."""

    home: MyHome
    stop: Stop | None = None


@get(
    "/pass",
    "shift",
    right=Right.TURN_LOCK,
    menu=Menu(20, "shift", N_("Mitt pass")),
    examples=({}, {"andra": "visa"}, {"oppna": "h1"}, {"sok": "x"}),
)
def shift(actor: Actor) -> str:
    """The page `/pass`.  Where there are many homes the first ones are whole, the others a row;
    `?oppna=` makes a home whole, `?sok=` looks for one."""
    wants_elsewhere = request.args.get("andra") == "visa"
    with staff().db.read() as conn:
        now = staff().clock.now()
        all_places, names = lookups.places(conn, actor), lookups.names(conn, actor)
        places = {home: all_places[home] for home in all_places if home in actor.assigned}
        mine = _my_homes(conn, actor, places, names, now)
        urgent, round_ = _parts(conn, actor, mine)
        running = mass_alarms.running(conn, actor)
        shared = [one for one in running if one.open and one.severity is Severity.CARE]
        lines = [
            line
            for entry in (*urgent.whole, *round_.whole)
            for incident in entry.home.incidents
            for line in incident.lines
        ]
        return page(
            "shift.html",
            conn,
            actor,
            shared=mass_cards.cards(conn, actor, shared, all_places),
            urgent=urgent,
            round=round_,
            over=lists.fold(
                over(mine), "over", _place_in_round, _key, request.args, whole=0, rows=OVER
            ),
            many=len(places) > lists.FEW,
            asked=asked_for(),
            elsewhere=alarms_elsewhere.read(conn, actor, shown=wants_elsewhere, live=is_fragment()),
            wants_elsewhere=wants_elsewhere,
            checks=_checks(conn, places) if actor.may(Right.ANSWER_CHECK) else 0,
            to_visit=_to_visit(conn, actor, places, names),
            may_check=actor.may(Right.ANSWER_CHECK),
            unended=_unended(conn, actor, now),
            batteries=_batteries(conn, places),
            because=lookups.reasons(
                conn, [line.raised for line in lines if line.raised], actor.homes
            ),
            all_places=all_places,
            names=names,
            undone=Undone.offered(),
            may_tap=actor.may(Right.TAP_VISIT),
            **main_attributes(kinds="alarm check grant unlock lock visit home device elsewhere"),
        )


def _parts(
    conn: Connection, actor: Actor, mine: list[MyHome]
) -> tuple[lists.Fold[Entry], lists.Fold[Entry]]:
    """Homes with an alarm, every one of them, and the round of those that were searched for."""
    entries, asked = in_order(mine), asked_for()
    alarms = [entry for entry in entries if entry.home.alarm and entry.stop is None]
    others = lists.matching(
        [entry for entry in entries if not (entry.home.alarm and entry.stop is None)],
        asked,
        lambda entry: found_by(entry.home.place),
    )
    urgent = lists.fold(
        alarms,
        "larm",
        _place_in_round,
        _key,
        request.args,
        whole=ALARMS,
        rows=lists.NEVER_CUT,
    )
    round_ = lists.fold(
        others, "hem", _place_in_round, _key, request.args, whole=CARDS, opens=_home_of
    )
    return _explained(conn, actor, urgent), _explained(conn, actor, round_)


def _explained(conn: Connection, actor: Actor, part: lists.Fold[Entry]) -> lists.Fold[Entry]:
    """With why the alarms of the whole cards were raised."""
    shown = [one for entry in part.whole for one in entry.home.incidents]
    told = {one.key: one for one in incidents.explained(conn, actor, shown)}

    def entry(one: Entry) -> Entry:
        known = tuple(told[incident.key] for incident in one.home.incidents)
        return replace(one, home=replace(one.home, incidents=known))

    return replace(part, whole=[entry(one) for one in part.whole])


def _to_visit(
    conn: Connection, actor: Actor, places: dict[str, Place], names: dict[str, str]
) -> lists.Fold[CheckCard]:
    """Homes of mine where a check asks for a visit: those that I go to first, then those that
    nobody goes to."""
    found = night_rows.tasks(conn, actor, places, names, places)

    def order(card: CheckCard) -> lists.Order:
        turn = 0 if card.row.visit_by == actor.person else 1 if card.row.visit_by is None else 2
        return lists.LATER * turn + lists.moment(card.asks_since), card.key

    return lists.fold(
        found,
        "nattbesok",
        order,
        lambda card: card.key,
        request.args,
        whole=VISITS,
        opens=lambda card: card.row.home_id,
    )


def _unended(conn: Connection, actor: Actor, now: datetime) -> lists.Fold[VisitRow]:
    """Visits of mine that somebody must say the end of, the oldest first."""
    return lists.fold(
        my_plan.unended(conn, actor, now),
        "slut",
        lambda visit: (lists.moment(visit.since), visit.id),
        lambda visit: visit.id,
        request.args,
        whole=UNENDED,
    )


def _batteries(conn: Connection, places: dict[str, Place]) -> list[tuple[Place, str, str]]:
    """Batteries that somebody asks to have changed in my homes: where, the device's id and what it
    is called."""
    asked = changing.open_changes(conn, places)[:BATTERIES]
    devices = lookups.devices(conn, {one.home for one in asked}) if asked else {}
    names = device_words.device_names(devices.values())
    return [
        (places[one.home], one.device, names[one.home, one.device])
        for one in asked
        if (one.home, one.device) in names
    ]


def _key(entry: Entry) -> str:
    return entry.stop.visit.id if entry.stop else entry.home.place.id


def _home_of(entry: Entry) -> str:
    return entry.home.place.id


def _my_homes(
    conn: Connection,
    actor: Actor,
    places: dict[str, Place],
    names: dict[str, str],
    now: datetime,
) -> list[MyHome]:
    glances = {tile.place.id: tile for tile in tiles(conn, actor, places, {})}
    visits = _visits(conn, actor, places)
    turns = attempt(lambda: lock_progress.newest(conn, actor, places)) or {}
    stops = attempt(lambda: my_plan.stops(conn, actor, list(places), now)) or {}
    found: dict[str, list[Incident]] = {}
    for incident in incidents.read(conn, actor, places, names, now, homes=places):
        if incident.severity != Severity.TECHNICAL:
            found.setdefault(incident.home, []).append(incident)
    return [
        MyHome(
            place=place,
            state=glances[home].state,
            locks=lookups.front_first(glances[home].locks),
            turn=turns.get(home),
            visit=next((v for v in visits.get(home, ()) if _is_open(v)), None),
            earlier=tuple(v for v in visits.get(home, ()) if v.until or v.corrected_until),
            incidents=tuple(found.get(home, ())),
            somebody=glances[home].visit_by not in (None, actor.person),
            stops=stops.get(home, ()),
        )
        for home, place in places.items()
    ]


def in_order(mine: Iterable[MyHome]) -> list[Entry]:
    """My round by time: each home's card where its next visit is, its later visits where they are.
    Before them what is now: alarms, where I am, a door that I left unlocked; after them the homes
    that are not planned."""
    entries = []
    for one in mine:
        entries.append(Entry(one))
        entries += [Entry(one, stop) for stop in one.stops if stop.state == "later"]
    return sorted(entries, key=_place_in_round)


def _place_in_round(entry: Entry) -> lists.Order:
    """First by what must be done now, then by time, then by name: a number and the rest."""
    one, stop = entry.home, entry.stop or entry.home.next
    at = lists.moment(stop.visit.since) if stop else 0
    name = lists.swedish(one.place.label), one.place.id, _key(entry)
    if entry.stop is None and one.alarm is not None:
        turn = -1 if one.alarm.mine else 0 if one.alarm.waiting else 1  # mine: I am on my way
        return (lists.LATER * turn - lists.moment(one.alarm.lead.at), *name)
    if entry.stop is None and one.phase != "away":
        return (at, *name)
    return (lists.LATER * (1 if stop else 2) + at, *name)


def over(mine: Iterable[MyHome]) -> list[Entry]:
    """What of my round is over, by time: made, told why not, or nothing said."""
    entries = [
        Entry(one, stop)
        for one in mine
        for stop in one.stops
        if stop.state in ("done", "undone", "past")
    ]
    return sorted(entries, key=_place_in_round)


def _checks(conn: Connection, places: dict[str, Place]) -> int:
    """How many checks in my homes wait for somebody."""
    c = t.night_check.c
    query = select(func.count()).where(
        among(c.home_id, places), c.closed_at.is_(None), c.state.in_(WAITING)
    )
    return int(conn.execute(query).scalar_one())


def _visits(
    conn: Connection, actor: Actor, places: dict[str, Place]
) -> dict[str, Sequence[VisitRow]]:
    """My visits that are open or of today (at night also of the hours before), by home, oldest
    first."""
    v = t.visit.c
    now = staff().clock.now()
    midnight = local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    query = select(t.visit).where(v.person == actor.person, among(v.home_id, places))
    still = v.until.is_(None) & v.corrected_until.is_(None) & ~v.overdue
    today = v.since >= min(midnight, now - NIGHT)
    rows = read_all(conn, VisitRow, query.where(still | today).order_by(v.since))
    by_home: dict[str, list[VisitRow]] = {}
    for row in rows:
        by_home.setdefault(row.home_id, []).append(row)
    return {home: tuple(rows) for home, rows in by_home.items()}


def _is_open(row: VisitRow) -> bool:
    return row.until is None and row.corrected_until is None and not row.overdue
