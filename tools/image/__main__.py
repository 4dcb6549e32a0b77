"""`make image`: a card for a home, from the gateway's package in build/deb, in build/image.

As root, with mmdebstrap, mke2fs, mkfs.vfat and mtools.  For a Pi on another machine, or the other
way round, the kernel must run its programs: qemu-user-static, which is told to it here.  Debian's
packages come from this machine's own places for them, and the card goes on using those.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from tools.deb.__main__ import OUT as DEBS
from tools.deb.locked import BuildError
from tools.deb.targets import DEBIANS, GATEWAY, ROOT, Debian, Target
from tools.deb.workplace import workplace
from tools.image import compiled, layout, pins, recipe
from tools.image.card.given import TEMPLATE
from tools.image.firmware import starts
from tools.image.shell import Heard, run

OUT = ROOT / "build" / "image"
HERE = Path(__file__).parent

TOOLS = ("mmdebstrap", "mke2fs", "mkfs.vfat", "mcopy", "dpkg-deb")

BINFMT = Path("/proc/sys/fs/binfmt_misc")
QEMU = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
"""How the kernel knows programs of arm64, as qemu-user-static says it."""

SECURITY = "-security"

WITH_PROC = (
    *("unshare", "--mount", "sh", "-ec"),
    'mount -t proc proc "$1/proc"; root=$1; shift; exec chroot "$root" "$@"',
    "sh",
)
"""chroot, with /proc there: by it raspi-firmware's hook sees that it is in one, and else fails."""

ASKS = "etc/apt/apt.conf.d/70debconf"
"""By this each package's questions are looked for; nobody is asked any, and emulated it takes a
minute."""

APT_OUTSIDE = (
    *("Dir::Bin::dpkg=env", "DPkg::Options::=--unset=TMPDIR", "DPkg::Options::=dpkg"),
    'DPkg::Chroot-Directory="$1"',
)
"""apt here, dpkg there: emulated, apt alone takes minutes to read what there is."""


def main(argv: list[str] | None = None) -> int:
    """Make it; 1 with one sentence when that cannot be."""
    parser = argparse.ArgumentParser(prog="make image", description=__doc__.splitlines()[0])
    parser.add_argument("--machine", choices=list(recipe.KERNELS), default="arm64")
    parser.add_argument("--debs", type=Path, default=DEBS, help="where the package lies")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--no-pins", action="store_true", help="without the pins' library")
    given = parser.parse_args(argv)
    for ends in (signal.SIGTERM, signal.SIGHUP):  # what was begun ends with it, as by Ctrl-C
        signal.signal(ends, lambda number, _frame: sys.exit(128 + number))
    try:
        missing = [name for name in TOOLS if shutil.which(name) is None]
        if missing:
            raise BuildError(f"{', '.join(missing)} is not installed")
        ending = f"+deb{recipe.DEBIAN}_{given.machine}.deb"
        found = sorted(given.debs.glob(f"{GATEWAY.name}_*{ending}"))
        if len(found) != 1:
            raise BuildError(
                f"{given.debs} has {len(found)} of {GATEWAY.name}_…{ending}, and one is needed: "
                f"make deb"
            )
        print(make(found[0], given.machine, given.out, with_pins=not given.no_pins), flush=True)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make image: {error}", file=sys.stderr)
        return 1
    return 0


