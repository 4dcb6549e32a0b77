"""`make image-proof`: the card boots in QEMU, and is what docs/hardware.md says of it.

Three starts of a copy that lies on a larger card: a new one, to which a home's file is given; one
after the power was cut while the home ran; and one after it was switched off.  In each a unit that
only the machine's firmware hands over (systemd's credentials) looks, and tells by the serial line.

Not for: a Pi, whose own firmware starts other things than a kernel that is handed over.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

from tools.deb.locked import BuildError
from tools.image.__main__ import MIB, OUT, ROOT_MIB, STATE_MIB
from tools.image.recipe import ROOT_LABEL, STATE

START_S = 600
"""Seconds for a start with all that is looked at; emulated on a slow machine."""

LARGER_MIB = 1024

HOME_TOML = """\
[home]
id = "hem-12"

[web]
host = "0.0.0.0"

[gpio]
factory = "mock"

[devices.bed]
driver = "mat_gpio"
role = "bed"
room = "bedroom"
pin = 17
"""

LOOKS = Path(__file__).with_name("looks.sh")


def script(stage: str, *, cut: bool) -> str:
    """What is looked at in that start."""
    words = {
        "SEEN": " ".join(STATE.values()),
        "GROWN_MIB": str(STATE_MIB + LARGER_MIB // 2),
        "HOME_TOML": base64.b64encode(HOME_TOML.encode()).decode(),
    }
    text = LOOKS.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    end = f"sleep {START_S}" if cut else "systemctl poweroff"
    return f"exec </dev/null\nstage={stage}\n{text}\n{end}\n"


UNIT = """\
[Unit]
After=multi-user.target tryggve-gateway.service
[Service]
Type=simple
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c "echo {script} | base64 -d | sh"
"""


def start(card: Path, kernel: Path, initrd: Path, stage: str, *, cut: bool) -> None:
    """One start; `cut` ends it without a word.  Raises `BuildError`."""
    shell = base64.b64encode(script(stage, cut=cut).encode()).decode()
    unit = base64.b64encode(UNIT.format(script=shell).encode()).decode()
    fast = ["-accel", "kvm", "-cpu", "host"] if Path("/dev/kvm").exists() else ["-cpu", "max"]
    with subprocess.Popen(
        [
            *("qemu-system-x86_64", *fast, "-m", "1024", "-smp", "2", "-nographic", "-no-reboot"),
            *("-kernel", str(kernel), "-initrd", str(initrd)),
            "-append",
            f"root=LABEL={ROOT_LABEL} ro console=ttyS0 quiet systemd.wants=proof.service",
            *("-drive", f"file={card},format=raw,if=virtio,cache=directsync"),
            *("-device", "i6300esb", "-nic", "user,model=virtio-net-pci"),
            "-smbios",
            f"type=11,value=io.systemd.credential.binary:systemd.extra-unit.proof.service={unit}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as machine:
        try:
            _listen(machine, cut=cut)
        finally:
            machine.kill()


def _listen(machine: subprocess.Popen[str], *, cut: bool) -> None:
    overdue = Timer(START_S, machine.kill)
    overdue.start()
    said: list[str] = []
    wrong = 0
    try:
        for line in machine.stdout or ():
            said.append(line)
            if "LOOK end" in line:
                if not cut:
                    machine.wait(120)
                if wrong:
                    raise BuildError(f"{wrong} of what was looked at is not so")
                return
            if "LOOK " in line:
                result, _, what = line.split("LOOK ", 1)[1].strip().partition(" ")
                wrong += result != "ok"
                print(f"  {'' if result == 'ok' else 'NO: '}{what}", flush=True)
    finally:
        overdue.cancel()
    raise BuildError("it ended without an end:\n" + "".join(said[-40:]))


def main(argv: list[str] | None = None) -> int:
    """All three starts."""
    parser = argparse.ArgumentParser(prog="make image-proof", description=__doc__.splitlines()[0])
    parser.add_argument("card", nargs="?", type=Path)
    given = parser.parse_args(argv)
    cards = [given.card] if given.card else sorted(OUT.glob("*_amd64.img"))
    try:
        if len(cards) != 1 or shutil.which("qemu-system-x86_64") is None:
            raise BuildError("a card for amd64 (make image) and qemu-system-x86 are needed")
        kernel, initrd = (Path(f"{cards[0]}"[:-4] + end) for end in (".vmlinuz", ".initrd.img"))
        with tempfile.TemporaryDirectory(prefix="tryggve-card-") as work:
            card = Path(work) / "card.img"
            subprocess.run(["cp", "--sparse=always", str(cards[0]), str(card)], check=True)
            with card.open("r+b") as file:
                file.truncate((ROOT_MIB + STATE_MIB + LARGER_MIB) * MIB)
            for what, stage, cut in (
                ("a new card", "first", True),
                ("after a power cut", "again", False),
                ("after it was switched off", "again", False),
            ):
                print(f"{what}:", flush=True)
                start(card, kernel, initrd, stage, cut=cut)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        print(f"make image-proof: {error}", file=sys.stderr)
        return 1
    print("every look was right")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
