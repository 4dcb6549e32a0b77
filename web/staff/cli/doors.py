"""`tryggve staff key …` and `tryggve staff revoke`: the server's key for grants, and rights taken
back by hand.

Not for: what the watch does by itself (`web.staff.doors.revocation`).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own helper."""
    key = commands.add_parser("key", help="The server's key for grants.")
    parser = command(
        key.add_subparsers(required=True),
        "rotate",
        _rotate,
        "Make a new key for grants; homes learn it, signed by the old one.",
    )
    parser.add_argument("--keep-hours", type=float, default=72.0, help="of the old key (72)")
    parser = command(
        commands, "revoke", _revoke, "Take back what a person can open a home with now."
    )
    parser.add_argument("email")
    parser.add_argument("home")


def _rotate(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.homelink.key_rotation import rotate

    with bare_parts(args) as (parts, secrets):
        new = rotate(parts, secrets, keep_hours=args.keep_hours)
        print(f"{new.kid}: made; restart the server, which signs with the old key until then")
        print(f"homes accept the old key for {args.keep_hours:g} hours more")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts, require_home
    from web.staff.doors import revocation
    from web.staff.people.registry import account_by

    with bare_parts(args) as (parts, _), parts.write() as tx:
        account = account_by(tx.conn, args.email)
        require_home(tx.conn, args.home)
        count = revocation.revoke_person(parts, tx, args.home, account.person_id)
    print(f"{count} revoked; end the assignment too, or new ones can be had")
    return 0
