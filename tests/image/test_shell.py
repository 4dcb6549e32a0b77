"""A step of making a card: what it began ends with it, and time is counted by what it says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests._tree import ROOT
from tools.deb import leftover
from tools.deb.locked import BuildError
from tools.deb.workplace import workplace
from tools.image import recipe
from tools.image.__main__ import TOOLS
from tools.image.shell import run

WRITER = """
import itertools, os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
(folder / 'number').write_text(str(os.getpid()))
for number in itertools.count():
    place = folder / 'root' / str(number % 50)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).touch()
    except OSError:  # somebody removes it, and it is made again
        pass
"""
"""What an unpacking in mid-run is: writes in its folder for as long as it is there."""

BEGINS = (
    "import subprocess, sys, time\n"
    "own = {'stdout': None if sys.argv[3] == 'pipe' else subprocess.DEVNULL}\n"
    "subprocess.Popen([sys.executable, '-c', *sys.argv[1:3]], start_new_session=True, **own)\n"
    "print('begun', flush=True)\n"
    "time.sleep(0 if sys.argv[3] == 'pipe' else 600)\n"
)
"""It begins a writer in a session of its own, and then says nothing, or ends."""


def begins(folder: Path, how: str) -> list[str]:
    return [sys.executable, "-c", BEGINS, WRITER, str(folder), how]


def runs(number: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{number}/stat").read_text("latin-1").rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


def number_of(folder: Path) -> int:
    """The writer's, once it has said it."""
    file, until = folder / "number", time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < until, "the writer did not begin"
        time.sleep(0.02)
    return int(file.read_text())


def test_what_a_step_that_is_ended_began_has_ended_before_its_folder_is_removed(
    tmp_path: Path,
) -> None:
    """A step took too long: its children, which wrote on in the folder, are ended first, in
    whatever session they are."""
    kept = tmp_path / "kept"

    def heard(_line: str) -> None:
        number_of(work)

    with workplace("work-", tmp_path) as work:
        with pytest.raises(BuildError, match=r"was ended, for it said nothing for 8 s:\nbegun"):
            run(begins(work, "silent"), quiet_s=8, heard=heard)
        kept.write_text(str(number_of(work)))
        assert not runs(int(kept.read_text()))
    assert not work.exists()


def test_a_step_that_is_broken_off_leaves_nothing_running(tmp_path: Path) -> None:
    """Somebody ends `make image` in mid-step."""

    def heard(_line: str) -> None:
        number_of(tmp_path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(begins(tmp_path, "silent"), heard=heard)
    assert not runs(number_of(tmp_path))


def test_a_step_does_not_wait_for_what_it_left(tmp_path: Path) -> None:
    """It has ended; what it left holds its pipe, and is ended as well."""
    begun_s = time.monotonic()
    assert run(begins(tmp_path, "pipe")) == "begun\n"
    assert time.monotonic() - begun_s < 60
    with suppress(OSError):
        assert not runs(int((tmp_path / "number").read_text()))


def test_a_step_that_says_something_goes_on() -> None:
    """Silence is counted, not time: an emulated processor takes what it takes.  One that talks for
    ever is ended all the same."""
    talks = "import time\nfor n in range({}):\n    print(n, flush=True)\n    time.sleep(0.5)\n"
    said: list[str] = []
    out = run([sys.executable, "-c", talks.format(17)], quiet_s=8, heard=said.append)
    assert out == "".join(said) and out.splitlines() == [str(n) for n in range(17)]
    with pytest.raises(BuildError, match="for it took more than 3 s"):
        run([sys.executable, "-c", talks.format(3000)], quiet_s=60, step_s=3)


def test_a_failure_has_the_end_of_what_was_said() -> None:
    """Of both: what went wrong is on either."""
    code = "import sys; print(*range(99), sep='\\n', flush=True); sys.exit('no disk')"
    with pytest.raises(BuildError, match=r"ended with 1:\n(\d+\n){14}no disk$"):
        run([sys.executable, "-c", code])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root: only root changes a root")
def test_whoever_has_the_folder_as_its_root_is_ended_first(tmp_path: Path) -> None:
    """However it came there: a program of the Debian that is being made, without our mark."""
    program = "import os, sys\nos.chroot(sys.argv[1])\nos.chdir('/')\nsys.argv[1] = '/'\n" + WRITER
    with workplace("work-", tmp_path) as work:
        words = [sys.executable, "-c", program, str(work)]
        process = subprocess.Popen(words, env={}, cwd=ROOT)
        number_of(work)
        assert leftover.rooted(work) == [process.pid]
    assert process.wait(60) < 0
    assert not work.exists()


def test_what_does_not_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not waited for without end."""
    monkeypatch.setattr(leftover, "END_S", 0.1)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    with pytest.raises(BuildError, match="what a step began does not end: process 1, 2"):
        leftover.end(lambda: [1, 2])


def test_make_image_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    """By a line that drops, or a machine that is shut down: what unpacks ends, and its folder is
    gone.  (mmdebstrap and apt-get are stood in for: what counts is that they run just then.)"""
    if missing := [name for name in TOOLS if name != "mmdebstrap" and shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    programs, debs = tmp_path / "programs", tmp_path / "debs"
    programs.mkdir()
    debs.mkdir()
    machine = run(["dpkg", "--print-architecture"]).strip()
    (debs / f"tryggve-gateway_1+deb{recipe.DEBIAN}_{machine}.deb").touch()
    for name, text in {
        "apt-get": "echo 'Debian|http://debian.invalid|bookworm'",
        "mmdebstrap": f'{sys.executable} -c "$WRITER" {tmp_path} & sleep 600',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tools.image", "--machine", machine),
            *("--debs", str(debs), "--out", str(tmp_path / "out")),
        ],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "WRITER": WRITER},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    number = number_of(tmp_path)
    assert list((tmp_path / "out").glob("tryggve-image-*")), "it works in a folder of its own"
    process.terminate()
    assert process.wait(120) == 128 + signal.SIGTERM
    assert not runs(number)
    assert not list((tmp_path / "out").glob("tryggve-image-*"))
