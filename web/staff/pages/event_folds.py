"""Raw sensor rows of Händelser, folded: one line an hour for each sensor ("Sängmattan: 42 tryck"),
or for all of them together where many homes are on the page.

The rows themselves are a link away.  They are counted in the database, between the events that the
page shows, so that every row is counted on one page and no page grows with what a mat chatters.
Not for: the events themselves (`event_list`), or words (`web.staff.texts.fold_words`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, distinct, func, not_, select

from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.pages import event_list, lookups
from web.staff.pages.event_list import RAW, Cursor, Filter
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.hours import hour_of
from web.staff.texts import fold_words, kind_words

FOLDS_MAX = 60
"""Folded lines on a page; what is older than the last of them is on the next page."""

HOMES_APART = 10
"""With more homes on the page than this their sensors are folded together: some thousand lines an
hour would hide what happened to anybody."""


@dataclass(frozen=True, slots=True)
class FoldLine:
    """Raw rows of one hour.  `home` and `device` are empty for those of many homes together;
    `oldest` and `at` are when the first and the last of them came."""

    hour: int
    home: str
    device: str
    oldest: datetime
    at: datetime
    clock: str
    day: str
    label: str
    detail: str
    icon: str
    count: int
    place: Place | None

    folded = True

    @property
    def key(self) -> str:
        """What tells the line from others, also when it has grown."""
        return f"fold-{self.hour}-{self.home}-{self.device}"


@dataclass(frozen=True, slots=True)
class Folded:
    """The lines, the newest first; `floor`: they reach back to here and no further, None: as far as
    was asked for."""

    lines: tuple[FoldLine, ...]
    floor: datetime | None = None


def read(
    conn: Connection,
    actor: Actor,
    wanted: Filter,
    last: Cursor | None,
    places: Mapping[str, Place],
) -> Folded:
    """The raw rows that stand between the events of a page: older than `wanted.older_than`, not
    older than `last`, its last event (None: it is the last page)."""
    if wanted.readings or wanted.text:
        return Folded(())
    homes = [home for home in (wanted.homes or sorted(actor.homes)) if actor.sees(home)]
    e = t.event.c
    query = _counts(together=len(homes) > HOMES_APART).where(
        among(e.home_id, homes), event_list.raw_condition(actor, wanted)
    )
    if last is not None:
        query = query.where(e.corrected_at >= last.at, not_(event_list.before(last)))
    rows = conn.execute(query.limit(FOLDS_MAX + 1)).all()
    capped, rows = len(rows) > FOLDS_MAX, rows[:FOLDS_MAX]
    lines = tuple(_lines(conn, rows, places))
    return Folded(lines, min(line.oldest for line in lines) if capped else None)


def _counts(*, together: bool) -> Any:
    """The query for the counts of an hour, the newest first."""
    e = t.event.c
    at, hour = e.corrected_at, hour_of(e.corrected_at)
    whose = () if together else (e.home_id, e.device)
    newest = func.max(at, type_=at.type)
    return (
        select(
            hour.label("hour"),
            func.min(at, type_=at.type).label("oldest"),
            newest.label("newest"),
            func.count().label("count"),
            func.count(distinct(e.home_id)).label("homes"),
            *(func.sum(case((e.kind == kind, 1), else_=0)).label(kind) for kind in sorted(RAW)),
            *whose,
        )
        .group_by(hour, *whose)
        .order_by(newest.desc(), *whose)
    )


def _lines(conn: Connection, rows: Any, places: Mapping[str, Place]) -> Iterator[FoldLine]:
    found = [row._mapping for row in rows]
    homes = {row["home_id"] for row in found if "home_id" in row}
    devices = lookups.devices(conn, homes)
    for row in found:
        home, device = row.get("home_id", ""), row.get("device") or ""
        place = places.get(home)
        first, last = (local(row[at], place.zone if place else None) for at in ("oldest", "newest"))
        same = f"{first:%H:%M}" == f"{last:%H:%M}"
        counts = {kind: int(row[kind]) for kind in RAW if row[kind]}
        known = devices.get((home, device))
        noun = next(iter(counts)).partition(".")[0]
        if not home:
            label, detail = _("Sensorer"), fold_words.rows_text(row["count"], row["homes"])
        elif noun == "mat":
            label = fold_words.mat_name(known.role if known else None)
            detail = fold_words.counts_text(counts)
        else:
            label = event_list.device_name(known) if known else device or _("Sensor")
            detail = fold_words.counts_text(counts)
        yield FoldLine(
            hour=row["hour"],
            home=home,
            device=device,
            oldest=row["oldest"],
            at=row["newest"],
            clock=f"{last:%H:%M}" if same else f"{first:%H:%M}–{last:%H:%M}",
            day=f"{last:%Y-%m-%d}",
            label=label,
            detail=detail,
            icon=kind_words.NOUNS.get(noun, ("", "dot"))[1] if home else "signal",
            count=row["count"],
            place=place,
        )
