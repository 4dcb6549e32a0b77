"""`python -m tests.golden --write`: the golden files of this version.

`--release VERSION` makes those of a release with its own code, from its commit in `RELEASES.toml`.
A release's files are made once: what it wrote does not change.  Not for: comparing
(`tests/test_golden.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

FILES = ("home.json", "log.jsonl", "model.json", "server.json")
"""What is made here; a version's folder may hold more (`tests.matrix`)."""

PARTS = ("__init__.py", "__main__.py", "fold.py", "model.py", "world.py")
"""What is run with a release's own code."""


def version() -> str:
    """What this tree says it is."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def releases() -> dict[str, str]:
    """Version to commit."""
    told = tomllib.loads((HERE / "RELEASES.toml").read_text(encoding="utf-8"))
    return dict(told["releases"])


def write(folder: Path) -> None:
    """Make the files of the code that runs."""
    from gateway.envelope import from_json
    from tests.golden import fold, model, world

    lines = world.lines()
    events = [from_json(json.loads(line)) for line in lines]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        states = {
            "home.json": fold.home_state(events),
            "server.json": fold.server_state(events, Path(scratch)),
            "model.json": model.described(),
        }
    for name, state in states.items():
        text = "".join(
            f"{'{' if number == 0 else ','}\n{json.dumps(key)}: {_short(value)}"
            for number, (key, value) in enumerate(state.items())
        )
        (folder / name).write_text(f"{text}\n}}\n", encoding="utf-8")


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def write_release(name: str) -> None:
    """Make the files of a release with its own code."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        archive = ["git", "-C", str(ROOT), "archive", releases()[name]]
        packed = subprocess.run(archive, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
        parts = tree / "tests" / "golden"
        parts.mkdir(exist_ok=True)
        for part in PARTS:
            shutil.copy(HERE / part, parts / part)
        subprocess.run(
            [sys.executable, "-m", "tests.golden", "--into", str(HERE / name)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            check=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """`--write` or `--release VERSION`."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="make the files of this version")
    what.add_argument("--release", metavar="VERSION", help="make those of a release")
    what.add_argument("--into", type=Path, metavar="FOLDER", help="make them there")
    args = parser.parse_args(argv)
    if args.into is not None:
        write(args.into)
    elif args.release is not None:
        write_release(args.release)
    elif version() in releases():
        sys.stderr.write(f"{version()} is released: raise the version in pyproject.toml first\n")
        return 1
    else:
        write(HERE / version())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
