"""Pressure cells over weeks: an empty level that wanders, and what a mattress keeps."""

from __future__ import annotations

from math import exp

import pytest

from drivers.wired import mat_load
from drivers.wired.mat_load import Cell
from gateway.events import MatPressed, MatReleased
from tests.drivers.mat_bed import Bed, counts, needs_pmat, persons

DAY_S = 86400.0
SPAN = 460
CELL = Cell(0, 300, 300 + SPAN)

BREATH = (0, 3, 6, 8, 6, 3, 0, -2)
"""Counts of somebody asleep, second by second."""


def night(bed: Bed, empty: float, load: float, hours: int = 8) -> None:
    """Somebody sleeps, breathing, turning over once an hour."""
    for hour in range(hours):
        for step in range(720):
            turned = 40 if step < 2 else 0
            bed.read(round(empty + load + BREATH[step % 8] + turned), for_s=5, every_s=5)
        assert bed.told[-1] == MatPressed(), hour


def gone(bed: Bed, empty: float, left: float, hours: float, half_h: float = 2.0) -> None:
    """The bed is empty; the mattress gives back half of `left` in each `half_h` hours."""
    for step in range(round(hours * 720)):
        kept = left * exp(-0.693 * step * 5 / (half_h * 3600))
        bed.read(round(empty + kept) + step % 2, for_s=5, every_s=5)


@pytest.mark.parametrize("way", [1, -1])
def test_a_level_that_wanders_is_told_weeks_before_the_mat_reads_wrong(way: int) -> None:
    """One hundredth of the span a day, either way: told on the ninth day; an empty bed reads
    released and half of the calibrated load pressed for two weeks more."""
    bed, wrong = Bed(CELL), None
    for day in range(30):
        empty = CELL.empty + way * 0.01 * SPAN * day
        night(bed, empty, SPAN / 2, hours=1)
        gone(bed, empty, 0.0, 3)
        if bed.told[-1] != MatReleased():
            wrong = wrong or day
        bed.now_s = 1000.0 + (day + 1) * DAY_S
    near = [at for at, data in bed.drifts if data.near]
    assert len(near) == 1
    assert 7 * DAY_S <= near[0] - 1000.0 <= 9 * DAY_S
    assert wrong is None or wrong >= 24
    assert [data.near for _, data in bed.drifts] == [False, True]
    assert bed.drifts[-1][1].drift_pct == pytest.approx(way * 8.0, abs=0.5)


def test_a_warm_night_is_near_and_is_back() -> None:
    """Nine hundredths for a night: told, and told again that it is back; once in a quiet week."""
    bed = Bed(CELL)
    for part in (0.0, 0.09, 0.0):
        gone(bed, CELL.empty + part * SPAN, 0.0, 12)
    assert [data.near for _, data in bed.drifts] == [False, True, False]
    gone(bed, CELL.empty, 0.0, 24)
    assert len(bed.drifts) == 3


def test_a_level_that_jumped_is_told_too() -> None:
    """A topper of a fifth of the span: neither empty nor somebody, and told within the hour; still
    so after a night."""
    bed = Bed(CELL)
    gone(bed, CELL.empty, 0.0, 2)
    empty = CELL.empty + 0.2 * SPAN
    gone(bed, empty, 0.0, 1.1)
    assert [data.near for _, data in bed.drifts] == [False, True]
    assert bed.drifts[-1][1].drift_pct == pytest.approx(20.0, abs=0.3)
    night(bed, empty, SPAN / 2)
    gone(bed, empty, 0.0, 5)
    assert bed.told[-1] == MatReleased()
    assert len(bed.drifts) == 2


@pytest.mark.parametrize("part", [0.2, 0.28, 0.4])
def test_what_a_mattress_keeps_is_released_within_minutes(part: float) -> None:
    """After eight hours a part of the load stays for hours: released after five minutes, once, and
    the empty level has not moved; the next who lies down is felt at once."""
    bed = Bed(CELL)
    bed.read(300, for_s=10)
    night(bed, CELL.empty, SPAN)
    up_s = bed.now_s
    gone(bed, CELL.empty, part * SPAN, 0.1)
    assert bed.told[-1] == MatReleased()
    assert bed.now_s - up_s <= 360
    gone(bed, CELL.empty, part * SPAN * 0.98, 0.5)
    assert bed.told == [MatReleased(), MatPressed(), MatReleased()]
    assert bed.mat.levels[0].drift < 0.02 * SPAN
    kept = round(CELL.empty + part * SPAN * 0.8)
    assert bed.read(kept + SPAN // 4, for_s=1) == [MatPressed()]


def test_who_lies_half_off_the_cell_and_hardly_breathes_is_not_lost() -> None:
    """From full load to a fifth of it, and then only breath of a few counts for eight hours."""
    bed = Bed(CELL)
    bed.read(300, for_s=10)
    bed.read(300 + SPAN, for_s=60)
    for step in range(8 * 3600):
        bed.read(round(CELL.empty + 0.2 * SPAN + BREATH[step % 8] * 0.7), for_s=1, every_s=1)
    assert bed.told == [MatReleased(), MatPressed()]


def test_a_sleeper_taken_for_what_was_left_behind_is_felt_by_the_next_move() -> None:
    """Without any breath at all the cell is released, and one rise of a twentieth presses it."""
    bed = Bed(CELL)
    bed.read(300 + SPAN, for_s=60)
    bed.read(300 + SPAN // 4, for_s=mat_load.RESIDUAL_S + 5)
    assert bed.told[-1] == MatReleased()
    assert bed.read(round(300 + SPAN * 0.31), for_s=1) == [MatPressed()]


def test_readings_that_stood_still_are_no_minutes() -> None:
    """A pause between samples teaches nothing: one reading before it, one after, and still
    pressed."""
    bed = Bed(CELL)
    bed.read(300 + SPAN, for_s=60)
    bed.read(300 + SPAN // 4, for_s=1)
    bed.now_s += 3600
    assert bed.read(299 + SPAN // 4, for_s=1) == []


@needs_pmat
@pytest.mark.recordings
@pytest.mark.parametrize("counts_of_load", [80, 100, 150])
def test_recorded_persons_who_lie_still_are_never_what_was_left_behind(counts_of_load: int) -> None:
    """Each posture of each of six persons, gone through forwards and backwards for ten minutes
    after a far larger load, so that all of it counts as little: never released."""
    for postures in persons().values():
        for loads in (posture[2:] for posture in postures):
            raws = counts(loads, counts_of_load * len(loads) / sum(loads))
            bed = Bed(Cell(0, 40, 340))
            bed.read(440, for_s=5, every_s=1)
            there_and_back = [*raws, *reversed(raws)]
            for second in range(600):
                bed.read(there_and_back[second % len(there_and_back)], for_s=1, every_s=1)
            assert bed.told == [MatReleased(), MatPressed()]
