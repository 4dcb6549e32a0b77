"""The command line: `tryggve gateway …`, `tryggve staff …`, `tryggve demo`.

What somebody gave wrong is one sentence on standard error and exit status 2; what did not work is
one sentence and 1; neither has a traceback.  Each command imports what it needs only when it runs,
for a Pi's memory and start.

    home.py    run, check, enroll, file, pin, pair, calibrate
    logs.py    log tail, log verify, kinds
    replay.py  replay        wipe.py  wipe        access_point.py  access-point

Not for: doing the work; each command hands it to the part that does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from gateway.errors import TryggveError, UserError

EXIT_FAILED = 1
EXIT_USER = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        if given[:1] == ["demo"]:
            from gateway.demo.cli import main as demo

            return int(demo(given[1:]))
        args = _parser(given[:1]).parse_args(given)
        status = int(args.run(args) or 0)
        if sys.stdout is not None:  # None: whoever began us closed it
            sys.stdout.flush()  # here, where a pipe that is closed is no complaint
        return status
    except UserError as error:
        print(f"tryggve: {error.text}", file=sys.stderr)
        return EXIT_USER
    except TryggveError as error:
        print(f"tryggve: {error.text}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130  # as a shell says it: 128 + SIGINT
    except BrokenPipeError:
        # whoever read our output has seen enough; Python must not complain of it at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        text = _outside(error)
        if text is None:
            raise
        print(f"tryggve: {text}", file=sys.stderr)
        return EXIT_FAILED


def _outside(error: Exception) -> str | None:
    """What did not work around the program, in one sentence: the disk, the rights, the database;
    None: it is a fault of the program, of which the traceback is wanted."""
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}it did not work ({error.strerror.lower()})."
    alchemy: Any = sys.modules.get("sqlalchemy.exc")  # a Pi has none
    if alchemy is None or not isinstance(error, alchemy.DBAPIError):
        return None
    if isinstance(error, alchemy.IntegrityError | alchemy.ProgrammingError):
        return None
    reason = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
    return f"the database did not do it ({reason}); nothing of that step is kept."


def _parser(program: Sequence[str]) -> argparse.ArgumentParser:
    from gateway.version import version

    root = argparse.ArgumentParser(
        prog="tryggve", description="Home care: the gateway in a home, and the staff server."
    )
    root.add_argument("--version", action="version", version=f"tryggve {version()}")
    programs = root.add_subparsers(required=True, metavar="PROGRAM")
    gateway = programs.add_parser("gateway", help="the home's gateway, on the Pi")
    staff = programs.add_parser("staff", help="the staff server")
    programs.add_parser("demo", help="a virtual home and a staff server on this machine")
    if program == ["gateway"]:
        from gateway.cli import access_point, home, logs, replay, wipe

        commands = gateway.add_subparsers(required=True, metavar="COMMAND")
        home.add_commands(commands)
        access_point.add_commands(commands)
        logs.add_commands(commands)
        replay.add_commands(commands)
        wipe.add_commands(commands)
    elif program == ["staff"]:
        try:
            from web.staff.cli.main import add_commands
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] in {"web", "gateway"}:
                raise
            raise UserError(
                f"the staff server's part is not installed ({error.name} is missing); run: "
                f"pip install 'tryggve[staff]'"
            ) from error
        add_commands(staff.add_subparsers(required=True, metavar="COMMAND"))
    return root
