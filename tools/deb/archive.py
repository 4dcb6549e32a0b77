"""The archives of a tree: the .deb, and its release alone; the same bytes from the same inputs.

Not for: what is in the tree, or signing a release (docs/updates.md).
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from tools.deb.locked import run
from tools.deb.papers import MAINTAINER
from tools.deb.targets import Target
from tools.deb.tree import SCRIPTS, script, settle

STEPS = ("preinst", "postinst", "prerm", "postrm")

FIRST = "release.json"
"""What a release says of itself is its archive's first member, so that whoever gets one knows what
it is before anything else of it is read."""


def pack(
    target: Target, root: Path, out: Path, version: str, epoch: int, *, packed: bool = True
) -> Path:
    """Write the .deb of `root` into `out`; returns it.  Raises `BuildError`."""
    control = root / "DEBIAN"
    control.mkdir()
    files = sorted(
        path for path in root.rglob("*") if path.is_file() and control not in path.parents
    )
    plain = [path for path in files if not path.is_symlink()]
    sums = (f"{_md5(path)}  {path.relative_to(root)}" for path in plain)
    (control / "md5sums").write_text("\n".join(sums) + "\n")
    size_kb = sum(-(-path.lstat().st_size // 1024) for path in files)
    (control / "control").write_text(_control(target, version, size_kb))
    for step in STEPS:
        if (SCRIPTS / step).exists():
            (control / step).write_text(script(target, step, version))
            (control / step).chmod(0o755)
    settle(root, epoch)
    file = out / target.file_name(version)
    out.mkdir(parents=True, exist_ok=True)
    how = "-Zxz" if packed else "-Znone"
    run(["dpkg-deb", "--root-owner-group", how, "--build", str(root), str(file)], epoch)
    return file


def pack_release(target: Target, root: Path, file: Path, *, packed: bool = True) -> Path:
    """Write the release in `root` (settled) as an archive of its own, for signed updates."""
    folder = root / target.package.release
    members = sorted(folder.rglob("*"), key=lambda path: (path.name != FIRST, path.as_posix()))
    with tarfile.open(file, "w:xz" if packed else "w", format=tarfile.PAX_FORMAT) as archive:
        for path in members:
            name = path.relative_to(folder).as_posix()
            archive.add(path, name, recursive=False, filter=_nobody_s)
    return file


def _nobody_s(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _md5(path: Path) -> str:
    """As dpkg lists it, to find a file that changed on the disk; proof of nothing else."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _control(target: Target, version: str, size_kb: int) -> str:
    package, python = target.package, target.debian.python
    after = f"{python.split('.')[0]}.{int(python.split('.')[1]) + 1}"
    depends = [f"python3 (>= {python})", f"python3 (<< {after}~)", "libc6 (>= 2.36)"]
    depends += package.depends
    recommends = [*package.recommends, *target.from_debian.values()]
    lines = [
        f"Package: {package.name}",
        f"Version: {version}",
        "Section: net",
        "Priority: optional",
        f"Architecture: {target.machine}",
        f"Maintainer: {MAINTAINER}",
        f"Installed-Size: {size_kb}",
        f"Depends: {', '.join(depends)}",
        f"Recommends: {', '.join(recommends)}",
        *([f"Suggests: {', '.join(package.suggests)}"] if package.suggests else []),
        "Homepage: https://tryggve.example",
        f"Description: {package.summary}",
        *(f" {line}" for line in package.text),
    ]
    return "\n".join(lines) + "\n"
