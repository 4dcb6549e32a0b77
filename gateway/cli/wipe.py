"""`tryggve gateway wipe HOME`: erases what this gateway keeps of a home, before it goes elsewhere.

What can be erased by it: the log, those that were set aside, keys, secrets, what drivers keep, all
in the state folder.  `origin` goes last, so that one that was cut off can be done again.
Not for: the server's copy, or the home's file; what remains is said at the end.
"""

from __future__ import annotations

import argparse
import shutil
from contextlib import suppress
from pathlib import Path

from gateway.cli.common import Commands, add_state, state_of
from gateway.config.secrets import sync_folder
from gateway.errors import UserError
from gateway.origin import is_origin_of

ORIGIN = "origin"
"""Names the home in its first line; written by `enroll` and at each start."""

REMAINS = """\
Not erased: the home's file (/etc/tryggve/home.toml), the system's journal, and what the staff
server has of this home. Switch the gateway off: what it kept in memory goes with its power. A lock
that was paired goes on trusting the erased key until it is reset. A memory card can keep copies of
what was deleted: where that matters, destroy the card."""


def add_commands(commands: Commands) -> None:
    """Add the command to the subparsers of `tryggve gateway`."""
    wipe = commands.add_parser("wipe", help="erase what this gateway keeps of a home")
    wipe.add_argument("home", metavar="HOME", help="the home's id, so that it is the one meant")
    add_state(wipe)
    wipe.set_defaults(run=_wipe)


def _wipe(args: argparse.Namespace) -> None:
    state = state_of(args)
    _require_home(state, args.home)
    used_by = _users_of(state)
    if used_by:
        raise UserError(
            f"the gateway still runs (process {used_by[0]}); stop it first: "
            f"systemctl disable --now tryggve-gateway"
        )
    count = 0
    try:
        for path in sorted(state.iterdir(), key=lambda path: path.name == ORIGIN):
            count += _erase(path)
            sync_folder(state)
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be erased ({error.strerror}), and {count} files are; run "
            f"this again as root."
        ) from error
    print(
        f"Erased: {count} files that this gateway kept of the home {args.home}: its log, its keys"
    )
    print("and its secrets.")
    print(REMAINS)


def _require_home(state: Path, home: str) -> None:
    """Raise `UserError` unless `state` is the state folder of this very home."""
    try:
        origin = (state / ORIGIN).read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{state} is no state folder of a gateway, or is wiped already; name it with "
            f"--state DIR."
        ) from error
    if not is_origin_of(origin, home):
        raise UserError(f"{state} is not of the home {home!r}; nothing was erased.")


def _users_of(folder: Path) -> list[int]:
    """Processes that have a file of the folder open, as far as this user may see."""
    inside = str(folder.resolve()) + "/"
    found = []
    for files in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            if any(str(file.readlink()).startswith(inside) for file in files.iterdir()):
                found.append(int(files.parent.name))
    return sorted(found)


def _erase(path: Path) -> int:
    """Erase a file, or a folder with all in it; how many files that were.  Follows no link."""
    if path.is_dir() and not path.is_symlink():
        count = sum(1 for inner in path.rglob("*") if not inner.is_dir() or inner.is_symlink())
        shutil.rmtree(path)
        return count
    path.unlink()
    return 1
