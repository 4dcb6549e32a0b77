"""What a lock means for a target, and its files, each with its hash.

Not for: choosing versions (tools/lock.sh).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from tools.deb.targets import ROOT, Target

_ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)"
    r"(?:\s*;\s*(?P<marker>[^\\\n]+?))?\s*(?P<hashes>(?:\\\n\s*--hash=\S+\s*)+)",
    re.MULTILINE,
)


class BuildError(Exception):
    """Something that the builder must mend; one sentence."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A distribution at its version, with the hashes that its files may have."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={one}" for one in self.hashes)])


def read(name: str, target: Target) -> dict[str, Locked]:
    """What requirements/<name>.txt locks for the target."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    found = {}
    for entry in _ENTRY.finditer(text):
        marker = entry["marker"]
        if marker and not Marker(marker).evaluate(dict(target.markers)):
            continue
        hashes = tuple(re.findall(r"--hash=(\S+)", entry["hashes"]))
        found[entry["name"].lower()] = Locked(entry["name"], entry["version"], hashes)
    return found


def needed(target: Target) -> dict[str, Locked]:
    """What the package brings: all that its locks name, but what Debian has.  Raises `BuildError`
    when two locks differ."""
    found: dict[str, Locked] = {}
    for lock in target.package.locks:
        for name, one in read(lock, target).items():
            if found.setdefault(name, one).version != one.version:
                raise BuildError(f"requirements/{lock}.txt has another {name} than the other locks")
    for name in target.from_debian:
        found.pop(name, None)
    return found


PURE = frozenset({"flask-principal", "http-ece"})
"""What is published as source only, and is Python alone: built here, the same for every machine."""

PIP = (sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "--quiet")


AS_LOCKED = ("--no-deps", "--ignore-requires-python")
"""The lock has chosen, for its Python; pip would ask about the one that it runs on itself."""


def fetch(target: Target, folder: Path, epoch: int) -> list[Path]:
    """The wheels of what is needed, in `folder`, sorted.  Raises `BuildError`."""
    folder.mkdir(parents=True, exist_ok=True)
    here = needed(target)
    built = [here.pop(name) for name in sorted(PURE & here.keys())]
    wheels = [*PIP, "download", *AS_LOCKED, "--only-binary", ":all:", *target.pip]
    _pip([*wheels, "--dest"], folder, [here[name] for name in sorted(here)], epoch)
    if built:
        source = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--use-pep517"]
        _pip([*source, "--wheel-dir"], folder, built, epoch)
    return sorted(folder.glob("*.whl"))


def _pip(command: list[str], folder: Path, wanted: list[Locked], epoch: int) -> None:
    listed = folder / "wanted.txt"
    listed.write_text("".join(f"{one.line}\n" for one in wanted))
    run([*command, str(folder), "--require-hashes", "--requirement", str(listed)], epoch)
    listed.unlink()


def run(command: list[str], epoch: int) -> None:
    """Run a program that makes the same from the same: its times are the epoch's.  Raises
    `BuildError` with the end of what it said."""
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise BuildError(f"{' '.join(command[:4])} failed:\n{said}")