def make(deb: Path, machine: str, out: Path, *, with_pins: bool = True) -> Path:
    """The card with that package; returns it.  Beside it: what starts it where no firmware does,
    the list of what is in it, and when what was done (`.log`: it says how far a long build is)."""
    out.mkdir(parents=True, exist_ok=True)
    card = out / f"{deb.stem}.img"
    foreign = machine != run(["dpkg", "--print-architecture"]).strip()
    if foreign:
        _foreign(machine)
    with workplace("tryggve-image-", out) as work:
        root, boot = work / "root", work / "boot"
        say("Debian, and the package in it")
        with card.with_suffix(".log").open("w") as log:
            _debian(root, deb, machine, _timed(log), compiled.LEFT_OUT if foreign else {})
        if with_pins:
            say("the pins' library")
            pins.build(Target(GATEWAY, _debian_of(), machine), root, work)
        say("the files of a card")
        _home(root)
        if foreign:
            say("what Python compiles")
            python = compiled.native(work, _debian_of(), sources(_debian_of().name, "main"))
            compiled.compile_tree(python, root, GATEWAY.release)
        _boot(root, boot, machine)
        for name in ("vmlinuz", "initrd.img"):
            [file] = (root / "boot").glob(f"{name}-*")
            shutil.copy(file, out / f"{deb.stem}.{name}")
        listed = run(["dpkg-query", f"--root={root}", "-W"])
        (out / f"{deb.stem}.packages").write_text(listed)
        state = _state(root, work / "state")
        say("the card")
        files = {
            layout.BOOT: fat(work / "boot.fat", boot),
            layout.ROOT: _ext4(work / "root.ext4", root, layout.ROOT),
            layout.STATE: _ext4(work / "state.ext4", state, layout.STATE),
        }
        layout.lay(card, files)
    return card


def say(what: str) -> None:
    print(f"· {what}", file=sys.stderr, flush=True)


def _timed(log: TextIO) -> Heard:
    """Writes down what is heard, each line with the seconds since the begin."""
    begun_s = time.monotonic()

    def heard(line: str) -> None:
        print(f"{time.monotonic() - begun_s:7.1f} {line.rstrip()}", file=log, flush=True)

    return heard


def _debian_of() -> Debian:
    [debian] = [one for one in DEBIANS if one.number == recipe.DEBIAN]
    return debian


def sources(name: str, components: str) -> list[str]:
    """This machine's places for Debian's packages, for that release of it and its security."""
    fields = "$(LABEL)|$(SITE)|$(CODENAME)"
    said = run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])
    places: dict[str, str] = {}
    for label, site, codename in (line.split("|") for line in said.splitlines()):
        if label == "Debian" and re.fullmatch(r"[a-z]+", codename):
            places.setdefault("", site)
        elif label == "Debian-Security":
            places.setdefault(SECURITY, site)
    if "" not in places:
        raise BuildError("this machine has no place to get Debian's packages from")
    return [f"deb {site} {name}{suite} {components}" for suite, site in sorted(places.items())]


def _foreign(machine: str) -> None:
    """The kernel runs that machine's programs from now on."""
    if machine != "arm64":
        raise BuildError(f"a card for {machine} is made on {machine}")
    if not (BINFMT / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)])
    if not (BINFMT / "qemu-aarch64").exists():
        if not QEMU.exists():
            raise BuildError("qemu-user-static is not installed: nothing of a Pi runs here")
        [line] = [one for one in QEMU.read_text().splitlines() if one.startswith(":")]
        (BINFMT / "register").write_text(line)


def _debian(root: Path, deb: Path, machine: str, heard: Heard, more_env: dict[str, str]) -> None:
    debian = _debian_of()
    packages = [*recipe.PACKAGES, recipe.KERNELS[machine]]
    components = "main"
    if machine == "arm64":
        packages += recipe.PI
        components += " non-free-firmware"
    # the same order as a person: Debian first, then the package, with what it needs; apt is this
    # machine's own, which asks the card's dpkg, as mmdebstrap does it
    words = [*(f"-o {one}" for one in APT_OUTSIDE), "install -y -qq --no-install-recommends"]
    words += [f'"$1/tmp/{deb.name}"', *recipe.WITH_PACKAGE]
    environ = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" DEBIAN_FRONTEND=noninteractive'
    hooks = [
        f'cp "{deb.resolve()}" "$1/tmp/"',
        f"{environ} apt-get {' '.join(words)}",
        f'rm "$1/tmp/{deb.name}"',
        f'mv "$1/tmp/70debconf" "$1/{ASKS}"',
        'chroot "$1" update-initramfs -c -k all',
    ]
    run(
        [
            *("mmdebstrap", "--verbose", "--mode=root", "--variant=minbase"),
            *(f"--architectures={machine}", f"--include={','.join(packages)}"),
            f'--essential-hook=mv "$1/{ASKS}" "$1/tmp/70debconf"',
            *(f"--customize-hook={hook}" for hook in hooks),
            *(debian.name, str(root), *sources(debian.name, components)),
        ],
        # made once, of all packages: by an emulated processor each time takes minutes
        env={**os.environ, "INITRD": "No", **more_env},
        heard=heard,
    )


