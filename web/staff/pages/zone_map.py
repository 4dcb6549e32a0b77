"""A home's zones and fixes as a drawing, and in words: "420 m nordost om hemmet, för 3 min sedan".

Drawn as an SVG on the server: over the tiles of the organisation's own map where there is one, else
with rings of distance around the home.  Whatever it shows stands in words beside it.

Not for: who may see fixes (`web.staff.places.looks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app, url_for
from flask_babel import format_decimal
from markupsafe import Markup

from web.shown_text import seen as seen_text
from web.staff.core.context import staff
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _
from web.staff.places import geometry, looks, tiles
from web.staff.places.geometry import Circle, Point, Shape
from web.staff.places.looks import Seen
from web.staff.places.tiles import Chart

TILE = 256
"""Points of a tile, as all maps on the web count."""

WIDTH, HEIGHT, MARGIN = 640, 480, 48
"""Of the drawing, in its own points."""

ZOOM_MAX, ZOOM_LEAST = 18, 3
"""How near a drawing goes: a street; and how far: Europe."""

STEPS_M = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
"""Distances that rings are drawn at: three of them, the largest that fit."""

NEAR_M = 30
"""Nearer than this is at the home."""

BEARINGS = (
    *(N_("norr"), N_("nordost"), N_("öster"), N_("sydost")),
    *(N_("söder"), N_("sydväst"), N_("väster"), N_("nordväst")),
)
"""The eight directions of `looks.direction`."""


# --- in words -------------------------------------------------------------------------------------


def where(home: Point | None, there: Point, acc_m: float | None) -> str:
    """`420 m nordost om hemmet`; without a point of the home its own numbers."""
    if home is None:
        return f"{there.lat:.5f}, {there.lon:.5f}"
    away = geometry.distance_m(home, there)
    if away <= max(NEAR_M, acc_m or 0):
        return _("vid hemmet")
    bearing = _(BEARINGS[looks.direction(home, there)])
    return _("%(far)s %(bearing)s om hemmet", far=distance(away), bearing=bearing)


def distance(metres: float) -> str:
    """`420 m`, `1,2 km`, `14 km`."""
    if metres < 995:
        return f"{round(metres, -1):.0f} m"
    if metres < 9_950:
        return f"{format_decimal(metres / 1000, '0.0')} km"
    return f"{metres / 1000:.0f} km"


def ago(at: datetime, now: datetime) -> str:
    """`för 3 min sedan`."""
    minutes = max(0, round((now - at) / timedelta(minutes=1)))
    if minutes < 1:
        return _("nyss")
    if minutes < 60:
        return _("för %(n)s min sedan", n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("för %(h)s h %(m)s min sedan", h=hours, m=minutes)
    return _("för %(n)s dygn sedan", n=hours // 24)


# --- drawn ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What of the earth is drawn: the world at `zoom` in points, from `left` and `top`."""

    zoom: int
    left: float
    top: float

    def place(self, point: Point) -> tuple[float, float]:
        """Where a point is drawn."""
        x, y = _world(point, self.zoom)
        return x - self.left, y - self.top

    def points_per_m(self, at: Point) -> float:
        """Points of the drawing in a metre there."""
        around = 2 * math.pi * geometry.EARTH_M * math.cos(math.radians(at.lat))
        return (TILE << self.zoom) / around

    def point(self, x: float, y: float) -> Point:
        """What lies at a place of the drawing."""
        size = TILE << self.zoom
        lon = (self.left + x) / size * 360 - 180
        lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (self.top + y) / size))))
        return Point(lat, lon)


def _world(point: Point, zoom: int) -> tuple[float, float]:
    """Web Mercator, in points."""
    size = TILE << zoom
    lat = math.radians(max(-85.0, min(85.0, point.lat)))
    x = (point.lon + 180) / 360 * size
    y = (1 - math.asinh(math.tan(lat)) / math.pi) / 2 * size
    return x, y


def _extent(shapes: Sequence[Shape], points: Sequence[Point]) -> list[Point]:
    found = list(points)
    for shape in shapes:
        if isinstance(shape, Circle):
            for east, north in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                radius = shape.radius_m
                found.append(geometry.moved(shape.centre, east * radius, north * radius))
        else:
            found += shape.corners
    return found


def view_of(extent: Sequence[Point], zoom_max: int = ZOOM_MAX) -> View:
    """The nearest view that holds all of these points."""
    for zoom in range(zoom_max, ZOOM_LEAST - 1, -1):
        xs, ys = zip(*(_world(point, zoom) for point in extent), strict=True)
        wide, high = max(xs) - min(xs), max(ys) - min(ys)
        if (wide <= WIDTH - 2 * MARGIN and high <= HEIGHT - 2 * MARGIN) or zoom == ZOOM_LEAST:
            middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
            return View(zoom, middle[0] - WIDTH / 2, middle[1] - HEIGHT / 2)
    raise AssertionError("the last zoom holds everything")


