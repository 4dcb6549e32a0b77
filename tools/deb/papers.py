"""What a package says of itself: changes, copyright, manual, and what lintian may find.

Not for: anything that runs.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from email.parser import HeaderParser
from email.utils import format_datetime
from pathlib import Path

from tools.deb.targets import ROOT, Target

MAINTAINER = "Tryggve <security@tryggve.example>"


def documents(target: Target, root: Path, version: str, epoch: int) -> None:
    """Write them under /usr/share."""
    package, share = target.package, root / "usr/share"
    doc = share / "doc" / package.name
    when = format_datetime(datetime.fromtimestamp(epoch, UTC))
    changes = f"{package.name} ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n"
    _gzip(doc / "changelog.gz", f"{changes} -- {MAINTAINER}  {when}\n")
    _gzip(doc / "CHANGELOG.md.gz", (ROOT / "CHANGELOG.md").read_text())
    _write(doc / "copyright", _copyright(root / package.folder))
    page = f".TH {package.name.upper()} 1\n.SH NAME\n{package.name} \\- {package.summary}\n"
    page += f".SH SYNOPSIS\n.B {package.name}\n[\\-\\-help] COMMAND\n"
    page += f".SH DESCRIPTION\n{' '.join(package.text)}\n.PP\nThe same as\n"
    page += f'.BR "tryggve {package.word}" .\n.B {package.name} \\-\\-help\nnames its commands.\n'
    _gzip(share / f"man/man1/{package.name}.1.gz", page)
    _write(share / "lintian/overrides" / package.name, OVERRIDES.format(name=package.name))


OVERRIDES = """\
# a program with every library that it was tested with, in a folder of its own (docs/install.md)
{name}: dir-or-file-in-opt
{name}: embedded-library
{name}: unstripped-binary-or-object
{name}: shared-library-lacks-prerequisites
{name}: wrong-path-for-interpreter
# … each as it was published
{name}: package-contains-vcs-control-file [opt/*]
{name}: script-not-executable [opt/*]
{name}: unusual-interpreter * [opt/*]
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


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _gzip(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