def _home(root: Path) -> None:
    """Our files; nobody's account.  The package's own release runs, compiled where it is never
    written: the places for updates are empty."""
    lay_root(root)
    for name in ("state", "boot/firmware", *(seen[1:] for seen in recipe.MEMORY)):
        (root / name).mkdir(parents=True, exist_ok=True)
    _in_force(root / GATEWAY.folder)
    run(["systemctl", f"--root={root}", "enable", *recipe.ENABLED])
    run(["systemctl", f"--root={root}", "mask", *recipe.MASKED])
    run(["chroot", str(root), "passwd", "--quiet", "--lock", "root"])
    _technician(root)


def _technician(root: Path) -> None:
    """Who signs in by SSH has no password, which is not the same as a locked account: sshd lets
    nobody into that.  No two cards have a host's key, nor has this one."""
    run(["systemd-sysusers", f"--root={root}"])
    run(["chroot", str(root), "usermod", "--password", "*", recipe.TECHNICIAN])
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()


def lay_root(root: Path) -> None:
    """The files of files/, of the recipe, and the card's own program."""
    shutil.copytree(HERE / "files", root, symlinks=True, dirs_exist_ok=True)
    for name, text in recipe.FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    for name, target in recipe.LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    program = root / "usr/lib/tryggve-card/card"
    program.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "card").glob("*.py"):
        shutil.copy(file, program)
    for path in (root / "usr/lib/tryggve-card", *(root / "usr/lib/tryggve-card").rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.name == "grow" else 0o644)


def _in_force(folder: Path) -> None:
    """What dpkg's step made of the package is the package, with what Python compiled."""
    releases = folder / "releases"
    whole = releases / "a"
    if (releases / "current").resolve() != whole.resolve() or not whole.is_dir():
        raise BuildError("the package did not put its release in force")
    shutil.rmtree(folder / "package")
    whole.rename(folder / "package")
    for path in releases.iterdir():
        path.unlink()


def _boot(root: Path, boot: Path, machine: str) -> None:
    """What lies on the boot partition: the Pi's own hook says what, once our wishes are there."""
    firmware = root / "boot/firmware"
    if machine == "arm64":
        hook = "/etc/kernel/postinst.d/z50-raspi-firmware"
        run([*WITH_PROC, str(root), "env", "DEB_MAINT_PARAMS=configure", hook])
        starts(firmware)
    shutil.copytree(firmware, boot)
    for path in firmware.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = TEMPLATE.replace("\n", "\r\n")
    (boot / "tryggve.txt").write_bytes(text.encode("utf-8-sig"))


def _state(root: Path, state: Path) -> Path:
    """The state's partition as a new home has it: what Debian and the package put there.  The root
    keeps the empty folders, where the state is seen."""
    state.mkdir()
    for folder, seen in recipe.KEPT.items():
        place = root / seen[1:]
        place.mkdir(parents=True, exist_ok=True)
        run(["cp", "-a", str(place), str(state / folder)])
        for path in place.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for archive in (state / "cache").glob("apt/**/*"):
        if archive.is_file():
            archive.unlink()
    return state


def _ext4(file: Path, tree: Path, part: layout.Part) -> Path:
    made = ["mke2fs", "-q", "-t", "ext4", "-m", "1", "-L", part.label, "-d", str(tree)]
    run([*made, str(file), f"{part.size_mib}M"])
    return file


def fat(file: Path, tree: Path) -> Path:
    part = layout.BOOT
    with file.open("wb") as out:
        out.truncate(part.size_mib * layout.MIB)
    run(["mkfs.vfat", "-F", "32", "-n", part.label, str(file)])
    run(["mcopy", "-i", str(file), "-s", "-m", *map(str, sorted(tree.iterdir())), "::/"])
    return file


if __name__ == "__main__":
    raise SystemExit(main())
