"""A mat of pressure cells: from its loads to pressed, released, loaded and faulted.  Pure.

Each cell was calibrated: what it reads empty, and with somebody on it.  It is loaded above
`ON_PART` of that span and empty below `OFF_PART`, because a resident may weigh half of whoever
calibrated it (persons differ by a factor of two: measured on the recordings pmat_load).

Cells drift with warmth and age.  The empty level follows slowly, only while the cell is empty, and
never further than `DRIFT_PART` of the span from what was calibrated: whatever the readings were, a
person who lies there is never learned as empty.

Time comes in as seconds of a monotonic clock, readings as counts of 0 to 1023.
Not for: SPI (`mat_adc`), or how long a press means that somebody lies there (rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from drivers.wired.contact import Contact, Words
from gateway.events import Data, MatFault, MatFaulted, MatLoaded

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
        self._over = 0
        self._under_s: float | None = None

    def at_rail(self, raw: int) -> bool:
        """Whether no working cell reads so."""
        return raw >= TOP - RAIL or (raw <= RAIL and self._cell.empty > LIVE_EMPTY)

    def sample(self, now_s: float, step_s: float, raw: int) -> None:
        """Take a reading in."""
        above = (raw - self._cell.empty) * self._way
        load = above - self.drift
        self._over = self._over + 1 if load >= ON_PART * self._span else 0
        if load >= OFF_PART * self._span:
            self._under_s = None
        elif self._under_s is None:
            self._under_s = now_s
        if not self.loaded:
            self.loaded = self._over >= ON_SAMPLES
        elif self._under_s is not None and now_s - self._under_s >= OFF_S:
            self.loaded = False
        if not self.loaded and self._under_s is not None:
            pace_s = DRIFT_UP_S if load > 0 else DRIFT_DOWN_S
            limit = DRIFT_PART * self._span
            moved = self.drift + load * min(1.0, step_s / pace_s)
            self.drift = min(limit, max(-limit, moved))


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
        return told + self._tell_count(now_s, count)

    def _tell_count(self, now_s: float, count: int) -> list[Data]:
        before = self._loaded
        if len(self._levels) == 1 or (before is not None and before[0] == count):
            return []
        if before is not None and now_s - before[1] < LOADED_EVERY_S:
            return []
        self._loaded = count, now_s
        return [MatLoaded(cells=count, of=len(self._levels))]
