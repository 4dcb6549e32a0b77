"""`tryggve staff org …`: the organisations of this server, and what each sets for itself.

Not for: making one (`home add --org-name` does), or people.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    org = commands.add_parser("org", help="Organisations.").add_subparsers(required=True)
    command(org, "list", _org_list, "Show the organisations, with what each sets.")
    parser = command(
        org,
        "grace",
        _org_grace,
        "Say for how many hours from a first sign-in a password alone is enough.",
    )
    parser.add_argument("org", help="id of the organisation")
    parser.add_argument("hours", type=int, help="0: a passkey or codes at once")


def _org_list(args: argparse.Namespace) -> int:
    from sqlalchemy import select

    from web.staff.cli.parts import current, print_table
    from web.staff.storage import tables

    o = tables.organisation.c
    with current(args) as (_, database), database.read() as conn:
        rows = conn.execute(select(o.id, o.name, o.factor_grace_h).order_by(o.id)).all()
    print_table(
        ("org", "name", "a password alone is enough for"),
        [(row.id, row.name, f"{row.factor_grace_h} h") for row in rows],
        "no organisations yet; make one with `tryggve staff home add … --org-name`",
    )
    return 0


def _org_grace(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry
    from web.staff.signin.grace import HOURS_MAX

    if not 0 <= args.hours <= HOURS_MAX:
        raise UserError(f"The hours are 0 (at once) to {HOURS_MAX}.")
    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            registry.check_org(conn, args.org)
        changed = accounts.set_grace(parts, Operator(args.org), args.hours)
    print(f"{args.org}: {args.hours} h{'' if changed else ' (as before)'}")
    return 0
