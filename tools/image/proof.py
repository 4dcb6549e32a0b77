"""`make image-proof`: the card starts in QEMU, and is what docs/image.md says of it.

A copy of the card on a larger one, and this checkout's staff server beside it:

    new        nobody has written on it; then a wrong code is, and a Wi-Fi
    cut        the right file; the power is cut while the home is being enrolled
    taken      the next start enrols it; all of it is looked at; the power is cut while it writes
    again      it starts and its log is whole, as often as is asked for (`--cuts`); its kernel
               hangs, and the watchdog ends that

Then the server says whether it has all of the home's log.  Not for: what only a Pi can show.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Timer

from tools.deb.locked import BuildError
from tools.image import layout, pi, recipe
from tools.image.__main__ import OUT, say
from tools.image.machine import LOOKS, Machine
from tools.image.server import HOME, Server, serving
from tools.image.shell import run

LARGER_MIB = 1024
"""What the card in the proof has more than the image."""

WIPED = ("utf-8", "utf-16-le")
"""How the code may stand on the card."""

SCRIPT = Path(__file__).with_name("looks.sh")

SLOW = 6
"""Times longer that an emulated machine may take than a Pi."""

AFTER = {
    "": "the next start",
    "cut": "after a power cut while it wrote",
    "hang": "after its kernel hung, and the watchdog ended that",
}


def script(stage: str, machine: Machine, server: Server, code: str, end: str = "off") -> str:
    """What is looked at in that start, and how it ends: `off`, `cut` while it writes, `hang`."""
    words = {
        "BOOT": layout.BOOT.label,
        "KEPT": " ".join(recipe.KEPT.values()),
        "GROWN_MIB": str(layout.STATE.size_mib + LARGER_MIB // 2),
        "MACHINE": machine.machine,
        "SLOW": "1" if machine.kvm else str(SLOW),
        "HOME": HOME,
        "SERVER": server.url,
        "CODE": code,
        "LOOKS": LOOKS,
        "END": end,
    }
    text = SCRIPT.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return f"stage={stage}\n{text}"


def written(server: str, code: str) -> bytes:
    """The file as a person may write it on Windows: UTF-16, its line ends, quotes and dashes."""
    dashed = code.replace("-", "–")
    lines = ["# Hem 12", f"Server = “{server}/”", f"KOD: {dashed.lower()}", ""]
    return "\r\n".join(lines).encode("utf-16")


def put(card: Path, files: dict[str, Path]) -> None:
    """Files on the card's boot partition, as a person's computer puts them there."""
    place = f"{card}@@{layout.start_mib(layout.BOOT)}M"
    for name, file in files.items():
        run(["mcopy", "-o", "-i", place, str(file), f"::/{name}"])


def prove(machine: Machine, server: Server, given: argparse.Namespace) -> int:
    """All of it; how many looks were wrong."""
    code, wrong, cuts = server.code(), 0, given.cuts
    if not given.no_new:
        print("a new card, and then a wrong code:", flush=True)
        wrong += machine.start(script("new", machine, server, code), (server.authority,))
    file = machine.work / "written.txt"
    file.write_bytes(written(server.url, code))
    put(machine.card, {"tryggve.txt": file, "tryggve-ca.pem": server.authority})
    if not given.no_cut:
        print("the right file; the power is cut while the home is being enrolled:", flush=True)
        server.on_home = lambda: Timer(random.uniform(0.05, 1.0), machine.cut).start()  # noqa: S311
        machine.run_until_cut("sleep 1000")
        wrong += tell(server.on_home is None, "it was")
    before = ""
    hangs = [] if machine.pi else ["hang"]  # QEMU's Pi has a watchdog that never bites
    for end in (*["cut"] * cuts, *hangs, "off"):
        print(f"{AFTER[before]}:", flush=True)
        begun_s = time.monotonic()
        looks = script("again" if before else "taken", machine, server, code, end)
        after_s = random.uniform(0.0, 8.0) if end == "cut" else None  # noqa: S311
        wrong += machine.start(looks, cut_s=after_s)
        print(f"  ({time.monotonic() - begun_s:.0f} s)", flush=True)
        before = end
    left = [name for name in WIPED if code.encode(name) in _boot_bytes(machine.card)]
    wrong += tell(not left, "the code's bytes are nowhere on the boot partition")
    return wrong + tell(bool(server.holds()), f"the server has the home's log: {server.holds()}")


def tell(good: bool, what: str) -> int:
    print(f"  {'' if good else 'NO: '}{what}", flush=True)
    return 0 if good else 1


def _boot_bytes(card: Path) -> bytes:
    with card.open("rb") as file:
        file.seek(layout.start_mib(layout.BOOT) * layout.MIB)
        return file.read(layout.BOOT.size_mib * layout.MIB)


def main(argv: list[str] | None = None) -> int:
    """Each card that lies in build/image, or those that are named."""
    parser = argparse.ArgumentParser(prog="make image-proof", description=__doc__.splitlines()[0])
    parser.add_argument("cards", nargs="*", type=Path)
    parser.add_argument("--cuts", type=int, default=2, help="power cuts while it writes")
    parser.add_argument("--no-cut", action="store_true", help="do not cut the enrolment")
    parser.add_argument("--no-new", action="store_true", help="begin with the right file")
    parser.add_argument("--kvm", action="store_true", help="on this machine's own processor")
    parser.add_argument("--pi", action="store_true", help="in QEMU's Raspberry Pi 3")
    given = parser.parse_args(argv)
    kinds = "*_arm64.img" if given.pi else "*_a??64.img"
    cards = [one.resolve() for one in given.cards or sorted(OUT.glob(kinds))]
    wrong = 0
    try:
        if not cards:
            raise BuildError("there is no card: make image (or make image ARGS='--machine amd64')")
        for card in cards:
            say(card.name)
            wrong += _one(card, given)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make image-proof: {error}", file=sys.stderr)
        return 1
    print("every look was right" if not wrong else f"{wrong} looks were wrong")
    return 1 if wrong else 0


def _one(card: Path, given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="tryggve-card-", dir=card.parent) as folder:
        work = Path(folder)
        copy = work / "card.img"
        run(["cp", "--sparse=always", str(card), str(copy)])
        with copy.open("r+b") as file:
            size_mib = pi.SIZE_MIB if given.pi else layout.SIZE_MIB + LARGER_MIB
            file.truncate(size_mib * layout.MIB)
        kind = card.stem.rpartition("_")[2]
        kernel, initrd = (Path(f"{card}"[:-4] + end) for end in (".vmlinuz", ".initrd.img"))
        log = card.with_suffix(".console.log")
        log.unlink(missing_ok=True)
        machine = Machine(copy, kind, kernel, initrd, work, log, given.kvm, given.pi)
        (work / "server").mkdir()
        with serving(work / "server") as server:
            try:
                return prove(machine, server, given)
            except BuildError:
                shutil.copy(work / "server/staff.log", card.with_suffix(".staff.log"))
                raise


if __name__ == "__main__":
    raise SystemExit(main())
