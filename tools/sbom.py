"""Writes the bill of materials of a release (CycloneDX 1.6, JSON): `make sbom`.

    python tools/sbom.py                    both products, into build/sbom
    python tools/sbom.py gateway -o FILE    one of them

What a product is made of are the lock files (requirements/*.txt) with their versions and hashes,
their licences (requirements/licences.toml), what wheels carry along of others, and Tryggve itself.
The same tree gives the same bytes, on any machine: nothing installed is looked at, and the time is
the last commit's, or SOURCE_DATE_EPOCH.

Not for: packages of Debian (systemd, BlueZ, PostgreSQL, Python itself), which Debian's own tools
list where they are installed; what tests and the demo need, which no release installs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]

PRODUCTS = {"gateway": ("pi", "voice", "yale", "danalock"), "staff": ("staff",)}
"""Each program that is released, and the lock files of what may be installed with it."""

REQUIRED = {"gateway": "pi", "staff": "staff"}
"""The lock file without which it does not run; the others are chosen."""

MACHINES = tuple(
    {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    for python in ("3.11", "3.12", "3.13")
    for machine in ("x86_64", "aarch64")
)
"""Where a release may be installed: a package whose condition (PEP 508) holds on none of them is in
no release."""

GIT_S = 10
"""Seconds that git may take to say when the last commit was."""


@dataclass(frozen=True)
class Locked:
    """One line of a lock file, with its hashes."""

    name: str
    version: str
    hashes: tuple[str, ...]
    where: str = ""
    """Which Pythons and machines it is installed on; empty: all."""

    @property
    def purl(self) -> str:
        """Its name in the world."""
        return f"pkg:pypi/{self.name}@{self.version.replace('!', '%21').replace('+', '%2B')}"


def locked(purpose: str) -> Iterator[Locked]:
    """What a lock file installs on Linux.  Raises `SystemExit` for a line that is not understood:
    what it names would be missing, and nobody would know."""
    name = f"requirements/{purpose}.txt"
    for line in _text(name).replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = re.match(r"([a-z0-9][a-z0-9._-]*)==([^\s;]+)", line)
        hashes = tuple(sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", line)))
        where = line.split("--hash")[0].partition(";")[2].strip()
        try:
            here = not where or any(Marker(where).evaluate(dict(one)) for one in MACHINES)
        except ValueError:
            found = None
        if found is None or not hashes:
            raise SystemExit(f"{name}: {line[:60].strip()!r} is no package with its hashes")
        if here:
            yield Locked(found[1], found[2], hashes, where)


def bill(product: str) -> dict[str, Any]:
    """The bill of materials of a product.  Raises `SystemExit` for a package without a licence."""
    known = _table("requirements/licences.toml", "packages", "bundled")
    version = _table("pyproject.toml", "project")["project"].get("version")
    if not isinstance(version, str):
        raise SystemExit("pyproject.toml does not say which version this is")
    must = {one.name for one in locked(REQUIRED[product])}
    parts = {one.purl: one for purpose in PRODUCTS[product] for one in locked(purpose)}
    licences = known["packages"]
    unknown = sorted(x.name for x in parts.values() if not isinstance(licences.get(x.name), str))
    for one in parts.values():
        inside = known["bundled"].get(one.name, {})
        unknown += [f"{one.name}'s {n}" for n, part in inside.items() if "licence" not in part]
    if unknown:
        raise SystemExit(f"requirements/licences.toml has no licence of {', '.join(unknown)}")
    root = f"pkg:generic/tryggve-{product}@{version}"
    components, carried = [], {}
    for purl, one in sorted(parts.items()):
        inside = _inside(purl, known["bundled"].get(one.name, {}))
        carried[purl] = [part["bom-ref"] for part in inside]
        components.append(_component(one, licences[one.name], one.name in must))
        components += inside
    needs = [{"ref": root, "dependsOn": sorted(parts)}]
    needs += [{"ref": purl, "dependsOn": refs} for purl, refs in sorted(carried.items()) if refs]
    made: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": _time(),
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": "tryggve tools/sbom.py"}]},
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": f"tryggve-{product}",
                "version": version,
                "licenses": _licences("Apache-2.0"),
                "purl": root,
            },
        },
        "components": components,
        "dependencies": needs,
    }
    content = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    return {**made, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}"}


def _text(name: str) -> str:
    try:
        return (ROOT / name).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise SystemExit(f"{name} cannot be read: {error}") from error


def _table(name: str, *parts: str) -> dict[str, Any]:
    """A file with these tables."""
    try:
        read = tomllib.loads(_text(name))
    except tomllib.TOMLDecodeError as error:
        raise SystemExit(f"{name} is no TOML: {error}") from error
    for part in parts:
        if not isinstance(read.get(part), dict):
            raise SystemExit(f"{name} has no [{part}]")
    return read


def _component(one: Locked, licence: str, required: bool) -> dict[str, Any]:
    # the hashes are of the files that may be installed (wheels and source), whichever fits
    files = [{"alg": "SHA-256", "content": hash_} for hash_ in one.hashes]
    only = {"properties": [{"name": "tryggve:only-where", "value": one.where}]} if one.where else {}
    return {
        **only,
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "scope": "required" if required else "optional",
        "licenses": _licences(licence),
        "purl": one.purl,
        "externalReferences": [{"type": "distribution", "url": one.purl, "hashes": files}],
    }


def _inside(purl: str, bundled: dict[str, Any]) -> list[dict[str, Any]]:
    """What a wheel carries along; its version is that of the wheel's maker, and not known here."""
    return [
        {
            "type": "library",
            "bom-ref": f"{purl}#{name}",
            "name": name,
            "description": "carried along in the wheel of another package",
            "licenses": _licences(part["licence"]),
            "properties": [{"name": "tryggve:carried-in", "value": purl}],
        }
        for name, part in sorted(bundled.items())
    ]


def _licences(expression: str) -> list[dict[str, Any]]:
    if " " in expression:
        return [{"expression": expression}]
    return [{"license": {"id": expression}}]


def _time() -> str:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        asked = ["git", "log", "-1", "--format=%ct"]
        try:
            done = subprocess.run(
                asked, cwd=ROOT, capture_output=True, text=True, timeout=GIT_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SystemExit(
                "set SOURCE_DATE_EPOCH: git does not say when this was made"
            ) from error
        given = done.stdout.strip()
    if not re.fullmatch(r"\d{1,11}", given):
        raise SystemExit(f"SOURCE_DATE_EPOCH is a number of seconds, and not {given!r}")
    return datetime.fromtimestamp(int(given), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(file: Path, text: str) -> None:
    """Whole or not at all: half a bill is one of another product."""
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_text(text, "utf-8")
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise SystemExit(f"{file} cannot be written: {error.strerror}") from error


def main(words: list[str]) -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description="the bill of materials of a release")
    parser.add_argument("product", nargs="?", choices=PRODUCTS, help="one of them; none: all")
    parser.add_argument("-o", "--output", type=Path, help="a file, or `-`; else build/sbom")
    args = parser.parse_args(words)
    if args.output is not None and args.product is None:
        parser.error("--output needs a product")
    for product in [args.product] if args.product else PRODUCTS:
        made = bill(product)
        text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if args.output is not None and str(args.output) == "-":
            sys.stdout.write(text)
            continue
        name = f"tryggve-{product}-{made['metadata']['component']['version']}.cdx.json"
        file = args.output or ROOT / "build/sbom" / name
        _write(file, text)
        print(f"{file}: {len(made['components'])} components")


if __name__ == "__main__":
    main(sys.argv[1:])
