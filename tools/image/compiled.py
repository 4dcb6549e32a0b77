"""What Python compiles of the gateway, for a card of another machine: made by this machine's own
processor, for it is the same on each of them and hangs on Python's version alone (PEP 3147); an
emulated one takes minutes for it.

By the card's own version, from Debian, unpacked into a folder and not installed.  Not for: Debian's
own libraries, which Debian's packages compile as they are set up.
"""

from __future__ import annotations

from pathlib import Path

from tools.deb.locked import BuildError
from tools.deb.targets import Debian
from tools.deb.tree import MULTIARCH
from tools.image.shell import run

LEFT_OUT = {"TRYGGVE_COMPILE": "no"}
"""So that a release that is put in force is not compiled there (tools/deb/scripts/release)."""

MAGIC = "import importlib.util as u; print(u.MAGIC_NUMBER.hex())"
"""What compiled files begin with: Python reads those of its own number only."""


def native(work: Path, debian: Debian, places: list[str]) -> list[str]:
    """What runs that Debian's Python here; it is unpacked in `work`."""
    machine, root = run(["dpkg", "--print-architecture"]).strip(), work / "python"
    wanted = f"python{debian.python}"
    run(
        [
            *("mmdebstrap", "--verbose", "--mode=root", "--variant=extract"),
            *(f"--architectures={machine}", f"--include={wanted}", debian.name, str(root), *places),
        ]
    )
    libraries = root / "usr/lib" / MULTIARCH[machine]
    [loader] = libraries.glob("ld-linux-*.so.*")
    program = [str(loader), "--library-path", str(libraries), str(root / "usr/bin" / wanted)]
    return ["env", "-u", "PYTHONPATH", f"PYTHONHOME={root}/usr", *program, "-S", "-B"]


def compile_tree(python: list[str], root: Path, folder: str) -> None:
    """All that lies in `folder` of `root`, as its own Python would.  Raises `BuildError`."""
    theirs = run(["chroot", str(root), "/usr/bin/python3", "-I", "-S", "-c", MAGIC]).strip()
    ours = run([*python, "-c", MAGIC]).strip()
    if ours != theirs:
        raise BuildError(f"Python here compiles as {ours}, and the card's as {theirs}")
    # what does not compile is never loaded: some libraries have files for other Pythons
    # and by one process: another is started by Python's own name, which is the loader's here
    words = ["-m", "compileall", "-q", "-s", str(root), "-p", "/", str(root / folder)]
    run(["sh", "-c", '"$@" >/dev/null 2>&1 || true', "sh", *python, *words])
    if not list((root / folder).glob("lib/python*/site-packages/gateway/__pycache__/*.pyc")):
        raise BuildError(f"nothing of {folder} was compiled")
