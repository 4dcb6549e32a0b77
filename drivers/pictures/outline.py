"""A picture as outlines: the watcher sees where somebody lies, and neither a face nor a body.

The picture is first made coarse: a grid of 64 × 48 means, and nothing else is kept of it.  What is
smaller than a cell is gone before anything is drawn, whatever comes after: two pictures that differ
inside their cells only give the same outlines, dot by dot (tests/drivers/test_outline.py).  At
three metres a cell is some 6 cm; a face is three of them.  Where neighbouring cells differ, a line
in one of three strengths is drawn, so that no shade is left inside an outline either.

A moving mark along the lower edge, a step a second, tells a picture that goes on from one that
stands still.  Not for: other ways of making a picture (`heat`).
"""

from __future__ import annotations

from functools import cache

GRID = 64, 48
"""Cells across and down."""

SCALE = 4
"""Dots of a cell's side in the picture that is drawn."""

WIDTH, HEIGHT = GRID[0] * SCALE, GRID[1] * SCALE

FAINT, CLEAR, STRONG = 12, 26, 60
"""How much a cell must differ from its neighbours (Sobel, an eighth of the sum, of 219 levels) for
a line of each strength.  Below the first is noise: a camera's in the dark is 3 to 6 in a mean of
its own 100 dots; a fold of a blanket is 8 to 15, its edge before a wall 30 and more."""

_LEVELS = (30, 85, 150, 220)
"""Light (Y) of no line, and of one of each strength."""

_TINT = bytes((138,)), bytes((118,))
"""Colour (U, V) of the whole: a cold blue, so that nobody takes it for a picture."""


def grid_of(light: bytes, width: int, height: int) -> bytes:
    """The means of a plane's cells; both sides are whole multiples of the grid's."""
    wide, tall = width // GRID[0], height // GRID[1]
    if wide * GRID[0] != width or tall * GRID[1] != height:
        raise ValueError(f"{width} × {height} is no multiple of the grid")
    means = bytearray()
    dots = wide * tall
    for top in range(0, height, tall):
        rows = [light[row * width : (row + 1) * width] for row in range(top, top + tall)]
        for left in range(0, width, wide):
            total = sum([sum(row[left : left + wide]) for row in rows])
            means.append((total + dots // 2) // dots)
    return bytes(means)


def strengths(grid: bytes) -> bytes:
    """For each cell the strength of its line: 0 none, 1 to 3."""
    wide, tall = GRID
    made = bytearray(wide * tall)
    for row in range(tall):
        above = grid[max(row - 1, 0) * wide : max(row - 1, 0) * wide + wide]
        own = grid[row * wide : row * wide + wide]
        below = grid[min(row + 1, tall - 1) * wide : min(row + 1, tall - 1) * wide + wide]
        down = [a + 2 * b + c for a, b, c in zip(above, own, below, strict=True)]
        slope = [c - a for a, c in zip(above, below, strict=True)]
        down = [down[0], *down, down[-1]]
        slope = [slope[0], *slope, slope[-1]]
        for column in range(wide):
            across = down[column + 2] - down[column]
            upright = slope[column] + 2 * slope[column + 1] + slope[column + 2]
            differs = (across * across + upright * upright) >> 6
            if differs >= FAINT * FAINT:
                strong = 2 if differs >= CLEAR * CLEAR else 1
                made[row * wide + column] = 3 if differs >= STRONG * STRONG else strong
    return bytes(made)


def drawn(lines: bytes, second: int) -> bytes:
    """Lines (`strengths`) as an I420 picture of `WIDTH` × `HEIGHT`, softly drawn."""
    wide, tall = GRID
    marked = bytearray(lines)
    last = (tall - 1) * wide
    marked[last:] = bytes(wide)
    marked[last + second % wide] = 3
    rows = []
    for row in range(tall):
        own = marked[row * wide : (row + 1) * wide]
        below = marked[(row + 1) * wide : (row + 2) * wide] or own
        corners = zip(own, [*own[1:], own[-1]], below, [*below[1:], below[-1]], strict=True)
        cells = [_cell(a << 6 | b << 4 | c << 2 | d) for a, b, c, d in corners]
        rows += [b"".join([cell[step] for cell in cells]) for step in range(SCALE)]
    light = b"".join(rows)
    return light + b"".join(tint * (WIDTH * HEIGHT // 4) for tint in _TINT)


@cache
def _cell(corners: int) -> tuple[bytes, ...]:
    """A cell's dots, from its own strength to those of its neighbours: right, below, both."""
    a, b, c, d = (_LEVELS[corners >> shift & 3] for shift in (6, 4, 2, 0))
    steps = [n / SCALE for n in range(SCALE)]
    return tuple(
        bytes(round((a + (b - a) * x) * (1 - y) + (c + (d - c) * x) * y) for x in steps)
        for y in steps
    )


def outline(light: bytes, width: int, height: int, second: int) -> bytes:
    """A picture's light as outlines in I420."""
    return drawn(strengths(grid_of(light, width, height)), second)
