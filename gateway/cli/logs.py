"""`tryggve gateway log tail | log verify | kinds`: reading the log, also while it is written."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.common import Commands, add_config, add_state, state_of
from gateway.errors import ChainError, LogCorrupt, LogUnwritable, UserError

FOLLOW_EVERY_S = 0.5
"""Between looks at the file: a person reads along."""

FOLLOW_LOOK = 256
"""Events looked at first each time; doubled until they reach what was shown."""


def add_commands(commands: Commands) -> None:
    """Add the commands to the subparsers of `tryggve gateway`."""
    log = commands.add_parser("log", help="read the event log").add_subparsers(
        required=True, metavar="ACTION"
    )
    tail = log.add_parser("tail", help="show the last events")
    tail.add_argument("-n", type=int, default=20, metavar="COUNT", help="how many (20)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on as events come")
    tail.add_argument("--json", action="store_true", help="one JSON object a line")
    tail.add_argument("--timezone", metavar="ZONE", help="of the times (the configuration's)")
    add_config(tail)
    tail.set_defaults(run=_tail)
    verify = log.add_parser("verify", help="walk the chain; 1 when it is broken")
    verify.set_defaults(run=_verify)
    for parser in (tail, verify):
        add_state(parser)
        parser.add_argument("--file", type=Path, metavar="FILE", help="another log's file")

    kinds = commands.add_parser("kinds", help="list the kinds of events")
    kinds.add_argument("--json", action="store_true", help="one JSON object a line")
    kinds.set_defaults(run=_kinds)


def _reader(args: argparse.Namespace) -> Any:
    from gateway.engine.log_folder import FILE
    from gateway.engine.log_reader import LogReader

    path = args.file or state_of(args) / FILE
    try:
        return LogReader(path)
    except LogUnwritable as error:
        raise UserError(
            f"{error.text}; name its folder with --state DIR, or --file FILE."
        ) from error


def _tail(args: argparse.Namespace) -> None:
    if args.n < 0:
        raise UserError("-n takes a number from 0.")
    reader = _reader(args)
    zone = _timezone(args)
    seen: dict[str, int] = {}
    # `last` is about how many rows; what is over is cut here
    shown = list(reader.events(last=args.n)) if args.n else []
    _show(shown[-args.n :] if args.n else [], seen, args.json, zone)
    if args.follow:
        if not args.n:
            _show(list(reader.events(last=1)), seen, True, zone, quiet=True)
        while True:
            time.sleep(FOLLOW_EVERY_S)
            _show(_new(reader, seen), seen, args.json, zone)


def _new(reader: Any, seen: dict[str, int]) -> list[dict[str, Any]]:
    """The events after those in `seen` (origin to its last number shown)."""
    look = FOLLOW_LOOK
    while True:
        events = list(reader.events(last=look))
        new = [event for event in events if event["seq"] > seen.get(event["origin"], 0)]
        if len(new) < len(events) or len(events) < look:
            return new
        look *= 2


def _show(
    events: list[dict[str, Any]],
    seen: dict[str, int],
    as_json: bool,
    zone: str,
    *,
    quiet: bool = False,
) -> None:
    from gateway.envelope import from_json
    from gateway.replay.run import json_lines, text_lines

    for obj in events:
        seen[obj["origin"]] = max(seen.get(obj["origin"], 0), obj["seq"])
    if quiet:
        return
    read = [from_json(obj) for obj in events]
    if as_json:
        lines: Iterator[str] = json_lines(read)
    else:
        lines = (
            f"{event.ref:<16} {line}"
            for event, line in zip(read, text_lines(read, zone), strict=True)
        )
    for line in lines:
        print(line, flush=True)


def _timezone(args: argparse.Namespace) -> str:
    from gateway.config.home_file import load
    from gateway.errors import ConfigError
    from gateway.schedule import zone

    if args.timezone:
        try:
            zone(args.timezone)
        except ValueError as error:
            raise UserError(f"{error}; write an IANA name, as Europe/Stockholm.") from error
        return str(args.timezone)
    try:
        return load(args.config).home.timezone
    except ConfigError:
        return "UTC"  # a log can be read without its configuration


def _verify(args: argparse.Namespace) -> int:
    reader = _reader(args)
    heads: dict[str, tuple[int, str]] = {}
    count = 0
    try:
        for event in reader.events():
            heads[event["origin"]] = (event["seq"], event["hash"])
            count += 1
    except ChainError as error:
        print(f"BROKEN at {error.seq}: {error.text}")
        return 1
    except LogCorrupt as error:
        print(f"BROKEN after {count} events: {error.text}")
        return 1
    for origin, (seq, digest) in heads.items():
        print(f"{origin}  {seq}  {digest}")
    print(f"{count} events, every chain is whole.")
    return 0


def _kinds(args: argparse.Namespace) -> None:
    from gateway.docs import first_sentence
    from gateway.events import KINDS

    for name, cls in KINDS.items():
        about = first_sentence(cls.__doc__)
        if args.json:
            print(
                json.dumps({"kind": name, "urgent": cls.URGENT, "about": about}, ensure_ascii=False)
            )
        else:
            print(f"{name:<22} {'urgent' if cls.URGENT else '      '}  {about}")
