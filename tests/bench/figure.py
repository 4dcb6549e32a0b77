"""One measured figure, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `reference` the plain way in the same unit and run (None: there is none);
    `goal` is for `ratio` when `on` is "ratio", else for `value`; `most` True: at most, else at
    least.  `note` says how it was measured where that matters."""

    name: str
    value: float | None
    unit: str
    goal: float
    reference: float | None = None
    on: Literal["ratio", "value"] = "value"
    most: bool = True
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over reference; None without one."""
        if self.value is None or not self.reference:
            return None
        return self.value / self.reference

    @property
    def ok(self) -> bool | None:
        """Whether the goal is met; None: not measured here."""
        judged = self.ratio if self.on == "ratio" else self.value
        if judged is None:
            return None
        return judged <= self.goal if self.most else judged >= self.goal

    def as_json(self) -> str:
        """One JSON object on one line."""
        obj = asdict(self) | {"ratio": self.ratio, "ok": self.ok}
        obj["goal"] = f"{'<=' if self.most else '>='} {self.goal:g}"
        obj["goal_on"] = obj.pop("on")
        del obj["most"]
        for key in ("value", "reference", "ratio"):
            if obj[key] is not None:
                obj[key] = round(obj[key], 4)
        return json.dumps(obj)

    def as_row(self) -> str:
        """One line of the table."""

        def number(value: float | None) -> str:
            return "–" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

        verdict = {True: "ok", False: "MISSED", None: "not measured"}[self.ok]
        goal = f"{'≤' if self.most else '≥'} {self.goal:g}{' ×' if self.on == 'ratio' else ''}"
        return (
            f"{self.name:28} {number(self.value):>10} {self.unit:9} {number(self.reference):>10} "
            f"{number(self.ratio):>7} {goal:>10}  {verdict:13}{self.note}"
        )


HEADING = (
    f"{'name':28} {'value':>10} {'unit':9} {'reference':>10} {'ratio':>7} {'goal':>10}  verdict"
)
