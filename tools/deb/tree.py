"""What a package puts where: the virtual environment under /opt, units, users, devices, documents.

The environment is laid out, not made: its `python3` is a link to Debian's, so that nothing is run
for another machine.  Not for: the archive, or what happens when it is installed.
"""

from __future__ import annotations

import gzip
import os
import shutil
from datetime import UTC, datetime
from email.parser import HeaderParser
from email.utils import format_datetime
from pathlib import Path

from tools.deb.locked import PIP, fetch, run
from tools.deb.targets import GATEWAY, ROOT, STAFF, VOICE, Target

MAINTAINER = "Tryggve <security@tryggve.example>"

LGPIO = ("lgpio.py", "_lgpio.cpython-{short}-{multiarch}.so")
"""The pins' library, as Debian's python3-lgpio has it; the environment sees these files and nothing
else of Debian's Python."""

MULTIARCH = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
DIST = "/usr/lib/python3/dist-packages"


def lay_out(
    target: Target, root: Path, wheel: Path, wheels: Path, version: str, epoch: int
) -> None:
    """Fill `root`; `wheel` is Tryggve itself.  Raises `BuildError`."""
    files = fetch(target, wheels, epoch)
    if target.package is not VOICE:
        files.append(wheel)
    site = root / target.package.folder / "lib" / f"python{target.debian.python}" / "site-packages"
    _install(target, files, site, epoch)
    if target.package is not VOICE:
        _environment(target, root, site)
    if target.package is GATEWAY:
        _gateway(root, version=target.debian.number)
    if target.package is STAFF:
        _staff(root, version=target.debian.number)
    _documents(target, root, version, epoch)


def _install(target: Target, files: list[Path], site: Path, epoch: int) -> None:
    site.mkdir(parents=True)
    command = [*PIP, "install", "--no-deps", "--no-compile", "--no-index", "--only-binary", ":all:"]
    run([*command, *target.pip, "--target", str(site), *map(str, files)], epoch)
    shutil.rmtree(site / "bin", ignore_errors=True)  # programs that name the builder's Python
    for cache in site.rglob("__pycache__"):
        shutil.rmtree(cache)
    for record in site.glob("*.dist-info/RECORD"):  # what a wheel is checked by; pip adds to it
        lines = record.read_text().splitlines()
        kept = sorted(x for x in lines if not x.startswith(("../", "bin/")) and ".pyc," not in x)
        record.write_text("\n".join(kept) + "\n")


def _environment(target: Target, root: Path, site: Path) -> None:
    home = root / target.package.folder
    python = target.debian.python
    (home / "bin").mkdir()
    for name in ("python3", "python"):
        (home / "bin" / name).symlink_to(f"/usr/bin/python{python}")
    lines = ["home = /usr/bin", "include-system-site-packages = false", f"version = {python}.0"]
    (home / "pyvenv.cfg").write_text("\n".join(lines) + "\n")
    program = home / "bin" / "tryggve"
    program.write_text(
        f"#!/{target.package.folder}/bin/python3 -I\n"
        "from gateway.cli import main\n\nraise SystemExit(main())\n"
    )
    program.chmod(0o755)
    if "lgpio" in target.from_debian:
        words = {"short": target.debian.short, "multiarch": MULTIARCH[target.machine]}
        for name in (one.format(**words) for one in LGPIO):
            (site / name).symlink_to(f"{DIST}/{name}")
    command = root / "usr/bin" / target.package.name
    command.parent.mkdir(parents=True)
    word = target.package.name.removeprefix("tryggve-")
    command.write_text(f'#!/bin/sh\nexec /{target.package.folder}/bin/tryggve {word} "$@"\n')
    command.chmod(0o755)


def _unit(root: Path, name: str, package: str, version: int) -> None:
    text = (ROOT / "systemd" / f"{name}.service").read_text()
    _write(
        root,
        f"usr/lib/systemd/system/{name}.service",
        text.replace("/opt/tryggve/bin/", f"/opt/{package}/bin/"),
    )
    if version >= 13:  # systemd 254 and newer know growing pauses
        growing = (ROOT / "systemd/restart-growing.conf").read_text()
        _write(root, f"usr/lib/systemd/system/{name}.service.d/restart-growing.conf", growing)


