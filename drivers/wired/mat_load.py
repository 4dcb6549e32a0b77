"""A mat of pressure cells: from its loads to pressed, released, loaded and faulted.  Pure.

Each cell was calibrated: what it reads empty, and with somebody on it.  It is loaded above
`ON_PART` of that span and empty below `OFF_PART`, because a resident may weigh half of whoever
calibrated it (persons differ by a factor of two: measured on the recordings pmat_load).

Cells drift with warmth and age.  The empty level follows slowly, only while the cell is empty, and
never further than `DRIFT_PART` of the span from what was calibrated: whatever the readings were, a
person who lies there is never learned as empty.  So a mat that ages comes to where it is no longer
followed, and weeks later an empty bed reads pressed, or a sleeper is not felt: that it comes near
is told long before (`mat.drifted`).

A mattress remembers who lay on it: the cell keeps a part of the load for hours.  What is left there
only sinks, while whoever lies there, asleep or not, also rises again with breath and limbs: a cell
that lost half of its load and then only sank for `RESIDUAL_S` is released, and pressed again by the
next rise.

Time comes in as seconds of a monotonic clock, readings as counts of 0 to 1023.
Not for: SPI (`mat_adc`), or how long a press means that somebody lies there (rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from drivers.wired.contact import Contact, Words
from gateway.events import Data, MatDrifted, MatFault, MatFaulted, MatLoaded

TOP = 1023
"""Counts of a 10-bit converter at its reference voltage."""

RAIL = 2
"""Counts from either end that no working cell reaches: a cut lead, or a converter that is gone."""

LIVE_EMPTY = 10
"""Counts above which an empty cell is told apart from a cut lead.  A resistor of 100 kΩ across the
cell lifts its empty reading there."""

ON_PART, OFF_PART = 0.30, 0.15
"""Of the calibrated span: loaded from, empty below."""

ON_SAMPLES = 2
"""Samples in a row that make a load: one is a spike."""

OFF_S = 1.0
"""Seconds that a cell must stay empty: who turns in bed lifts off for less."""

DRIFT_PART = 0.10
"""Of the span, that the empty level may move at the most."""

DRIFT_UP_S, DRIFT_DOWN_S = 1800.0, 300.0
"""Seconds in which the empty level follows by two thirds: slowly upwards, where a person is too."""

NEAR_PART, NEAR_END_PART = 0.08, 0.06
"""Of the span: an empty level that moved so far is near what is followed, until it is back below
the second.  At one hundredth a day that is the eighth day; the first wrong reading, the 26th."""

APART_S = 3600.0
"""Seconds that a cell, empty by what it last told, reads as neither empty nor loaded, until that
counts as an empty level that moved; also the seconds of an empty cell after which it is first told
that the level is where it should be."""

RESIDUAL_PART = 0.5
"""Of the most that a stay weighed: what is left behind in a mattress is less."""

RESIDUAL_S = 300.0
"""Seconds in which what is left behind never rises.  Of six persons who lie as still as they can,
in 17 postures each (the recordings pmat_load), none lies for longer than 171 s without a rise."""

SMOOTH_S = 1.0
"""Seconds over which a reading is averaged before a rise is looked for: a breath takes three."""

RISE_COUNTS = 2.5
"""Counts above the lowest since, averaged, that are a rise.  The noise of a cable is up to 4 counts
from peak to peak (docs/hardware.md), which is below one when averaged."""

RESIDUAL_LEAST = 80.0
"""Counts of load below which a person's rises are as small as that (measured as above): nothing is
concluded there, and the cell stays pressed."""

AGAIN_PART = 0.05
"""Of the span, above the lowest since what was left behind was called so: somebody lies there."""

STEP_S = 5.0
"""Seconds between samples that count at the most; a pause teaches nothing."""

RAIL_S = 5.0
"""Seconds at a rail until that is a fault; readings wait meanwhile."""

STUCK_S = 1800.0
"""Seconds without the change of one count under load: who breathes moves a cell."""

LOADED_EVERY_S = 10.0
"""Seconds between two words on how many cells are loaded."""

MIN_SPAN = 30
"""Counts between empty and loaded that a usable cell has."""

NOISE_SPANS = 6.0
"""A usable cell's span is at least so many times its noise."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One calibrated cell: its channel, and what it reads empty and with somebody on it."""

    channel: int
    empty: float
    lying: float


