"""`tryggve staff key …` and `tryggve staff revoke`: the server's key for grants, and rights taken
back by hand.

Not for: what the watch does by itself (`web.staff.revoking`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def add_commands(commands: Any, command: Any) -> None:
    """Add the commands; `command` is `web.staff.cli`'s own helper."""
    key = commands.add_parser("key", help="The server's key for grants.")
    made = command(
        key.add_subparsers(required=True),
        "rotate",
        _rotate,
        "Make a new key for grants; homes learn it, signed by the old one.",
    )
    made.add_argument("--keep-hours", type=float, default=72.0, help="of the old key (72)")
    made.add_argument("--clock", type=Path, metavar="FILE", help="the demo's clock")
    made = command(commands, "revoke", _revoke, "Take back what a person can open a home with now.")
    made.add_argument("email")
    made.add_argument("home")
    made.add_argument("--clock", type=Path, metavar="FILE", help="the demo's clock")


@contextmanager
def _parts(args: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """The server's parts without its pages, and its secrets.  A running server hears of what is
    written by NOTIFY, or at its next heartbeat."""
    from gateway.clock import open_clock
    from web.staff.cli_parts import current
    from web.staff.context import Staff
    from web.staff.keys import load_keys
    from web.staff.live import Broker
    from web.staff.notify import make_relay
    from web.staff.secret_files import SecretFiles

    with current(args) as (config, database):
        broker, secrets = Broker(), SecretFiles(config.secrets_dir)
        spec = args.clock or config.clock
        parts = Staff(
            config=config,
            db=database,
            clock=open_clock(None if spec is None else str(spec)),
            broker=broker,
            keys=load_keys(secrets),
            relay=make_relay(database, broker),
        )
        yield parts, secrets


def _rotate(args: argparse.Namespace) -> int:
    from web.staff.key_rotation import rotate

    with _parts(args) as (parts, secrets):
        new = rotate(parts, secrets, keep_hours=args.keep_hours)
        print(f"{new.kid}: made; restart the server, which signs with the old key until then")
        print(f"homes accept the old key for {args.keep_hours:g} hours more")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    from sqlalchemy import select

    from gateway.errors import UserError
    from web.staff import revoking, tables
    from web.staff.auth import normal_address

    with _parts(args) as (parts, _):
        address, u = normal_address(args.email), tables.user.c
        with parts.db.read() as conn:
            person = conn.execute(
                select(u.person_id).where(u.email == address)
            ).scalar_one_or_none()
        if person is None:
            raise UserError(f"There is no account {address}.")
        with parts.write() as tx:
            count = revoking.revoke_person(parts, tx, args.home, person)
        print(f"{count} revoked; end the assignment too, or new ones can be had")
    return 0
