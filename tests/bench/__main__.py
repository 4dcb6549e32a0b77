"""`python -m tests.bench [--only GROUP] [--json]`; exit status 1 when a goal is missed."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from tests.bench.figure import HEADING

GROUPS = ("core", "doors")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, help="measure one group")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    missed = 0
    if not args.json:
        print(HEADING)
    for group in [args.only] if args.only else GROUPS:
        for figure in import_module(f"tests.bench.{group}").measure():
            print(figure.as_json() if args.json else figure.as_row(), flush=True)
            missed += figure.ok is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