def to_kept(cells: Sequence[Cell]) -> dict[str, Any]:
    """The calibration as a JSON object."""
    return {"cells": [[cell.channel, cell.empty, cell.lying] for cell in cells]}


def from_kept(kept: dict[str, Any] | None) -> tuple[Cell, ...] | None:
    """The calibration that was kept; None when it is none."""
    try:
        rows = (kept or {})["cells"]
        cells = tuple(Cell(int(c), float(empty), float(lying)) for c, empty, lying in rows)
    except (KeyError, TypeError, ValueError):
        return None
    return cells if cells and all(_usable(cell) for cell in cells) else None


def _usable(cell: Cell) -> bool:
    return (
        0 <= cell.channel <= 7
        and all(0 <= level <= TOP for level in (cell.empty, cell.lying))
        and abs(cell.lying - cell.empty) >= MIN_SPAN
    )


def calibrated(channel: int, empty: Sequence[int], lying: Sequence[int]) -> Cell | str:
    """A cell from what it read empty and with somebody on it, or why it cannot be used."""
    cell = Cell(channel, float(median(empty)), float(median(lying)))
    span = abs(cell.lying - cell.empty)
    noise = max(empty) - min(empty)
    if span < max(MIN_SPAN, NOISE_SPANS * noise):
        return f"it hardly feels the load (empty {cell.empty:g}, lying {cell.lying:g})"
    if max(cell.lying, cell.empty) > TOP - 4 * RAIL:
        return "it reads full scale: use a smaller resistor"
    return cell


