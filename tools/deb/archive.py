"""The .deb of a tree: control, what dpkg runs, the same bytes from the same inputs.

Not for: what is in the tree.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.deb.locked import run
from tools.deb.targets import GATEWAY, STAFF, VOICE, Target
from tools.deb.tree import MAINTAINER, settle

SCRIPTS = Path(__file__).with_name("scripts")
STEPS = ("preinst", "postinst", "prerm", "postrm")


def pack(
    target: Target, root: Path, out: Path, version: str, epoch: int, *, packed: bool = True
) -> Path:
    """Write the archive of `root` into `out`; returns it.  Raises `BuildError`."""
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
        text = _script(target, step)
        if text:
            (control / step).write_text(text)
            (control / step).chmod(0o755)
    settle(root, epoch)
    file = out / target.file_name(version)
    out.mkdir(parents=True, exist_ok=True)
    build = [
        "dpkg-deb",
        "--root-owner-group",
        "-Zxz" if packed else "-Znone",
        "--build",
        str(root),
        str(file),
    ]
    run(build, epoch)
    return file


def _md5(path: Path) -> str:
    """As dpkg lists it, to find a file that changed on the disk; proof of nothing else."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _control(target: Target, version: str, size_kb: int) -> str:
    package, python = target.package, target.debian.python
    after = f"{python.split('.')[0]}.{int(python.split('.')[1]) + 1}"
    depends = [f"python3 (>= {python})", f"python3 (<< {after}~)", "libc6 (>= 2.34)"]
    depends += [one.replace("${version}", version) for one in package.depends]
    depends += target.from_debian.values()
    lines = [
        f"Package: {package.name}",
        f"Version: {version}",
        "Section: net",
        "Priority: optional",
        f"Architecture: {target.machine}",
        f"Maintainer: {MAINTAINER}",
        f"Installed-Size: {size_kb}",
        f"Depends: {', '.join(depends)}",
        "Homepage: https://tryggve.example",
        f"Description: {package.summary}",
        *(f" {line}" for line in package.text),
    ]
    if package is STAFF:
        lines.insert(-1 - len(package.text), "Recommends: postgresql")
    return "\n".join(lines) + "\n"


def _script(target: Target, step: str) -> str:
    """What dpkg runs at a step; "" for nothing."""
    kind = "voice" if target.package is VOICE else "service"
    file = SCRIPTS / f"{kind}.{step}"
    if not file.exists():
        return ""
    home = target.package is GATEWAY
    words = {
        "PACKAGE": target.package.name,
        "FOLDER": f"/{target.package.folder}",
        "PYTHON": f"/usr/bin/python{target.debian.python}",
        "SITE": f"/{target.package.folder}/lib/python{target.debian.python}/site-packages",
        "UNIT": "tryggve-gateway.service"
        if target.package is not STAFF
        else "tryggve-staff.service",
        "USER": "tryggve" if home else "tryggve-staff",
        "STATE": "/var/lib/tryggve" if home else "/var/lib/tryggve-staff",
        "CONFIG": "home.toml" if home else "staff.toml",
    }
    text = file.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
