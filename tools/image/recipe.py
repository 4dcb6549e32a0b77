"""What makes of Debian what a home needs: packages, and files with their reasons.

Not for: making file systems (`__main__`).
"""

from __future__ import annotations

from dataclasses import dataclass

DEBIAN = 13

PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "e2fsprogs", "ca-certificates"),
    *("systemd-timesyncd", "systemd-resolved"),  # the clock is kept; names
    *("systemd-zram-generator", "systemd-repart"),
    "libnss-mdns",  # tryggve.local
    "avahi-daemon",
    "polkitd",  # bluetoothd asks it
    "unattended-upgrades",
)

KERNELS = {"amd64": "linux-image-amd64", "arm64": "linux-image-arm64"}

ROOT_LABEL, STATE_LABEL = "tryggve-root", "tryggve-state"

STATE = {
    "tryggve": "/var/lib/tryggve",  # the log, the home's keys
    "configured": "/etc/tryggve",
    "releases": "/opt/tryggve-gateway/releases",
    "bluetooth": "/var/lib/bluetooth",  # pairings
    "systemd": "/var/lib/systemd",  # the last time known: a Pi has no clock of its own
    "apt": "/var/lib/apt",  # what unattended-upgrades knows and did
    "cache": "/var/cache",
}
"""Folder of the state's partition to where it is seen: all that is written and kept."""

MEMORY = {"/tmp": "64M", "/var/tmp": "64M", "/var/log": "32M"}  # noqa: S108
"""What is written and not kept."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the root, and why it is there."""

    path: str
    text: str
    why: str


def fstab() -> str:
    lines = [
        f"LABEL={ROOT_LABEL} / ext4 ro,noatime 0 1",
        f"LABEL={STATE_LABEL} /state ext4 rw,noatime,nodev,nosuid,x-systemd.growfs 0 2",
    ]
    for folder, seen in STATE.items():
        options = "bind,x-systemd.requires-mounts-for=/state"
        lines.append(f"/state/{folder} {seen} none {options} 0 0")
    for seen, size in MEMORY.items():
        lines.append(f"tmpfs {seen} tmpfs nosuid,nodev,size={size} 0 0")
    return "\n".join(lines) + "\n"


FILES = (
    File("etc/fstab", fstab(), "the root is never written; the state has its own partition"),
    File("etc/hostname", "tryggve\n", "the name that phones go to (docs/install.md)"),
    File("etc/hosts", "127.0.0.1 localhost tryggve\n::1 localhost tryggve\n", ""),
    File(
        "etc/systemd/system.conf.d/watchdog.conf",
        "[Manager]\nRuntimeWatchdogSec=15s\nRebootWatchdogSec=2min\n",
        "a kernel or a systemd that hangs is started anew; 15 s is the most that a Pi's can",
    ),
    File(
        "etc/systemd/journald.conf.d/bounded.conf",
        "[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n",
        "the journal wears no card, and is bounded; what happened is in the home's own log",
    ),
    File(
        "etc/systemd/zram-generator.conf",
        "[zram0]\nzram-size = min(ram / 2, 512)\ncompression-algorithm = zstd\n",
        "a look's or a call's libraries fit beside everything else, without a swap on the card",
    ),
    File(
        "etc/systemd/network/20-wired.network",
        "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nClientIdentifier=mac\n",
        "the router knows the home again by its address, for the machine's id is new at each start",
    ),
    File(
        "etc/systemd/system/apt-daily-upgrade.service.d/read-only-root.conf",
        "[Service]\nExecStartPre=mount -o remount,rw /\nExecStopPost=mount -o remount,ro /\n",
        "Debian's security updates are put on the root, which is written meanwhile only",
    ),
    File(
        "etc/repart.d/10-state.conf",
        "[Partition]\nType=linux-generic\nLabel=state\n",
        "the state's partition grows to the card's end at the first start",
    ),
    File(
        "etc/apt/apt.conf.d/20auto-upgrades",
        'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
        "every day",
    ),
    File("etc/machine-id", "", "each start has its own, and no two cards the same"),
)

LINKS = {"etc/resolv.conf": "/run/systemd/resolve/stub-resolv.conf"}

ENABLED = ("systemd-networkd", "systemd-resolved", "systemd-timesyncd", "tryggve-gateway")