class _Level:
    """One cell as it is now."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._way = 1.0 if cell.lying > cell.empty else -1.0
        self._span = abs(cell.lying - cell.empty)
        self.drift = 0.0
        """Counts that the empty level has moved towards load."""
        self.loaded = False
        self.empty_s = 0.0
        """Seconds for which it has been empty, all added up."""
        self._over = 0
        self._under_s: float | None = None
        self._smooth = 0.0
        self._peak = 0.0
        self._low = 0.0
        self._sinking_s = 0.0
        self._residual = False
        self._apart_s = 0.0
        self._apart = 0.0

    @property
    def moved_part(self) -> float:
        """How far the empty level is from what was calibrated, of the span; 0 while nobody can
        say."""
        return (self._apart if self._apart_s >= APART_S else self.drift) / self._span

    def at_rail(self, raw: int) -> bool:
        """Whether no working cell reads so."""
        return raw >= TOP - RAIL or (raw <= RAIL and self._cell.empty > LIVE_EMPTY)

    def sample(self, now_s: float, step_s: float, raw: int) -> None:
        """Take a reading in."""
        above = (raw - self._cell.empty) * self._way
        load = above - self.drift
        self._smooth += (load - self._smooth) * min(1.0, step_s / SMOOTH_S)
        self._over = self._over + 1 if load >= self._loads_from() else 0
        if load >= OFF_PART * self._span:
            self._under_s = None
        elif self._under_s is None:
            self._under_s = now_s
        if not self.loaded:
            self.loaded = self._over >= ON_SAMPLES
            self._peak, self._sinking_s = self._peak if self._residual else load, 0.0
        elif self._under_s is not None and now_s - self._under_s >= OFF_S:
            self.loaded = False
        elif self._left_behind(step_s):
            self.loaded, self._residual, self._over = False, True, 0
        if self._residual:
            self._low = min(self._low, self._smooth)
            self._residual = not self.loaded and self._under_s is None
        if self.loaded:
            return
        if self._under_s is None:
            self._apart_s, self._apart = self._apart_s + step_s, above
        else:
            self._follow(step_s, load)

    def _loads_from(self) -> float:
        """The load that is somebody."""
        if self._residual:
            return self._low + AGAIN_PART * self._span
        return ON_PART * self._span

    def _left_behind(self, step_s: float) -> bool:
        """Whether the load is what a mattress keeps of somebody who has gone."""
        load = self._smooth
        self._peak = max(self._peak, load)
        if not RESIDUAL_LEAST <= load < RESIDUAL_PART * self._peak:
            self._sinking_s = 0.0
            return False
        if self._sinking_s == 0.0 or load > self._low + RISE_COUNTS:
            self._low, self._sinking_s = load, 0.0
        self._low = min(self._low, load)
        self._sinking_s += step_s
        return self._sinking_s >= RESIDUAL_S

    def _follow(self, step_s: float, load: float) -> None:
        """The empty level follows an empty cell."""
        pace_s = DRIFT_UP_S if load > 0 else DRIFT_DOWN_S
        limit = DRIFT_PART * self._span
        moved = self.drift + load * min(1.0, step_s / pace_s)
        self.drift = min(limit, max(-limit, moved))
        self.empty_s += step_s
        self._apart_s = 0.0


class MatLoad:
    """A mat.  `sample` returns what is to be told; `words` are a mat's."""

    def __init__(self, cells: Sequence[Cell], words: Words) -> None:
        self._levels = [_Level(cell) for cell in cells]
        self._words = words
        self._contact: Contact | None = None
        self._sampled_s: float | None = None
        self._rail_s: float | None = None
        self._last: tuple[int, ...] = ()
        self._moved_s = 0.0
        self._fault: MatFault | None = None
        self._loaded: tuple[int, float] | None = None
        self._near: bool | None = None

    @property
    def levels(self) -> Sequence[_Level]:
        """Each cell as it is now, in the order given."""
        return self._levels

    def sample(self, now_s: float, raws: Sequence[int]) -> list[Data]:
        """Take one reading of each cell in, in their order."""
        step_s = 0.0 if self._sampled_s is None else min(STEP_S, now_s - self._sampled_s)
        self._sampled_s = now_s
        at_rail = any(level.at_rail(raw) for level, raw in zip(self._levels, raws, strict=True))
        if not at_rail:
            self._rail_s = None
        elif self._rail_s is None:
            self._rail_s = now_s
        if self._rail_s is not None:
            return self._fail(MatFault.CUT) if now_s - self._rail_s >= RAIL_S else []
        for level, raw in zip(self._levels, raws, strict=True):
            level.sample(now_s, max(0.0, step_s), raw)
        if self._frozen(now_s, tuple(raws)):
            return self._fail(MatFault.STUCK)
        self._fault = None
        return self._tell(now_s)

    def _frozen(self, now_s: float, raws: tuple[int, ...]) -> bool:
        if raws != self._last or not any(level.loaded for level in self._levels):
            self._last, self._moved_s = raws, now_s
        return now_s - self._moved_s >= STUCK_S

    def _fail(self, fault: MatFault) -> list[Data]:
        if self._fault is fault:
            return []
        self._fault, self._contact, self._loaded = fault, None, None
        return [MatFaulted(fault=fault)]

    def _tell(self, now_s: float) -> list[Data]:
        count = sum(level.loaded for level in self._levels)
        if self._contact is None:
            self._contact = Contact(self._words)
            told = self._contact.start(now_s, on=count > 0)
        else:
            told = self._contact.edge(now_s, on=count > 0) + self._contact.tick(now_s)
        return told + self._tell_count(now_s, count) + self._tell_drift()

    def _tell_drift(self) -> list[Data]:
        """That the empty level has come near what is followed, or is back."""
        part = max((level.moved_part for level in self._levels), key=abs)
        near = abs(part) >= (NEAR_END_PART if self._near else NEAR_PART)
        known = near or self._near or all(level.empty_s >= APART_S for level in self._levels)
        if near is self._near or not known:
            return []
        self._near = near
        pct = round(100.0 * part, 1)
        return [MatDrifted(near=near, drift_pct=pct, limit_pct=round(100.0 * DRIFT_PART, 1))]

    def _tell_count(self, now_s: float, count: int) -> list[Data]:
        before = self._loaded
        if len(self._levels) == 1 or (before is not None and before[0] == count):
            return []
        if before is not None and now_s - before[1] < LOADED_EVERY_S:
            return []
        self._loaded = count, now_s
        return [MatLoaded(cells=count, of=len(self._levels))]
