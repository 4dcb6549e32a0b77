"""`tryggve staff team|area …`: who works together, and in which homes.

A team covers areas, an area holds homes: whoever is in the team is assigned to all of them.  Not
for: one person's own homes (`assign`), or rights (`role`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.errors import UserError
from web.staff.cli.people import print_change

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands, Handler
    from web.staff.core.context import Staff
    from web.staff.core.rights import Operator
    from web.staff.people.roster import Group

Change = Callable[[set[int], set[int]], set[int]]


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""

    def of_org(
        where: Commands, name: str, run: Handler, text: str, *words: str, more: str = ""
    ) -> None:
        parser = command(where, name, run, text)
        for word in words:
            parser.add_argument(word)
        if more:
            parser.add_argument(more, nargs="+")
        parser.add_argument("--org", required=True, help="id of the organisation")

    team = commands.add_parser("team", help="Teams.").add_subparsers(required=True)
    of_org(team, "add", _team_add, "Add a team.", "name")
    of_org(team, "list", _team_list, "Show the teams, with members and areas.")
    of_org(team, "join", _team_join, "Put accounts into a team.", "team", more="email")
    of_org(team, "leave", _team_leave, "Take accounts out of a team.", "team", more="email")
    of_org(team, "cover", _team_cover, "Let a team cover areas.", "team", more="area")
    of_org(team, "uncover", _team_uncover, "End that.", "team", more="area")
    area = commands.add_parser("area", help="Areas.").add_subparsers(required=True)
    of_org(area, "add", _area_add, "Add an area.", "name")
    of_org(area, "list", _area_list, "Show the areas, with homes and teams.")
    of_org(area, "put", _area_put, "Put homes into an area (out of another).", "area", more="home")
    of_org(area, "clear", _area_clear, "Take homes out of an area.", "area", more="home")


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[Staff, Operator]]:
    """The server's parts, and who changes something in this organisation.  Raises `UserError`."""
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import registry

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            registry.check_org(conn, args.org)
        yield parts, Operator(args.org)


def _add(args: argparse.Namespace, kind: str) -> int:
    from web.staff.people import accounts

    with _opened(args) as (parts, by):
        try:
            accounts.add_group(parts, by, kind, args.name)
        except accounts.Refused as refusal:
            said = {
                accounts.Wrong.EXISTS: f"The organisation {args.org} has the {kind} {args.name} "
                "already.",
                accounts.Wrong.TOO_LONG: f"A name has at most {accounts.ABOUT_MAX} characters.",
            }
            raise UserError(said.get(refusal.why, f"The {kind} needs a name.")) from refusal
    print(f"{args.name.strip()}: made")
    return 0


def _join(had: set[int], named: set[int]) -> set[int]:
    return had | named


def _part(had: set[int], named: set[int]) -> set[int]:
    return had - named


def _members(args: argparse.Namespace, change: Change) -> int:
    from web.staff.people import accounts, registry, roster

    with _opened(args) as (parts, by):
        with parts.db.read() as conn:
            team = registry.group_by(conn, "team", args.org, args.team)
            rows = [registry.account_by(conn, email, args.org) for email in args.email]
        changed = [
            accounts.pick_teams(parts, by, row.person_id, lambda had: change(had, {team}))
            for row in rows
        ]
        with parts.db.read() as conn:
            _tell(args.team, roster.teams(conn, args.org), "nobody", any(changed))
    return 0


def _covers(args: argparse.Namespace, change: Change) -> int:
    from web.staff.people import accounts, registry, roster

    with _opened(args) as (parts, by):
        with parts.db.read() as conn:
            team = registry.group_by(conn, "team", args.org, args.team)
            areas = {registry.group_by(conn, "area", args.org, name) for name in args.area}
        changed = accounts.pick_team_areas(parts, by, team, lambda had: change(had, areas))
        with parts.db.read() as conn:
            (one,) = [one for one in roster.teams(conn, args.org) if one.name == args.team.strip()]
        print_change(one.name, one.covers, "no area", changed)
    return 0


def _homes(args: argparse.Namespace, *, inside: bool) -> int:
    from web.staff.people import accounts, registry, roster

    with _opened(args) as (parts, by):
        with parts.db.read() as conn:
            area = registry.group_by(conn, "area", args.org, args.area)
            for home in args.home:
                registry.check_home(conn, args.org, home)
            now = {one.name: one.inside for one in roster.areas(conn, args.org)}
        here = now[args.area.strip()]
        changed = [
            accounts.set_home_area(parts, by, home, area if inside else None)
            for home in args.home
            if inside or home in here
        ]
        with parts.db.read() as conn:
            _tell(args.area, roster.areas(conn, args.org), "no home", any(changed))
    return 0


def _tell(name: str, groups: Sequence[Group], nothing: str, changed: bool) -> None:
    (one,) = [one for one in groups if one.name == name.strip()]
    print_change(one.name, one.inside, nothing, changed)


def _list(args: argparse.Namespace, kind: str, heads: tuple[str, str, str]) -> int:
    from web.staff.cli.parts import current, print_table
    from web.staff.people import registry, roster

    with current(args) as (_, database), database.read() as conn:
        registry.check_org(conn, args.org)
        groups = (roster.teams if kind == "team" else roster.areas)(conn, args.org)
    rows = [(one.name, ", ".join(one.inside), ", ".join(one.covers)) for one in groups]
    print_table(heads, rows, f"no {kind}s yet; make one with `tryggve staff {kind} add`")
    return 0


# --- handlers -------------------------------------------------------------------------------------


def _team_add(args: argparse.Namespace) -> int:
    return _add(args, "team")


def _team_list(args: argparse.Namespace) -> int:
    return _list(args, "team", ("team", "members", "areas"))


def _team_join(args: argparse.Namespace) -> int:
    return _members(args, _join)


def _team_leave(args: argparse.Namespace) -> int:
    return _members(args, _part)


def _team_cover(args: argparse.Namespace) -> int:
    return _covers(args, _join)


def _team_uncover(args: argparse.Namespace) -> int:
    return _covers(args, _part)


def _area_add(args: argparse.Namespace) -> int:
    return _add(args, "area")


def _area_list(args: argparse.Namespace) -> int:
    return _list(args, "area", ("area", "homes", "teams"))


def _area_put(args: argparse.Namespace) -> int:
    return _homes(args, inside=True)


def _area_clear(args: argparse.Namespace) -> int:
    return _homes(args, inside=False)
