"""`tryggve staff user|role|assign …`: accounts, what each may do, and in which homes.

What takes something away takes it at once: open pages lose it, and doors are told.  Not for: teams
and areas (`teams`), or what a person does with their own account (the page *Mitt konto*).
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands
    from web.staff.core.context import Staff
    from web.staff.core.rights import Role


LINE_MAX = 10_000
"""Characters of a password that are read: far beyond the longest that is taken."""


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own way to add one."""
    user = commands.add_parser("user", help="Accounts of staff.").add_subparsers(required=True)
    parser = command(user, "add", _user_add, "Add an account; its password is asked for.")
    parser.add_argument("email")
    parser.add_argument("--name", required=True)
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--role", action="append", required=True, help="may be given several times")
    parser.add_argument("--home", action="append", default=[], help="assign to this home")
    parser.add_argument("--password-stdin", action="store_true", help="read it from standard input")
    parser = command(user, "list", _user_list, "Show accounts with roles, teams and homes.")
    parser.add_argument("--org", help="only those of this organisation")
    for name, run, help_text in (
        ("close", _user_close, "Close an account: signed out everywhere, and no door opens."),
        ("open", _user_open, "Open a closed account again."),
    ):
        command(user, name, run, help_text).add_argument("email")
    role = commands.add_parser("role", help="Roles.").add_subparsers(required=True)
    command(role, "list", _role_list, "Show the roles, and what each may do.")
    for name, run, help_text in (
        ("give", _role_give, "Give an account one or more roles."),
        ("take", _role_take, "Take roles away: at once, also on open pages and at doors."),
    ):
        parser = command(role, name, run, help_text)
        parser.add_argument("email")
        parser.add_argument("role", nargs="+")
    parser = command(commands, "assign", _assign, "Assign an account to a home.")
    parser.add_argument("email")
    parser.add_argument("home")
    parser.add_argument("--remove", action="store_true", help="end the assignment")


def roles_of(names: Iterable[str]) -> list[Role]:
    """The roles of these names.  Raises `UserError`."""
    from web.staff.core.rights import Role

    known = {role.value: role for role in Role}
    for name in names:
        if name not in known:
            raise UserError(f"The role {name} is not known; there are {', '.join(sorted(known))}.")
    return [known[name] for name in names]


# --- handlers -------------------------------------------------------------------------------------


def _user_add(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry
    from web.staff.signin.passwords import make_hasher

    roles = roles_of(args.role)
    with bare_parts(args) as (parts, secrets):
        hasher = make_hasher(parts.config, secrets)
        password = _ask_password(args.password_stdin)
        registry.check_password(password)
        person = registry.add_user(
            parts.db,
            args.email,
            name=args.name,
            org=args.org,
            roles=roles,
            password_hash=hasher(password),
            now=parts.clock.now(),
            homes=args.home,
        )
        with parts.write() as tx:
            accounts.note(parts, tx, Operator(args.org), "added", person)
    print(person)
    return 0


def _ask_password(stdin: bool) -> str:
    if stdin:
        return _read_line()
    if sys.stdin is None or not sys.stdin.isatty():
        raise UserError("There is no terminal to ask for a password; give it by --password-stdin.")
    try:
        first = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError:
        raise UserError("No password was given.") from None
    if again != first:
        raise UserError("The two passwords differ.")
    return first


def _read_line() -> str:
    """The password on standard input, which nobody may have opened, or which may be no text.
    Raises `UserError`."""
    if sys.stdin is None:
        raise UserError("There is no standard input to read a password from.")
    try:
        return sys.stdin.readline(LINE_MAX).rstrip("\n")
    except UnicodeDecodeError as error:
        raise UserError("The password on standard input is no text in UTF-8.") from error


def _user_list(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current, print_table
    from web.staff.people import registry, roster

    with current(args) as (_, database), database.read() as conn:
        if args.org is not None:
            registry.check_org(conn, args.org)
        listed = roster.accounts(conn, args.org)
    print_table(
        ("account", "person", "name", "org", "roles", "teams", "homes", ""),
        [
            (
                one.email,
                one.person,
                one.name,
                one.org,
                ", ".join(one.roles),
                ", ".join(one.teams),
                ", ".join(one.homes),
                "" if one.active else "closed",
            )
            for one in listed
        ],
        "no accounts yet; make one with `tryggve staff user add`",
    )
    return 0


def _user_close(args: argparse.Namespace) -> int:
    return _set_active(args, False)


def _user_open(args: argparse.Namespace) -> int:
    return _set_active(args, True)


def _set_active(args: argparse.Namespace, active: bool) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            row = registry.account_by(conn, args.email)
        accounts.set_active(parts, Operator(row.org_id), row.person_id, active)
        print(f"{row.email}: {'open' if active else 'closed, and signed out everywhere'}")
        _warn_of_no_administrator(parts, row.org_id)
    return 0


def _role_list(_args: argparse.Namespace) -> int:
    from web.staff.cli.parts import print_table
    from web.staff.core.rights import RIGHTS, Role

    rows = [(role.value, ", ".join(sorted(RIGHTS[role]))) for role in Role]
    print_table(("role", "may"), rows, "")
    return 0


def _role_give(args: argparse.Namespace) -> int:
    return _change_roles(args, lambda had, named: had | named)


def _role_take(args: argparse.Namespace) -> int:
    return _change_roles(args, lambda had, named: had - named)


def _change_roles(
    args: argparse.Namespace, change: Callable[[set[Role], set[Role]], set[Role]]
) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry, roster

    named = set(roles_of(args.role))
    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            row = registry.account_by(conn, args.email)
        changed = accounts.pick_roles(
            parts, Operator(row.org_id), row.person_id, lambda had: change(had, named)
        )
        with parts.db.read() as conn:
            (now,) = roster.accounts(conn, row.org_id, row.person_id)
        print_change(row.email, now.roles, "no role", changed)
        _warn_of_no_administrator(parts, row.org_id)
    return 0


def _warn_of_no_administrator(parts: Staff, org: str) -> None:
    from web.staff.core.rights import Role
    from web.staff.people import roster

    with parts.db.read() as conn:
        if not any(
            one.active and Role.ADMINISTRATOR in one.roles for one in roster.accounts(conn, org)
        ):
            print(
                f"nobody administers {org} now: `tryggve staff role give EMAIL administrator`",
                file=sys.stderr,
            )


def _assign(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry, roster

    with bare_parts(args) as (parts, _):
        with parts.db.read() as conn:
            row = registry.account_by(conn, args.email)
            registry.check_home(conn, row.org_id, args.home)
        home = {args.home}
        changed = accounts.pick_homes(
            parts,
            Operator(row.org_id),
            row.person_id,
            lambda had: had - home if args.remove else had | home,
        )
        with parts.db.read() as conn:
            (now,) = roster.accounts(conn, row.org_id, row.person_id)
        print_change(row.email, now.homes, "no home", changed)
        if args.remove and args.home in now.homes:
            print(f"{args.home} stays by the team: {', '.join(now.teams)}", file=sys.stderr)
    return 0


def print_change(what: str, has: Sequence[str], nothing: str, changed: bool) -> None:
    """Say what is so now, and whether it was so already."""
    print(f"{what}: {', '.join(has) or nothing}{'' if changed else ' (as before)'}")
