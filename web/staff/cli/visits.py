"""`tryggve staff plan|token|tag|visits|access …`: the plan in, visits and the access log out.

Not for: what the pages do better (corrections, approval, checking a sample).
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.errors import UserError
from web.staff.storage.among import among

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from web.staff.cli.parts import Command, Commands
    from web.staff.core.context import Staff


FILE_MAX_BYTES = 50_000_000
"""Of a plan that is read: 20,000 visits are some 4 MB, and a device that never ends is no file."""


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    plan = commands.add_parser("plan", help="The plan.").add_subparsers(required=True)
    parser = command(plan, "import", _plan_import, "Bring a plan in: a CSV or an iCalendar file.")
    parser.add_argument(
        "file", type=Path, help="ends with .csv or .ics; `-` reads CSV from the input"
    )
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--source", help="what the plan's system is called (the kind of the file)")
    parser.add_argument("--home", help="the home of an iCalendar file's events that name none")
    parser.add_argument(
        "--days", nargs=2, type=_day, metavar=("FROM", "TO"),
        help="this is all there is in these days (TO included): what is not named is taken out",
    )  # fmt: skip
    token = commands.add_parser("token", help="Tokens for the API.").add_subparsers(required=True)
    for name, run, help_text in (
        ("add", _token_add, "Make a token for POST /api/v1/plan; it is shown once."),
        ("revoke", _token_revoke, "Make tokens of this name void."),
    ):
        parser = command(token, name, run, help_text)
        parser.add_argument("name", help="what you call it")
        parser.add_argument("--org", required=True, help="id of the organisation")
    tag = commands.add_parser("tag", help="Tags at doors.").add_subparsers(required=True)
    parser = command(tag, "add", _tag_add, "Make the link of an NFC or QR tag; it is shown once.")
    parser.add_argument("home")
    parser.add_argument("--url", required=True, help="the server's address, as https://…")
    parser = command(tag, "revoke", _tag_revoke, "Make every tag of a home void.")
    parser.add_argument("home")
    visits = commands.add_parser("visits", help="Visits.").add_subparsers(required=True)
    parser = command(visits, "export", _visits_export, "Write visits as CSV or FHIR R4.")
    _add_span(parser)
    parser.add_argument("--form", choices=("csv", "fhir"), default="csv")
    parser = command(visits, "lock", _visits_lock, "From now on nothing changes before a day.")
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--before", required=True, type=_day, help="the first day that stays open")
    access = commands.add_parser("access", help="The access log.").add_subparsers(required=True)
    _add_span(command(access, "export", _access_export, "Write the access log as CSV."))
    parser = command(access, "sample", _access_sample, "Draw a month's sample.")
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--month", required=True, help="as 2026-10")


def _add_span(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--from", dest="first", required=True, type=_day, help="as 2026-11-01")
    parser.add_argument("--to", dest="last", required=True, type=_day, help="this day too")
    parser.add_argument("--out", type=Path, required=True, help="the file to write (mode 0600)")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-11-24") from error


def _midnight(day: date) -> datetime:
    from web.staff.core.i18n import ZONE

    return datetime.combine(day, time(), ZoneInfo(ZONE))


def _span(args: argparse.Namespace) -> tuple[datetime, datetime]:
    return _days(args.first, args.last)


def _days(first: date, last: date) -> tuple[datetime, datetime]:
    if last < first:
        raise UserError(f"The span ends ({last}) before it begins ({first}).")
    if last.year > date.max.year - 1:
        raise UserError(f"The span ends in the year {last.year}.")
    return _midnight(first), _midnight(last + timedelta(days=1))


def _homes(conn: Connection, org: str) -> list[str]:
    from web.staff.audit.access_log import homes_of

    homes = homes_of(conn, org)
    if not homes:
        raise UserError(f"There is no organisation {org} with homes.")
    return homes


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_bytes(data)


# --- handlers -------------------------------------------------------------------------------------


def _given(path: Path) -> bytes:
    """The file's bytes, or those of standard input.  Raises `UserError`, and OSError."""
    if str(path) != "-":
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    elif sys.stdin is None:  # whoever began us closed it
        raise UserError("There is no standard input to read.")
    else:
        data = sys.stdin.buffer.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise UserError(f"{path}: a plan has at most {FILE_MAX_BYTES // 1_000_000} MB.")
    return data


