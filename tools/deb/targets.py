"""Which package, for which Debian, Python and machine.  Not for: what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TAGS = {
    "amd64": ("x86_64", 28),
    "arm64": ("aarch64", 28),
}
"""Debian's name of a machine: Python's, and the newest glibc (2.x) that a wheel may ask for: one
that the oldest Debian here has (12: 2.36)."""


@dataclass(frozen=True, slots=True)
class Debian:
    """A release, and the Python that it has."""

    number: int
    name: str
    python: str
    has: tuple[tuple[str, str], ...] = ()
    """Libraries that need a compiler for this Python, and the packages that Debian has them in."""

    @property
    def short(self) -> str:
        """As in the names of wheels: `311`."""
        return self.python.replace(".", "")


DEBIANS = (Debian(12, "bookworm", "3.11"), Debian(13, "trixie", "3.13", (("lgpio", "python3-lgpio"),)))


@dataclass(frozen=True, slots=True)
class Package:
    """One of our packages.  `locks` are files in requirements/, taken together; `beside` the
    package whose folder it shares."""

    name: str
    summary: str
    text: tuple[str, ...]
    locks: tuple[str, ...]
    depends: tuple[str, ...]
    beside: str = ""

    @property
    def folder(self) -> str:
        """Where it lies, from the root."""
        return f"opt/{self.beside or self.name}"


GATEWAY = Package(
    "tryggve-gateway",
    "home-care gateway: mats, buttons, doors and locks of a home",
    (
        "Reads pressure mats, buttons and doors over pins and Bluetooth, turns the",
        "door's lock, runs the night checks, keeps the home's log and forwards it to",
        "the staff server.",
    ),
    locks=("pi", "yale", "danalock"),
    depends=("adduser", "bluez", "dbus", "systemd"),
)
VOICE = Package(
    "tryggve-gateway-voice",
    "home-care gateway: speaking with a home, and looks by video",
    (
        "What carries sound and pictures between the home and who answers there",
        "(WebRTC).  Needed in homes with a speaker or a camera.",
    ),
    locks=("voice",),
    depends=("tryggve-gateway (= ${version})", "libportaudio2"),
    beside="tryggve-gateway",
)
STAFF = Package(
    "tryggve-staff",
    "home-care staff server: alarms, night checks, visits and doors",
    (
        "Keeps what homes tell, shows it to care staff, reaches somebody about every",
        "alarm and lets staff open doors with the phone.",
    ),
    locks=("staff",),
    depends=("adduser", "systemd"),
)
PACKAGES = (GATEWAY, VOICE, STAFF)


@dataclass(frozen=True, slots=True)
class Target:
    """One file that is built."""

    package: Package
    debian: Debian
    machine: str

    @property
    def markers(self) -> dict[str, str]:
        """What a lock's conditions ask about (PEP 508), as it is there."""
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": TAGS[self.machine][0],
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.debian.python}.0",
            "python_version": self.debian.python,
            "sys_platform": "linux",
        }

    @property
    def pip(self) -> list[str]:
        """What makes pip choose for there and not for here."""
        machine, newest = TAGS[self.machine]
        names = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)]
        names += [f"manylinux2014_{machine}", f"linux_{machine}"]
        chosen = ["--python-version", self.debian.python, "--implementation", "cp"]
        chosen += ["--abi", f"cp{self.debian.short}", "--abi", "abi3", "--abi", "none"]
        return [*chosen, *(word for name in names for word in ("--platform", name))]

    @property
    def from_debian(self) -> dict[str, str]:
        """What of the locks Debian brings, and its package."""
        return dict(self.debian.has) if "pi" in self.package.locks else {}

    def file_name(self, version: str) -> str:
        return f"{self.package.name}_{version}_{self.machine}.deb"


def targets(
    packages: Iterable[str], debians: Iterable[int], machines: Iterable[str]
) -> list[Target]:
    """Those of these names."""
    return [
        Target(package, debian, machine)
        for package in PACKAGES
        if package.name in set(packages)
        for debian in DEBIANS
        if debian.number in set(debians)
        for machine in TAGS
        if machine in set(machines)
    ]
