"""`python -m tests.bench [--only GROUP] [--homes N] [--json]`; exit status 1 when a goal is
missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module

from tests.bench.figure import HEADING, Figure
from tests.bench.unit import ROUNDS, machine_unit_ms

GROUPS = ("core", "doors", "alarms", "looks", "storm")
"""In this order."""

PARTS = ("disk", "silence", "versions")
"""Groups that `storm` ends with; by themselves with `--only`."""

ALONE = ("fleet",)
"""Groups that are measured with `--only` alone: a quarter of an hour of power cuts and updates."""

HOMES = 1000
"""Homes of the group `storm`: a town's home care."""


def figures(groups: tuple[str, ...], homes: int = HOMES) -> Iterator[Figure]:
    """The machine's unit, before anything else is measured, then every group's figures; those of
    `storm` with so many homes."""
    note = "the unit u, which times bound by the processor are held against"
    yield Figure("machine_unit_ms", machine_unit_ms(ROUNDS), "ms", None, note=note)
    for group in groups:
        module = import_module(f"tests.bench.{group}")
        yield from module.measure(homes) if group == "storm" else module.measure()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=(*GROUPS, *PARTS, *ALONE), help="measure one group")
    parser.add_argument("--homes", type=int, default=HOMES, help=f"of the group storm ({HOMES})")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    missed = 0
    if not args.json:
        print(HEADING)
    for figure in figures((args.only,) if args.only else GROUPS, args.homes):
        print(figure.as_json() if args.json else figure.as_row(), flush=True)
        missed += figure.ok is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
