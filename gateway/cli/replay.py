"""`tryggve gateway replay FILE`: a recorded home through the same rules, its own time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.cli._common import Commands


def add_commands(commands: Commands) -> None:
    """Add the command to the subparsers of `tryggve gateway`."""
    replay = commands.add_parser("replay", help="run a recorded file through the rules")
    replay.add_argument(
        "file", type=Path, metavar="FILE", help="timestamp_local, home, sensor, kind, value"
    )
    replay.add_argument(
        "--config", type=Path, metavar="FILE", help="the home's devices, rules, plans and time zone"
    )
    replay.add_argument("--timezone", metavar="ZONE", help="of the file's local times")
    replay.add_argument("--all", action="store_true", help="also what the rules decided from")
    replay.add_argument("--skip-bad", action="store_true", help="leave out rows that are no rows")
    replay.add_argument("--json", action="store_true", help="one JSON object a line")
    replay.set_defaults(run=_replay)


def _replay(args: argparse.Namespace) -> None:
    from gateway.config import load
    from gateway.replay import json_lines, run, text_lines

    config = load(args.config) if args.config is not None else None
    timezone = args.timezone or (config.home.timezone if config else "Europe/Stockholm")
    events = run(
        args.file,
        config.facts() if config else None,
        config.rule_settings() if config else {},
        config.plans if config else {},
        timezone,
        everything=args.all,
        skip_bad=args.skip_bad,
    )
    write = sys.stdout.write
    for line in json_lines(events) if args.json else text_lines(events, timezone):
        write(f"{line}\n")
    sys.stdout.flush()
