"""`tryggve staff centre …`: alarm centres outside, and what they call a home.

Not for: what is sent to them (`web.staff.channels.scaip`), or when (ladders).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands


HOMES_MAX = 1000
"""Homes without a care id that are listed."""


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    centre = commands.add_parser("centre", help="Alarm centres.").add_subparsers(required=True)
    command(centre, "list", _list, "Show the alarm centres, and the homes without a care id.")
    parser = command(centre, "add", _add, "Add an alarm centre (SCAIP), or a program (webhook).")
    parser.add_argument("org", help="id of the organisation")
    parser.add_argument("name", help="what staff call it")
    parser.add_argument("address", help="sip:larm@centre.example;transport=tls, or https://…")
    parser.add_argument("--second", metavar="ADDRESS", help="told where the first does not answer")
    parser = command(centre, "end", _end, "End the use of an alarm centre; ladders pass it over.")
    parser.add_argument("org", help="id of the organisation")
    parser.add_argument("name")
    parser = command(centre, "cid", _cid, "Say what the centre calls a home: its care id, digits.")
    parser.add_argument("org", help="id of the organisation")
    parser.add_argument("home")
    parser.add_argument("cid", help="1 to 16 digits; empty: none")


def _list(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current, print_table
    from web.staff.people import alarm_centres, care_ids

    with current(args) as (_, database), database.read() as conn:
        rows = alarm_centres.known(conn)
        without = {
            org: care_ids.homes_without(conn, org, at_most=HOMES_MAX)
            for org in sorted({row.org_id for row in rows if row.ended_at is None})
        }
    print_table(
        ("org", "centre", "channel", "address", "second", "used"),
        [
            (r.org_id, r.name, r.channel, r.value, r.second_value or "", _used(r.ended_at))
            for r in rows
        ],
        "no alarm centres yet; add one with `tryggve staff centre add`",
    )
    for org, homes in without.items():
        for home, _label in homes:
            print(f"{org}: the home {home} has no care id: `tryggve staff centre cid`")
    return 0


def _used(ended_at: object) -> str:
    return "yes" if ended_at is None else "ended"


def _add(args: argparse.Namespace) -> int:
    from web.staff.channels.webhook import signing_secret
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import alarm_centres, registry
    from web.staff.people.accounts import ABOUT_MAX, Refused, Wrong

    long = f"The alarm centre needs a name of at most {ABOUT_MAX} characters."
    sentences = {
        Wrong.NO_SIP: "Write a centre's address as sip:larm@centre.example;transport=tls.",
        Wrong.EMPTY: long,
        Wrong.TOO_LONG: long,
        Wrong.EXISTS: f"There is an alarm centre {args.name} already; choose another name.",
    }
    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            registry.check_org(conn, args.org)
        try:
            new = alarm_centres.add(parts, Operator(args.org), args.name, args.address, args.second)
        except Refused as refusal:
            raise UserError(sentences[refusal.why]) from refusal
        secret = signing_secret(parts.keys.code_key, new)
    if args.address.startswith("https://"):
        print(
            f"{args.org}: {args.name} is added; put it into a ladder, and set [channels.webhook]."
        )
        print(f"It checks signatures with {secret}; keep that where only it can read it.")
        return 0
    print(f"{args.org}: {args.name} is added; put it into a ladder, and set [channels.scaip].")
    return 0


def _end(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import alarm_centres

    with bare_parts(args) as (parts, _):
        if not alarm_centres.end(parts, Operator(args.org), args.name):
            raise UserError(f"There is no alarm centre {args.name} in use in {args.org}.")
    print(f"{args.org}: {args.name} is no longer used.")
    return 0


def _cid(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import care_ids
    from web.staff.people.accounts import Refused, Wrong

    sentences = {
        Wrong.NOT_FOUND: f"There is no home {args.home} in {args.org}.",
        Wrong.EXISTS: f"Another home of {args.org} has the care id {args.cid}.",
        Wrong.NO_DIGITS: "A care id is 1 to 16 digits.",
    }
    with bare_parts(args) as (parts, _):
        try:
            changed = care_ids.set_cid(parts, Operator(args.org), args.home, args.cid)
        except Refused as refusal:
            raise UserError(sentences[refusal.why]) from refusal
    print(f"{args.home}: {args.cid or 'no care id'}{'' if changed else ' (as before)'}")
    return 0
