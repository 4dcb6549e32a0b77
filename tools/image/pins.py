"""The pins' library, lgpio, for a card: Debian 13 has none, and there is no wheel for its Python,
so that it is built from its locked source (its own C library inside).

In a layer over the card's root (overlayfs), so that no compiler stays on the card, and by the
card's own Python and C library.  Its two files are put where a release looks for them
(`tools.deb.tree`).  Not for: the gateway's package, which takes it from Debian where Debian has it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.deb.locked import PIP, BuildError, Locked, read
from tools.deb.targets import Target
from tools.deb.tree import DIST, LGPIO, MULTIARCH
from tools.image.shell import run

BUILT_WITH = ("gcc", "libc6-dev", "swig", "python3-dev", "python3-setuptools")


def locked(target: Target) -> Locked:
    """Its source, as it is locked for a Pi."""
    return read("pi", target)["lgpio"]


def build(target: Target, root: Path, work: Path) -> None:
    """Put it into `root`.  Raises `BuildError`."""
    source = _source(locked(target), work / "lgpio")
    merged = work / "lgpio" / "merged"
    for name in ("upper", "layer", "merged"):
        (work / "lgpio" / name).mkdir()
    layers = f"lowerdir={root},upperdir={work}/lgpio/upper,workdir={work}/lgpio/layer"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, str(merged)])
    try:
        run(["mount", "-t", "proc", "proc", str(merged / "proc")])
        try:
            _compile(merged, source)
        finally:
            run(["umount", str(merged / "proc")])
        words = {"short": target.debian.short, "multiarch": MULTIARCH[target.machine]}
        for name in (one.format(**words) for one in LGPIO):
            found = list((merged / "tmp/lgpio").glob(f"build/lib*/{name}"))
            if len(found) != 1:
                raise BuildError(f"lgpio was built, and {name} is not among it")
            place = root / DIST[1:] / name
            shutil.copyfile(found[0], place)
            place.chmod(0o644)
    finally:
        run(["umount", str(merged)])
        shutil.rmtree(work / "lgpio", ignore_errors=True)
    python = f"/usr/bin/python{target.debian.python}"
    run(["chroot", str(root), "env", "LG_WD=/tmp", python, "-I", "-c", "import lgpio"])
    (root / "tmp/.lgd-nfy0").unlink(missing_ok=True)


def _source(wanted: Locked, folder: Path) -> Path:
    folder.mkdir()
    listed = folder / "wanted.txt"
    listed.write_text(f"{wanted.line}\n")
    own = ["--no-deps", "--no-build-isolation", "--no-binary", wanted.name]
    run([*PIP, "download", *own, "--require-hashes", "-r", str(listed), "-d", str(folder)])
    [archive] = folder.glob("lgpio-*.tar.gz")
    shutil.unpack_archive(archive, folder / "source", filter="data")
    return folder / "source" / archive.name.removesuffix(".tar.gz")


def _compile(merged: Path, source: Path) -> None:
    shutil.copytree(source, merged / "tmp/lgpio")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    inside = ["chroot", str(merged)]
    names = Path("/etc/resolv.conf").resolve()  # the card's own leads to a program that runs there
    (merged / "etc/resolv.conf").unlink(missing_ok=True)
    shutil.copyfile(names, merged / "etc/resolv.conf")
    run([*inside, *apt, "update"])
    run([*inside, *apt, "install", "-y", "--no-install-recommends", *BUILT_WITH])
    made = "cd /tmp/lgpio && PYPI=1 exec python3 setup.py -q build"
    run([*inside, "sh", "-ec", made])
