"""A card in QEMU's Raspberry Pi 3: started as a Pi's firmware starts it, with the kernel, the first
file system, the board's own description and the kernel's words that lie on its boot partition.

It has what `machine` has not: the SD card's own driver and name, and a Pi's devices.  Not for: the
firmware itself, which QEMU has not; nor the network and radios of a Pi, for which it has others.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.image import layout, recipe
from tools.image.firmware import starts
from tools.image.shell import run

BOARD = recipe.BOARDS[0]
SIZE_MIB = 8192
"""QEMU's card holds a power of two, as a real one does by its makers' measure."""


def boot(card: Path, folder: Path) -> Path:
    """What lies on its boot partition now, in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    place = f"{card}@@{layout.start_mib(layout.BOOT)}M"
    run(["mcopy", "-s", "-m", "-i", place, "::/", str(folder)])
    return folder


def command(card: Path, folder: Path, looks: Path, words: str) -> list[str]:
    """QEMU's; `words` are for the kernel, after the card's own."""
    kernel, initrd, own = starts(folder)
    return [
        *("qemu-system-aarch64", "-M", "raspi3b", "-accel", "tcg,thread=multi", "-no-reboot"),
        *("-display", "none", "-monitor", "none", "-serial", "null", "-serial", "stdio"),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-dtb", str(folder / BOARD)),
        *("-append", f"{own} {words}"),
        *("-drive", f"file={card},format=raw,if=sd"),
        *("-drive", f"file={looks},format=raw,if=none,id=looks,readonly=on"),
        *("-device", "usb-storage,drive=looks"),
        *("-netdev", "user,id=line", "-device", "usb-net,netdev=line"),
    ]
