"""The running gateway and systemd's watchdog, on a disk that refuses or hangs: for real, as a
process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.engine.engine import HANG_S, PULSE_S
from gateway.engine.log_reader import LogReader
from tests.e2e.test_kill import LoadedHome

pytestmark = pytest.mark.slow

WAIT_S = 60.0

HOME = """
[home]
id = "h1"
timezone = "Europe/Stockholm"

[web]
enabled = false
"""

_REFUSES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int refused(void) {
    const char *while_there = getenv("DISK_REFUSES");
    if (!while_there || access(while_there, F_OK)) return 0;
    errno = EIO;
    return 1;
}
static void hang(void) {
    const char *while_there = getenv("DISK_HANGS");
    while (while_there && !access(while_there, F_OK)) usleep(10000);
}
int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    hang();
    return refused() ? -1 : real(fd);
}
int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    hang();
    return refused() ? -1 : real(fd);
}
"""
"""No write reaches the disk while the file of that name is there; it is refused, or it waits."""


class Systemd:
    """What the gateway says on `$NOTIFY_SOCKET`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def hears(self, word: str, within_s: float = WAIT_S) -> bool:
        """Whether `word` comes in time."""
        until = time.monotonic() + within_s
        while (left_s := until - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                said = self._socket.recv(1000).decode()
            except TimeoutError:
                return False
            if word in said:
                return True
        return False

    def forget(self) -> None:
        """What was said until now."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(1000):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, made = tmp_path / "refuses.c", tmp_path / "refuses.so"
    source.write_text(_REFUSES)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", str(source), "-o", str(made), "-ldl"], check=True
    )
    return made


def environment(folder: Path, systemd: Systemd, library: Path) -> dict[str, str]:
    """For a home that is watched, on a disk that files in `folder` stop."""
    return {
        **os.environ,
        "NOTIFY_SOCKET": str(systemd.path),
        "LD_PRELOAD": str(library),
        "DISK_REFUSES": str(folder / "refuses"),
        "DISK_HANGS": str(folder / "hangs"),
    }


@contextmanager
def gateway(folder: Path, systemd: Systemd, library: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`tryggve gateway run`, ready."""
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "gateway.cli", "gateway", "run"),
            *("--config", str(folder / "home.toml"), "--state", str(folder / "state")),
        ],
        env=environment(folder, systemd, library),
        stderr=subprocess.DEVNULL,
    )
    try:
        assert systemd.hears("READY=1")
        yield program
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    finally:
        program.kill()
        program.wait()


def kinds(folder: Path) -> list[str]:
    return [obj["kind"] for obj in LogReader(folder / "events.sqlite").events()]


def test_a_home_whose_disk_hangs_says_so_when_it_is_back(tmp_path: Path, library: Path) -> None:
    """Nothing is refused, nothing is answered: the home lives on, and the log names the time."""
    (tmp_path / "home.toml").write_text(HOME)
    (tmp_path / "home").mkdir()
    systemd = Systemd(tmp_path / "notify")
    home = LoadedHome(tmp_path, "--events", "1", env=environment(tmp_path, systemd, library))
    log = tmp_path / "home"
    try:
        assert systemd.hears("READY=1")
        (tmp_path / "hangs").touch()
        home.say("alarm")
        hung_s = time.monotonic()
        while time.monotonic() < hung_s + HANG_S + 2 * PULSE_S:
            systemd.forget()
            assert systemd.hears("WATCHDOG=1")
        assert "log.stalled" not in kinds(log), "nothing reached the disk"
        (tmp_path / "hangs").unlink()
        until = time.monotonic() + WAIT_S
        while "log.stalled" not in kinds(log):
            assert time.monotonic() < until
            time.sleep(0.1)
        home.end()
    finally:
        home.process.kill()
        systemd.close()
    told = [kind for kind in kinds(log) if kind.startswith(("log.", "gateway.stopped", "alarm."))]
    assert told[:4] == ["alarm.raised", "log.left_disk", "alarm.raised", "log.stalled"]
    assert told[-1] == "gateway.stopped"


def test_a_home_whose_disk_refuses_feeds_the_watchdog(tmp_path: Path, library: Path) -> None:
    """The home starts, goes on in memory and says that it lives; what it kept is stored when the
    disk takes it."""
    (tmp_path / "home.toml").write_text(HOME)
    state = tmp_path / "state"
    systemd = Systemd(tmp_path / "notify")
    try:
        with gateway(tmp_path, systemd, library):
            assert systemd.hears("WATCHDOG=1"), "on a disk that works"
        before = kinds(state)
        (tmp_path / "refuses").touch()
        with gateway(tmp_path, systemd, library):
            for _ in range(2):
                systemd.forget()
                assert systemd.hears("WATCHDOG=1")
            assert kinds(state) == before, "nothing reached the disk"
            (tmp_path / "refuses").unlink()
            until = time.monotonic() + WAIT_S
            while "log.returned" not in kinds(state):
                assert time.monotonic() < until
                time.sleep(0.1)
    finally:
        systemd.close()
    after = kinds(state)[len(before) :]
    assert after[:3] == ["log.left_disk", "alarm.raised", "gateway.started"]
    assert after[-1] == "gateway.stopped"
