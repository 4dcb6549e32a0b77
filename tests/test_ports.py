"""A port that a test was given is given to nobody else, in this run or another."""

from __future__ import annotations

import os
import subprocess
import sys

from tests._tree import ROOT
from tests.ports import free_port

WAIT_S = 60.0

OTHER = """
import itertools, sys
from tests import ports
ports._turn = itertools.count(int(sys.argv[1]))
print(ports.free_port(), flush=True)
input()
"""
"""Another run, whose turn has come to the same port."""


def test_two_runs_are_given_no_port_in_common() -> None:
    """Though nobody listens there yet; who is given one keeps it until it ends."""
    ours = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(ours)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        other.communicate("\n", timeout=WAIT_S)
    assert other.returncode == 0
    assert theirs > ours
