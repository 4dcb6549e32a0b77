"""One measured figure, and how it is judged and shown.

Not for: measuring anything.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `reference` the plain way in the same unit and run (None: there is none);
    `machine_ms` the machine's own unit u, measured just before (None: the processor does not bind
    this figure).  `goal` is for what `on` names: the value, the value over the reference, or the
    value over u in seconds; None: it is only told.  `most` True: at most, else at least.  `note`
    says how it was measured where that matters."""

    name: str
    value: float | None
    unit: str
    goal: float | None
    reference: float | None = None
    on: Literal["ratio", "value", "units"] = "value"
    most: bool = True
    note: str = ""
    machine_ms: float | None = None
    broken: str = ""
    """Why nothing was measured that should have been, in a line: the goal is missed."""
    ratio_of_turns: float | None = None
    """Where both were measured by turns: the median of the turns' ratios, steadier than the ratio
    of two medians."""

    @property
    def ratio(self) -> float | None:
        """Value over reference; None without one."""
        if self.ratio_of_turns is not None:
            return self.ratio_of_turns
        if self.value is None or not self.reference:
            return None
        return self.value / self.reference

    @property
    def in_units(self) -> float | None:
        """The value over u in seconds: 8.45 ms where u is 0.71 s are 11.9 `u ms`.  None where the
        machine's unit was not measured."""
        if self.value is None or not self.machine_ms:
            return None
        return self.value / (self.machine_ms / 1000)

    @property
    def ok(self) -> bool | None:
        """Whether the goal is met; None: not measured here, or there is no goal."""
        if self.broken:
            return False
        judged = {"ratio": self.ratio, "value": self.value, "units": self.in_units}[self.on]
        if judged is None or self.goal is None:
            return None
        return judged <= self.goal if self.most else judged >= self.goal

    def as_json(self) -> str:
        """One JSON object on one line."""
        obj = asdict(self) | {"ratio": self.ratio, "in_units": self.in_units, "ok": self.ok}
        if self.goal is not None:
            obj["goal"] = f"{'<=' if self.most else '>='} {self.goal:g}"
        obj["goal_on"] = obj.pop("on")
        del obj["most"], obj["ratio_of_turns"]
        if not self.broken:
            del obj["broken"]
        for key in ("value", "reference", "ratio", "in_units", "machine_ms"):
            if obj[key] is not None:
                obj[key] = round(obj[key], 4)
        return json.dumps(obj)

    def as_row(self) -> str:
        """One line of the table."""

        def number(value: float | None) -> str:
            return "–" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

        verdict = {True: "ok", False: "MISSED", None: "not measured"}[self.ok]
        goal = "–"
        if self.goal is None:
            verdict = verdict if self.broken else ""
        else:
            of = {"ratio": " ×", "value": "", "units": " u"}[self.on]
            goal = f"{'≤' if self.most else '≥'} {self.goal:g}{of}"
        return (
            f"{self.name:32} {number(self.value):>9} {self.unit:9} {number(self.reference):>9} "
            f"{number(self.ratio):>7} {number(self.in_units):>7} {goal:>10}  "
            f"{verdict:13}{self.broken or self.note}"
        ).rstrip()


HEADING = (
    f"{'name':32} {'value':>9} {'unit':9} {'reference':>9} {'ratio':>7} {'in u':>7} {'goal':>10}  "
    "verdict"
)
