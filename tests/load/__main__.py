"""A town of simulated homes against the real server, and what came of it.

make load ARGS="--homes 100"                        every scene, on both databases
make load ARGS="--homes 1000 --scene storm --database postgresql"
make load ARGS="--homes 100 1000 --write"           the table of docs/scale.md
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from gateway.wire import HEARTBEAT_S, SILENT_AFTER_S
from tests.load import day, page_costs, silence, storm, table
from tests.load.figures import Figures
from tests.load.table import Run
from tests.load.town import Kind, Town, town

THREAD_STACK_BYTES = 256 * 1024
"""Three threads a home: a thousand homes should not reserve 24 GB of addresses."""

SWITCH_S = 0.2
"""Seconds that a thread may keep the interpreter while others wait.  Each of those looks so often
whether it may go on: at Python's 5 ms a thousand homes that all have something to do look 200,000
times a second and do nothing else (seen: 3 min of system time in a storm of 9).  Homes give it up
at every request by themselves."""

SCENES = ("day", "storm", "silence")

SECONDS = 60.0
"""Of the scene `day`, unless told otherwise."""

ALARM_SHARES = {"storm": 0.05, "storm_all": 1.0}
"""The two storms: so many of the homes that come back have an alarm."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; exit status 1 when something was lost, doubled, or taken that must not
    be."""
    args = _arguments(argv)
    crowd()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the town is taken down all the same
    runs = [] if args.kept is None else kept(args.kept)
    databases = get_args(Kind) if args.database == "both" else (args.database,)
    scenes = SCENES if args.scene == "all" else (args.scene,)
    for homes in args.homes:
        for kind in databases:
            run = Run(homes, kind)
            for scene in scenes:
                play(run, scene, args)
            runs.append(run)
            if args.json:
                print(run.as_json(), flush=True)
    if not args.json:
        print(table.machine())
        print(table.as_text(runs))
    if args.write:
        table.write(runs)
    wrong = [text for run in runs for one in run.scenes for text in one.said]
    for text in wrong:
        print(text, file=sys.stderr)
    return 0 if all(one.whole for run in runs for one in run.scenes) else 1


def kept(file: Path) -> list[Run]:
    """The runs that were kept with `--json`."""
    lines = file.read_text("utf-8").splitlines()
    return [Run.from_json(line) for line in lines if line.startswith("{")]


def crowd() -> None:
    """Make this process one in which thousands of threads wait."""
    threading.stack_size(THREAD_STACK_BYTES)
    sys.setswitchinterval(SWITCH_S)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--homes", type=int, nargs="*", default=[100], help="(100)")
    parser.add_argument("--database", choices=(*get_args(Kind), "both"), default="both")
    parser.add_argument("--scene", choices=(*SCENES, "all"), default="all")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"of the scene day ({SECONDS:g})"
    )
    parser.add_argument("--events", type=int, default=storm.EVENTS, help="of a home in the storm")
    parser.add_argument("--alarms", type=float, help="share of homes with one, in place of both")
    parser.add_argument(
        "--silent-after", type=float, default=SILENT_AFTER_S, help="seconds, of silence"
    )
    parser.add_argument("--kept", type=Path, help="show these runs too, kept with --json")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--write", action="store_true", help="write the table of docs/scale.md")
    args = parser.parse_args(argv)
    if args.silent_after <= HEARTBEAT_S:
        parser.error(f"--silent-after is more than {HEARTBEAT_S} s: homes speak so often")
    return args


def play(run: Run, scene: str, args: argparse.Namespace) -> None:
    """Play a scene in a town of its own, and keep what it came to in `run`."""
    told = f"{run.title}: {scene}"
    print(told, file=sys.stderr, flush=True)
    extra = {"day": day, "storm": storm, "silence": silence}[scene].extra_homes(run.homes)
    with tempfile.TemporaryDirectory(prefix="tryggve-load-") as name:
        at, rate = datetime.now(UTC), 1.0
        if scene == "day":
            here = at.astimezone(ZoneInfo("Europe/Stockholm"))
            midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
            at, rate = midnight + day.BEGIN, day.warp(run.homes, args.seconds)
        with town(
            Path(name), run.database, run.homes + extra, at=at, rate=rate,
            silent_after_s=args.silent_after,
        ) as made:  # fmt: skip
            if scene == "day":
                run.scenes.append(day.play(made, run.homes, args.seconds))
            elif scene == "silence":
                run.scenes.append(silence.play(made, run.homes))
            else:
                run.scenes += storms(made, run.homes, args.events, args.alarms)
                run.pages = page_costs.of_pages(made)


def storms(made: Town, homes: int, events: int, only: float | None) -> list[Figures]:
    """One storm after the other in the same town."""
    shares = ALARM_SHARES if only is None else {"storm": only}
    found = []
    for name, share in shares.items():
        figures = storm.play(made, homes, alarm_share=share, events=events)
        figures.scene = name
        found.append(figures)
    return found


if __name__ == "__main__":
    sys.exit(main())
