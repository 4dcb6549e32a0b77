"""`tryggve staff …`: the staff server's command line.

Each handler returns an exit status: 0 done, 1 something is wrong, 2 what was given is wrong (one
sentence).  Not for: what a page can do better.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TryggveError, UserError
from web.staff.cli import (
    centres,
    doors,
    first,
    organisations,
    people,
    places,
    reach,
    releases,
    second_path,
    teams,
    visits,
)
from web.staff.cli.parts import Handler
from web.staff.cli.parts import current as _current
from web.staff.cli.parts import database as _database
from web.staff.core.config import DEFAULT_PATH, load_config, parse_config, require_public_url

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands

TEMPLATE = """\
# The staff server of Tryggve.  Paths are relative to this file.
database = {database}
secrets_dir = "secrets"
{more}
[listen]
host = "127.0.0.1"
port = 8080
{proxied}{sign_in}"""

PROXIED = """\
trusted_proxies = 1  # what speaks HTTPS for it here, as in the package's example nginx.conf
"""

PACKAGED = "sqlite:////var/lib/tryggve-staff/staff.db"
"""The database of a server that is configured where the package's unit reads: the unit writes
nowhere else."""

PUSH = """
[channels.push]  # alarms on phones whose page is closed; nothing is to be set
"""

NO_SECOND_FACTOR = """
[sign_in]
second_factor_roles = []  # a try at home: otherwise everybody needs one after the first day
"""


def add_commands(commands: Commands) -> None:
    """Add the commands to the subparsers of `tryggve staff`; each sets `run` to its handler."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help=f"({DEFAULT_PATH})"
    )

    def command(
        where: Commands, name: str, run: Handler, help_text: str
    ) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = where.add_parser(
            name, parents=[common], help=help_text, description=help_text
        )
        parser.set_defaults(run=run)
        return parser

    parser = command(commands, "init", _init, "Make a configuration, secrets and a database.")
    parser.add_argument("--database", help=f"its URL ({PACKAGED}; with --config beside that file)")
    parser.add_argument(
        "--public-url", metavar="URL", help="what people and homes call it: https://NAME"
    )
    parser.add_argument(
        "--plain-http", action="store_true", help="cookies also without HTTPS, for a try at home"
    )
    parser.add_argument(
        "--no-second-factor",
        action="store_true",
        help="a password is enough for everybody, for a try at home",
    )
    parser.add_argument("--clock", type=Path, metavar="FILE", help="the demo's clock")
    parser = command(commands, "run", _run, "Serve.")
    parser.add_argument("--host", help="instead of listen.host")
    parser.add_argument("--port", type=int, help="instead of listen.port")
    command(commands, "migrate", _migrate, "Bring the database to this version's schema.")
    parser = command(commands, "rebuild", _rebuild, "Make what pages show anew from the events.")
    parser.add_argument("home", nargs="?", help="only this home")
    command(commands, "check", _check, "Check configuration, secrets, database and chains.")
    parser = command(commands, "enroll-code", _enroll_code, "Make a one-time code for a gateway.")
    parser.add_argument("home")
    _add_home_commands(commands, command)
    first.add_commands(commands, command)
    organisations.add_commands(commands, command)
    people.add_commands(commands, command)
    teams.add_commands(commands, command)
    visits.add_commands(commands, command)
    doors.add_commands(commands, command)
    second_path.add_commands(commands, command)
    places.add_commands(commands, command)
    centres.add_commands(commands, command)
    reach.add_commands(commands, command)
    releases.add_commands(commands, command)


