"""`make deb-proof`: a package's life in a clean Debian, as root, and what lintian says of each.

Makes a Debian of each release (mmdebstrap, from this machine's own places for packages), and has
both packages live there (`life`): an older version with a home and a server that talk to each
other, then this one over it while both run, back, removed, installed again, purged.  One line
a step; ends at the first that goes wrong.  Those for another machine lintian alone looks at.

Not for: systemd as it runs (a chroot has none), or the Pi's own hardware: docs/hardware.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.deb.__main__ import OUT
from tools.deb.life import Files, Inside, live
from tools.deb.locked import BuildError
from tools.deb.targets import DEBIANS, PACKAGES, Debian
from tools.deb.workplace import workplace

STEP_S = 1800
"""Seconds that a step may take: a slow mirror, and compiling Python."""

TOOLS = ("mmdebstrap", "lintian", "dpkg-deb", "chroot")

OLDER = "0.1.9"
"""What the packages are called for the version before this one: these very packages under another
number, with a file more, which this version does not have."""


def sources(debian: Debian) -> list[str]:
    """This machine's places for Debian's packages, for another release of it."""
    fields = "$(LABEL)|$(SITE)|$(CODENAME)"
    said = run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])
    for label, site, name in (line.split("|") for line in said.splitlines()):
        if label == "Debian" and re.fullmatch(r"[a-z]+", name):
            return [f"deb {site} {debian.name} main"]
    raise BuildError("this machine has no place to get Debian's packages from")


@contextmanager
def clean(debian: Debian) -> Iterator[Path]:
    """A Debian of that release, with nothing added."""
    with workplace("tryggve-deb-") as work:
        root = work / debian.name
        made = ["mmdebstrap", "--quiet", "--variant=apt", "--mode=root", debian.name, str(root)]
        run([*made, *sources(debian)])
        run(["mount", "--bind", "/proc", str(root / "proc")])
        try:
            yield root
        finally:
            run(["umount", str(root / "proc")])


def run(command: list[str]) -> str:
    """What it printed.  Raises `BuildError` with the end of that."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=STEP_S,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise BuildError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout + done.stderr


def older(file: Path, folder: Path) -> Path:
    """The package under `OLDER`, in `folder`."""
    tree = folder / f"{file.stem}-tree"
    run(["dpkg-deb", "--raw-extract", str(file), str(tree)])
    control = tree / "DEBIAN" / "control"
    [now] = re.findall(r"^Version: (\S+)$", control.read_text(), re.MULTILINE)
    before = f"{OLDER}+{now.split('+')[1]}"
    for text in (*(tree / "DEBIAN").iterdir(), *tree.glob("opt/*/package/release.json")):
        text.write_text(text.read_text().replace(now, before))
    [site] = tree.glob("opt/*/package/lib/python3*/site-packages")
    (site / "only_in_the_older.py").write_text("")
    name = folder / file.name.replace(now, before)
    run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(name)])
    shutil.rmtree(tree)
    return name


def prove(debian: Debian, files: list[Path]) -> None:
    """The life of these packages.  Raises `BuildError`."""
    print(f"Debian {debian.number}: {', '.join(file.name for file in files)}", flush=True)
    with clean(debian) as root:
        folder = root / "packages"
        folder.mkdir()
        both = Files(debian.python)
        for file in files:
            name = file.name.split("_")[0]
            shutil.copy(file, folder)
            both.now[name] = f"/packages/{file.name}"
            both.before[name] = f"/packages/{older(file, folder).name}"
        live(Inside(root, run), both)


def look_at(files: list[Path]) -> None:
    """What lintian finds.  Raises `BuildError` at an error or a warning."""
    for file in files:
        said = run(["lintian", "--allow-root", "--fail-on", "error,warning", str(file)])
        kinds = sorted({line.split(": ")[0] for line in said.splitlines() if ": " in line})
        print(
            f"lintian: {file.name}: no error, no warning{', ' if kinds else ''}{' '.join(kinds)}",
            flush=True,
        )
        for line in said.splitlines():
            print(f"  {line}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Each release's packages in one clean Debian of it."""
    parser = argparse.ArgumentParser(prog="make deb-proof", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help=f"packages (those in {OUT.name})")
    parser.add_argument("--debian", type=int, action="append", choices=[d.number for d in DEBIANS])
    parser.add_argument("--no-lintian", action="store_true")
    given = parser.parse_args(argv)
    files = sorted(given.files or OUT.glob("*.deb"))
    try:
        missing = [name for name in TOOLS if shutil.which(name) is None]
        if missing or not files:
            raise BuildError(
                f"without {', '.join(missing) or 'packages (make deb)'} nothing is shown"
            )
        here = run(["dpkg", "--print-architecture"]).strip()
        if not given.no_lintian:
            look_at(files)
        for debian in DEBIANS:
            ours = [x for x in files if x.name.endswith(f"+deb{debian.number}_{here}.deb")]
            if given.debian and debian.number not in given.debian:
                continue
            if len(ours) != len(PACKAGES):
                raise BuildError(f"of Debian {debian.number} both packages are needed, for {here}")
            prove(debian, ours)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make deb-proof: {error}", file=sys.stderr)
        return 1
    print("every step went")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