def _gateway(root: Path, version: int) -> None:
    _unit(root, "tryggve-gateway", "tryggve-gateway", version)
    rules = (ROOT / "systemd/60-tryggve.rules").read_text()
    _write(root, "usr/lib/udev/rules.d/60-tryggve-gateway.rules", rules)
    _users(root, "tryggve-gateway", lambda line: "staff" not in line)


def _staff(root: Path, version: int) -> None:
    _unit(root, "tryggve-staff", "tryggve-staff", version)
    _users(root, "tryggve-staff", lambda line: "tryggve-staff" in line)


def _users(root: Path, name: str, wanted: object) -> None:
    lines = (ROOT / "systemd/tryggve.sysusers").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("#") and wanted(line)]  # type: ignore[operator]
    _write(root, f"usr/lib/sysusers.d/{name}.conf", "\n".join(kept).strip() + "\n")


def _documents(target: Target, root: Path, version: str, epoch: int) -> None:
    name = target.package.name
    doc = f"usr/share/doc/{name}"
    when = format_datetime(datetime.fromtimestamp(epoch, UTC))
    changes = f"{name} ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n"
    _gzip(root, f"{doc}/changelog.gz", f"{changes} -- {MAINTAINER}  {when}\n")
    _gzip(root, f"{doc}/CHANGELOG.md.gz", (ROOT / "CHANGELOG.md").read_text())
    _write(root, f"{doc}/copyright", _copyright(root / target.package.folder))
    if name != VOICE.name:
        section = "gateway" if name == GATEWAY.name else "staff"
        page = f".TH TRYGGVE-{section.upper()} 1\n.SH NAME\n{name} \\- {target.package.summary}\n"
        page += f".SH SYNOPSIS\n.B {name}\n[\\-\\-help] COMMAND\n"
        page += f".SH DESCRIPTION\n{' '.join(target.package.text)}\n"
        page += f".B {name} \\-\\-help\nnames its commands.\n"
        _gzip(root, f"usr/share/man/man1/{name}.1.gz", page)
    _write(root, f"usr/share/lintian/overrides/{name}", OVERRIDES.format(name=name))


OVERRIDES = """\
# a program with every library that it was tested with, in a folder of its own (docs/install.md)
{name}: dir-or-file-in-opt
{name}: embedded-library
{name}: unstripped-binary-or-object
{name}: shared-library-lacks-prerequisites
{name}: hardening-no-fortify-functions
{name}: binary-from-other-architecture
{name}: wrong-path-for-interpreter
{name}: script-not-executable
{name}: library-not-linked-against-libc
{name}: shared-library-lacks-stack-section
"""


def _copyright(home: Path) -> str:
    """Ours, and what each library says of itself."""
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        "Upstream-Name: tryggve",
        "",
        "Files: *",
        "Copyright: 2026 those who build Tryggve",
        "License: Apache-2.0",
        " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.",
        "",
        "Comment: the libraries beside it, each with its own licence in its dist-info folder:",
    ]
    for data in sorted(home.rglob("*.dist-info/METADATA")):
        said = HeaderParser().parsestr(data.read_text(errors="replace"))
        given = said["License-Expression"] or next(
            (
                x.split(" :: ")[-1]
                for x in said.get_all("Classifier", [])
                if x.startswith("License ::")
            ),
            (said["License"] or "see its folder").splitlines()[0][:60],
        )
        lines.append(f" {said['Name']} {said['Version']}: {given}")
    return "\n".join(lines) + "\n"


def _write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _gzip(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def settle(root: Path, epoch: int) -> None:
    """Modes that do not hang on who builds, and one time."""
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            runs = path.is_dir() or (
                path.stat().st_mode & 0o100 and "site-packages" not in str(path)
            )
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
