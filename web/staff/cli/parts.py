"""What the handlers of the command line open: the configuration, the database, the server's parts.

Not for: commands (`main`, and the modules that it adds).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from gateway.errors import UserError
from web.staff.core.config import StaffConfig, load_config

if TYPE_CHECKING:  # a command opens only what it needs: `--help` is quick
    from sqlalchemy import Connection

    from web.staff.core.context import Staff
    from web.staff.core.secret_files import SecretFiles
    from web.staff.storage.database import Database

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Handler = Callable[[argparse.Namespace], int]
"""Runs a command; returns the exit status."""


class Command(Protocol):
    """How a module adds a command: its name, what runs it, what it is for."""

    def __call__(
        self, where: Commands, name: str, run: Handler, help_text: str
    ) -> argparse.ArgumentParser: ...


@contextmanager
def database(args: argparse.Namespace) -> Iterator[tuple[StaffConfig, Database]]:
    """The configuration that `args` names, and its database.  Raises `UserError`."""
    from web.staff.storage.database import Database, parse_url

    config = load_config(args.config)
    opened = Database(parse_url(config.database, file=str(args.config)))
    try:
        yield config, opened
    finally:
        opened.close()


@contextmanager
def current(args: argparse.Namespace) -> Iterator[tuple[StaffConfig, Database]]:
    """The database, with the present schema.  Raises `UserError`."""
    from web.staff.storage.migrate import require_current

    with database(args) as (config, opened):
        require_current(opened)
        yield config, opened


@contextmanager
def bare_parts(args: argparse.Namespace) -> Iterator[tuple[Staff, SecretFiles]]:
    """The server's parts without its pages, and its secrets.  A running server hears of what is
    written by NOTIFY, or at its next heartbeat.  Raises `UserError`."""
    from gateway.clock import open_clock
    from web.staff.core.context import Staff
    from web.staff.core.keys import load_keys
    from web.staff.core.secret_files import SecretFiles
    from web.staff.realtime.broker import Broker
    from web.staff.realtime.relay import make_relay

    with current(args) as (config, opened):
        broker, secrets = Broker(), SecretFiles(config.secrets_dir)
        spec = config.clock
        parts = Staff(
            config=config,
            db=opened,
            clock=open_clock(None if spec is None else str(spec)),
            broker=broker,
            keys=load_keys(secrets),
            relay=make_relay(opened, broker),
        )
        try:
            yield parts, secrets
        finally:
            parts.relay.stop()


@contextmanager
def staff_parts(args: argparse.Namespace) -> Iterator[Staff]:
    """The server's parts (`web.staff.core.context.Staff`), for what writes events: no thread that
    looks runs, and homes are told when they next listen.  Raises `UserError`."""
    from web.staff.core.context import EXTENSION
    from web.staff.runtime.app import create_app

    with current(args) as (config, _):
        app = create_app(config, watch=False)
        try:
            yield app.extensions[EXTENSION]
        finally:
            app.extensions["tryggve.stop"]()


def require_home(conn: Connection, home: str) -> None:
    """Raise `UserError` where there is no such home: a slip of the pen must not look as if nothing
    had to be done."""
    from sqlalchemy import select

    from web.staff.storage import tables

    if conn.execute(select(tables.home.c.id).where(tables.home.c.id == home)).first() is None:
        raise UserError(f"There is no home {home}.")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under their heads, in columns as wide as needed; `empty` when there are none."""
    if not rows:
        print(empty)
        return
    filled = [[*(cell or "–" for cell in row[:-1]), row[-1]] for row in rows]
    widths = [max(len(line[n]) for line in [heads, *filled]) for n in range(len(heads))]
    for line in [heads, *filled]:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())
