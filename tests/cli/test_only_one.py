"""Two gateways of one home, as when a technician runs one by hand beside the service."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main, only_one
from gateway.errors import UserError

HOLDS = """
import sys
from pathlib import Path
from gateway.cli import only_one
only_one.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is the home's gateway."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_gateway_is_refused_before_it_touches_anything(
    first: subprocess.Popen[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence that says which process it is and how to stop it; no log is opened, no pin and
    no lock."""
    monkeypatch.setattr(only_one, "WAIT_S", 0.0)
    config = tmp_path / "home.toml"
    config.write_text('[home]\nid = "h1"\n[web]\nport = 0\n')
    assert main(["gateway", "run", "--config", str(config), "--state", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"runs already (process {first.pid})" in said
    assert "systemctl stop tryggve-gateway" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["home.toml"]


def test_one_that_ends_is_waited_for(
    first: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a restart; and one that was killed leaves nothing."""
    with pytest.raises(UserError):
        only_one.take(tmp_path, wait_s=0.2)
    looks: list[float] = []

    def ends_at_the_second_look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            first.kill()
            first.wait()

    monkeypatch.setattr("gateway.cli.only_one.time.sleep", ends_at_the_second_look)
    only_one.take(tmp_path, wait_s=60.0)
    assert looks == [only_one.LOOK_S] * 2
    with pytest.raises(UserError):  # it is ours now
        only_one.take(tmp_path, wait_s=0.0)


def test_one_that_the_kernel_does_not_name_is_not_passed_over(
    first: subprocess.Popen[str], tmp_path: Path
) -> None:
    """A machine whose `/proc` cannot be read: the lock is held, so somebody lives."""
    with pytest.raises(UserError, match=r"runs already; stop"):
        only_one.take(tmp_path, proc=tmp_path, wait_s=0.0)


def test_who_holds_the_folder_is_named_and_nobody_else(
    first: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Not who waits for it, holds something else of it, or the lock of another folder
    (proc_locks(5))."""
    at = tmp_path.stat()
    place = f"{os.major(at.st_dev):02x}:{os.minor(at.st_dev):02x}:{at.st_ino}"
    lines = (
        "",
        "1: FLOCK  ADVISORY  WRITE 41",
        f"2: LEASE  ACTIVE    READ  42 {place} 0 EOF",
        f"3: FLOCK  ADVISORY  WRITE 43 {place}1 0 EOF",
        f"4: FLOCK  ADVISORY  WRITE 44 {place} 0 EOF",
        f"4: -> FLOCK  ADVISORY  WRITE 45 {place} 0 EOF",
    )
    (tmp_path / "locks").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"runs already \(process 44\);"):
        only_one.take(tmp_path, proc=tmp_path, wait_s=0.0)


def test_one_that_was_killed_and_hangs_on_its_disk_is_passed_over(
    first: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock until the disk answers, and does nothing more: alarms do not wait for
    it."""
    seen: list[int] = []

    def killed(pid: int, _proc: Path) -> bool:
        seen.append(pid)
        return True

    monkeypatch.setattr(only_one, "_is_dead", killed)
    only_one.take(tmp_path, wait_s=60.0)
    assert seen == [first.pid]


def test_what_is_dead_is_told_by_the_kernel(first: subprocess.Popen[str]) -> None:
    """One that nobody has buried yet is; one that runs is not, nor one that is not known."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        until = Path(f"/proc/{ended.pid}/stat")
        while until.read_text().rsplit(")", 1)[1].split()[0] != "Z":
            time.sleep(0.01)
        assert only_one._is_dead(ended.pid)
    assert not only_one._is_dead(first.pid)
    assert not only_one._is_dead(2**30)


@pytest.mark.parametrize(
    ("status", "is_dead"),
    [
        ("State:\tD (disk sleep)\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n", True),
        ("State:\tD (disk sleep)\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n", True),
        ("State:\tD (disk sleep)\nSigPnd:\t0000000000004000\nShdPnd:\t0000000000000002\n", False),
        ("State:\tX (dead)\n", True),
        ("State:\tS (sleeping)\n", False),
        ("State:\n", False),
    ],
)
def test_one_that_waits_for_its_disk_is_dead_once_it_was_killed(
    tmp_path: Path, status: str, is_dead: bool
) -> None:
    """A signal that asks it to end (SIGTERM, SIGINT) is no death: it goes on when the disk answers
    (proc_pid_status(5))."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text(f"Name:\tpython\n{status}")
    assert only_one._is_dead(7, tmp_path) is is_dead


def test_a_folder_that_is_not_there_keeps_nobody_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is gone: the home runs in memory.  The same on one that knows no such locks."""
    only_one.take(tmp_path / "gone", wait_s=0.0)

    def knows_none(_folder: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("gateway.cli.only_one.fcntl.flock", knows_none)
    only_one.take(tmp_path, wait_s=0.0)
