"""The card, byte by byte: a table of three partitions, and where each lies.

    boot    FAT: what the Pi's firmware reads, and the file that a person writes
    root    ext4, read-only
    state   ext4, last, so that it can take the rest of a card of any size

The table is the old one (MBR), which every Pi's boot ROM reads.  Not for: what is in them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
SECTOR = 512

FIRST_MIB = 4
"""Before the first partition: cards write in blocks of up to 4 MiB, and each begins with one."""

FAT, LINUX = 0x0C, 0x83
"""Types: FAT32 by sectors, which the boot ROM looks for; Linux."""

ID = 0x54525947
"""The disk's own number: any that is not 0."""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition's label, type and size."""

    label: str
    type: int
    size_mib: int


BOOT = Part("TRYGGVE", FAT, 256)
"""Kernel, what starts it, and their firmware take half of it."""
ROOT = Part("tryggve-root", LINUX, 2560)
"""Debian and the gateway take about a half; security updates are put beside what they replace."""
STATE = Part("tryggve-state", LINUX, 768)
"""On a new card; it grows.  One release beside the package's, and Debian's lists, fit."""

PARTS = (BOOT, ROOT, STATE)


def start_mib(part: Part) -> int:
    """Where it begins."""
    return FIRST_MIB + sum(one.size_mib for one in PARTS[: PARTS.index(part)])


SIZE_MIB = FIRST_MIB + sum(part.size_mib for part in PARTS)


def table() -> bytes:
    """The card's first sector."""
    rows = b""
    for part in PARTS:
        first, count = start_mib(part) * MIB // SECTOR, part.size_mib * MIB // SECTOR
        far = b"\xfe\xff\xff"  # cylinders and heads, which nobody reads any more: "look at sectors"
        rows += struct.pack("<B3sB3sII", 0, far, part.type, far, first, count)
    return bytes(440) + struct.pack("<IH", ID, 0) + rows.ljust(64, b"\0") + b"\x55\xaa"


def lay(card: Path, files: dict[Part, Path]) -> None:
    """Make the card of its file systems; what is empty in them takes no room."""
    empty = bytes(MIB)
    with card.open("wb") as out:
        out.truncate(SIZE_MIB * MIB)
        out.write(table())
        for part, file in files.items():
            place = start_mib(part) * MIB
            with file.open("rb") as source:
                if file.stat().st_size > part.size_mib * MIB:
                    raise ValueError(f"{part.label} does not fit in its partition")
                while block := source.read(MIB):
                    if block != empty[: len(block)]:
                        out.seek(place)
                        out.write(block)
                    place += len(block)
