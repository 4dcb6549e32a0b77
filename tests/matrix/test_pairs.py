"""An earlier release's programs beside today's.  All pairs: `python -m tests.matrix.pairs`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway.demo.tree import HERE, Tree
from tests.matrix import pairs


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_homes_and_server_of_two_versions_serve_people(tmp_path: Path, old: Tree) -> None:
    """A home that was updated before its server; one that went back after; a server that went back
    on the newer database: enrolment, a press, a check, an alarm taken and resolved, the plan, the
    door, a code and both logs are right in each."""
    outcomes = pairs.with_an_old_server(tmp_path / "stage", old)
    assert {outcome.pair: outcome.wrong for outcome in outcomes} == {
        "home new, server old": {},
        "home new and gone back, server new": {},
        "home old, server new and gone back": {},
    }


def test_a_program_from_another_folder_proves_it(tmp_path: Path) -> None:
    """A folder without our code starts nothing: no pair is of one version twice unnoticed."""
    away = Tree(tmp_path)
    done = subprocess.run(
        away.module("gateway.demo.home"),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        **away.started,
    )
    assert done.returncode == 1
    assert "not of the folder that was asked for" in done.stderr
    assert HERE.started == {}
