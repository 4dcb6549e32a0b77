"""What a package puts where: its release under /opt, what runs it, units, users, folders, devices.

A release is a virtual environment that is laid out, not made: its `python3` is a link to Debian's,
so that nothing is run for another machine, and nothing in it names the folder that it lies in, so
that it runs wherever it is put.  Not for: documents, the archive, or what happens when it is
installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from tools.deb.locked import AS_LOCKED, PIP, run
from tools.deb.papers import documents
from tools.deb.targets import FRAME, GATEWAY, PACKAGES, ROOT, STAFF, Package, Target

SCRIPTS = Path(__file__).with_name("scripts")

LGPIO = ("lgpio.py", "_lgpio.cpython-{short}-{multiarch}.so")
"""The pins' library, as the package python3-lgpio has it; a release sees these files, and nothing
else of Debian's Python."""

MULTIARCH = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
DIST = "/usr/lib/python3/dist-packages"

OUTSIDE = "/usr/local/lib/tryggve-gateway"
"""Where drivers from outside the tree are put on a home's machine: every release sees them there,
so that an update takes none away."""


def lay_out(target: Target, root: Path, wheels: list[Path], version: str, epoch: int) -> None:
    """Fill `root`; `wheels` are all that the release is made of.  Raises `BuildError`."""
    folder = root / target.package.release
    _install(target, wheels, folder / target.site)
    environment(target, folder, version)
    for name in target.package.units:
        _unit(target, root, name)
    if target.package is GATEWAY:
        rules = (ROOT / "systemd/60-tryggve.rules").read_text()
        _write(root / "usr/lib/udev/rules.d/60-tryggve-gateway.rules", rules)
        _updates(root)
    wanted = root / "usr/lib/systemd/system/multi-user.target.wants"
    for name in at_start(target.package):
        wanted.mkdir(exist_ok=True)
        (wanted / name).symlink_to(f"../{name}")
    users(target, root)
    examples = root / "usr/share/doc" / target.package.name / "examples"
    for name in target.package.examples:
        _write(examples / name, (ROOT / "systemd" / name).read_text())
    program = f"usr/lib/{target.package.name}"
    for name in ("tryggve", "release", *target.package.programs):
        _run_by_hand(root / program / name, script(target, name, version))
    _run_by_hand(root / "usr/bin" / target.package.name, script(target, "command", version))
    documents(target, root, version, epoch)


def environment(target: Target, folder: Path, version: str) -> None:
    """Make a release of the folder that libraries were installed in."""
    python, site = target.debian.python, folder / target.site
    (folder / "bin").mkdir()
    for name in ("python3", "python"):
        (folder / "bin" / name).symlink_to(f"/usr/bin/python{python}")
    lines = ["home = /usr/bin", "include-system-site-packages = false", f"version = {python}.0"]
    _write(folder / "pyvenv.cfg", "\n".join(lines) + "\n")
    _run_by_hand(folder / "bin/tryggve", PROGRAM)
    if "lgpio" in target.from_debian:
        words = {"short": target.debian.short, "multiarch": MULTIARCH[target.machine]}
        for name in (one.format(**words) for one in LGPIO):
            (site / name).symlink_to(f"{DIST}/{name}")
    if target.package is GATEWAY:
        _write(site / "tryggve-outside.pth", f"{OUTSIDE}\n")
    [ours] = site.glob("tryggve-*.dist-info")
    told = {
        "package": target.package.name,
        "version": version,
        "release": ours.name.removeprefix("tryggve-").removesuffix(".dist-info"),
        "debian": target.debian.number,
        "python": python,
        "machine": target.machine,
        "frame": FRAME,
    }
    _write(folder / "release.json", json.dumps(told, indent=1) + "\n")


PROGRAM = """\
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python3" -I -u -m gateway.cli "$@"
"""
"""`-u`, for with `-I` the unit's PYTHONUNBUFFERED counts for nothing, and the journal would have
what is printed when the program ends: the first administrator's code, for one."""


