"""Nu: what needs a person now.  Open alarms first, then checks, homes to visit, homes not heard.

Not for: what belongs together (`incidents`), the line on top (`verdict`), or taking an alarm on and
answering a check (`forms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, or_, select

from gateway.envelope import Event
from gateway.events import AlarmType, Trait
from web.staff.care import acute, mass_alarms
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.rights import Actor, Right
from web.staff.pages import incidents, lookups, service, verdict
from web.staff.pages import mass_alarms as mass_cards
from web.staff.pages.layout import main_attributes, page
from web.staff.pages.lookups import Place
from web.staff.pages.routes import Menu, get
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import CheckRow, DeviceRow, HomeRow, VisitRow, read_all

AHEAD = timedelta(hours=3)
"""How far ahead planned checks are shown: enough to plan a round, few enough to read."""

TASK_KEPT = timedelta(days=7)
"""A visit that nobody made is shown for this long; the alarm beside it stays until it is closed."""

WAITING = ("asked", "started")
"""States of a check that waits for a person."""


BED_DOUBTED = tuple(about.value for about in AlarmType if Trait.BED_DOUBTED in about.traits)
"""Types of alarms beside which a bed mat is not believed."""


@dataclass(frozen=True, slots=True)
class CheckCard:
    """A check with where it is and who works on it."""

    row: CheckRow
    place: Place | None
    by: str | None
    mine: bool
    asked: Event | None = None
    """The newest `check.asked`, while an answer is awaited: it says why the sensors do not tell."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A home at one glance.  `locks` are device rows; `bed` is on, off or unknown."""

    place: Place
    state: HomeRow | None
    locks: tuple[DeviceRow, ...]
    visit_by: str | None
    visit_since: datetime | None
    bed_trouble: bool
    """The mat in the bed does not work: what was known of the bed is no longer."""
    on_floor: bool = False
    """The mat beside the bed has raised an alarm: the bed's own mat has not yet been silent for
    long enough to say that it is empty."""


