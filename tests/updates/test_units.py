"""The units of an update: root's half has no network and writes releases only; the way back needs
no release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.updates import install, slots
from gateway.updates.exchange import Inbox
from tests._tree import ROOT
from tests.test_systemd import needs_analyze, run, unit, values

SERVICES = ("tryggve-update.service", "tryggve-update-watch.service")
INBOX = Inbox(install.STATE)


@pytest.mark.parametrize("name", SERVICES)
def test_root_s_half_reaches_nothing_but_releases(name: str) -> None:
    """No network, one capability (to read what the gateway's user keeps), nothing else written."""
    assert values(name, "PrivateNetwork") == ["yes"]
    assert values(name, "ProtectSystem") == ["strict"]
    assert len(values(name, "CapabilityBoundingSet")[0].split()) == 1
    assert values(name, "NoNewPrivileges") == ["yes"]
    written = values(name, "ReadWritePaths")[0].split()
    assert set(written) <= {str(slots.ROOT), str(INBOX.folder)}


def test_the_units_look_where_the_programs_write() -> None:
    """The gateway's request and a trial each start theirs; the way back is run by Debian's Python
    alone, before each start of the gateway."""
    asked, tried = INBOX.request_file, slots.ROOT / "trial.json"
    for name, file in (("tryggve-update", asked), ("tryggve-update-watch", tried)):
        assert values(f"{name}.path", "PathExists") == [str(file)]
        assert values(f"{name}.path", "Unit") == [f"{name}.service"]
        assert values(f"{name}.service", "ConditionPathExists") == [str(file)]
    assert INBOX.proved_file == slots.PROVED
    program = "/usr/bin/python3 -I /usr/lib/tryggve-gateway/slots.py"
    assert values("tryggve-update.service", "ExecStart") == [f"{program} take"]
    assert values("tryggve-update-watch.service", "ExecStart") == [f"{program} watch"]
    assert unit("update-boot.conf") == [("Service", "ExecStartPre", f"+-{program} boot")]


@pytest.mark.parametrize("name", SERVICES)
def test_what_fails_is_tried_again_and_never_given_up(name: str) -> None:
    """Its file lies there still, so the path would begin it again at once: after five starts in ten
    seconds systemd gives up both, until the machine is started anew."""
    assert values(name, "Restart") == ["on-failure"]
    assert not values(name, "StartLimitBurst") and not values(name, "StartLimitIntervalSec")
    pause_s = values(name, "RestartSec")[0]
    assert {"5": 5, "1min": 60}[pause_s] * 5 > 10


@needs_analyze
@pytest.mark.parametrize("name", [*SERVICES, "tryggve-update.path", "tryggve-update-watch.path"])
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` says nothing at all."""
    for one in (ROOT / "systemd").glob("tryggve-update*"):
        shutil.copy(one, tmp_path)
    assert run("verify", "--man=no", str(tmp_path / name)).strip() == ""
