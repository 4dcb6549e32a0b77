"""The anonymised picture: where somebody lies can be told, and who it is cannot."""

from __future__ import annotations

import math
import random

import pytest

from drivers.pictures import bedroom, outline
from drivers.pictures.bedroom import HEIGHT, WIDTH, Shows

SIZE = WIDTH * HEIGHT
WIDE, TALL = WIDTH // outline.GRID[0], HEIGHT // outline.GRID[1]

BED = range(34, 61), range(22, 34)
"""Cells across and down that the bed takes in the drawing, with room for somebody in it."""

ROUND = range(12, 46), range(40, 47)
"""Those of the floor before it."""

COVERED_ROW = range(22, 27)
"""Cells down, above the blanket of an empty bed: a body beneath it reaches here."""


def light(shows: Shows, at_s: float = 1_000_000_000.0) -> bytes:
    return bedroom.picture(shows, at_s)[:SIZE]


def lines(shows: Shows) -> list[list[int]]:
    """The strengths of a scene's lines, row by row."""
    made = outline.strengths(outline.grid_of(light(shows), WIDTH, HEIGHT))
    across = outline.GRID[0]
    return [list(made[n : n + across]) for n in range(0, len(made), across)]


def lit(rows: list[list[int]], across: range, down: range) -> int:
    """How many cells have a line that is clear or strong."""
    return sum(rows[row][column] > 1 for row in down for column in across)


def posture(rows: list[list[int]]) -> Shows:
    """What a simple eye tells from lines alone: much on the floor, or a hump above the blanket."""
    if lit(rows, *ROUND) > 40:
        return Shows.FLOOR
    return Shows.BED if lit(rows, range(42, 59), COVERED_ROW) > 12 else Shows.AWAY


@pytest.mark.parametrize("shows", list(Shows))
def test_where_somebody_lies_can_be_told(shows: Shows) -> None:
    """In bed, on the floor, or an empty bed: each is told from lines alone."""
    assert posture(lines(shows)) is shows


@pytest.mark.parametrize("shows", [Shows.BED, Shows.FLOOR])
def test_what_is_smaller_than_a_cell_is_gone(shows: Shows) -> None:
    """The dots of each cell are thrown about, so that no feature of a face or pattern is left of
    the room: the picture that leaves is the same, dot by dot."""
    dots = bytearray(light(shows))
    rng = random.Random(1)
    for top in range(0, HEIGHT, TALL):
        for left in range(0, WIDTH, WIDE):
            places = [
                row * WIDTH + column
                for row in range(top, top + TALL)
                for column in range(left, left + WIDE)
            ]
            values = [dots[place] for place in places]
            rng.shuffle(values)
            for place, value in zip(places, values, strict=True):
                dots[place] = value
    assert bytes(dots) != light(shows)
    thrown = outline.outline(bytes(dots), WIDTH, HEIGHT, 3)
    assert thrown == outline.outline(light(shows), WIDTH, HEIGHT, 3)


def energy_above(row: bytes, bound: float) -> float:
    """The share of a row's energy (without its mean) in waves of more than `bound` a row."""
    size = len(row)
    mean = sum(row) / size
    total = high = 0.0
    for waves in range(1, size // 2):
        turn = 2 * math.pi * waves / size
        real = sum((dot - mean) * math.cos(turn * n) for n, dot in enumerate(row))
        imaginary = sum((dot - mean) * math.sin(turn * n) for n, dot in enumerate(row))
        power = real * real + imaginary * imaginary
        total += power
        high += power if waves > bound else 0.0
    return high / total if total else 0.0


def test_no_fine_waves_are_left() -> None:
    """Of a room full of fine stripes, more than one a cell, nothing is left; and what is drawn has
    hardly a wave that is finer than two cells, whatever was seen."""
    striped = bytes((40, 200)) * (SIZE // 2)
    assert set(outline.strengths(outline.grid_of(striped, WIDTH, HEIGHT))) == {0}
    drawn = outline.outline(light(Shows.BED), WIDTH, HEIGHT, 0)
    rows = [drawn[n * outline.WIDTH : (n + 1) * outline.WIDTH] for n in (98, 116, 128)]
    before = light(Shows.BED)
    plain = [before[n * WIDTH : (n + 1) * WIDTH] for n in (196, 232, 256)]
    half = outline.GRID[0] / 2
    assert max(energy_above(row, half) for row in rows) < 0.03
    assert max(energy_above(row, half) for row in plain) > 0.03


def test_no_shade_is_left_inside_an_outline() -> None:
    """A body's shades, as light falls on it, are none of the four strengths: inside it is dark."""
    dots = bytearray(bytes((40,)) * SIZE)
    for row in range(120, 280):
        for column in range(120, 400):
            dots[row * WIDTH + column] = 170 + (column - 120) // 20
    rows = outline.strengths(outline.grid_of(bytes(dots), WIDTH, HEIGHT))
    across = outline.GRID[0]
    inside = {rows[row * across + column] for row in range(18, 32) for column in range(18, 47)}
    assert inside == {0}
    assert rows[20 * across + 15] == 3
    drawn = outline.outline(bytes(dots), WIDTH, HEIGHT, 0)
    assert len(set(drawn[outline.WIDTH * outline.HEIGHT :])) == 2  # the tint, and no colour


def test_a_dark_room_without_contrast_is_no_drawing() -> None:
    """A camera's noise in the dark draws no line that could be taken for somebody."""
    rng = random.Random(2)
    noise = bytes(min(255, max(0, round(rng.gauss(30, 12)))) for _ in range(SIZE))
    assert set(outline.strengths(outline.grid_of(noise, WIDTH, HEIGHT))) == {0}


def test_a_picture_that_goes_on_is_told_from_one_that_stands_still() -> None:
    """Each second the mark is in another place."""
    strengths = outline.strengths(outline.grid_of(light(Shows.AWAY), WIDTH, HEIGHT))
    drawn = {outline.drawn(strengths, second) for second in range(64)}
    assert len(drawn) == 64


def test_a_size_that_is_no_multiple_is_refused() -> None:
    """Rather than a picture that is not what it seems."""
    with pytest.raises(ValueError, match="no multiple"):
        outline.grid_of(bytes(100 * 100), 100, 100)
