"""`tryggve staff tracker …`: transponders of residents, and their tokens.

Not for: consent and zones (the page *Platser*), which somebody has to see before them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    of = commands.add_parser("tracker", help="Transponders of residents.")
    tracker = of.add_subparsers(required=True)
    parser = command(tracker, "add", _add, "Add a transponder, and print its token once.")
    parser.add_argument("home")
    parser.add_argument("resident", help="person id of the resident")
    parser.add_argument("name", help="what staff call it")
    parser.add_argument(
        "--silent-after-h", type=int, default=12, help="hours of silence until a technician is told"
    )
    command(tracker, "list", _list, "Show the transponders.")
    parser = command(tracker, "revoke", _revoke, "Make a transponder's token void.")
    parser.add_argument("tracker")


def _add(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people.accounts import Refused
    from web.staff.places import planning

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            org = planning.org_of(conn, args.home)
        try:
            token = planning.add_tracker(
                parts, Operator(org or ""), args.home, args.resident, args.name, args.silent_after_h
            )
        except Refused as refusal:
            raise UserError(f"It was not added: {SENTENCES[refusal.why.value]}.") from refusal
    print(token)
    return 0


SENTENCES = {
    "not_found": "there is no such home, or no such resident in it",
    "empty": "its name is empty",
    "too_long": "its name is too long",
    "out_of_range": "the hours of silence are 1 to 336",
    "exists": "the resident has as many as there may be; revoke one first",
}


def _list(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current, print_table
    from web.staff.places import planning

    with current(args) as (_, database), database.read() as conn:
        rows = planning.listed(conn)
    print_table(
        ("tracker", "home", "resident", "name", "heard", ""),
        [
            (
                row.id,
                row.home_id,
                row.resident,
                row.name,
                "never" if row.heard_at is None else f"{row.heard_at:%Y-%m-%d %H:%M}Z",
                "" if row.revoked_at is None else "revoked",
            )
            for row in rows
        ],
        "no transponders yet; make one with `tryggve staff tracker add`",
    )
    return 0


def _revoke(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.places import planning

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            row = next((one for one in planning.listed(conn) if one.id == args.tracker), None)
            org = None if row is None else planning.org_of(conn, row.home_id)
        if row is None or org is None or row.revoked_at is not None:
            raise UserError(f"There is no transponder {args.tracker} that is in use.")
        planning.revoke_tracker(parts, Operator(org), row.home_id, args.tracker)
    print(f"{args.tracker}: its token is void")
    return 0