def _add_home_commands(commands: Commands, command: Command) -> None:
    home = commands.add_parser("home", help="Homes.").add_subparsers(required=True)
    parser = command(home, "add", _home_add, "Add a home.")
    parser.add_argument("home", help="its id: small letters, digits and dashes")
    parser.add_argument("--label", required=True, help="what staff call it")
    parser.add_argument("--org", required=True, help="id of the organisation")
    parser.add_argument("--org-name", help="makes the organisation")
    parser.add_argument("--address", default="")
    parser.add_argument("--timezone", default="Europe/Stockholm")
    parser.add_argument("--fallback", default="", help="what to do when nothing works")
    parser.add_argument("--resident", nargs=2, metavar=("PERSON_ID", "NAME"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tryggve staff")
    add_commands(parser.add_subparsers(required=True))
    args = parser.parse_args(argv)
    run: Handler = args.run
    try:
        return run(args)
    except UserError as error:
        print(error.text, file=sys.stderr)
        return 2


# --- handlers -------------------------------------------------------------------------------------


def _init(args: argparse.Namespace) -> int:
    from web.staff.core.secret_files import SecretFiles
    from web.staff.storage.database import parse_url

    path: Path = args.config
    if path.exists():
        config = load_config(path)
        _require_same(args, path)
        print(f"{path}: kept as it is")
    else:
        text = _first_file(args)
        config = parse_config(text, path)  # before it is written: who corrects it says it anew
        parse_url(config.database, file=str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # it may hold a password
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UserError(f"{path}: it cannot be made ({error.strerror}).") from error
        print(f"{path}: made")
    for name in SecretFiles(config.secrets_dir).make_missing():
        print(f"{config.secrets_dir / name}: made; keep a copy where only you can read it")
    _migrate(args)
    print("Next: `tryggve staff run`, which says where the first administrator is made.")
    return 0


def _require_same(args: argparse.Namespace, path: Path) -> None:
    """Raise `UserError` when something else is asked for than what the kept file says."""
    says = tomllib.loads(path.read_text("utf-8"))
    asked = {"database": args.database, "public_url": (args.public_url or "").rstrip("/")}
    for key, value in asked.items():
        if value and value != says.get(key):
            raise UserError(
                f"{path}: it is there already and does not say {key} = {json.dumps(value)}; "
                "write that into it, then run this again."
            )


def _first_file(args: argparse.Namespace) -> str:
    more = "secure_cookies = false\n" if args.plain_http else ""
    if args.public_url is not None:
        more += f"public_url = {json.dumps(args.public_url.rstrip('/'))}\n"
    if args.clock is not None:
        more += f"clock = {json.dumps(str(args.clock.resolve()))}\n"
    is_secure = (args.public_url or "").startswith("https:")
    usual = PACKAGED if args.config == DEFAULT_PATH else "sqlite:///staff.db"
    sign_in = NO_SECOND_FACTOR if args.no_second_factor else ""
    return TEMPLATE.format(
        database=json.dumps(args.database or usual),
        more=more,
        proxied=PROXIED if is_secure else "",
        sign_in=sign_in + (PUSH if is_secure else ""),
    )


def _run(args: argparse.Namespace) -> int:
    from web.staff.core.keys import load_keys
    from web.staff.core.secret_files import ALL, SecretFiles

    with _current(args) as (config, database):
        secrets = SecretFiles(config.secrets_dir)
        for name in ALL:  # one sentence here, rather than a worker that will not boot
            secrets.read(name)
        keys = load_keys(secrets)
        require_public_url(config, str(args.config))
        listen = config.listen
        if args.host is not None:
            listen = listen.model_copy(update={"host": args.host})
        if args.port is not None:
            if not 0 < args.port < 65536:
                raise UserError(f"--port {args.port}: a port is 1 to 65535.")
            listen = listen.model_copy(update={"port": args.port})
        served = config.model_copy(update={"listen": listen})
        first.announce(served, database, keys)
    from web.staff.runtime.serve import serve

    serve(served)
    return 0


def _migrate(args: argparse.Namespace) -> int:
    from web.staff.people.registry import add_roles
    from web.staff.storage.migrate import migrate, revision_of

    with _database(args) as (_, database):
        try:
            migrate(database)
        except OSError as error:
            raise UserError(f"The database does not answer ({error}).") from error
        add_roles(database)
        print(f"schema {revision_of(database)}")
    return 0


def _rebuild(args: argparse.Namespace) -> int:
    from sqlalchemy import select

    from web.staff.events.projections.rebuild import rebuild_home
    from web.staff.storage import tables

    with _current(args) as (_, database):
        with database.read() as conn:
            homes = list(
                conn.execute(select(tables.home.c.id).order_by(tables.home.c.id)).scalars()
            )
        if args.home is not None:
            if args.home not in homes:
                raise UserError(f"There is no home {args.home}.")
            homes = [args.home]
        for home in homes:
            with database.write() as tx:
                count = rebuild_home(tx.conn, home)
            print(f"{home}: {count} events folded")
    return 0


def _check(args: argparse.Namespace) -> int:
    from web.staff.core.keys import load_keys
    from web.staff.core.secret_files import ALL, SecretFiles
    from web.staff.storage.chains import verify_all

    with _current(args) as (config, database):
        require_public_url(config, str(args.config))
        print(f"{args.config}: in order")
        secrets = SecretFiles(config.secrets_dir)
        for name in ALL:
            secrets.read(name)
        load_keys(secrets)
        print(f"{config.secrets_dir}: {len(ALL)} secrets, readable only by their owner")
        broken = 0
        for origin, count, wrong in verify_all(database):
            broken += wrong is not None
            print(f"{origin}: {count} events, {wrong or 'the chain holds'}")
    return 1 if broken else 0


def _enroll_code(args: argparse.Namespace) -> int:
    from web.staff.core.keys import load_keys
    from web.staff.core.secret_files import SecretFiles
    from web.staff.homelink.enrolment import new_code

    with _current(args) as (config, database):
        code = new_code(database, load_keys(SecretFiles(config.secrets_dir)), args.home)
    print(code.code)
    print(f"works once, until {code.expires_at:%Y-%m-%d %H:%M} UTC", file=sys.stderr)
    return 0


def _home_add(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import bare_parts
    from web.staff.core.rights import Operator
    from web.staff.people import accounts, registry

    with bare_parts(args) as (parts, _):
        registry.add_home(
            parts.db,
            args.home,
            org=args.org,
            label=args.label,
            address=args.address,
            timezone=args.timezone,
            fallback=args.fallback,
            resident=None if args.resident is None else (args.resident[0], args.resident[1]),
            org_name=args.org_name,
        )
        with parts.write() as tx:
            accounts.note(parts, tx, Operator(args.org), "home")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TryggveError as error:
        print(error.text, file=sys.stderr)
        sys.exit(1)
