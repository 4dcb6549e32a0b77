"""Which ladder an alarm climbs: the first of the organisation's own that fits, else a built-in one.

Read for many alarms at once, in a number of statements that does not grow with them.  Not for: who
its steps reach (`receivers`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, select

from web.staff.core.i18n import local
from web.staff.ladders import built_in
from web.staff.ladders.steps import Ladder, read_steps
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.ladder_tables import ladder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """What of a home decides its ladder; `area` None: it is in none."""

    org: str
    label: str
    zone: str
    area: int | None
    protected: bool


@dataclass(frozen=True, slots=True)
class Ladders:
    """The ladders of some organisations, each in the order in which they are asked, and the homes
    that are asked about."""

    of_org: dict[str, list[Ladder]]
    places: dict[str, Place]

    def choose(self, home: str, about: str, severity: str, at: datetime) -> Ladder:
        """The ladder of an alarm that is raised then."""
        place = self.places[home]
        here = local(at, place.zone)
        for one in self.of_org.get(place.org, ()):
            if one.fits(about, severity, place.area, here):
                return one
        return built_in.for_severity(severity)

    def climbed(
        self, ladder_id: str | None, home: str, about: str, severity: str, at: datetime
    ) -> Ladder:
        """The ladder that an alarm climbs already, as it is now; else the one for this hour."""
        own = self.of_org.get(self.places[home].org, [])
        known: list[Ladder] = [*own, built_in.CARE, built_in.TECHNICAL]
        area = self.places[home].area
        for one in known:
            if one.id == ladder_id and one.area in (None, area):
                return one
        return self.choose(home, about, severity, at)


def read(conn: Connection, homes: Collection[str]) -> Ladders:
    """What decides the ladders of these homes; a home that is none is left out."""
    h, area = t.home.c, t.area_home.c
    query = (
        select(h.id, h.org_id, h.label, h.timezone, area.area_id, h.protected)
        .outerjoin(t.area_home, area.home_id == h.id)
        .where(among(h.id, homes))
    )
    places = {home: Place(*rest) for home, *rest in conn.execute(query)}
    return Ladders(of_orgs(conn, {place.org for place in places.values()}), places)


def of_orgs(conn: Connection, orgs: Collection[str]) -> dict[str, list[Ladder]]:
    """The ladders of these organisations, in the order in which they are asked."""
    c = ladder.c
    query = select(ladder).where(among(c.org_id, orgs)).order_by(c.place, c.name, c.id)
    found: dict[str, list[Ladder]] = {}
    for row in conn.execute(query):
        try:
            steps = read_steps(row.steps)
        except (ValidationError, ValueError):
            # of a newer version, or changed by hand: the next one that fits is climbed
            log.error("a ladder cannot be read", extra={"ladder": row.id})
            continue
        found.setdefault(row.org_id, []).append(
            Ladder(
                id=row.id,
                name=row.name,
                steps=steps,
                severity=row.severity,
                types=frozenset(filter(None, row.types.split(","))),
                area=row.area_id,
                days=row.days,
                from_min=row.from_min,
                until_min=row.until_min,
                lapse_min=row.lapse_min,
                arrive_min=row.arrive_min,
            )
        )
    return found
