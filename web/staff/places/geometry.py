"""Distances, bearings, and how far a point lies outside a zone.  Pure.

Within some tens of kilometres the earth is flat enough: a point is told in metres east and north of
another one, with an error below one in a thousand.  Not for: what a fix means (`leaving`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

EARTH_M = 6_371_008.8
"""Mean radius of the earth (IUGG): metres."""

CORNERS_MIN, CORNERS_MAX = 3, 60
"""Of a polygon: with fewer it has no inside; a block of streets has eight."""

RADIUS_MIN_M, RADIUS_MAX_M = 30, 50_000
"""Of a circle: a phone is rarely better than 30 m beside houses; 50 km is a municipality."""

SPAN_MAX_M = 100_000
"""How far a polygon's corners may lie from its first."""


@dataclass(frozen=True, slots=True)
class Point:
    """Degrees, WGS 84."""

    lat: float
    lon: float

    def is_real(self) -> bool:
        """Whether there is such a place on earth; 0, 0 is where receivers without a fix are."""
        known = math.isfinite(self.lat) and math.isfinite(self.lon)
        return known and abs(self.lat) <= 90 and abs(self.lon) <= 180 and (self != Point(0, 0))


@dataclass(frozen=True, slots=True)
class Circle:
    """All within `radius_m` of `centre`."""

    centre: Point
    radius_m: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """All within these corners, the last joined to the first."""

    corners: tuple[Point, ...]


Shape = Circle | Polygon


def distance_m(a: Point, b: Point) -> float:
    """Metres along the ground (haversine)."""
    north = math.radians(b.lat - a.lat)
    east = math.radians(b.lon - a.lon)
    half = (
        math.sin(north / 2) ** 2
        + math.cos(math.radians(a.lat)) * math.cos(math.radians(b.lat)) * math.sin(east / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def bearing_deg(a: Point, b: Point) -> float:
    """The direction from `a` to `b`: 0 north, 90 east."""
    east = math.radians(b.lon - a.lon)
    here, there = math.radians(a.lat), math.radians(b.lat)
    x = math.sin(east) * math.cos(there)
    y = math.cos(here) * math.sin(there) - math.sin(here) * math.cos(there) * math.cos(east)
    return math.degrees(math.atan2(x, y)) % 360


def flat(origin: Point, point: Point) -> tuple[float, float]:
    """Metres east and north of `origin`."""
    east = (point.lon - origin.lon + 180) % 360 - 180
    metres = math.radians(1) * EARTH_M
    return east * metres * math.cos(math.radians(origin.lat)), (point.lat - origin.lat) * metres


def moved(origin: Point, east_m: float, north_m: float) -> Point:
    """The point so far east and north of `origin`."""
    metres = math.radians(1) * EARTH_M
    lat = origin.lat + north_m / metres
    lon = origin.lon + east_m / (metres * math.cos(math.radians(origin.lat)))
    return Point(lat, (lon + 180) % 360 - 180)


def outside_m(shape: Shape, point: Point) -> float:
    """Metres from the edge: more than 0 outside, less than 0 inside."""
    if isinstance(shape, Circle):
        return distance_m(shape.centre, point) - shape.radius_m
    corners = [flat(point, corner) for corner in shape.corners]
    nearest = min(
        _to_line_m(one, two) for one, two in zip(corners, corners[1:] + corners[:1], strict=True)
    )
    return -nearest if _holds_origin(corners) else nearest


def _to_line_m(one: tuple[float, float], two: tuple[float, float]) -> float:
    """From the origin to the nearest point of a line between two."""
    across, along = two[0] - one[0], two[1] - one[1]
    length = across * across + along * along
    share = 0.0 if length == 0 else -(one[0] * across + one[1] * along) / length
    share = max(0.0, min(1.0, share))
    return math.hypot(one[0] + share * across, one[1] + share * along)


def _holds_origin(corners: Sequence[tuple[float, float]]) -> bool:
    """Whether a ray from the origin to the east crosses the edge an odd number of times."""
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y1 > 0) != (y2 > 0) and x1 - y1 * (x2 - x1) / (y2 - y1) > 0:
            inside = not inside
    return inside


def is_possible(shape: Shape) -> bool:
    """Whether somebody can be meant to stay in it: of a sensible size, its edge not crossing
    itself."""
    if isinstance(shape, Circle):
        return shape.centre.is_real() and RADIUS_MIN_M <= shape.radius_m <= RADIUS_MAX_M
    corners = shape.corners
    if not CORNERS_MIN <= len(corners) <= CORNERS_MAX or len(set(corners)) < len(corners):
        return False
    if not all(corner.is_real() and distance_m(corners[0], corner) <= SPAN_MAX_M
               for corner in corners):  # fmt: skip
        return False
    return not _crosses_itself([flat(corners[0], corner) for corner in corners])


def _crosses_itself(corners: list[tuple[float, float]]) -> bool:
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    for first in range(len(edges)):
        for second in range(first + 2, len(edges)):
            beside = first == 0 and second == len(edges) - 1
            if not beside and _cross(*edges[first], *edges[second]):
                return True
    return False


def _cross(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    def turn(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> bool:
        return (q[0] - p[0]) * (r[1] - p[1]) > (q[1] - p[1]) * (r[0] - p[0])

    return turn(a, b, c) != turn(a, b, d) and turn(c, d, a) != turn(c, d, b)


# --- as text --------------------------------------------------------------------------------------


def to_text(shape: Shape) -> str:
    """As it is kept in a table."""
    if isinstance(shape, Circle):
        return json.dumps(
            {"circle": [shape.centre.lat, shape.centre.lon], "radius_m": shape.radius_m}
        )
    return json.dumps({"polygon": [[corner.lat, corner.lon] for corner in shape.corners]})


def from_text(text: str) -> Shape | None:
    """What `to_text` wrote; None for a form that only another version knows."""
    try:
        kept = json.loads(text)
        if "circle" in kept:
            radius_m = kept["radius_m"]
            known = isinstance(radius_m, int | float)
            return Circle(Point(*map(float, kept["circle"])), radius_m) if known else None
        corners = tuple(Point(*map(float, corner)) for corner in kept["polygon"])
    except (KeyError, TypeError, ValueError):
        return None
    return Polygon(corners) if len(corners) >= CORNERS_MIN else None
