"""`make image`: a card for a home, from the gateway's package in build/deb, in build/image.

As root, with mmdebstrap, mke2fs and sfdisk.  `--machine arm64` needs a kernel that runs its
programs (qemu-user-static with binfmt_misc).  A Pi's own boot files are not in it
(docs/hardware.md).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.deb.__main__ import OUT as DEBS
from tools.deb.locked import BuildError
from tools.deb.proof import run, sources
from tools.deb.targets import DEBIANS, GATEWAY, ROOT
from tools.image import recipe

OUT = ROOT / "build" / "image"

MIB = 1024 * 1024
FIRST = 1
"""MiB before the first partition: where everybody begins."""

ROOT_MIB, STATE_MIB = 2560, 512
"""The root with a kernel, Debian's and our libraries takes 1.4 GB; the rest is for security
updates.  The state grows to the card's end at the first start (x-systemd.growfs)."""

TYPES = {
    "amd64": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    "arm64": "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
}
"""A root's type by machine (the Discoverable Partitions Specification)."""

TOOLS = ("mmdebstrap", "mke2fs", "sfdisk", "dpkg-deb")


def main(argv: list[str] | None = None) -> int:
    """Make it; 1 with one sentence when that cannot be."""
    parser = argparse.ArgumentParser(prog="make image", description=__doc__.splitlines()[0])
    here = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=False
    ).stdout.strip()
    parser.add_argument("--machine", choices=list(recipe.KERNELS), default=here)
    given = parser.parse_args(argv)
    try:
        missing = [name for name in TOOLS if shutil.which(name) is None]
        if missing:
            raise BuildError(f"{', '.join(missing)} is not installed")
        ending = f"+deb{recipe.DEBIAN}_{given.machine}.deb"
        debs = sorted(DEBS.glob(f"{GATEWAY.name}_*{ending}"))
        if len(debs) != 1:
            raise BuildError(f"there is not one {GATEWAY.name}_…{ending} in {DEBS.name}: make deb")
        print(make(debs[0], given.machine), flush=True)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make image: {error}", file=sys.stderr)
        return 1
    return 0


def make(deb: Path, machine: str) -> Path:
    """The card with that package; returns it."""
    OUT.mkdir(parents=True, exist_ok=True)
    card = OUT / f"{deb.stem}.img"
    with tempfile.TemporaryDirectory(prefix="tryggve-image-") as work:
        root = Path(work) / "root"
        _debian(root, deb, machine)
        _home(root)
        for name in ("vmlinuz", "initrd.img"):  # what starts it, where no firmware does
            shutil.copy(root / name, OUT / f"{deb.stem}.{name}")
        state = _state(root, Path(work) / "state")
        root_fs = _file_system(Path(work) / "root.ext4", root, recipe.ROOT_LABEL, ROOT_MIB)
        state_fs = _file_system(Path(work) / "state.ext4", state, recipe.STATE_LABEL, STATE_MIB)
        _card(card, machine, root_fs, state_fs)
    return card


def _debian(root: Path, deb: Path, machine: str) -> None:
    [debian] = [one for one in DEBIANS if one.number == recipe.DEBIAN]
    packages = ",".join([*recipe.PACKAGES, recipe.KERNELS[machine]])
    # the same order as a person: Debian first, then the package, with what it needs
    apt = 'chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get install -y'
    hooks = [
        f'copy-in "{deb}" /tmp',
        f"{apt} --no-install-recommends /tmp/{deb.name} libportaudio2",
        f'rm "$1/tmp/{deb.name}"',
    ]
    run(
        [
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
            *(f"--architectures={machine}", f"--include={packages}"),
            *(f"--customize-hook={hook}" for hook in hooks),
            *(debian.name, str(root), *sources(debian)),
        ]
    )


def _home(root: Path) -> None:
    """The recipe's files; nobody's account.  The package's own release runs, compiled where it is
    never written: the places for updates are empty, and so is the state's partition."""
    for file in recipe.FILES:
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(file.text)
    for name, target in recipe.LINKS.items():
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    for name in ("state", "boot/firmware", *(seen[1:] for seen in recipe.MEMORY)):
        (root / name).mkdir(parents=True, exist_ok=True)
    for path in (root / GATEWAY.folder / "releases").iterdir():
        run(["rm", "-rf", str(path)])
    python = f"/{GATEWAY.release}/bin/python3"
    compiled = [python, "-I", "-m", "compileall", "-q", "-j", "0", f"/{GATEWAY.release}/lib"]
    subprocess.run(["chroot", str(root), *compiled], check=False, capture_output=True)
    run(["systemctl", f"--root={root}", "enable", *recipe.ENABLED])
    run(["systemctl", f"--root={root}", "mask", "getty@.service", "serial-getty@.service"])
    run(["chroot", str(root), "passwd", "--lock", "root"])


def _state(root: Path, state: Path) -> Path:
    """The state's partition as a new home has it: what Debian and the package put there.  The root
    keeps the empty folders, where the state is seen."""
    state.mkdir()
    for folder, seen in recipe.STATE.items():
        place = root / seen[1:]
        place.mkdir(parents=True, exist_ok=True)
        run(["cp", "-a", str(place), str(state / folder)])
        for path in place.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return state


def _file_system(file: Path, tree: Path, label: str, size_mib: int) -> Path:
    run(["mke2fs", "-q", "-t", "ext4", "-L", label, "-d", str(tree), str(file), f"{size_mib}M"])
    return file


def _card(card: Path, machine: str, root_fs: Path, state_fs: Path) -> None:
    table = [
        "label: gpt",
        f"start={FIRST}MiB, size={ROOT_MIB}MiB, type={TYPES[machine]}, name=root",
        f"start={FIRST + ROOT_MIB}MiB, size={STATE_MIB}MiB, type=L, name=state",
    ]
    with card.open("wb") as file:
        file.truncate((FIRST + ROOT_MIB + STATE_MIB + 1) * MIB)
    subprocess.run(["sfdisk", "--quiet", str(card)], input="\n".join(table), text=True, check=True)
    for source, at in ((root_fs, FIRST), (state_fs, FIRST + ROOT_MIB)):
        run(
            [
                "dd",
                f"if={source}",
                f"of={card}",
                "bs=1M",
                f"seek={at}",
                "conv=notrunc,sparse",
                "status=none",
            ]
        )


if __name__ == "__main__":
    raise SystemExit(main())