@dataclass(frozen=True, slots=True)
class Drawing:
    """The SVG, and the view that a script needs to tell where somebody pressed."""

    svg: Markup
    view: View
    source: str
    """Whose map lies below; empty: there is none."""


def draw(
    home: Point | None, shapes: Sequence[Shape], seen: Sequence[Seen], said: str
) -> Drawing | None:
    """The drawing; `said` tells in words what it shows.  None: there is nothing to draw."""
    points = [one.point for one in seen] + ([home] if home is not None else [])
    extent = _extent(shapes, points)
    if not extent:
        return None
    if len(extent) == 1:  # a home alone: half a kilometre around it
        extent = _extent([Circle(extent[0], 500)], extent)
    chart = chart_now()
    view = view_of(extent, ZOOM_MAX if chart is None else min(chart.zoom_max, ZOOM_MAX))
    parts = [
        *(_tiles(view) if chart is not None else _rings(view, home)),
        *(_shape(view, shape) for shape in shapes),
        *_track(view, seen),
        *([_home(view, home)] if home is not None else []),
        _scale(view, view.point(WIDTH / 2, HEIGHT / 2)),
    ]
    svg = Markup(
        '<svg class="zone-map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, seen_text(said), Markup("").join(parts))
    source = tiles_source() if chart is not None else ""
    return Drawing(svg, view, source)


def tiles_source() -> str:
    """Whose map it is."""
    return staff().config.map.source


def chart_now() -> Chart | None:
    """The organisation's map, if there is one."""
    maps: tiles.Maps = current_app.extensions[tiles.EXTENSION]
    return maps.chart()


def _tiles(view: View) -> Iterator[Markup]:
    for column in range(int(view.left // TILE), int((view.left + WIDTH) // TILE) + 1):
        for row in range(int(view.top // TILE), int((view.top + HEIGHT) // TILE) + 1):
            address = url_for("pages.positions_tile", zoom=view.zoom, x=column, y=row)
            yield Markup('<image href="{}" x="{:.1f}" y="{:.1f}" width="{}" height="{}"/>').format(
                address, column * TILE - view.left, row * TILE - view.top, TILE, TILE
            )


def _rings(view: View, home: Point | None) -> Iterator[Markup]:
    if home is None:
        return
    x, y = view.place(home)
    scale = view.points_per_m(home)
    farthest = max(math.hypot(x - a, y - b) for a in (0, WIDTH) for b in (0, HEIGHT))
    fitting = [step for step in STEPS_M if 40 <= step * scale <= farthest][-3:]
    for step in fitting:
        yield Markup('<circle class="zm-ring" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(
            x, y, step * scale
        )
        yield _text("zm-far", x, y - step * scale - 4, distance(step))
    yield Markup('<path class="zm-north" d="M{} 62V36m-7 9l7-9 7 9"/>').format(WIDTH - 24)


def _text(css: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>').format(
        css, x, y, seen_text(text)
    )


def _shape(view: View, shape: Shape) -> Markup:
    if isinstance(shape, Circle):
        x, y = view.place(shape.centre)
        radius = shape.radius_m * view.points_per_m(shape.centre)
        return Markup('<circle class="zm-zone" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(
            x, y, radius
        )
    return Markup('<path class="zm-zone" d="M{}z"/>').format(_line(view, shape.corners))


def _line(view: View, points: Sequence[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in map(view.place, points))


def _track(view: View, seen: Sequence[Seen]) -> Iterator[Markup]:
    by_tracker: dict[str, list[Seen]] = {}
    for one in seen:
        by_tracker.setdefault(one.tracker, []).append(one)
    for track in by_tracker.values():
        points = [one.point for one in track]
        yield Markup('<path class="zm-track" d="M{}"/>').format(_line(view, points))
        for one in track[:-1]:
            x, y = view.place(one.point)
            yield Markup('<circle class="zm-fix" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(x, y)
        last = track[-1]
        x, y = view.place(last.point)
        if last.acc_m is not None:
            radius = last.acc_m * view.points_per_m(last.point)
            yield Markup('<circle class="zm-acc" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(
                x, y, radius
            )
        yield Markup('<circle class="zm-last" cx="{:.1f}" cy="{:.1f}" r="8"/>').format(x, y)


def _home(view: View, home: Point) -> Markup:
    x, y = view.place(home)
    return Markup('<path class="zm-home" d="M{:.1f} {:.1f}l-11 9h4v9h14v-9h4z"/>').format(x, y - 9)


def _scale(view: View, middle: Point) -> Markup:
    scale = view.points_per_m(middle)
    step = next((one for one in STEPS_M if one * scale >= 60), STEPS_M[-1])
    long = step * scale
    bar = Markup('<path class="zm-scale" d="M16 {}v6h{:.1f}v-6"/>').format(HEIGHT - 22, long)
    return bar + _text("zm-far", 16 + long / 2, HEIGHT - 24, distance(step))
