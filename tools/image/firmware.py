"""What a Pi's firmware reads on the boot partition, and whether a Pi starts by it.

Not for: the firmware itself, which is Debian's package (`recipe.PI`).
"""

from __future__ import annotations

import re
from pathlib import Path

from tools.deb.locked import BuildError
from tools.image import layout, recipe


def starts(boot: Path) -> tuple[Path, Path, str]:
    """What the Pi's firmware starts from that partition: the kernel, its first file system, and the
    kernel's words.  Raises `BuildError` when a Pi would not start by it."""
    config, words = ((boot / name).read_text() for name in ("config.txt", "cmdline.txt"))
    kernel = re.search(r"^kernel=(\S+)$", config, re.MULTILINE)
    initrd = re.search(r"^initramfs (\S+)$", config, re.MULTILINE)
    if not (kernel and initrd):
        raise BuildError("the boot partition does not say what the Pi's firmware is to start")
    for name in (kernel[1], initrd[1], *recipe.BOARDS, *recipe.FIRMWARE):
        if not (boot / name).is_file():
            raise BuildError(f"the boot partition has no {name}")
    said = words.split()
    if len(words.strip().splitlines()) != 1 or f"root=LABEL={layout.ROOT.label}" not in said:
        raise BuildError(f"the kernel's words are not one line that names the root: {words}")
    if any(word.startswith("cma=") for word in said):
        raise BuildError("a Pi 4 does not start with cma= among the kernel's words")
    if [word for word in said if word in ("ro", "rw")][-1:] != ["ro"]:
        raise BuildError("the kernel is not told that the root is read-only")
    return boot / kernel[1], boot / initrd[1], words.strip()
