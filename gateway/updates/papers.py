"""What comes with a release for people: its bill of materials, and the advisories of what it mends.

Both stand in the signed list, the first by its hash.  Homes pass them over.  Not for: writing a
bill (`tools/sbom.py`), or what an advisory says (docs/advisories.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import UserError

SBOM_NAME = re.compile(r"tryggve-gateway-[0-9A-Za-z.]{1,40}\.cdx\.json")
"""As `make sbom` names it."""

SBOM_MAX_BYTES = 5_000_000
"""It has some 300,000."""

ADVISORY = re.compile(r"(?:GHSA|CVE)-[0-9A-Za-z-]{1,40}")
ADVISORIES_MAX = 50

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Papers:
    """Of one release."""

    advisories: tuple[str, ...] = ()
    sbom: str = ""
    """The name of the bill's file at a mirror, with its hash; empty: there is none."""

    def check(self, targets: Path) -> Path | None:
        """The bill's file in this folder of a mirror; None: the release has none.  Raises
        `UserError` where it is not the one that was signed."""
        if not self.sbom:
            return None
        file = targets / self.sbom
        try:
            if not file.is_file():  # a pipe would be waited for
                raise FileNotFoundError(file)
            with file.open("rb") as opened:
                data = opened.read(SBOM_MAX_BYTES + 1)
        except OSError as error:
            raise UserError(f"{file} is missing: the release's bill of materials.") from error
        if len(data) > SBOM_MAX_BYTES or not self.sbom.startswith(hashlib.sha256(data).hexdigest()):
            raise UserError(f"{file} is not the bill of materials that was signed.")
        return file


def papers(about: object) -> Papers:
    """What the signed list says of a release: whatever of it can be read."""
    if not isinstance(about, dict):
        return Papers()
    told, sbom = about.get("advisories"), about.get("sbom")
    listed = told if isinstance(told, list) else []
    numbers = [one for one in listed if isinstance(one, str) and ADVISORY.fullmatch(one)]
    name = ""
    if isinstance(sbom, dict):
        hashed, called = str(sbom.get("sha256")), str(sbom.get("name"))
        if _HASH.fullmatch(hashed) and SBOM_NAME.fullmatch(called):
            name = f"{hashed}.{called}"
    return Papers(tuple(numbers[:ADVISORIES_MAX]), name)


def check_sbom(file: Path, version: str) -> bytes:
    """Look at a release's bill of materials before it is signed; its bytes.  Raises `UserError`."""
    try:
        with file.open("rb") as opened:
            data = opened.read(SBOM_MAX_BYTES + 1)
        if len(data) > SBOM_MAX_BYTES:
            raise UserError(f"{file} is larger than a server takes.")
        told = json.loads(data)
        of = (told["bomFormat"], told["metadata"]["component"]["version"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is no bill of materials; `make sbom` writes one.") from error
    if of != ("CycloneDX", version) or file.name != f"tryggve-gateway-{version}.cdx.json":
        raise UserError(f"{file} is not the bill of materials of {version}.")
    return data


def mended_in(version: str, advisories: Path) -> list[str]:
    """The advisories whose holes this version mends, by number: rows of docs/advisories.md.  Raises
    `UserError` for a number that nobody would be shown."""
    try:
        lines = advisories.read_text("utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise UserError(f"{advisories} cannot be read.") from error
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) > 3 and version in re.split(r"[\s,`]+", cells[3]):
            found += [number.strip() for number in cells[0].split(",")]
    for number in found:
        if not ADVISORY.fullmatch(number):
            raise UserError(f"{advisories}: {number[:80]!r} is no number of an advisory.")
    if len(found) > ADVISORIES_MAX:
        raise UserError(f"{advisories} has more than {ADVISORIES_MAX} rows of {version}.")
    return found
