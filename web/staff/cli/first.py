"""`tryggve staff first-start`, and what `run` prints: where the first administrator is made.

Not for: the page (`web.staff.pages.first_start`), or further administrators (`people`).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.errors import UserError

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands
    from web.staff.core.config import StaffConfig
    from web.staff.core.keys import Keys
    from web.staff.storage.database import Database

PAGE = "/forsta-start"


def add_commands(commands: Commands, command: Command) -> None:
    """Add the command; `command` is `web.staff.cli.main`'s own way to add one."""
    command(
        commands, "first-start", _first_start, "Make a code for the first administrator's page."
    )


def announce(config: StaffConfig, database: Database, keys: Keys) -> bool:
    """Make a code and print where it is used; False, and nothing is printed: there is an
    administrator."""
    from web.staff.people.first_start import new_code

    code = new_code(database, keys)
    if code is None:
        return False
    where = config.public_url or f"http://{config.listen.host}:{config.listen.port}"
    print("Nobody administers this server yet. Open, in a browser:")
    print(f"    {where}{PAGE}")
    print(f"and give the code {code.code}")
    print(f"It works once, until {code.expires_at:%Y-%m-%d %H:%M} UTC; a restart makes a new one.")
    return True


def _first_start(args: argparse.Namespace) -> int:
    from web.staff.cli.parts import current
    from web.staff.core.keys import load_keys
    from web.staff.core.secret_files import SecretFiles

    with current(args) as (config, database):
        if not announce(config, database, load_keys(SecretFiles(config.secrets_dir))):
            raise UserError(
                "This server has an administrator already, who adds others in the pages; or use "
                "`tryggve staff user add`."
            )
    return 0
