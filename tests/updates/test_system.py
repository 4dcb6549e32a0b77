"""The operating system's own security updates, as Debian says."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.events import UpdateSystemTold
from gateway.updates import system

WAITS = """\
NOTE: This is only a simulation!
Inst libssl3 [3.0.11] (3.0.15 Debian-Security:12/stable-security [arm64])
Inst tzdata [2024a] (2024b Debian:12.8/stable [all])
Conf libssl3 (3.0.15 Debian-Security:12/stable-security [arm64])
"""


def test_what_debian_says_is_told(tmp_path: Path) -> None:
    """Whether they come by themselves, how many wait, when they were looked for, and whether the
    machine needs a restart."""
    assert system.look(tmp_path) is None
    settings = tmp_path / "etc/apt/apt.conf.d"
    settings.mkdir(parents=True)
    said = tmp_path / "said"
    said.write_text(WAITS)
    ask = ("cat", str(said))
    assert system.look(tmp_path, ask) == UpdateSystemTold(automatic=False, pending=1)
    (settings / "20auto-upgrades").write_text('APT::Periodic::Unattended-Upgrade "1";\n')
    assert system.look(tmp_path, ("false",)) == UpdateSystemTold(automatic=False, pending=None)
    program = tmp_path / "usr/bin/unattended-upgrade"
    program.parent.mkdir(parents=True)
    program.touch()
    stamp = tmp_path / "var/lib/apt/periodic/unattended-upgrades-stamp"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    at = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    os.utime(stamp, (at.timestamp(), at.timestamp()))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-required").touch()
    told = UpdateSystemTold(automatic=True, pending=1, restart=True, ran_at=at)
    assert system.look(tmp_path, ask) == told
    (settings / "20auto-upgrades").write_text('APT::Periodic::Unattended-Upgrade "0";\n')
    assert system.look(tmp_path, ask) == UpdateSystemTold(
        automatic=False, pending=1, restart=True, ran_at=at
    )
