"""Two gateways of one home, as when a technician runs one by hand beside the service."""

from __future__ import annotations

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
    assert "runs already" in said
    assert "systemctl stop tryggve-gateway" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["home.toml"]


def test_one_that_ends_is_waited_for(first: subprocess.Popen[str], tmp_path: Path) -> None:
    """As at a restart; and one that was killed leaves nothing."""
    with pytest.raises(UserError):
        only_one.take(tmp_path, wait_s=0.2)
    first.kill()
    only_one.take(tmp_path, wait_s=60.0)


def test_one_that_was_killed_and_hangs_on_its_disk_is_passed_over(
    first: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock until the disk answers, and does nothing more: alarms do not wait for
    it."""
    seen: list[int] = []

    def killed(pid: int) -> bool:
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


def test_a_folder_that_is_not_there_keeps_nobody_from_running(tmp_path: Path) -> None:
    """The disk is gone: the home runs in memory."""
    only_one.take(tmp_path / "gone", wait_s=0.0)
