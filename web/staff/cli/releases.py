"""`tryggve staff release …`: the releases that homes can be let take.

Not for: making or signing one (`tools/release`), or letting homes take it (a page).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ReleaseRefused, UserError
from gateway.updates import trust
from web.staff.core.config import load_config
from web.staff.homelink.mirror import Mirror

if TYPE_CHECKING:
    from web.staff.cli.parts import Command, Commands


def add_commands(commands: Commands, command: Command) -> None:
    """Add the commands; `command` is `web.staff.cli.main`'s own helper."""
    where = commands.add_parser("release", help="Releases for homes.").add_subparsers(required=True)
    parser = command(where, "add", _add, "Take over a signed list of releases, with its files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", type=Path, help="root of trust; this program's own otherwise")
    command(where, "list", _list, "Show which versions homes can be let take.")


def _add(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    try:
        root = trust.root_of_trust(args.root or trust.ROOT)
        names = Mirror(config.releases).add(args.folder, root)
    except ReleaseRefused as error:
        raise UserError(f"{error.text} --root names a file with them.") from error
    except OSError as error:
        where = error.filename or config.releases
        raise UserError(f"{where}: {error.strerror or error}.") from error
    for name in names:
        print(name)
    return 0


def _list(args: argparse.Namespace) -> int:
    releases = Mirror(load_config(args.config).releases).releases()
    if not releases:
        print("no releases yet; take over a list of them with `tryggve staff release add`")
    for release in releases:
        until = f"{release.until:%Y-%m-%d}"
        print(f"{release.version}  {'; '.join(release.machines)}  taken until {until}")
    return 0
