"""Reading the event log for a list: newest first, filtered, paged by position and never by offset.

What came over the urgent lane and is not yet confirmed by its batch is in the list too, marked.
Not for: HTTP.
"""

from __future__ import annotations

import heapq
import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Subquery, and_, false, func, or_, select, true

from gateway.envelope import Event
from gateway.events import KINDS, Ref, Unknown, names_of, not_read
from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.core.rights import Actor, Right
from web.staff.events.judgement import FIELD_SHOWN_MAX, REFUSED_KIND, Mark
from web.staff.pages import lookups
from web.staff.pages.lookups import Place
from web.staff.storage import tables as t
from web.staff.storage.among import SEQ_MAX, among, among_refs
from web.staff.storage.column_types import from_ms, to_ms
from web.staff.texts import device_words, event_summary, kind_words, words

log = logging.getLogger(__name__)

QUIET = frozenset(kind for kind, word in kind_words.KINDS.items() if word.aside)
"""Kinds left out of the list unless their group is asked for."""

NUMBER = re.compile("[0-9]{1,19}")
"""The number of an event, as somebody writes it who looks for one."""

RAW = frozenset(kind for kind, word in kind_words.KINDS.items() if word.reading)
"""Readings, which the lists fold (`event_folds`) or leave out."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the list: the time, origin and number of an event."""

    at: datetime
    origin: str
    seq: int

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor in an address; None for anything that is none."""
        parts = text.split(",")
        try:
            ms, origin, seq = parts
            at, number = from_ms(int(ms)), int(seq)
            return cls(at, origin, number) if 0 <= number <= SEQ_MAX else None
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        return f"{to_ms(self.at)},{self.origin},{self.seq}"


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show.  Empty or None: everything that the actor may see."""

    homes: tuple[str, ...] = ()
    group: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    older_than: Cursor | None = None
    readings: bool = False
    """Only the sensors' raw rows, which are left out otherwise unless words are searched."""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One event of the list.  `at` is corrected; `pending` came over the urgent lane only; `mark`
    says what is odd about it."""

    event: Event
    home: str
    at: datetime
    synced: bool
    pending: bool
    mark: str | None = None

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.at, self.event.origin, self.event.seq)

    @property
    def key(self) -> tuple[datetime, str, int]:
        return (self.at, self.event.origin, self.event.seq)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list, in words."""

    ref: Ref
    kind: str
    at: datetime
    clock: str
    day: str
    word: kind_words.KindWord
    label: str
    detail: str
    place: Place | None
    device: str
    person: str
    because: Because | None
    synced: bool
    pending: bool
    odd: str = ""
    """What is odd about it; empty: nothing."""
    alarm: Ref | None = None
    """The alarm that it is about."""

    folded = False


@dataclass(frozen=True, slots=True)
class Because:
    """Why a decision was made, in words: the rule and what it rests on."""

    rule: str
    version: int
    rests_on: tuple[str, ...]


def kinds_of(actor: Actor, group: str, text_asked: bool) -> frozenset[str] | None:
    """The kinds to show; None for all, also those that this version does not know."""
    refused = {REFUSED_KIND} if group in ("", "system") else set()
    if group:
        wanted = {kind for kind, word in kind_words.KINDS.items() if word.group == group}
        if group == "system" and actor.may(Right.SEE_CARE):
            return frozenset(wanted | refused)
    elif actor.may(Right.SEE_CARE):
        return None if text_asked else frozenset()
    else:
        wanted = set(kind_words.KINDS)
    if not actor.may(Right.SEE_CARE):
        wanted &= lookups.NOT_CARE
    return frozenset(wanted | refused)


def latest(conn: Connection, actor: Actor, wanted: Filter, count: int) -> list[Found]:
    """The newest `count` events that match, newest first."""
    homes = [home for home in (wanted.homes or sorted(actor.homes)) if actor.sees(home)]
    condition = _condition(actor, wanted)
    if wanted.text:
        condition = and_(condition, _matching(conn, actor, wanted.text))
    stored = _stored(conn, homes, condition, count)
    pending = _pending(conn, actor, homes, wanted)
    merged = heapq.merge(stored, pending, key=lambda line: line.key, reverse=True)
    return [line for line, _n in zip(_once(merged), range(count), strict=False)]


def _once(lines: Iterable[Found]) -> Iterator[Found]:
    seen: set[tuple[str, int, str]] = set()
    for one in lines:
        identity = (one.event.origin, one.event.seq, one.event.hash)
        if identity not in seen:
            seen.add(identity)
            yield one


