"""Which homes need a look and which are calm, for all of them at once: pages show the first ones
whole, and of the others how many there are.

Calm is what the verdict on Nu calls calm (`verdict`), and a home whose own equipment can be
believed.  Not for: what is shown of one home (`now.tiles`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, and_, literal, or_, select, union

from gateway.events import Severity
from web.staff.checks import visits
from web.staff.core.context import staff
from web.staff.core.rights import Actor, Right
from web.staff.pages import lookups
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import among

WAITING = ("asked", "started")
"""States of a check that waits for a person."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Ids of homes, each in one of these, in the order in which homes were given: `differs` needs a
    look, `unlocked` has nothing but a door that its lock calls unlocked, `unconnected` was never
    heard, and `calm` is the rest.  `unheard`: how many were never heard, whatever else."""

    differs: tuple[str, ...]
    unlocked: tuple[str, ...]
    unconnected: tuple[str, ...]
    calm: tuple[str, ...]
    unheard: int


def standing(conn: Connection, actor: Actor, places: Mapping[str, Place]) -> Standing:
    """How these homes stand, as far as this person may know."""
    d, state = t.device.c, t.home_state.c
    here = among(d.home_id, places), d.present, d.type == "lock"
    queries = {
        "heard": [select(state.home_id).where(among(state.home_id, places))],
        "unlocked": [select(d.home_id).where(*here, d.state == "unlocked")],
        "troubled": _troubles(actor, places),
    }
    told = [one.add_columns(literal(how)) for how, ones in queries.items() for one in ones]
    found: dict[str, set[str]] = {how: set() for how in queries}
    for home, how in conn.execute(union(*told)):
        found[how].add(home)
    heard, troubled = found["heard"], found["troubled"]
    unlocked = found["unlocked"] & heard - troubled
    unconnected = places.keys() - heard - troubled
    taken = troubled | unlocked | unconnected
    return Standing(
        differs=_of(places, troubled),
        unlocked=_of(places, unlocked),
        unconnected=_of(places, unconnected),
        calm=tuple(home for home in places if home not in taken),
        unheard=len(places.keys() - heard),
    )


def _of(places: Iterable[str], chosen: set[str]) -> tuple[str, ...]:
    return tuple(home for home in places if home in chosen)


def _troubles(actor: Actor, places: Mapping[str, Place]) -> list[Select[tuple[str]]]:
    """The queries for homes that need a look, one for each reason."""
    a, d, state, c = t.alarm.c, t.device.c, t.home_state.c, t.night_check.c
    faulty = and_(d.state == "unknown", d.state_at.is_not(None))
    unwell = d.health.in_(("offline", "failed"))
    hasty = or_(a.severity.is_(None), a.severity != Severity.ROUTINE.value)
    found = [
        select(a.home_id).where(lookups.open_alarms(actor), hasty),
        select(state.home_id).where(
            among(state.home_id, places),
            or_(state.silent_since.is_not(None), state.power == "battery"),
        ),
        select(d.home_id).where(
            among(d.home_id, places),
            d.present,
            or_(
                and_(d.role == "bed", or_(faulty, unwell)),
                and_(d.type == "lock", or_(d.state == "jammed", faulty, d.health == "failed")),
            ),
        ),
    ]
    if actor.may(Right.SEE_CARE):
        waits = c.closed_at.is_(None), c.state.in_(WAITING)
        found.append(select(c.home_id).where(among(c.home_id, places), *waits))
        undone = visits.unvisited(staff().clock.now())
        found.append(select(c.home_id).where(among(c.home_id, places), undone))
    return found
