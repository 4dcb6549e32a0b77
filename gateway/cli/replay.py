"""`tryggve gateway replay FILE…`: recorded homes through the same rules, in their own time.

With `--score` they are judged: alarms and looks in 30 nights, and injected falls found or missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.common import Commands

if TYPE_CHECKING:
    from gateway.replay.recording import Recording
    from gateway.replay.score import Score
    from gateway.rules import HomeFacts, RuleSettings

TIMEZONE = "Europe/Stockholm"
"""Of a file's local times when nobody says otherwise."""


def add_commands(commands: Commands) -> None:
    """Add the command to the subparsers of `tryggve gateway`."""
    replay = commands.add_parser("replay", help="run recorded files through the rules")
    replay.add_argument(
        "file",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="timestamp_local, home, sensor, kind, value",
    )
    replay.add_argument(
        "--config", type=Path, metavar="FILE", help="the home's devices, rules, plans and time zone"
    )
    replay.add_argument(
        "--timezone", metavar="ZONE", help=f"of the files' local times (default {TIMEZONE})"
    )
    replay.add_argument("--all", action="store_true", help="also what the rules decided from")
    replay.add_argument("--skip-bad", action="store_true", help="leave out rows that are no rows")
    replay.add_argument("--json", action="store_true", help="one JSON object a line")
    replay.add_argument(
        "--try",
        dest="changes",
        action="append",
        default=[],
        metavar="RULE.KEY=VALUE",
        help="another setting; with --score, beside the present one",
    )
    score = replay.add_argument_group("scoring")
    score.add_argument(
        "--score", action="store_true", help="alarms and looks in 30 nights, and falls found"
    )
    score.add_argument("--svg", type=Path, metavar="DIR", help="a picture of each night")
    score.add_argument(
        "--inject-falls",
        type=int,
        metavar="SEED",
        help="which exits become falls (default 1; with --score they are always injected)",
    )
    score.add_argument(
        "--any-silence",
        action="store_true",
        help="falls also where the mat most likely lost a sleeper",
    )
    replay.set_defaults(run=_replay)


def _replay(args: argparse.Namespace) -> None:
    from gateway.config.home_file import load
    from gateway.replay.run import json_lines, run, text_lines
    from gateway.replay.score import tried

    config = load(args.config) if args.config is not None else None
    timezone = args.timezone or (config.home.timezone if config else TIMEZONE)
    home = config.facts() if config else None
    settings = config.rule_settings() if config else {}
    if args.score or args.svg is not None or args.inject_falls is not None:
        _score(args, home, settings, timezone)
        return
    write = sys.stdout.write
    for file in args.file:
        events = run(
            file,
            home,
            tried(settings, args.changes),
            config.plans if config else {},
            timezone,
            everything=args.all,
            skip_bad=args.skip_bad,
        )
        for line in json_lines(events) if args.json else text_lines(events, timezone):
            write(f"{line}\n")
    sys.stdout.flush()


def _score(
    args: argparse.Namespace,
    home: HomeFacts | None,
    settings: Mapping[str, RuleSettings],
    timezone: str,
) -> None:
    from gateway.errors import RecordingError
    from gateway.replay.recording import lines, read
    from gateway.replay.score import DEFAULT_SEED, score, tried

    seed = DEFAULT_SEED if args.inject_falls is None else args.inject_falls
    changed = tried(settings, args.changes)
    refused: RecordingError | None = None
    for file in args.file:
        try:
            recording = read(file, timezone, skip_bad=args.skip_bad)
        except RecordingError as error:
            # the others are scored all the same; the command fails at its end
            if refused is not None:
                sys.stderr.write(f"{refused.text}\n")
            refused = error
            continue
        for line in lines(recording):
            sys.stderr.write(f"{line}\n")
        before = None
        if args.changes and not args.json:
            before = score(recording, home, settings, falls_seed=seed, any_silence=args.any_silence)
        scored = score(recording, home, changed, falls_seed=seed, any_silence=args.any_silence)
        if args.json:
            sys.stdout.write(json.dumps(scored.json(), ensure_ascii=False) + "\n")
        else:
            for line in _for_a_person(recording, home, scored, before, args.changes):
                sys.stdout.write(f"{line}\n")
        if args.svg is not None:
            _draw(args.svg, recording, home, scored)
        sys.stdout.flush()
    if refused is not None:
        raise refused


def _for_a_person(
    recording: Recording,
    home: HomeFacts | None,
    scored: Score,
    before: Score | None,
    changes: list[str],
) -> Iterator[str]:
    """The score for a person."""
    from gateway.replay.score import least_questions, naive

    yield f"{scored.recording}: {scored.nights} nights, {scored.days} days"
    rows = [("now", scored)] if before is None else [("now", before), (" ".join(changes), scored)]
    yield f"  naive rule (bed empty 15 min): {_per(naive(recording))} alarms in 30 nights"
    yield (
        "  needed by any rule that answers every fall: "
        f"{_per(least_questions(recording, home))} alarms or looks in 30 nights"
    )
    for name, one in rows:
        yield (
            f"  {name}: {_per(one.per_30_nights(looks=False))} alarms and "
            f"{_per(one.per_30_nights(looks=True))} looks in 30 nights, "
            f"{one.json()['inactivity_per_30_days']} inactivity alarms in 30 days, "
            f"{one.technical} technical alarms in all"
        )
        for rule, (alarms, looks) in one.by_rule.items():
            yield f"    {rule}: {alarms} alarms, {looks} looks at night"
        hours = ", ".join(f"{hour:02}: {a}+{k}" for hour, (a, k) in one.by_hour.items())
        yield f"    by local hour, alarms+looks: {hours or 'none'}"
        summary = one.json()
        yield (
            f"    falls: {summary['falls_answered']} of {summary['falls_injected']} answered "
            f"within 30 min; half within {summary['answer_p50_min']} min, all within "
            f"{summary['answer_max_min']} min"
        )
        for outcome in one.falls:
            if not outcome.answered:
                at = outcome.fall.at.isoformat(timespec="seconds")
                kind = "with evidence outside" if outcome.fall.evidence else "silent"
                after = (
                    "nobody was told" if outcome.after_min is None else f"{outcome.after_min} min"
                )
                yield f"      missed: {at} ({kind}): {after}"


def _per(rate: float | None) -> str:
    return "no" if rate is None else f"{rate:g}"


def _draw(folder: Path, recording: Recording, home: HomeFacts | None, scored: Score) -> None:
    from gateway.replay.score import pictures

    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures(recording, home, scored):
        (folder / name).write_text(svg, encoding="utf-8")
