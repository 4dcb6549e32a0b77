"""What makes of Debian what a home needs, beside those in files/: packages, what is kept, what
is memory only.

Not for: making file systems (`__main__`), or partitions (`layout`).
"""

from __future__ import annotations

from tools.image import layout

DEBIAN = 13

PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "zstd"),
    *("e2fsprogs", "dosfstools", "fdisk"),  # checked at each start; the state grows
    *("ca-certificates", "debian-archive-keyring", "tzdata", "iproute2"),
    *("systemd-timesyncd", "systemd-resolved"),  # the clock is kept; names
    "systemd-zram-generator",
    *("avahi-daemon", "libnss-mdns"),  # tryggve.local
    *("wpasupplicant", "wireless-regdb"),
    "libzbar0t64",  # a code held to the camera
    "unattended-upgrades",
    "openssh-server",  # for an hour, when the server asks (card/ssh_hour.py)
)

WITH_PACKAGE = ("libportaudio2",)
"""What the gateway's package recommends and a home may need: a speaker."""

KERNELS = {"amd64": "linux-image-amd64", "arm64": "linux-image-arm64"}

PI = ("raspi-firmware", "firmware-brcm80211", "bluez-firmware")
"""What starts a Pi up to the 4, its Wi-Fi and its Bluetooth: Debian's `non-free-firmware`."""

BOARDS = ("bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb", "bcm2711-rpi-4-b.dtb")
"""What tells the kernel of each board that a card is for."""

FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
"""What starts those boards before there is a kernel: the first three a Pi 3, the others a Pi 4."""

KEPT = {
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

ENABLED = (
    *("systemd-networkd", "systemd-resolved", "systemd-timesyncd"),
    *("tryggve-card", "tryggve-grow", "tryggve-gateway", "tryggve-ssh.path"),
)

MASKED = (
    *("getty@.service", "serial-getty@.service", "console-getty.service"),  # nobody signs in
    "systemd-networkd-wait-online.service",  # a home works without
    *("dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service"),  # write on the root
    "wpa_supplicant.service",  # for NetworkManager; wpa_supplicant@wlan0 is the card's
    "unattended-upgrades.service",  # waits for shutdowns only, with 20 MB
    *("ssh.service", "ssh.socket"),  # tryggve-ssh.service starts sshd, for an hour
)

TECHNICIAN = "technician"
"""Who signs in by SSH (files/usr/lib/sysusers.d)."""

LINKS = {
    "etc/resolv.conf": "/run/systemd/resolve/stub-resolv.conf",
    "var/lib/dbus/machine-id": "/etc/machine-id",
    # it opens SSH by itself: to the machine's own users, and to a host of virtual machines
    "etc/systemd/system-generators/systemd-ssh-generator": "/dev/null",
}


STATE_OPTIONS = "rw,noatime,nodev,nosuid,errors=remount-ro,x-systemd.device-timeout=10min"
"""An old card may take long to be found; without its state there is no home."""


def fstab() -> str:
    """The boot partition is mounted for moments only (card/box.py)."""
    lines = [
        f"LABEL={layout.ROOT.label} / ext4 ro,noatime 0 1",
        f"LABEL={layout.STATE.label} /state ext4 {STATE_OPTIONS} 0 2",
        f"LABEL={layout.BOOT.label} /boot/firmware vfat noauto,ro 0 0",
    ]
    for folder, seen in KEPT.items():
        lines.append(f"/state/{folder} {seen} none bind,x-systemd.requires-mounts-for=/state 0 0")
    for seen, size in MEMORY.items():
        lines.append(f"tmpfs {seen} tmpfs nosuid,nodev,size={size} 0 0")
    return "\n".join(lines) + "\n"


FILES = {
    "etc/fstab": fstab(),
    "etc/hostname": "tryggve\n",  # the name that phones go to
    "etc/hosts": "127.0.0.1 localhost tryggve\n::1 localhost tryggve\n",
    "etc/machine-id": "",  # each start has its own, and no two cards the same
}
