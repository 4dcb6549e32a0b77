"""The picture of a day and night in a home: bed, mat, doors, visits, checks and alarms on one time
line, drawn as SVG on the server.

`read_day` reads what happened (and what held when the window began), `draw` makes the picture; the
same facts are in words beside it (`Day.facts`), for those who do not see it.  What is not known is
drawn as not known: no bar is longer than what the events say.  Not for: live state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy import Connection, or_, select

from gateway.envelope import Event
from gateway.events import CheckBy
from web.shown_text import finalize
from web.staff.core.i18n import local
from web.staff.core.i18n import say as _
from web.staff.pages.lookups import event_of
from web.staff.storage import tables as t
from web.staff.storage.rows import CheckRow, read_all
from web.staff.texts import check_words, words
from web.staff.texts.event_summary import alarm_word, clock

DRAWN = (
    "bed.entered",
    "bed.left",
    "bed.doubted",
    "mat.pressed",
    "mat.released",
    "mat.faulted",
    "door.opened",
    "door.closed",
    "lock.unlocked",
    "lock.locked",
    "home.silent",
    "home.heard",
)
"""Kinds that the picture is made of, beside visits, checks and alarms."""

BEFORE = timedelta(hours=48)
"""How far before the window we look for what held when it began; older than that is unknown."""

EVENTS_MAX = 20_000
"""A mat with a loose contact must not make the page slow."""

LANE_MAX = 100
"""Of a lane, how many are drawn and told, the newest: a day has a dozen.  A door that chatters, or
a home that says whatever it likes, must not make the page slow either."""

NIGHT_FROM, NIGHT_TO = 22, 6
"""Local hours that are shaded as night."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that held from `since` to `until`; None: still, or not known when it ended."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment, or an alarm with its duration."""

    at: datetime
    tone: str
    text: str
    until: datetime | None = None


@dataclass(slots=True)
class Day:
    """What happened between `start` and `end`."""

    start: datetime
    end: datetime
    bed: list[Span] = field(default_factory=list)
    mat: list[datetime] = field(default_factory=list)
    doors: list[Span] = field(default_factory=list)
    unlocked: list[datetime] = field(default_factory=list)
    silent: list[Span] = field(default_factory=list)
    visits: list[Span] = field(default_factory=list)
    checks: list[Mark] = field(default_factory=list)
    alarms: list[Mark] = field(default_factory=list)
    is_cut: bool = False
    """Whether there was more of something."""

    def cut(self) -> None:
        """Keep the newest of each lane."""
        self.doors.sort(key=lambda span: span.since)
        for lane in (self.bed, self.doors, self.unlocked, self.visits, self.checks, self.alarms):
            self.is_cut = self.is_cut or len(lane) > LANE_MAX
            del lane[:-LANE_MAX]

    def facts(self, zone: str) -> list[tuple[str, list[str]]]:
        """The picture in words: lane and its lines."""

        def spans(shown: Iterable[Span]) -> list[str]:
            return [
                f"{clock(s.since, zone)}–{clock(s.until, zone) if s.until else _('pågår')}"
                for s in shown
            ]

        return [
            (_("I sängen"), spans(self.bed)),
            (_("Dörr öppen"), spans(self.doors)),
            (_("Upplåst"), [clock(at, zone) for at in self.unlocked]),
            (_("Besök"), spans(self.visits)),
            (_("Tillsyn"), [f"{clock(m.at, zone)} {m.text}" for m in self.checks]),
            (_("Larm"), [f"{clock(m.at, zone)} {m.text}" for m in self.alarms]),
            (_("Ingen kontakt med hemmet"), spans(self.silent)),
        ]


# --- reading --------------------------------------------------------------------------------------


def read_day(conn: Connection, home: str, start: datetime, end: datetime) -> Day:
    """What happened in the home from `start` to `end`."""
    e = t.event.c
    rows = conn.execute(
        select(e.body, e.corrected_at)
        .where(e.home_id == home, e.corrected_at.between(start - BEFORE, end), e.kind.in_(DRAWN))
        .order_by(e.corrected_at.desc())
        .limit(EVENTS_MAX)
    ).all()
    day = Day(start, end, is_cut=len(rows) == EVENTS_MAX and rows[-1].corrected_at > start)
    known = [(event_of(body), at) for body, at in reversed(rows)]
    timed = [(event, at) for event, at in known if event is not None]
    day.bed = _clip(_spans(timed, "bed.entered", "bed.left", "bed.doubted"), day)
    day.silent = _clip(_spans(timed, "home.silent", "home.heard"), day)
    for device in sorted({event.device or "" for event, _at in timed}):
        own = [(event, at) for event, at in timed if (event.device or "") == device]
        day.doors += _clip(_spans(own, "door.opened", "door.closed"), day)
    day.mat = [at for event, at in timed if event.kind == "mat.pressed" and at >= start]
    day.unlocked = [at for event, at in timed if event.kind == "lock.unlocked" and at >= start]
    _read_visits(conn, home, day)
    _read_checks(conn, home, day)
    _read_alarms(conn, home, day)
    day.cut()
    return day


def _spans(timed: Sequence[tuple[Event, datetime]], begin: str, *end: str) -> list[Span]:
    spans: list[Span] = []
    since: datetime | None = None
    for event, at in timed:
        if event.kind == begin:
            since = since or at
        elif event.kind in end and since is not None:
            # the bed was empty, or not known, some time before the rules said so
            empty = getattr(event.data, "empty_since", getattr(event.data, "since", None))
            spans.append(Span(since, max(since, min(at, empty)) if empty else at))
            since = None
    if since is not None:
        spans.append(Span(since, None))
    return spans


def _clip(spans: Iterable[Span], day: Day) -> list[Span]:
    return [
        Span(max(span.since, day.start), span.until)
        for span in spans
        if span.since < day.end and (span.until is None or span.until > day.start)
    ]


def _read_visits(conn: Connection, home: str, day: Day) -> None:
    v = t.visit.c
    query = select(t.visit).where(v.home_id == home, v.since.is_not(None), v.since < day.end)
    ended = or_(v.until > day.start, v.until.is_(None) & (v.since > day.start - BEFORE))
    newest = query.where(ended).order_by(v.since.desc()).limit(LANE_MAX + 1)
    rows = reversed(conn.execute(newest).all())
    spans = [Span(r.corrected_since or r.since, r.corrected_until or r.until) for r in rows]
    day.visits = _clip(spans, day)


def _read_checks(conn: Connection, home: str, day: Day) -> None:
    c = t.night_check.c
    query = select(t.night_check).where(c.home_id == home, c.slot.between(day.start, day.end))
    newest = query.order_by(c.slot.desc()).limit(LANE_MAX + 1)
    rows = reversed(read_all(conn, CheckRow, newest))
    day.checks = [Mark(row.slot, *check_told(row)) for row in rows if row.slot is not None]


def check_told(row: CheckRow) -> tuple[str, str]:
    """The tone and the words for where a check stands."""
    if row.state == "done":
        by = words.enum_word(_check_by(), row.done_by)
        return "ok", _("klar, av %(by)s", by=by)
    if row.state == "escalated":
        return "bad", words.spoken(check_words.ESCALATED_WHY, row.why).lower()
    if row.state in ("missed", "unreported"):
        return "bad", _("uteblev")
    if row.state == "planned":
        return "open", _("planerad")
    return "open", _("väntar på svar") if row.state == "asked" else _("pågår")


def _check_by() -> type[CheckBy]:
    from gateway.events import CheckBy

    return CheckBy


def _read_alarms(conn: Connection, home: str, day: Day) -> None:
    a = t.alarm.c
    rows = conn.execute(
        select(t.alarm)
        .where(a.home_id == home, a.raised_at <= day.end)
        .where(or_(a.closed_at.is_(None), a.closed_at > day.start))
        .order_by(a.raised_at.desc())
        .limit(LANE_MAX + 1)
    ).all()
    day.alarms = [
        Mark(max(row.raised_at, day.start), "alarm", alarm_word(row.type), row.closed_at)
        for row in reversed(rows)
    ]


# --- drawing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """Measures of a picture in its own units; `hours` between the hour lines."""

    name: str
    width: int
    left: int
    lane: int
    hours: int


WIDE = Size("wide", 1100, 96, 34, 2)
NARROW = Size("narrow", 380, 64, 38, 6)

TOP = 26
"""Room for the hours above the lanes."""

MAT_BINS = 288
"""The mat is drawn in steps of five minutes: it chatters."""

LANES = ("bed", "mat", "door", "visit", "check", "alarm")


def draw(day: Day, zone: str, size: Size) -> Markup:
    """The SVG.  Colours come from the style sheet, by class."""
    return _Picture(day, zone, size).svg()


class _Picture:
    def __init__(self, day: Day, zone: str, size: Size) -> None:
        self.day, self.zone, self.size = day, zone, size
        self.parts: list[Markup] = []
        self.height = TOP + size.lane * len(LANES) + 6
        self.total = (day.end - day.start).total_seconds()

    def svg(self) -> Markup:
        self._night_and_hours()
        self._lanes()
        for span in self.day.silent:
            self._bar("tl-silent", span, TOP, self.height - TOP - 6, _("Ingen kontakt med hemmet"))
        self._bed_and_mat()
        self._doors_and_visits()
        self._checks()
        self._alarms()
        x = self._x(self.day.end)
        self._add('<path class="tl-now" d="M{:.1f} {}V{}"/>', x, TOP - 6, self.height)
        return Markup(
            '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
        ).format(
            self.size.name,
            self.size.width,
            self.height,
            _("Senaste dygnet på en tidslinje. Samma uppgifter finns som text under bilden."),
            Markup("").join(self.parts),
        )

    def _add(self, markup: str, *values: object) -> None:
        self.parts.append(Markup(markup).format(*map(finalize, values)))  # noqa: S704 - our own literal; values are escaped

    def _x(self, at: datetime) -> float:
        share = (at - self.day.start).total_seconds() / self.total
        room = self.size.width - self.size.left - 8
        return self.size.left + max(0.0, min(1.0, share)) * room

    def _y(self, lane: str) -> int:
        return TOP + LANES.index(lane) * self.size.lane

    def _bar(self, css: str, span: Span, y: float, height: float, text: str) -> None:
        x = self._x(span.since)
        width = max(2.0, self._x(span.until or self.day.end) - x)
        ended = clock(span.until, self.zone) if span.until else _("pågår")
        self._add(
            '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3">'
            "<title>{}</title></rect>",
            css,
            x,
            y,
            width,
            height,
            f"{text} {clock(span.since, self.zone)}–{ended}",
        )

    def _night_and_hours(self) -> None:
        hour = local(self.day.start, self.zone).replace(minute=0, second=0, microsecond=0)
        hour = hour.astimezone(self.day.start.tzinfo)
        while hour < self.day.end:
            here = local(hour, self.zone)
            after = hour + timedelta(hours=1)
            if here.hour >= NIGHT_FROM or here.hour < NIGHT_TO:
                x = self._x(hour)
                self._add(
                    '<rect class="tl-night" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>',
                    x,
                    TOP,
                    self._x(after) - x + 0.3,
                    self.height - TOP - 6,
                )
            hour = after
        hour = local(self.day.start, self.zone).replace(minute=0, second=0, microsecond=0)
        hour = hour.astimezone(self.day.start.tzinfo) + timedelta(hours=1)
        while hour < self.day.end:
            here = local(hour, self.zone)
            if here.hour % self.size.hours == 0:
                x = self._x(hour)
                self._add('<path class="tl-grid" d="M{:.1f} {}V{}"/>', x, TOP - 4, self.height - 6)
                self._add(
                    '<text class="tl-hour" x="{:.1f}" y="16" text-anchor="middle">{}</text>',
                    min(x, self.size.width - 20),
                    here.strftime("%H"),
                )
            hour += timedelta(hours=1)

    def _lanes(self) -> None:
        texts = (_("Säng"), _("Matta"), _("Dörr"), _("Besök"), _("Tillsyn"), _("Larm"))
        for lane, text in zip(LANES, texts, strict=True):
            y = self._y(lane)
            self._add('<text class="tl-lane" x="4" y="{:.1f}">{}</text>', y + 21, text)
            bottom = y + self.size.lane
            self._add(
                '<path class="tl-grid" d="M{} {}H{}"/>',
                self.size.left,
                bottom,
                self.size.width - 8,
            )

    def _bed_and_mat(self) -> None:
        for span in self.day.bed:
            self._bar("tl-bed", span, self._y("bed") + 8, self.size.lane - 16, _("I sängen"))
        y = self._y("mat") + 9
        step = self.total / MAT_BINS
        bins = {int((at - self.day.start).total_seconds() / step) for at in self.day.mat}
        for number in sorted(bins):
            x = self._x(self.day.start + timedelta(seconds=(number + 0.5) * step))
            self._add('<path class="tl-mat" d="M{:.1f} {}v{}"/>', x, y, self.size.lane - 18)

    def _doors_and_visits(self) -> None:
        for span in self.day.doors:
            self._bar("tl-door", span, self._y("door") + 8, self.size.lane - 16, _("Dörr öppen"))
        y = self._y("door") + self.size.lane / 2
        for at in self.day.unlocked:
            self._add(
                '<circle class="tl-lock" cx="{:.1f}" cy="{:.1f}" r="6"><title>{}</title></circle>',
                self._x(at),
                y,
                f"{_('Upplåst')} {clock(at, self.zone)}",
            )
        for span in self.day.visits:
            css = "tl-visit" if span.until else "tl-open"
            self._bar(css, span, self._y("visit") + 8, self.size.lane - 16, _("Besök"))

    def _checks(self) -> None:
        y = self._y("check") + self.size.lane / 2
        for mark in self.day.checks:
            x = self._x(mark.at)
            shape = {
                "ok": "M{0:.1f} {1:.1f}l8-8 8 8-8 8z",
                "open": "M{0:.1f} {1:.1f}a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
                "bad": "M{0:.1f} {1:.1f}m1-7l14 14m0-14l-14 14",
            }[mark.tone].format(x - 8, y)
            self._add(
                '<path class="tl-check-{}" d="{}"><title>{}</title></path>',
                mark.tone,
                shape,
                f"{_('Tillsyn')} {clock(mark.at, self.zone)} {mark.text}",
            )

    def _alarms(self) -> None:
        y = self._y("alarm") + self.size.lane / 2
        for mark in self.day.alarms:
            x = self._x(mark.at)
            width = max(2.0, self._x(mark.until or self.day.end) - x)
            self._add(
                '<rect class="tl-alarm-span" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="6"/>',
                x,
                y - 3,
                width,
            )
            self._add(
                '<path class="tl-alarm" d="M{:.1f} {:.1f}l9 16h-18z"><title>{}</title></path>',
                x,
                y - 9,
                f"{_('Larm')} {clock(mark.at, self.zone)} {mark.text}",
            )