def _condition(actor: Actor, wanted: Filter) -> ColumnElement[bool]:
    e = t.event.c
    parts: list[ColumnElement[bool]] = []
    kinds = kinds_of(actor, wanted.group, bool(wanted.text))
    if kinds == frozenset() and not wanted.group and actor.may(Right.SEE_CARE):
        parts.append(e.kind.not_in(sorted(QUIET)))
    elif kinds is not None:
        parts.append(e.kind.in_(sorted(kinds)))
    if wanted.readings:
        parts.append(e.kind.in_(sorted(RAW)))
    elif not wanted.text:
        parts.append(e.kind.not_in(sorted(RAW)))
    if wanted.device:
        parts.append(e.device == wanted.device)
    if wanted.since is not None:
        parts.append(e.corrected_at >= wanted.since)
    if wanted.until is not None:
        parts.append(e.corrected_at < wanted.until)
    if wanted.older_than is not None:
        parts.append(before(wanted.older_than))
    return and_(true(), *parts)


def raw_condition(actor: Actor, wanted: Filter) -> ColumnElement[bool]:
    """The condition for the raw rows that a list without words leaves out."""
    return _condition(actor, replace(wanted, readings=True))


def before(cursor: Cursor) -> ColumnElement[bool]:
    e = t.event.c
    return or_(
        e.corrected_at < cursor.at,
        and_(
            e.corrected_at == cursor.at,
            or_(e.origin < cursor.origin, and_(e.origin == cursor.origin, e.seq < cursor.seq)),
        ),
    )


def _matching(conn: Connection, actor: Actor, text: str) -> ColumnElement[bool]:
    """Events whose words hold `text`: kind, home, resident, person, device, alarm, or reference."""
    e = t.event.c
    low = text.casefold().strip()
    kinds = [kind for kind in kind_words.KINDS if low in kind_words.kind_label(kind).casefold()]
    people = [p for p, name in lookups.names(conn, actor).items() if low in name.casefold()]
    homes = [
        place.id
        for place in lookups.places(conn, actor).values()
        if low in f"{place.who} {place.where}".casefold()
    ]
    known = lookups.devices(conn, actor.homes)
    called = device_words.device_names(known.values())
    devices = {
        device for (home, device), name in called.items() if low in f"{device} {name}".casefold()
    }
    alarms = [
        e.body.contains(json.dumps({name: code}, separators=(",", ":"))[1:-1], autoescape=True)
        for name in names_of("alarm.raised", "type")
        for code in words.ALARMS
        if low in event_summary.alarm_word(code).casefold()
    ]
    origin, _slash, seq = text.strip().rpartition("/")
    exact = among_refs(t.event, [(origin, int(seq))]) if NUMBER.fullmatch(seq) else false()
    return or_(
        e.kind.in_(kinds) if kinds else false(),
        among(e.person, people) if people else false(),
        among(e.home_id, homes) if homes else false(),
        among(e.device, devices) if devices else false(),
        and_(e.kind == "alarm.raised", or_(*alarms)) if alarms else false(),
        exact,
    )


def _stored(
    conn: Connection, homes: Collection[str], condition: ColumnElement[bool], count: int
) -> list[Found]:
    e = t.event.c
    query = select(e.body, e.home_id, e.corrected_at, e.synced, e.hash, e.mark)
    query = query.where(among(e.home_id, homes), condition)
    since = _far_enough(conn, homes, condition, count)
    if since is not None:
        query = query.where(e.corrected_at >= since)
    order = (e.corrected_at.desc(), e.origin.desc(), e.seq.desc())
    lines = []
    for row in conn.execute(query.order_by(*order).limit(count)):
        event = _sealed(row.body, row.hash)
        if event is not None:
            at = row.corrected_at
            lines.append(Found(event, row.home_id, at, row.synced, pending=False, mark=row.mark))
    return lines


def _far_enough(
    conn: Connection, homes: Collection[str], condition: ColumnElement[bool], count: int
) -> datetime | None:
    """A time so far back that at least `count` events have happened since; None: look at all.

    Without it every event of every home would be sorted to find the newest few.  Where `count`
    homes have an event, the oldest of their newest is far enough; where fewer have, the newest of
    each home's own `count`th.  Either is a few steps in an index for each home.
    """
    newest = _nth_of_each(homes, condition, 0)
    query = select(newest).where(newest.c.at.is_not(None)).order_by(newest.c.at.desc())
    since: datetime | None
    since = conn.execute(query.offset(count - 1).limit(1)).scalar_one_or_none()
    if since is None:
        each = _nth_of_each(homes, condition, count - 1)
        since = conn.execute(select(func.max(each.c.at, type_=each.c.at.type))).scalar_one()
    return since


def _nth_of_each(homes: Collection[str], condition: ColumnElement[bool], number: int) -> Subquery:
    """For each home when its event `number` happened, counted from 0, the newest first."""
    e, h = t.event.c, t.home.c
    nth = (
        select(e.corrected_at)
        .where(e.home_id == h.id, condition)
        .order_by(e.corrected_at.desc(), e.origin.desc(), e.seq.desc())
        .offset(number)
        .limit(1)
        .correlate(t.home)
        .scalar_subquery()
    )
    return select(nth.label("at")).where(among(h.id, homes)).subquery()


def _sealed(body: str, digest: bytes) -> Event | None:
    # the body is stored without its hash
    event = lookups.event_of(body)
    if event is None:
        return None
    return replace(event, hash=digest.hex())


