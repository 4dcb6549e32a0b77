"""Who signs in by SSH for an hour, as systemd makes the account on a card."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.image import recipe
from tools.image.__main__ import lay_root

SYSUSERS = shutil.which("systemd-sysusers")


@pytest.mark.skipif(SYSUSERS is None, reason="systemd is not installed")
def test_the_technician_has_a_shell_and_the_folder_of_the_hour(tmp_path: Path) -> None:
    """A line that systemd refuses (a colon in a name) leaves an account that nobody can use."""
    root = tmp_path / "card"
    lay_root(root)
    (root / "etc").mkdir(exist_ok=True)
    conf = "tryggve-ssh.conf"
    words = [str(SYSUSERS), f"--root={root}", conf]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [row.split(":") for row in (root / "etc/passwd").read_text().splitlines()]
    [row] = [row for row in rows if row[0] == recipe.TECHNICIAN]
    assert row[5:] == ["/run/tryggve-ssh", "/bin/bash"]
    assert int(row[2]) > 0