@get("/nu", "now", menu=Menu(10, "bell", N_("Nu")))
def now(actor: Actor) -> str:
    """The page `/nu`."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        names = lookups.names(conn, actor)
        care = actor.may(Right.SEE_CARE)
        alarms = incidents.read(conn, actor, places, names, staff().clock.now())
        lines = [line for incident in alarms for line in incident.lines]
        checks = _checks(conn, actor, places, names) if care else []
        waiting = [card for card in checks if card.row.state in WAITING]
        tasks = _tasks(conn, actor, places) if care else []
        asks = service.to_answer(service.cards(conn, actor, places, names))
        silent = _silent(conn, actor, places)
        shared = mass_alarms.running(conn, actor)
        known = [line.raised for line in lines] + [card.asked for card in checks]
        decided = [event for event in known if event is not None]
        glances = tiles(conn, actor, places, names)
        seen = verdict.Seen(
            lines=lines,
            shared=[one for one in shared if one.open],
            checks=len(waiting),
            tasks=len(tasks),
            silent=len(silent) + sum(one.goes_on for one in shared if not one.open),
            asks=len(asks),
            homes=len(places),
            unconnected=sum(tile.state is None for tile in glances),
            elsewhere=len(acute.open_elsewhere(conn, actor)),
            care=care,
            everywhere=actor.may(Right.SEE_ALL_HOMES),
        )
        return page(
            "now.html",
            conn,
            actor,
            verdict=verdict.of(seen),
            elsewhere=seen.elsewhere,
            shared=mass_cards.cards(conn, actor, shared, places),
            names=names,
            alarms=alarms,
            waiting=waiting,
            running=[card for card in checks if card.row.state not in WAITING],
            ahead=_ahead(conn, actor, places) if care else [],
            asks=asks,
            tasks=tasks,
            silent=silent,
            tiles=glances,
            because=lookups.reasons(conn, decided, actor.homes),
            places=places,
            may_check=actor.may(Right.ANSWER_CHECK),
            care=care,
            **main_attributes(
                kinds="alarm check home bed lock visit device log gateway power grant elsewhere"
            ),
        )


def _name(person: str | None, names: dict[str, str]) -> str | None:
    return None if person is None else names.get(person, person)


def _checks(
    conn: Connection, actor: Actor, places: dict[str, Place], names: dict[str, str]
) -> list[CheckCard]:
    """Checks under way: those that wait for a person first, the most urgent on top."""
    c = t.night_check.c
    query = (
        select(t.night_check)
        .where(among(c.home_id, actor.homes), c.closed_at.is_(None))
        .where(c.state.not_in(("planned", "unreported")))
        .order_by(c.answer_by, c.slot)
    )
    rows = read_all(conn, CheckRow, query)
    questions = [row.asked_ref for row in rows if row.state in WAITING and row.asked_ref]
    asked = lookups.events_by_ref(conn, questions, actor.homes)
    return [
        CheckCard(
            row=row,
            place=places.get(row.home_id),
            by=_name(row.answered_by or row.started_by, names),
            mine=row.started_by in (None, actor.person),
            asked=asked.get(row.asked_ref or ""),
        )
        for row in rows
    ]


def _ahead(conn: Connection, actor: Actor, places: dict[str, Place]) -> list[CheckCard]:
    """Planned checks of the next hours, and planned ones whose report is late."""
    c = t.night_check.c
    at = staff().clock.now()
    query = (
        select(t.night_check)
        .where(among(c.home_id, actor.homes), c.closed_at.is_(None), c.state == "planned")
        .where(c.slot < at + AHEAD)
        .order_by(c.slot)
        .limit(20)
    )
    rows = read_all(conn, CheckRow, query)
    return [CheckCard(row, places.get(row.home_id), None, False) for row in rows]


def _tasks(conn: Connection, actor: Actor, places: dict[str, Place]) -> list[CheckCard]:
    """Homes where somebody must go: a check ended without an "all is well", or was never reported,
    and nobody has been there since."""
    c, v, later = t.night_check.c, t.visit.c, t.night_check.alias("later")
    since = staff().clock.now() - TASK_KEPT
    ended = func.coalesce(c.closed_at, c.unreported_at)
    # a visit begun before and not ended proves nothing: its departure may have been forgotten
    been = exists().where(v.home_id == c.home_id, or_(v.since >= ended, v.until >= ended))
    looked = exists().where(
        later.c.home_id == c.home_id,
        later.c.answered_at > ended,
        later.c.looked == "in_person",
        later.c.finding == "ok",
    )
    query = (
        select(t.night_check)
        .where(among(c.home_id, actor.homes), ended > since)
        .where(c.state.in_(("escalated", "missed", "unreported")), ~been, ~looked)
        .where(or_(c.why.is_(None), c.state != "missed", c.why != "absent"))
        .order_by(ended)
    )
    rows = read_all(conn, CheckRow, query)
    return [CheckCard(row, places.get(row.home_id), None, False) for row in rows]


def _silent(
    conn: Connection, actor: Actor, places: dict[str, Place]
) -> list[tuple[Place, datetime]]:
    """Homes that are silent for themselves."""
    c = t.home_state.c
    alone = or_(c.silent_alarm.is_(None), ~mass_alarms.is_gathered(c.silent_alarm))
    rows = conn.execute(
        select(c.home_id, c.silent_since)
        .where(among(c.home_id, actor.homes), c.silent_since.is_not(None), alone)
        .order_by(c.silent_since)
    )
    return [(places[home], since) for home, since in rows if home in places]


def tiles(
    conn: Connection, actor: Actor, places: dict[str, Place], names: dict[str, str]
) -> list[Tile]:
    """Every home at one glance, in the order of `places`."""
    homes = list(places)
    if not homes:
        return []
    states = {
        row.home_id: row
        for row in read_all(
            conn, HomeRow, select(t.home_state).where(among(t.home_state.c.home_id, homes))
        )
    }
    locks: dict[str, list[DeviceRow]] = {}
    troubled = set()
    query = select(t.device).where(among(t.device.c.home_id, homes), t.device.c.present)
    for row in read_all(conn, DeviceRow, query.order_by(t.device.c.id)):
        if row.type == "lock":
            locks.setdefault(row.home_id, []).append(row)
        faulty = row.state == "unknown" and row.state_at is not None
        if row.role == "bed" and (faulty or row.health in ("offline", "failed")):
            troubled.add(row.home_id)
    visits = {}
    if actor.may(Right.SEE_CARE):
        v = t.visit.c
        query = select(t.visit).where(among(v.home_id, homes), v.until.is_(None), ~v.overdue)
        visits = {row.home_id: row for row in read_all(conn, VisitRow, query.order_by(v.since))}
    a = t.alarm.c
    down = select(a.home_id).where(
        among(a.home_id, homes),
        lookups.open_alarms(actor),
        a.type.in_(BED_DOUBTED),
    )
    on_floor = set(conn.execute(down).scalars())
    tiles = []
    for place in places.values():
        visit = visits.get(place.id)
        tiles.append(
            Tile(
                place=place,
                state=states.get(place.id),
                locks=tuple(locks.get(place.id, ())),
                visit_by=_name(visit.person, names) if visit else None,
                visit_since=visit.since if visit else None,
                bed_trouble=place.id in troubled,
                on_floor=place.id in on_floor,
            )
        )
    return tiles
