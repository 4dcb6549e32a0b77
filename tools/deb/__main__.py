"""`make deb`: Debian packages of the gateway and of the staff server, in build/deb.

Beside each package lies its release alone (.tar.xz), as signed updates bring it.  `--debian 12`,
`--machine arm64`, `--package tryggve-staff` build some of them (given again: several); `--twice`
builds each a second time and fails where one byte differs.  SOURCE_DATE_EPOCH is the time that they
carry: that of the last commit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.deb.archive import pack, pack_release
from tools.deb.locked import PIP, BuildError, fetch, run
from tools.deb.targets import DEBIANS, PACKAGES, ROOT, TAGS, Debian, Target, targets
from tools.deb.tree import lay_out

OUT = ROOT / "build" / "deb"
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", "gateway", "drivers", "web")


def main(argv: list[str] | None = None) -> int:
    """Build them; 1 with one sentence when that cannot be."""
    parser = argparse.ArgumentParser(prog="make deb", description=__doc__.splitlines()[0])
    numbers = [one.number for one in DEBIANS]
    parser.add_argument("--debian", type=int, action="append", choices=numbers)
    parser.add_argument("--machine", action="append", choices=list(TAGS))
    names = [one.name for one in PACKAGES]
    parser.add_argument("--package", action="append", choices=names)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--unpacked", action="store_true", help="not compressed: quick, and large")
    parser.add_argument("--no-release", action="store_true", help="the packages alone")
    given = parser.parse_args(argv)
    wanted = targets(given.package or names, given.debian or numbers, given.machine or list(TAGS))
    try:
        epoch = _epoch()
        with tempfile.TemporaryDirectory() as work:
            wheel = _ours(Path(work), epoch)
            for target in wanted:
                built = [_build(target, Path(work), wheel, given, epoch)]
                if given.twice:
                    built.append(_build(target, Path(work), wheel, given, epoch))
                if len(set(built)) > 1:
                    raise BuildError(f"{target} differs when it is built again")
    except BuildError as error:
        print(f"make deb: {error}", file=sys.stderr)
        return 1
    return 0


def _build(target: Target, work: Path, wheel: Path, given: argparse.Namespace, epoch: int) -> str:
    """One of them, with its release; returns what both hash to."""
    root = work / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    version = version_of(target.debian)
    wheels = work / f"{target.package.name}-{target.debian.number}-{target.machine}"
    lay_out(target, root, [*fetch(target, wheels, epoch), wheel], version, epoch)
    packed = not given.unpacked
    files = [pack(target, root, given.out, version, epoch, packed=packed)]
    if not given.no_release:
        alone = files[0].with_suffix(".tar.xz" if packed else ".tar")
        files.append(pack_release(target, root, alone, packed=packed))
    said = ""
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        print(f"{digest}  {file.name}  {file.stat().st_size / 1e6:.1f} MB", flush=True)
        said += digest
    return said


def _epoch() -> int:
    """The time that everything in a package has."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return int(given)
    said = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    if not said.isdigit():
        raise BuildError("this is no checkout: give the time in SOURCE_DATE_EPOCH")
    return int(said)


def version_of(debian: Debian) -> str:
    """pyproject's, as Debian sorts it: `0.2.0.dev0` is before `0.2.0`."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    sorted_right = re.sub(r"[.]?(dev|a|b|rc)", r"~\1", said)
    return f"{sorted_right}+deb{debian.number}"


def _ours(work: Path, epoch: int) -> Path:
    """Tryggve's own wheel: Python alone, the same everywhere."""
    source = work / "source"
    source.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
            )
        else:
            shutil.copy(ROOT / name, source / name)
    command = [*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--use-pep517"]
    run([*command, "--wheel-dir", str(work), str(source)], epoch)
    [wheel] = work.glob("tryggve-*.whl")
    return wheel


if __name__ == "__main__":
    raise SystemExit(main())
