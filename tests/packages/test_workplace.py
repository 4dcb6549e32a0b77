"""A folder to make a Debian in goes only when nothing is mounted in it any more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests._tree import ROOT
from tools.deb import workplace as module
from tools.deb.locked import BuildError
from tools.deb.workplace import mounted, workplace


def test_what_is_mounted_in_a_work_folder_is_found_before_it_is_removed(tmp_path: Path) -> None:
    """A build that was ended half-way leaves this machine's /dev mounted there; the folder goes
    only without it, the innermost first.  The kernel writes a space as a number."""
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"a / ext4 rw 0 0\nb {tmp_path}/x/dev d rw\nc {tmp_path}/x/dev/shm t rw\n"
        f"d {tmp_path}/my\\040cards/dev d rw\n"
    )
    assert mounted(tmp_path / "x", mounts) == [f"{tmp_path}/x/dev", f"{tmp_path}/x/dev/shm"]
    assert mounted(tmp_path / "y", mounts) == []
    assert mounted(tmp_path / "my cards", mounts) == [f"{tmp_path}/my cards/dev"]
    with workplace("work-", tmp_path) as work:
        (work / "file").touch()
    assert not work.exists()


def test_a_mount_that_stays_keeps_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody works in it still: it is said, and nothing is removed."""
    monkeypatch.setattr(module, "mounted", lambda _folder: [str(tmp_path / "none")])
    with pytest.raises(BuildError, match="still mounted"), workplace("work-", tmp_path) as work:
        (work / "file").touch()
    assert (work / "file").exists()


def test_a_mount_that_is_left_is_taken_off_before(tmp_path: Path) -> None:
    """Tried with a real one, in a folder whose name has a space, where mounting is allowed: what
    was mounted is there afterwards."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs to mount: root, or a machine that lets it")
    program = (
        "import subprocess, sys; from pathlib import Path\n"
        "from tools.deb.workplace import workplace\n"
        "with workplace('my work-', Path(sys.argv[1])) as work:\n"
        "    (work / 'dev').mkdir()\n"
        "    subprocess.run(['mount', '--bind', sys.argv[2], str(work / 'dev')], check=True)\n"
    )
    words = ["unshare", "--mount", "python3", "-c", program, str(tmp_path), str(kept)]
    subprocess.run(words, check=True, timeout=60, cwd=ROOT)
    assert (kept / "file").exists()
    assert not list(tmp_path.glob("my work-*"))
