"""Which package, for which Debian, Python and machine.  Not for: what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FRAME = 1
"""What surrounds a release on a machine (units, users, rules, Debian's packages), as a number.  It
is raised when a release needs more of that than the one before: only a package can bring it, so
that a home takes no release by itself that its package's frame does not carry."""

TAGS = {
    "amd64": ("x86_64", 36),
    "arm64": ("aarch64", 36),
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
    """Libraries that need a compiler for this Python, and the packages that bring them.  These are
    recommended: not each system that is made of Debian has them."""

    @property
    def short(self) -> str:
        """As in the names of wheels: `311`."""
        return self.python.replace(".", "")


DEBIANS = (
    Debian(12, "bookworm", "3.11"),  # lgpio is a wheel for this Python
    # … and none for this; Raspberry Pi OS has the package, Debian itself has not
    Debian(13, "trixie", "3.13", (("lgpio", "python3-lgpio"),)),
)


@dataclass(frozen=True, slots=True)
class Package:
    """One of our packages.  `word` is its program's (`tryggve WORD …`); `locks` are files in
    requirements/, taken together; `units` and `examples` are files in systemd/, the first unit the
    program's own; `programs` are files of scripts/ that only this package has."""

    name: str
    word: str
    summary: str
    text: tuple[str, ...]
    locks: tuple[str, ...]
    depends: tuple[str, ...]
    recommends: tuple[str, ...]
    suggests: tuple[str, ...]
    user: str
    config: str
    units: tuple[str, ...]
    examples: tuple[str, ...]
    programs: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where all of its releases lie, from the root."""
        return f"opt/{self.name}"

    @property
    def release(self) -> str:
        """Where the one lies that the package itself brings, from the root."""
        return f"{self.folder}/package"


GATEWAY = Package(
    name="tryggve-gateway",
    word="gateway",
    summary="home-care gateway: mats, buttons, doors and locks of a home",
    text=(
        "Reads pressure mats, buttons and doors over pins and Bluetooth, turns the",
        "door's lock, runs the night checks, keeps the home's log and forwards it to",
        "the staff server.",
    ),
    locks=("pi", "yale", "danalock", "voice"),
    # ca-certificates: whom to believe that it is the server
    depends=("bluez", "ca-certificates", "dbus", "systemd"),
    # libportaudio2: sound, in homes with a speaker; dnsmasq-base: what NetworkManager gives phones
    # their addresses with, and nothing that runs by itself
    recommends=("dnsmasq-base", "libportaudio2"),
    # the network for who installs without internet: Raspberry Pi OS has it.  Not recommended, for
    # where something else keeps a home's network it would take that over
    suggests=("network-manager",),
    user="tryggve",
    config="home.toml",
    units=(
        "tryggve-gateway.service",
        *("tryggve-update.path", "tryggve-update.service"),
        *("tryggve-update-watch.path", "tryggve-update-watch.service"),
        "tryggve-access-point.service",
    ),
    examples=("looks.conf", "voice.conf"),
    programs=("access-point",),
)
STAFF = Package(
    name="tryggve-staff",
    word="staff",
    summary="home-care staff server: alarms, night checks, visits and doors",
    text=(
        "Keeps what homes tell, shows it to care staff, reaches somebody about every",
        "alarm and lets staff open doors with the phone.",
    ),
    locks=("staff",),
    # ca-certificates: alarm centres, push and hooks; procps: the kill of a reload
    depends=("ca-certificates", "procps", "systemd"),
    recommends=("postgresql",),
    suggests=(),
    user="tryggve-staff",
    config="staff.toml",
    units=("tryggve-staff.service",),
    examples=("nginx.conf",),
)
PACKAGES = (GATEWAY, STAFF)


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
    def site(self) -> str:
        """Where its libraries lie in a release."""
        return f"lib/python{self.debian.python}/site-packages"

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
