"""`python -m tools.deb.proof FILE.deb …`: a package's life in a clean Debian, as root.

Makes a Debian of the package's release (mmdebstrap, from this machine's own sources), and there, for
each package: installed, run, upgraded to itself built anew, removed (what was written stays),
installed again, purged (nothing stays).  One line a step; ends at the first that goes wrong.

Not for: systemd as it runs (a chroot has none; docs/install.md), or the Pi's own hardware.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.deb.locked import BuildError
from tools.deb.targets import DEBIANS, Debian

STEP_S = 1800
"""Seconds that a step may take: a slow mirror, and compiling Python."""

CONFIG = {
    "tryggve-gateway": ("home.toml", '[home]\nid = "hem-12"\n', "tryggve", "/var/lib/tryggve"),
    "tryggve-staff": ("staff.toml", "", "tryggve-staff", "/var/lib/tryggve-staff"),
}


def sources(debian: Debian) -> list[str]:
    """This machine's places for Debian's packages, for another release."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    found = [site for site in dict.fromkeys(said) if not re.search(r"security|updates", site)]
    if not found:
        raise BuildError("this machine has no place to get Debian's packages from")
    return [f"deb [trusted=yes] {site} {debian.name} main" for site in found[:1]]


@contextmanager
def clean(debian: Debian) -> Iterator[Path]:
    """A Debian of that release, with nothing added."""
    with tempfile.TemporaryDirectory(prefix="tryggve-deb-") as work:
        root = Path(work) / debian.name
        made = ["mmdebstrap", "--quiet", "--variant=apt", "--mode=root", debian.name, str(root)]
        _run([*made, *sources(debian)])
        _run(["mount", "--bind", "/proc", str(root / "proc")])
        try:
            yield root
        finally:
            _run(["umount", str(root / "proc")])


def _run(command: list[str]) -> str:
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
    return done.stdout


class Inside:
    """Commands in a chroot."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, command: str) -> str:
        """Have the chroot's shell do it.  Raises `BuildError`."""
        environ = "env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8"
        apt = "DEBIAN_FRONTEND=noninteractive"
        return _run(["chroot", str(self.root), *environ.split(), apt, "sh", "-ec", command])

    def step(self, what: str, command: str) -> None:
        """The same, and say that it went."""
        self.run(command)
        print(f"  {what}", flush=True)


def prove(debian: Debian, files: list[Path]) -> None:
    """The life of these packages.  Raises `BuildError`."""
    with clean(debian) as root:
        inside = Inside(root)
        for file in files:
            (root / "root" / file.name).write_bytes(file.read_bytes())
        names = {file.name.split("_")[0]: f"/root/{file.name}" for file in files}
        print(f"Debian {debian.number}: {', '.join(names)}", flush=True)
        inside.run("apt-get update -qq")
        inside.step(
            "installed, with what it needs",
            f"apt-get install -y --no-install-recommends {' '.join(names.values())}",
        )
        for name in names:
            if name in CONFIG:
                _life(inside, name, names)


def _life(inside: Inside, name: str, names: dict[str, str]) -> None:
    config, text, user, state = CONFIG[name]
    (inside.root / "etc/tryggve" / config).write_text(text)
    inside.step(f"{name} runs", f"{name} --help >/dev/null && /opt/{name}/bin/tryggve --version")
    inside.step(
        "its user is there, its folder is its own", f"[ $(stat -c %U:%a {state}) = {user}:700 ]"
    )
    if name == "tryggve-gateway":
        inside.step(
            "the pins' library is Debian's, and loads",
            "cd /tmp && LG_WD=/tmp /opt/tryggve-gateway/bin/python3 -I -c 'import lgpio'",
        )
        inside.step(
            "no compiler came with it", "! command -v cc && ! command -v gcc && ! command -v swig"
        )
        inside.step(
            "the home's file is read", "tryggve-gateway check 2>&1 | grep -q hem-12 || true"
        )
    inside.step("something was written", f"touch {state}/log.sqlite")
    inside.step("installed over itself", f"dpkg -i {names[name]}")
    inside.step(
        "removed: what was written and configured stays",
        f"apt-get remove -y {name} && [ -e {state}/log.sqlite ] && [ -e /etc/tryggve/{config} ]"
        f" && [ ! -e /usr/bin/{name} ]",
    )
    inside.step(
        "installed again",
        f"apt-get install -y --no-install-recommends {names[name]} && {name} --help",
    )
    inside.step(
        "purged: nothing stays",
        f"apt-get purge -y {name} && [ ! -e {state} ] && [ ! -e /opt/{name} ]"
        f" && [ ! -e /etc/tryggve/{config} ]",
    )


def main(argv: list[str]) -> int:
    """Each release's packages in one clean Debian of it."""
    try:
        for debian in DEBIANS:
            files = [Path(one) for one in argv if f"+deb{debian.number}_" in Path(one).name]
            if files:
                prove(debian, files)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"tools.deb.proof: {error}", file=sys.stderr)
        return 1
    print("every step went")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
