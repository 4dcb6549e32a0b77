"""Raw sensor rows of Händelser, folded: one line for each sensor between two events ("Sängmattan:
42 tryck"), or one an hour for all of them together where many homes are on the page.

The rows themselves are a link away.  They are counted in the database, between the events that the
page shows, so that every row is counted on one page and no page grows with what a mat chatters.
Not for: the events themselves (`event_list`), or words (`web.staff.texts.fold_words`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, distinct, func, not_, select

from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor
from web.staff.pages import event_list, lookups
from web.staff.pages.event_list import RAW, Cursor, Filter, Line
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import among
from web.staff.storage.hours import hour_of
from web.staff.texts import device_words, fold_words, kind_words

FOLDS_MAX = 60
"""Folded lines on a page; what is older than the last of them is on the next page."""

HOMES_APART = 10
"""With more homes on the page than this their sensors are folded together: some thousand lines an
hour would hide what happened to anybody."""


@dataclass(frozen=True, slots=True)
class FoldLine:
    """Raw rows of some hours (the first and the last of them).  `home` and `device` are empty for
    those of many homes together; `oldest` and `at` are when the first and the last row came,
    `counts` how many there are of each kind."""

    hours: tuple[int, int]
    home: str
    device: str
    oldest: datetime
    at: datetime
    label: str
    icon: str
    counts: Mapping[str, int]
    homes: int
    place: Place | None

    folded = True

    @property
    def key(self) -> str:
        """What tells the line from others, also when it has grown."""
        return f"fold-{self.hours[0]}-{self.home}-{self.device}"

    @property
    def span(self) -> str:
        """The hours as an address says them (`storage.hours`)."""
        return "-".join(map(str, dict.fromkeys(self.hours)))

    @property
    def count(self) -> int:
        """How many rows are folded here."""
        return sum(self.counts.values())

    @property
    def clock(self) -> str:
        """From when to when, in the home's time."""
        zone = self.place.zone if self.place else None
        first, last = f"{local(self.oldest, zone):%H:%M}", f"{local(self.at, zone):%H:%M}"
        return last if first == last else f"{first}–{last}"

    @property
    def day(self) -> str:
        return f"{local(self.at, self.place.zone if self.place else None):%Y-%m-%d}"

    @property
    def detail(self) -> str:
        """What the sensor told, and how often."""
        if self.home:
            return fold_words.counts_text(self.counts)
        return fold_words.rows_text(self.count, self.homes)


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
            func.count(distinct(e.home_id)).label("homes"),
            *(func.sum(case((e.kind == kind, 1), else_=0)).label(kind) for kind in sorted(RAW)),
            *whose,
        )
        .group_by(hour, *whose)
        .order_by(newest.desc(), *whose)
    )


def _lines(conn: Connection, rows: Any, places: Mapping[str, Place]) -> Iterator[FoldLine]:
    found = [row._mapping for row in rows]
    devices = lookups.devices(conn, {row["home_id"] for row in found if "home_id" in row})
    called = device_words.device_names(devices.values())
    for row in found:
        home, device = row.get("home_id", ""), row.get("device") or ""
        counts = {kind: int(row[kind]) for kind in RAW if row[kind]}
        noun = next(iter(counts)).partition(".")[0]
        known = devices.get((home, device))
        if not home:
            label, icon = _("Sensorer"), "signal"
        else:
            icon = kind_words.NOUNS.get(noun, ("", "dot"))[1]
            label = called.get((home, device)) or _("Utrustning")
            if noun == "mat":
                label = fold_words.mat_name(known.role if known else None)
        yield FoldLine(
            hours=(row["hour"], row["hour"]),
            home=home,
            device=device,
            oldest=row["oldest"],
            at=row["newest"],
            label=label,
            icon=icon,
            counts=counts,
            homes=row["homes"],
            place=places.get(home),
        )


def with_folds(lines: Iterable[Line], folds: Iterable[FoldLine]) -> list[Line | FoldLine]:
    """Events and folded rows in one list, the newest first.  Between two events a sensor has one
    line a day."""
    listing: list[Line | FoldLine] = []
    open_: dict[tuple[str, str, str], int] = {}
    together: list[Line | FoldLine] = [*lines, *folds]
    for one in sorted(together, key=lambda line: line.at, reverse=True):
        if isinstance(one, FoldLine):
            at = open_.get((one.home, one.device, one.day)) if one.home else None
            if at is not None:
                listing[at] = _joined(one, listing[at])  # type: ignore[arg-type]
                continue
            open_[one.home, one.device, one.day] = len(listing)
        else:
            open_.clear()
        listing.append(one)
    return listing


def _joined(older: FoldLine, newer: FoldLine) -> FoldLine:
    return replace(
        newer,
        hours=(older.hours[0], newer.hours[1]),
        oldest=older.oldest,
        counts=dict(Counter(older.counts) + Counter(newer.counts)),
    )
