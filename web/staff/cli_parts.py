"""What the handlers of the command line open: the configuration, the database, the server's parts.

Not for: commands (`cli`, `cli_visits`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from web.staff.config import StaffConfig, load_config


@contextmanager
def database(args: argparse.Namespace) -> Iterator[tuple[StaffConfig, Any]]:
    """The configuration that `args` names, and its database.  Raises `UserError`."""
    from web.staff.db import Database, parse_url

    config = load_config(args.config)
    opened = Database(parse_url(config.database, file=str(args.config)))
    try:
        yield config, opened
    finally:
        opened.close()


@contextmanager
def current(args: argparse.Namespace) -> Iterator[tuple[StaffConfig, Any]]:
    """The database, with the present schema.  Raises `UserError`."""
    from web.staff.migrate import require_current

    with database(args) as (config, opened):
        require_current(opened)
        yield config, opened


@contextmanager
def staff_parts(args: argparse.Namespace) -> Iterator[Any]:
    """The server's parts (`web.staff.context.Staff`), for what writes events: no thread that looks
    runs, and homes are told when they next listen.  Raises `UserError`."""
    from web.staff.app import create_app
    from web.staff.context import EXTENSION

    with current(args) as (config, _):
        app = create_app(config, watch=False)
        try:
            yield app.extensions[EXTENSION]
        finally:
            app.extensions["tryggve.stop"]()
