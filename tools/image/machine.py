"""One start of a card in QEMU: what is looked at there comes from a second disk, by a unit that
only the kernel's command line names (systemd's credentials), so that nothing of it is on the card.

Not for: what is looked at (looks.sh), or a Pi, whose firmware starts other things.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

from tools.deb.locked import BuildError
from tools.image import layout, pi
from tools.image.shell import run

START_S = 5400
"""Seconds for a start with all that is looked at.  Emulated, with a tenth of a processor, a new
card's took 15 minutes (2026-11-30)."""

END_S = 600
"""Seconds until it is off, or the watchdog has ended it."""
LOOKS = "/run/looks"
LABEL = "LOOKS"

UNIT = f"""\
[Unit]
After=local-fs.target
[Service]
StandardOutput=tty
StandardError=tty
TTYPath=/dev/{{console}}
ExecStart=/bin/sh -c "mkdir -p {LOOKS}; mount -o ro LABEL={LABEL} {LOOKS}; exec sh {LOOKS}/looks.sh"
"""

PROCESSORS = {
    "amd64": ("qemu-system-x86_64", "Nehalem"),
    "arm64": ("qemu-system-aarch64", "cortex-a72"),
}
"""QEMU's program, and what is quick to emulate and has what Debian and our libraries ask for."""


@dataclass(slots=True)
class Machine:
    """A card on a machine of its kind, with the kernel that `make image` laid beside it; `pi`: on
    a Raspberry Pi 3, with what lies on the card."""

    card: Path
    machine: str
    kernel: Path
    initrd: Path
    work: Path
    log: Path
    kvm: bool = False
    pi: bool = False
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    def start(self, looks: str, extra: tuple[Path, ...] = (), *, cut_s: float | None = None) -> int:
        """Start it and tell what is looked at; how many looks were wrong.  With `cut_s` its power
        is cut so long after the last look; else it is to end by itself.  Raises `BuildError` when
        not all of it is looked at."""
        with self._begun(looks, extra) as process:
            self.process = process
            overdue = Timer(START_S, process.kill)
            overdue.start()
            try:
                return self._listen(process, cut_s)
            finally:
                overdue.cancel()
                process.kill()
                self.process = None

    def run_until_cut(self, looks: str, extra: tuple[Path, ...] = ()) -> None:
        """Start it, and return when somebody cut its power."""
        with self._begun(looks, extra) as process:
            self.process = process
            overdue = Timer(START_S, process.kill)
            overdue.start()
            try:
                for line in process.stdout or ():
                    self._hear(line)
            finally:
                overdue.cancel()
                process.kill()
                self.process = None

    def cut(self) -> None:
        """Its power is gone."""
        if self.process is not None:
            self.process.kill()

    def _hear(self, line: str) -> None:
        self.said.append(line)
        with self.log.open("a") as file:
            file.write(line)

    def _begun(self, looks: str, extra: tuple[Path, ...]) -> subprocess.Popen[str]:
        self.said = []
        return subprocess.Popen(
            self.command(self._disk(looks, extra)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def _disk(self, looks: str, extra: tuple[Path, ...]) -> Path:
        disk, script = self.work / "looks.fat", self.work / "looks.sh"
        script.write_text(looks)
        disk.unlink(missing_ok=True)
        with disk.open("wb") as file:
            file.truncate(8 * layout.MIB)
        run(["mkfs.vfat", "-n", LABEL, str(disk)])
        run(["mcopy", "-i", str(disk), str(script), *map(str, extra), "::/"])
        return disk

    def command(self, disk: Path) -> list[str]:
        """QEMU's."""
        console = "ttyS1" if self.pi else "ttyAMA0" if self.machine == "arm64" else "ttyS0"
        unit = base64.b64encode(UNIT.format(console=console).encode()).decode()
        words = [
            f"console={console} systemd.show_status=no systemd.wants=looks.service",
            f"systemd.set_credential_binary=systemd.extra-unit.looks.service:{unit}",
        ]
        if not self.kvm:  # an emulated machine takes minutes for what a Pi does in seconds
            words.append("mitigations=off no_timer_check")
            words.append("systemd.default_timeout_start_sec=900")
            words.append("systemd.default_device_timeout_sec=900")
            words.append("systemd.service_watchdogs=no")  # 3 min, of Debian's services
        if not self.kvm and not self.pi:  # QEMU's Pi takes its watchdog's word and never bites
            words.append("systemd.watchdog_sec=300")
        if self.pi:
            boot = pi.boot(self.card, self.work / "boot")
            return pi.command(self.card, boot, disk, " ".join(words))
        own = f"root=LABEL={layout.ROOT.label} ro fsck.repair=yes net.ifnames=0 panic=30"
        return [
            *processor(self.machine, kvm=self.kvm),
            *("-m", "1024", "-smp", "2", "-nographic", "-no-reboot"),
            *(
                "-kernel",
                str(self.kernel),
                "-initrd",
                str(self.initrd),
                "-append",
                " ".join([own, *words]),
            ),
            *("-drive", f"file={self.card},format=raw,if=none,id=card,discard=unmap"),
            *("-device", "virtio-blk-pci,drive=card"),
            *("-drive", f"file={disk},format=raw,if=none,id=looks,readonly=on"),
            *("-device", "virtio-blk-pci,drive=looks"),
            *("-device", "i6300esb", "-netdev", "user,id=line"),
            *("-device", "virtio-net-pci,netdev=line,romfile="),
        ]

    def _listen(self, process: subprocess.Popen[str], cut_s: float | None) -> int:
        wrong = 0
        for line in process.stdout or ():
            self._hear(line)
            if "LOOK " not in line:
                continue
            result, _, what = line.split("LOOK ", 1)[1].strip().partition(" ")
            if result == "end":
                if cut_s is not None:
                    time.sleep(cut_s)
                    process.kill()
                return wrong + self._ended(process)
            wrong += result == "no"
            print(f"  {'NO: ' if result == 'no' else ''}{what}", flush=True)
        raise BuildError("it ended before all was looked at:\n" + "".join(self.said[-60:]))

    def _ended(self, process: subprocess.Popen[str]) -> int:
        try:
            rest, _ = process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            print(f"  NO: it ends by itself (within {END_S} s)", flush=True)
            return 1
        for line in rest.splitlines(keepends=True):
            self._hear(line)
        return 0


def processor(machine: str, *, kvm: bool = False) -> list[str]:
    """QEMU's program, and a processor: an emulated one, or this machine's own, which a machine that
    is a virtual one itself may lend slower than none."""
    name, emulated = PROCESSORS[machine]
    if shutil.which(name) is None:
        raise BuildError(f"{name} is not installed")
    begin = [name, *(["-M", "virt"] if machine == "arm64" else [])]
    if kvm:
        return [*begin, "-accel", "kvm", "-cpu", "host"]
    return [*begin, "-accel", "tcg,thread=multi", "-cpu", emulated]
