"""A mat of pressure cells and its clock, and the recorded loads of persons lying, for tests."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence

import pytest

from drivers.wired.contact import MAT
from drivers.wired.mat_load import Cell, MatLoad
from gateway.events import Data, MatDrifted
from tests.drivers.vectors import DATA

PMAT = DATA / "pmat_load_1to6" / "events.csv.gz"
needs_pmat = pytest.mark.skipif(not PMAT.exists(), reason="pmat_load_1to6 is not here")


class Bed:
    """A mat and its clock.  `told` is all that it told but of drift, which is in `drifts`, each
    with the time."""

    def __init__(self, *cells: Cell) -> None:
        self.mat = MatLoad(cells or (Cell(0, 40, 500),), MAT)
        self.now_s = 1000.0
        self.told: list[Data] = []
        self.drifts: list[tuple[float, MatDrifted]] = []

    def read(self, *raws: int, for_s: float = 0.1, every_s: float = 0.1) -> list[Data]:
        """The same reading for a while; what was told meanwhile."""
        before = len(self.told)
        for _ in range(max(1, round(for_s / every_s))):
            for data in self.mat.sample(self.now_s, raws):
                if isinstance(data, MatDrifted):
                    self.drifts.append((self.now_s, data))
                else:
                    self.told.append(data)
            self.now_s += every_s
        return self.told[before:]


def persons() -> dict[str, list[list[int]]]:
    """Each recorded person's postures: the load of each second."""
    found: dict[str, dict[str, list[int]]] = {}
    with gzip.open(PMAT, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["sensor"] == "load_sum":
                postures = found.setdefault(row["home"], {})
                postures.setdefault(row["activity"], []).append(int(row["value"]))
    return {who: list(postures.values()) for who, postures in found.items()}


def counts(loads: Sequence[int], scale: float) -> list[int]:
    """Loads as counts of the converter, above an empty level of 40."""
    return [min(1000, 40 + round(load * scale)) for load in loads]