def _install(target: Target, files: list[Path], site: Path) -> None:
    site.mkdir(parents=True)
    command = [*PIP, "install", *AS_LOCKED, "--no-compile", "--no-index", "--only-binary", ":all:"]
    run([*command, *target.pip, "--target", str(site), *map(str, files)], epoch=0)
    shutil.rmtree(site / "bin", ignore_errors=True)  # programs that name the builder's Python
    for cache in site.rglob("__pycache__"):
        shutil.rmtree(cache)
    for origin in site.glob("*.dist-info/direct_url.json"):  # the builder's folder
        origin.unlink()
    for record in site.glob("*.dist-info/RECORD"):  # what a wheel is checked by; pip adds to it
        lines = record.read_text().splitlines()
        gone = re.compile(r"\.\./|bin/|.*\.pyc,|.*/direct_url\.json,")
        kept = sorted(line for line in lines if not gone.match(line))
        record.write_text("\n".join(kept) + "\n")


def script(target: Target, name: str, version: str) -> str:
    """A file of scripts/, with the package's own names in it."""
    package = target.package
    [other] = [one for one in PACKAGES if one is not package]
    words = {
        "PACKAGE": package.name,
        "VERSION": version,
        "FOLDER": f"/{package.folder}",
        "UNIT": package.units[0],
        "WAIT": " ".join(name for name in package.units if name.endswith(".path")),
        "STOP": " ".join([*at_start(package), package.units[0]]),
        "WORD": package.word,
        "OTHER": other.name,
        "OTHER_WORD": other.word,
        "STATE": f"/var/lib/{package.user}",
        "CONFIG": f"/etc/tryggve/{package.config}",
        "USER": package.user,
    }
    text = (SCRIPTS / name).read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def at_start(package: Package) -> list[str]:
    """The units beside the program's own that the machine's start begins: each looks for itself
    whether there is anything to do."""
    return [
        name
        for name in package.units[1:]
        if "[Install]" in (ROOT / "systemd" / name).read_text().splitlines()
    ]


def _unit(target: Target, root: Path, name: str) -> None:
    text = (ROOT / "systemd" / name).read_text()
    program = f"/usr/lib/{target.package.name}/tryggve"
    units = root / "usr/lib/systemd/system"
    _write(units / name, text.replace("/opt/tryggve/bin/tryggve", program))
    if target.debian.number >= 13 and name == target.package.units[0]:
        # systemd 254 and newer know growing pauses
        growing = (ROOT / "systemd/restart-growing.conf").read_text()
        _write(units / f"{name}.d" / "restart-growing.conf", growing)


def _updates(root: Path) -> None:
    """What goes back from a release that does not hold: of the package, and of no release
    (docs/updates.md)."""
    program = (ROOT / "gateway/updates/slots.py").read_text()
    _write(root / "usr/lib/tryggve-gateway/slots.py", program)
    units = root / "usr/lib/systemd/system"
    boot = (ROOT / "systemd/update-boot.conf").read_text()
    _write(units / "tryggve-gateway.service.d/update-boot.conf", boot)


def users(target: Target, root: Path) -> None:
    """The user, its groups, and the folders that it is configured in and writes in."""
    name, user = target.package.name, target.package.user
    lines = (ROOT / "systemd/tryggve.sysusers").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    kept = [x for x in lines if ("tryggve-staff" in x) == (target.package is STAFF)]
    _write(root / f"usr/lib/sysusers.d/{name}.conf", "\n".join(kept) + "\n")
    folders = [
        "# root's, and open to read: the home's user reads home.toml there",
        "d /etc/tryggve :0755 :root :root",
        f"d /var/lib/{user} 0700 {user} {user}",
        f"d /{target.package.folder}/releases 0755 root root",
    ]
    if target.package is STAFF:
        folders += [
            "# the server's user makes its own files there, and can take nobody else's away",
            f"z /etc/tryggve 1775 root {user}",
        ]
    _write(root / f"usr/lib/tmpfiles.d/{name}.conf", "\n".join(folders) + "\n")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _run_by_hand(file: Path, text: str) -> None:
    _write(file, text)
    file.chmod(0o755)


def settle(root: Path, epoch: int) -> None:
    """Modes that do not hang on who builds, and one time."""
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            runs = path.is_dir() or (
                path.stat().st_mode & 0o100 and "site-packages" not in str(path)
            )
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