def _plan_import(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.i18n import ZONE
    from web.staff.visits import plan_ical, plan_reading, plan_store

    try:
        data = _given(args.file)
    except OSError as error:
        raise UserError(f"{args.file}: it cannot be read ({error.strerror}).") from error
    ical = args.file.suffix.lower() in (".ics", ".ical")
    span = None if args.days is None else _days(*args.days)
    if args.home is not None and not ical:
        raise UserError("--home is for iCalendar; in a CSV file each line names its home.")
    with bare_parts(args) as (parts, _):
        now = parts.clock.now()
        with parts.db.read() as conn:
            sent = plan_reading.read(
                conn,
                args.org,
                data,
                ical=ical,
                now=now,
                source=args.source or None,
                home=args.home,
                span=span,
            )
        with parts.write() as tx:
            _homes(tx.conn, args.org)
            done, _before = plan_store.store(parts, tx, args.org, sent)
    print(
        f"{done.added} added, {done.changed} changed, {done.unchanged} unchanged, "
        f"{done.withdrawn} taken out"
    )
    if ical:
        days = plan_ical.days_of(now, span)
        first, last = (at.astimezone(ZoneInfo(ZONE)) for at in days)
        print(f"what repeats is written out from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}")
    return 0


def _token_add(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current
    from web.staff.visits.plan_api import TOKEN_DAYS, make_token

    with current(args) as (_, database):
        with database.read() as conn:
            _homes(conn, args.org)
        print(make_token(database, args.org, args.name, datetime.now(UTC)))
    print(f"is shown this once, and works for {TOKEN_DAYS} days", file=sys.stderr)
    return 0


def _token_revoke(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current
    from web.staff.visits.plan_api import revoke_tokens

    with current(args) as (_, database):
        if not revoke_tokens(database, args.org, args.name, datetime.now(UTC)):
            raise UserError(f"The organisation {args.org} has no token {args.name}.")
    return 0


def _tag_add(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import staff_parts
    from web.staff.visits.visit_actions import make_tag

    if not args.url.startswith(("https://", "http://")):
        raise UserError("The server's address begins with https://.")
    with staff_parts(args) as parts:
        _home(parts, args.home)
        print(f"{args.url.rstrip('/')}/t/{make_tag(parts, args.home)}")
    return 0


def _tag_revoke(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import staff_parts
    from web.staff.visits.visit_actions import revoke_tags

    with staff_parts(args) as parts:
        _home(parts, args.home)
        print(f"{revoke_tags(parts, args.home)} tags are void")
    return 0


def _home(parts: Staff, home: str) -> None:
    from web.staff.cli.parts import require_home

    with parts.db.read() as conn:
        require_home(conn, home)


def _visits_export(args: argparse.Namespace) -> int:
    from sqlalchemy import select

    from web.staff.cli.parts import staff_parts
    from web.staff.storage import tables
    from web.staff.visits import visit_export

    start, end = _span(args)
    with staff_parts(args) as parts, parts.db.read() as conn:
        homes, now = _homes(conn, args.org), parts.clock.now()
        tolerance = timedelta(minutes=parts.config.visits.tolerance_min)
        days = visit_export.read_days(conn, homes, start, end, now=now, tolerance=tolerance)
        h, r = tables.home.c, tables.resident.c
        if args.form == "csv":
            rows = conn.execute(select(h.id, h.timezone).where(h.org_id == args.org))
            data = visit_export.to_csv(days, {row.id: row.timezone for row in rows})
        else:
            rows = conn.execute(select(r.home_id, r.id).where(among(r.home_id, homes)))
            bundle = visit_export.to_fhir(days, {row.home_id: row.id for row in rows}, at=now)
            data = json.dumps(bundle, ensure_ascii=False, indent=1).encode()
    _write(args.out, data)
    print(f"{args.out}: {len(days.lines)} lines")
    return 0


def _visits_lock(args: argparse.Namespace) -> int:
    from web.staff.care.actions import Refused
    from web.staff.cli.parts import staff_parts
    from web.staff.visits.visit_actions import lock

    with staff_parts(args) as parts:
        with parts.db.read() as conn:
            homes = _homes(conn, args.org)
        try:
            moved = lock(parts, None, homes, _midnight(args.before))
        except Refused as error:
            raise UserError(f"{args.before} has not been yet; choose a day that has.") from error
    print(f"locked before {args.before} in {moved} homes")
    return 0


def _access_export(args: argparse.Namespace) -> int:
    from web.staff.audit import access_log
    from web.staff.audit.access_export import to_csv
    from web.staff.cli.parts import staff_parts

    start, end = _span(args)
    with staff_parts(args) as parts, parts.db.read() as conn:
        homes = _homes(conn, args.org)
        rows = access_log.read(conn, homes, max(start, access_log.keeps_from(parts)), end)
    _write(args.out, to_csv(rows, args.org))
    print(f"{args.out}: {len(rows)} rows")
    return 0


def _access_sample(args: argparse.Namespace) -> int:
    from web.staff.audit import access_log
    from web.staff.cli.parts import staff_parts

    try:
        access_log.month_span(args.month)
    except ValueError as error:
        raise UserError(f"{args.month!r} is no month; write it as 2026-10.") from error
    with staff_parts(args) as parts:
        done = access_log.draw(parts, args.org, args.month)
    if done is None:
        raise UserError(f"The access log of {args.org} has no rows in {args.month}.")
    print(done.ref)
    return 0
