"""`tryggve staff second-path …`: whom a home tells by itself when it cannot reach the server.

Not for: whom the server tells.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from web.staff.cli.parts import Command, Commands
    from web.staff.homelink.second_path import Receiver


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own helper."""
    path = commands.add_parser("second-path", help="Whom a home tells without the server.")
    where = path.add_subparsers(required=True)
    parser = command(where, "show", _show, "Show whom a home tells, in their order.")
    parser.add_argument("home")
    parser = command(where, "set", _set, "Let a home tell these, in this order; none: nobody.")
    parser.add_argument("home")
    parser.add_argument(
        "receiver",
        nargs="*",
        help="EMAIL=+46701234567 of a member of staff, or CENTRE-ID=sip:larm@centralen.example; "
        "with ,technical behind it for technical alarms",
    )
    parser.add_argument("--reply", default=None, help="the word to answer with (OK)")
    parser.add_argument(
        "--anew",
        action="store_true",
        help="also in place of one that only a newer version reads",
    )
    parser.add_argument("--wait-s", type=float, default=None, help="seconds to answer (120)")


def _show(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts, require_home
    from web.staff.homelink import second_path

    with bare_parts(args) as (parts, _), parts.db.read() as conn:
        require_home(conn, args.home)
        held = second_path.held_by(conn, args.home)
    if held is None or not held.receivers:
        print(f"{args.home}: tells nobody")
        return 0
    for number, one in enumerate(held.receivers, 1):
        print(f"{number}. {one.id} {one.channel} {one.address} {one.told}")
    print(f"answer {held.reply} within {held.wait_s:g} s; called {held.label or 'by its id'}")
    return 0


def _set(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.homelink import second_path
    from web.staff.storage import event_store

    with bare_parts(args) as (parts, _), parts.write() as tx:
        if not event_store.lock_home(tx.conn, args.home):
            raise UserError(f"there is no home {args.home}; see the page Installation.")
        receivers = [_read(tx.conn, args.home, word) for word in args.receiver]
        changed = second_path.receivers_changed(
            parts,
            tx,
            args.home,
            receivers,
            reply=args.reply or second_path.REPLY,
            wait_s=second_path.WAIT_S if args.wait_s is None else args.wait_s,
            anew=args.anew,
        )
    print(f"{args.home}: {'told' if changed else 'knows it already'}")
    return 0


def _read(conn: Connection, home: str, word: str) -> Receiver:
    """One receiver as it was typed.  Raises `UserError`."""
    from gateway.events import PathChannel, Severity
    from web.staff.homelink.second_path import Receiver, known_receiver

    who, _, rest = word.partition("=")
    address, _, told = rest.partition(",")
    if not address or told not in ("", "technical", "care"):
        raise UserError(f"{word!r} is no receiver; write EMAIL=+46701234567.")
    found = known_receiver(conn, home, who)
    if found is None:
        raise UserError(f"{who} is nobody of the home's organisation.")
    channel = PathChannel.SCAIP if address.startswith(("sip:", "sips:")) else PathChannel.SMS
    return Receiver(found, channel, address, Severity(told or "care"))
