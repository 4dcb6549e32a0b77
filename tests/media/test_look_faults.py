"""When something goes wrong around a look, the home closes the camera at its limit all the same.

Short looks, all at once; the fifty of thirty and sixty seconds are in `make bench ARGS="--only
looks"`.
"""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("aiortc")

from tests.media.home_parts import BUSY_S
from tests.media.look_faults import Case, Fault, fifty, looks

LIMIT_S = 3

SLACK_S = 0.5 + BUSY_S
"""Seconds past the limit by which the camera is closed at the latest here, on a machine that does
other things; how much earlier it is, `make bench` tells."""


@pytest.fixture(autouse=True)
def reachable() -> None:
    """Both ends need an address beside the loopback's to find each other."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network address for two ends to meet at")


async def test_the_camera_is_closed_whatever_happens_around_it(tmp_path: Path) -> None:
    """The network cut, the browser killed, the server gone, the clock set an hour both ways; made
    longer once, it is closed after twice as long."""
    faults = (Fault.NETWORK, Fault.BROWSER, Fault.SERVER, Fault.AHEAD)
    cases = [*(Case(fault, 1.0) for fault in faults), Case(Fault.BACK, 1.0, extended=True)]
    for seen in await looks(cases, tmp_path, len(cases), limit_s=LIMIT_S):
        assert seen.open_s is not None, seen
        limit_s = LIMIT_S * (2 if seen.case.extended else 1)
        assert 0.9 * limit_s <= seen.open_s <= limit_s + SLACK_S, seen
        assert seen.why == "limit_reached", seen


def test_the_fifty_have_every_fault_early_late_and_made_longer() -> None:
    """What the table in docs/night-checks.md says of them."""
    cases = fifty()
    assert len(cases) == 50
    for fault in Fault:
        mine = [one for one in cases if one.fault is fault]
        assert len(mine) >= 6
        assert any(one.extended for one in mine)
        assert any(one.after_s > 20 and not one.extended for one in mine)