def _pending(conn: Connection, actor: Actor, homes: Collection[str], wanted: Filter) -> list[Found]:
    """Unconfirmed urgent events; few, so they are filtered here.  Not when words are searched."""
    if not homes or wanted.text:
        return []
    u = t.urgent.c
    kinds = kinds_of(actor, wanted.group, text_asked=False)
    lines = []
    for row in conn.execute(select(t.urgent).where(among(u.home_id, homes))):
        event = _sealed(row.body, row.hash)
        if event is None or (kinds and row.kind not in kinds):
            continue
        if not kinds and row.kind in QUIET:
            continue
        if (row.kind in RAW) is not wanted.readings:
            continue
        if wanted.device and event.device != wanted.device:
            continue
        at = row.received_at if row.mark else event.at
        one = Found(event, row.home_id, at, event.clock == "synced", pending=True, mark=row.mark)
        if wanted.since is not None and one.at < wanted.since:
            continue
        if wanted.until is not None and one.at >= wanted.until:
            continue
        older = wanted.older_than
        if older is not None and one.key >= (older.at, older.origin, older.seq):
            continue
        lines.append(one)
    return sorted(lines, key=lambda one: one.key, reverse=True)


# --- in words -------------------------------------------------------------------------------------


def told(event: Event, zone: str | None) -> str:
    """An event in one line: its kind and its particulars."""
    label = kind_words.kind_label(event.kind)
    detail = event_summary.particulars(event.data, zone)
    return f"{label}: {detail}" if detail else label


def unread_word(event: Event) -> str:
    """What of an event this version cannot read; empty: nothing."""
    if isinstance(event.data, Unknown):
        if event.kind in KINDS:
            return _("Går inte att läsa här: hemmets enhet har en annan version än servern")
        return _("Servern känner inte till händelser av den här typen")
    unread = [*(event.around or ())]
    if event.as_written is not None:
        unread += not_read(event.kind, event.as_written, event.data)
    names = ", ".join(unread)[:FIELD_SHOWN_MAX]
    return _("Det finns mer som servern inte kan läsa: %(fields)s", fields=names) if names else ""


def because_of(event: Event, reasons: Mapping[Ref, Event], zone: str | None) -> Because | None:
    """Why an event was decided; None for what just happened."""
    if event.because is None:
        return None
    rests_on = []
    for ref in event.because.events:
        known = reasons.get(ref)
        if known is None:
            rests_on.append(_("%(ref)s (ej hämtad)", ref=ref))
        else:
            rests_on.append(f"{local(known.at, zone):%H:%M:%S} {told(known, zone)}")
    return Because(event.because.rule, event.because.version, tuple(rests_on))


def listing(
    conn: Connection,
    actor: Actor,
    entries: Iterable[Found],
    places: Mapping[str, Place],
    names: Mapping[str, str],
) -> list[Line]:
    """The events in words."""
    shown = list(entries)
    reasons = lookups.reasons(conn, [one.event for one in shown], actor.homes)
    known = lookups.devices(conn, {one.home for one in shown})
    devices = device_words.device_names(known.values())
    lines = []
    for one in shown:
        place = places.get(one.home)
        try:
            lines.append(_line(one, place, devices, names, reasons))
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
            log.exception("an event cannot be shown", extra={"ref": one.event.ref})
            lines.append(_bare(one, place, kind_words.UNSHOWN))
    return lines


def _line(
    one: Found,
    place: Place | None,
    devices: Mapping[tuple[str, str], str],
    names: Mapping[str, str],
    reasons: Mapping[Ref, Event],
) -> Line:
    event, zone = one.event, place.zone if place else None
    odd = words.spoken(words.MARKS, one.mark) if one.mark else unread_word(event)
    if one.mark and one.mark != Mark.FAR_TIME:
        refused = _bare(one, place, kind_words.REFUSED)
        return replace(
            refused, kind=REFUSED_KIND, odd=odd, detail=kind_words.kind_label(event.kind)
        )
    device = devices.get((one.home, event.device), _("Okänd utrustning")) if event.device else ""
    return replace(
        _bare(one, place, kind_words.kind_word(event.kind)),
        label=kind_words.kind_label(event.kind),
        detail=event_summary.particulars(event.data, zone),
        device=device,
        person=names.get(event.person, event.person) if event.person else "",
        because=because_of(event, reasons, zone),
        odd=odd,
        alarm=event.ref if event.kind == "alarm.raised" else getattr(event.data, "alarm", None),
    )


def _bare(one: Found, place: Place | None, word: kind_words.KindWord) -> Line:
    """That there is an event, and nothing of what it says."""
    here = local(one.at, place.zone if place else None)
    return Line(
        ref=one.event.ref,
        kind=one.event.kind,
        at=one.at,
        clock=f"{here:%H:%M:%S}",
        day=f"{here:%Y-%m-%d}",
        word=word,
        label=_(word.label),
        detail="",
        place=place,
        device="",
        person="",
        because=None,
        synced=one.synced,
        pending=one.pending,
    )
