"""What the gateway's commands have in common: options, and how its journal reads.

Not for: any command itself.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from gateway.config.held_config import InForce, KeptConfig
from gateway.config.home_file import DEFAULT_FILE, HomeConfig, load
from gateway.config.secrets import state_dir
from gateway.errors import UserError

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_FILE,
        metavar="FILE",
        help=f"the home's configuration ({DEFAULT_FILE})",
    )


def add_state(parser: argparse.ArgumentParser) -> None:
    """`--state DIR`."""
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="the home's state folder ($STATE_DIRECTORY, else /var/lib/tryggve)",
    )


def config_of(args: argparse.Namespace) -> HomeConfig:
    """The configuration that `--config` names."""
    return load(args.config)


def in_force(args: argparse.Namespace) -> InForce:
    """What holds in the home: what the server gave it, else that file."""
    return KeptConfig(state_dir(args.state)).in_force(load(args.config))


def state_of(args: argparse.Namespace, *, make: bool = False) -> Path:
    """The state folder; with `make`, made when it is missing.  Raises `UserError`."""
    path = state_dir(args.state)
    if make:
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UserError(
                f"the state folder {path} cannot be made ({error.strerror}); name another with "
                f"--state DIR."
            ) from error
    return path


class JournalFormatter(logging.Formatter):
    """One line a record, its fields at the end; systemd's journal adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = [f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD]
        return f"{line} [{' '.join(fields)}]" if fields else line


def set_up_logging(verbose: bool) -> None:
    """The diagnostic log, on standard error.  It is not the event log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JournalFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # libraries tell of every connection and every job; ours is enough
    for name in ("apscheduler", "bleak", "urllib3", "waitress"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    if verbose:
        logging.getLogger("gateway").setLevel(logging.DEBUG)
        logging.getLogger("drivers").setLevel(logging.DEBUG)


Commands = Any
"""What `add_subparsers` returns: argparse has no public name for it."""
