"""`tryggve staff ways|ladder …`: where staff are reached, and who is told of an alarm when.

Both have pages (*Mina larmvägar*, *Larmkedjor*); here they are set up by a script.  Not for: alarm
centres (`centres`), or rotas, which are kept in the page.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands
    from web.staff.ladders.steps import Step


WHO = "assigned, area, role:ROLE, role:ROLE@area, person:EMAIL, team:NAME, centre:NAME"
"""Whom a step may name, as it is typed."""


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    ways = commands.add_parser("ways", help="Where staff are reached.")
    group = ways.add_subparsers(required=True)
    parser = command(group, "add", _ways_add, "Add a number or an address that is surely theirs.")
    parser.add_argument("email", help="the account")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sms", metavar="NUMBER")
    where.add_argument("--mail", metavar="ADDRESS")
    parser = command(group, "list", _ways_list, "Show an account's ways.")
    parser.add_argument("email", help="the account")
    ladder = commands.add_parser("ladder", help="Who is told of an alarm, in what order.")
    group = ladder.add_subparsers(required=True)
    parser = command(group, "add", _ladder_add, "Add a ladder; one that reaches nobody is refused.")
    parser.add_argument("name")
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--severity", choices=("care", "technical"), help="only such alarms")
    parser.add_argument("--area", help="only homes of this area")
    parser.add_argument(
        "--step",
        action="append",
        nargs="+",
        required=True,
        metavar="WORD",
        help=f"seconds, then who: {WHO}; in the order of the steps",
    )


def _ways_add(args: argparse.Namespace) -> int:
    from web.staff.channels import points
    from web.staff.cli.parts import bare_parts
    from web.staff.people import registry

    channel, value = ("sms", args.sms) if args.sms else ("email", args.mail)
    with bare_parts(args) as (parts, _), parts.write() as tx:
        row = registry.account_by(tx.conn, args.email)
        try:
            way = points.add(parts, tx, row.id, channel, value)
        except points.Refused as refused:
            raise UserError(_WRONG_WAY.get(refused.why.value, "It was refused.")) from None
        points.vouch(tx, way, datetime.now(UTC))
    print(f"{args.email}: {value} by {channel}")
    return 0


_WRONG_WAY = {
    "no_number": "That is no telephone number; write it as +46701740605.",
    "no_address": "That is no e-mail address.",
    "too_many": "That account has too many ways already; take one away in its page.",
}


def _ways_list(args: argparse.Namespace) -> int:
    from web.staff.channels import points
    from web.staff.cli.parts import current, print_table
    from web.staff.people import registry

    with current(args) as (_, database), database.read() as conn:
        row = registry.account_by(conn, args.email)
        found = points.of(conn, row.id)
    rows = [
        (
            one.channel,
            one.shown or one.label,
            "gone" if one.gone_at else "" if one.proved_at else "not proved",
        )
        for one in found
    ]
    print_table(("channel", "where", ""), rows, f"{args.email} is reached by open pages only")
    return 0


# --- ladders --------------------------------------------------------------------------------------


def _ladder_add(args: argparse.Namespace) -> int:
    from web.staff import channels
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.ladders import definitions
    from web.staff.ladders.steps import Ladder
    from web.staff.people import registry

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            registry.check_org(conn, args.org)
            steps = tuple(_step(conn, args.org, words) for words in args.step)
            area = None if args.area is None else _named(conn, "area", args.org, args.area)
        wanted = Ladder(id="", name=args.name, steps=steps, severity=args.severity, area=area)
        try:
            made = definitions.save(parts, Operator(args.org), wanted, channels.names())
        except definitions.Refused as refused:
            why = refused.why.value.replace("_", " ")
            about = f" ({refused.about})" if refused.about else ""
            raise UserError(f"The ladder was not saved: {why}{about}.") from None
    print(made)
    return 0


def _step(conn: Any, org: str, words: list[str]) -> Step:
    from pydantic import ValidationError

    from web.staff.ladders.steps import RECEIVERS_MAX, TIMEOUT_MAX_S, TIMEOUT_MIN_S, Step

    seconds, *who = words
    receivers = [_receiver(conn, org, word) for word in who]
    try:
        return Step.model_validate({"timeout_s": seconds, "receivers": receivers})
    except ValidationError as error:
        if error.errors(include_url=False)[0]["loc"][0] == "timeout_s":
            said = f"it begins with whole seconds, {TIMEOUT_MIN_S} to {TIMEOUT_MAX_S}"
        else:
            said = f"behind its seconds stands who, at most {RECEIVERS_MAX}: {WHO}"
        raise UserError(f"The step {' '.join(words)!r} cannot be: {said}.") from None


def _receiver(conn: Any, org: str, word: str) -> dict[str, Any]:
    kind, _, name = word.partition(":")
    if kind == "role":
        role, _, where = name.partition("@")
        return {"kind": "role", "id": role, "area": where == "area"}
    if kind == "person":
        from web.staff.people import registry

        return {"kind": "person", "id": registry.account_by(conn, name).person_id}
    if kind in ("team", "centre"):
        return {"kind": kind, "id": _named(conn, kind, org, name)}
    return {"kind": kind}


def _named(conn: Any, kind: str, org: str, name: str) -> Any:
    """The id of a team, an area or a centre by its name.  Raises `UserError`."""
    from sqlalchemy import select

    from web.staff.storage import tables
    from web.staff.storage.alarm_tables import alarm_centre

    table = {"team": tables.team, "area": tables.area, "centre": alarm_centre}[kind]
    query = select(table.c.id).where(table.c.org_id == org, table.c.name == name)
    found = conn.execute(query).scalar_one_or_none()
    if found is None:
        raise UserError(f"{org} has no {kind} called {name!r}.")
    return found
