"""A night as a picture: one time line, drawn as SVG text.

From the top: each bed mat as it was, what the rules held (in bed, out, in doubt), every sign of
life by its place, and the alarms and looks.  Shapes and words carry the meaning, colours only help;
a title and a description say it for a screen reader.

Not for: counting (`gateway.replay.score`), or the staff's own pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from html import escape

from gateway.envelope import Event
from gateway.events import BedDoubted, BedEntered, BedLeft
from gateway.replay.injected_falls import Fall
from gateway.replay.recording import Recording, Row
from gateway.rules import HomeFacts
from gateway.schedule import zone

WIDTH, LEFT, RIGHT = 1000, 150, 20
"""Pixels: the whole, and the room for names at the left."""

ROW = 26
"""Pixels a row is high."""

MIN_PX = 0.6
"""Pixels: a pulse of a second is still seen."""

FILL = {"in": "#2f6f8f", "out": "#ffffff", "doubt": "#c9a227", "mat": "#6b7c85", "sign": "#40535c"}


def picture(
    recording: Recording,
    home: HomeFacts,
    night: date,
    span: tuple[datetime, datetime],
    decided: Sequence[Event],
    answers: Sequence[tuple[datetime, bool, str]],
    falls: Sequence[Fall] = (),
) -> str:
    """The SVG of one night.  `answers` are (moment, whether a look, word) of that night."""
    begin, end = span
    scale = (WIDTH - LEFT - RIGHT) / (end - begin).total_seconds()

    def x(at: datetime) -> float:
        inside = min(max(at, begin), end)
        return round(LEFT + (inside - begin).total_seconds() * scale, 1)

    rows = [row for row in recording.rows if begin <= row.at <= end]
    mats = home.with_role("bed")
    names = [*mats, "säng enligt reglerna", "sovrum", "övriga rum", "ytterdörr", "larm och titt"]
    parts = list(_axis(begin, end, recording.timezone, x, len(names)))
    parts += [_text(8, _y(i) + 17, name) for i, name in enumerate(names)]
    for i, mat in enumerate(mats):
        for on, off in _pressed(recording.rows, mat, begin, end):
            parts.append(_bar(x(on), x(off), _y(i), "mat"))
    line = len(mats)
    for word, on, off in _stays(decided, begin, end):
        parts.append(_bar(x(on), x(off), _y(line), word))
    for row in rows:
        place = _line_of(row, home)
        if place is not None:
            parts.append(_bar(x(row.at), x(row.at), _y(line + place), "sign"))
    for fall in falls:
        if begin <= fall.at <= end:
            parts.append(_mark(x(fall.at), _y(len(names) - 1), "fall", "#8b0000"))
    for at, look, word in answers:
        name, colour = ("titt", "#7a5c00") if look else ("LARM", "#b00020")
        parts.append(_mark(x(at), _y(len(names) - 1), f"{name}: {word}", colour))
    title = f"{recording.home}, natten som börjar {night.isoformat()}"
    summary = f"{sum(not a[1] for a in answers)} larm, {sum(a[1] for a in answers)} titt"
    return _page(title, summary, parts, _y(len(names)) + 12)


def _y(line: int) -> int:
    return 56 + line * ROW


def _page(title: str, summary: str, parts: Iterable[str], height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d" '
        'font-family="sans-serif" font-size="12">\n'
        f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(summary)}</desc>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
    )
    top = _text(8, 18, f"{title}: {summary}")
    return head + "\n".join([top, *parts]) + "\n</svg>\n"


def _axis(
    begin: datetime, end: datetime, timezone: str, x: Callable[[datetime], float], lines: int
) -> Iterator[str]:
    there = zone(timezone)
    at = begin
    while at <= end:
        yield (
            f'<line x1="{x(at)}" y1="44" x2="{x(at)}" y2="{_y(lines)}" stroke="#d4dadd"/>'
            + _text(x(at) - 8, 40, f"{at.astimezone(there):%H}")
        )
        at += timedelta(hours=1)


def _pressed(
    rows: Sequence[Row], mat: str, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    since: datetime | None = None
    for row in rows:
        if row.device != mat:
            continue
        if row.at > end:
            break
        if row.data.KIND == "mat.pressed":
            since = since or row.at
        elif since is not None:
            if row.at >= begin:
                yield since, row.at
            since = None
    if since is not None and since <= end:
        yield since, end


def _stays(
    decided: Sequence[Event], begin: datetime, end: datetime
) -> Iterator[tuple[str, datetime, datetime]]:
    word, since = "out", begin
    for event in decided:
        if event.at > end:
            break
        match event.data:
            case BedEntered():
                new, at = "in", event.at
            case BedLeft(empty_since=at):
                new = "out"
            case BedDoubted(since=at):
                new = "doubt"
            case _:
                continue
        if at > begin and word != "out":
            yield word, max(since, begin), at
        word, since = new, at
    if word != "out":
        yield word, max(since, begin), end


def _line_of(row: Row, home: HomeFacts) -> int | None:
    """Which line below the bed's a row belongs to; None: none."""
    facts = home.devices[row.device]
    if facts.role == "bed" or row.data.KIND == "motion.cleared":
        return None
    if facts.role == "front_door":
        return 3
    return 1 if facts.room == "bedroom" else 2


def _bar(x1: float, x2: float, y: int, fill: str) -> str:
    width = round(max(MIN_PX, x2 - x1), 1)
    return f'<rect x="{x1}" y="{y + 4}" width="{width}" height="18" fill="{FILL[fill]}"/>'


def _mark(x: float, y: int, word: str, colour: str) -> str:
    line = f'<path d="M{x} {y + 2}v20" stroke="{colour}" stroke-width="2"/>'
    anchor = "end" if x > WIDTH - 150 else "start"
    return line + _text(x + (-4 if anchor == "end" else 4), y + 17, word, colour, anchor)


def _text(x: float, y: float, words: str, colour: str = "#1c2529", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'
