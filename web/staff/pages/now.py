"""Nu: what needs a person now.  Open alarms first, then checks, homes to visit, homes not heard.

Not for: what belongs together (`incidents`), the line on top (`verdict`), or taking an alarm on and
answering a check (`forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import Connection, or_, select

from gateway.envelope import Event
from gateway.events import AlarmType, Ref, Trait
from web.staff.care import acute, mass_alarms
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.rights import Actor, Right
from web.staff.homelink import catching_up
from web.staff.pages import (
    calm,
    incidents,
    lists,
    lookups,
    night_rows,
    service,
    taken_back,
    verdict,
)
from web.staff.pages import mass_alarms as mass_cards
from web.staff.pages.calm import WAITING
from web.staff.pages.incidents import Incident
from web.staff.pages.layout import main_attributes, page, summarise
from web.staff.pages.lookups import Place
from web.staff.pages.night_rows import CheckCard
from web.staff.pages.routes import Menu, get
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.rows import CheckRow, DeviceRow, HomeRow, VisitRow, read_all

AHEAD = timedelta(hours=3)
"""How far ahead planned checks are shown: enough to plan a round, few enough to read."""

PLANNED = 20
"""Planned checks that are shown."""

RUNNING = 20
"""Checks under way on a sheet."""

TECHNICAL = 3
"""Technical and routine alarms that are whole where care comes first, as `lists.WHOLE`."""

TILES = 15
"""Homes that need a look that stand beside the alarms, where there are too many homes for all."""

BED_DOUBTED = tuple(about.value for about in AlarmType if Trait.BED_DOUBTED in about.traits)
"""Types of alarms beside which a bed mat is not believed."""


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
    haste: int | None = None
    """Of its open alarms: 0 for care, 1 technical, 2 routine; None: there are none."""


@get(
    "/nu",
    "now",
    menu=Menu(10, "bell", N_("Nu")),
    examples=({}, {"oppna": "h1/n@2"}, {"del": "tillsyn", "efter": "0_h1/n@2"}),
)
def now(actor: Actor) -> str:
    """The page `/nu`.  Of much, the first is whole and the rest a row each; `?oppna=` makes a row
    whole, and every open care alarm has at least a row."""
    with staff().db.read() as conn:
        places = lookups.places(conn, actor)
        names = lookups.names(conn, actor)
        care = actor.may(Right.SEE_CARE)
        found = incidents.read(conn, actor, places, names, staff().clock.now())
        alarms, others = _alarms(conn, actor, found)
        checks = _checks(conn, actor, places, names) if care else []
        waiting = _fold_checks([c for c in checks if c.row.state in WAITING], "tillsyn")
        waiting = replace(waiting, whole=_asked(conn, actor, waiting.whole))
        tasks = _fold_checks(night_rows.tasks(conn, actor, places, names) if care else [], "besok")
        asks = service.part_of(
            service.to_answer(service.cards(conn, actor, places, names)), "vantar"
        )
        silent = _fold_silent(_silent(conn, actor, places))
        shared = mass_alarms.running(conn, actor)
        stands = calm.standing(conn, actor, places)
        near = stands.differs[:TILES] if len(places) > lists.FEW else tuple(places)
        seen = verdict.Seen(
            lines=[line for incident in found for line in incident.lines],
            shared=[one for one in shared if one.open],
            checks=waiting.total,
            tasks=tasks.total,
            silent=silent.total + sum(one.goes_on for one in shared if not one.open),
            asks=asks.total,
            homes=len(places),
            unconnected=stands.unheard,
            elsewhere=len(acute.open_elsewhere(conn, actor)),
            care=care,
            everywhere=actor.may(Right.SEE_ALL_HOMES),
            catching_up=catching_up.read(conn, actor.homes, staff().config.silent_after_s),
        )
        return page(
            "now.html",
            conn,
            actor,
            summary=summarise(conn, actor, shared),
            verdict=verdict.of(seen),
            elsewhere=seen.elsewhere,
            shared=mass_cards.cards(conn, actor, shared, places),
            names=names,
            alarms=alarms,
            others=others,
            taken_back=taken_back.read(conn, actor, staff().clock.now()),
            waiting=waiting,
            running=_fold_running([c for c in checks if c.row.state not in WAITING]),
            ahead=_ahead(conn, actor, places) if care else [],
            asks=asks,
            tasks=tasks,
            silent=silent,
            tiles=tiles(conn, actor, {home: places[home] for home in near}, names),
            stands=stands if len(places) > lists.FEW else None,
            because=_because(conn, actor, [*alarms.whole, *others.whole], waiting.whole),
            places=places,
            may_check=actor.may(Right.ANSWER_CHECK),
            care=care,
            **main_attributes(
                kinds="alarm check home bed lock visit device log gateway power grant elsewhere"
            ),
        )


# --- what stands whole, and what is a row ---------------------------------------------------------


def _alarms(
    conn: Connection, actor: Actor, found: list[Incident]
) -> tuple[lists.Fold[Incident], lists.Fold[Incident]]:
    """The incidents of care, every one of them; and the technical and routine ones, which are every
    one of them where the person sees no others."""
    care = actor.may(Right.SEE_CARE)
    first = lists.fold(
        [one for one in found if incidents.haste(one.severity) == 0],
        "larm",
        incidents.newest,
        _key,
        request.args,
        rows=lists.NEVER_CUT,
    )
    others = lists.fold(
        [one for one in found if incidents.haste(one.severity) > 0],
        "ovriga",
        incidents.newest,
        _key,
        request.args,
        whole=TECHNICAL if care else lists.WHOLE,
        rows=lists.ROWS if care else lists.NEVER_CUT,
    )
    told = incidents.explained(conn, actor, [*first.whole, *others.whole])
    return (
        replace(first, whole=told[: len(first.whole)]),
        replace(others, whole=told[len(first.whole) :]),
    )


def _key(one: Incident) -> str:
    return one.key


def _fold_checks(cards: list[CheckCard], name: str) -> lists.Fold[CheckCard]:
    """Checks, the most urgent first: what is to be answered by when, or has been undone longest."""

    def order(card: CheckCard) -> lists.Order:
        row = card.row
        return lists.moment(
            row.visit_asked_at or row.closed_at or row.answer_by or row.unreported_at
        ), card.key

    return lists.fold(cards, name, order, lambda card: card.key, request.args)


def _fold_running(cards: list[CheckCard]) -> lists.Fold[CheckCard]:
    """Checks under way, that nobody needs to do anything about."""
    return lists.fold(
        cards,
        "pagar",
        lambda card: (lists.moment(card.row.slot), card.key),
        lambda card: card.key,
        request.args,
        whole=0,
        rows=RUNNING,
    )


def _fold_silent(homes: list[tuple[Place, datetime]]) -> lists.Fold[tuple[Place, datetime]]:
    return lists.fold(
        homes,
        "kontakt",
        lambda one: (lists.moment(one[1]), one[0].id),
        lambda one: one[0].id,
        request.args,
    )


def _because(
    conn: Connection, actor: Actor, shown: list[Incident], checks: list[CheckCard]
) -> Mapping[Ref, Event]:
    """What the decisions that are shown rest on."""
    known = [line.raised for one in shown for line in one.lines] + [card.asked for card in checks]
    decided = [event for event in known if event is not None]
    return lookups.reasons(conn, decided, actor.homes)


def _asked(conn: Connection, actor: Actor, cards: list[CheckCard]) -> list[CheckCard]:
    """These cards with why they were asked."""
    questions = [card.row.asked_ref for card in cards if card.row.asked_ref]
    asked = lookups.events_by_ref(conn, questions, actor.homes)
    return [replace(card, asked=asked.get(card.row.asked_ref or "")) for card in cards]


# --- reading --------------------------------------------------------------------------------------


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
    return night_rows.cards(rows, actor, places, names)


def _ahead(conn: Connection, actor: Actor, places: dict[str, Place]) -> list[CheckCard]:
    """Planned checks of the next hours, and planned ones whose report is late."""
    c = t.night_check.c
    at = staff().clock.now()
    query = (
        select(t.night_check)
        .where(among(c.home_id, actor.homes), c.closed_at.is_(None), c.state == "planned")
        .where(c.slot < at + AHEAD)
        .order_by(c.slot)
        .limit(PLANNED)
    )
    rows = read_all(conn, CheckRow, query)
    return [CheckCard(row, places.get(row.home_id)) for row in rows]


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
    d = t.device.c
    query = select(t.device).where(among(d.home_id, homes), d.present)
    query = query.where(or_(d.type == "lock", d.role == "bed")).order_by(d.id)
    for row in read_all(conn, DeviceRow, query):
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
    rang = select(a.home_id, a.type, a.severity).where(
        among(a.home_id, homes), lookups.open_alarms(actor)
    )
    on_floor, alarms = set(), dict[str, int]()
    for home, about, severity in conn.execute(rang):
        if about in BED_DOUBTED:
            on_floor.add(home)
        alarms[home] = min(incidents.haste(severity), alarms.get(home, 2))
    tiles = []
    for place in places.values():
        visit = visits.get(place.id)
        tiles.append(
            Tile(
                place=place,
                state=states.get(place.id),
                locks=tuple(locks.get(place.id, ())),
                visit_by=night_rows.name_of(visit.person, names) if visit else None,
                visit_since=visit.since if visit else None,
                bed_trouble=place.id in troubled,
                on_floor=place.id in on_floor,
                haste=alarms.get(place.id),
            )
        )
    return tiles
