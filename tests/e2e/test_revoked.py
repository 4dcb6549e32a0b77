"""Rights that end while the lock is being woken, with both programs as they are."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage

SOON_S = 60.0
"""Seconds within which a right that was taken away must have ended at the door."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("away", ["assign {} h1 --remove", "role take {} caregiver"])
def test_a_right_that_ends_while_the_lock_wakes(set_stage: Callable[..., Stage], away: str) -> None:
    """An assignment or a role taken away on the command line: the home hears of it, the handle
    wakes the lock, and nothing turns."""
    made = set_stage(home_options=("--still", "--nobody-at-door"))
    assert made.home is not None
    account = made.account("caregiver")
    client = StaffClient(made.url, account.email, account.password)
    watcher = made.account("night_watcher")
    live = StaffClient(made.url, watcher.email, watcher.password).live()
    began = time.perf_counter()
    sent = client.post("/pass/h1/las", device="door", action="unlock", key="one")
    again = client.post("/pass/h1/las", device="door", action="unlock", key="one")
    assert again["grant"] == sent["grant"], "a retry is the same turn"
    live.wait("unlock.progressed", after=began, fits=lambda e: e["data"]["step"] == "waking")
    taken = time.perf_counter()
    made.staff_says(away.format(account.email).split())
    _, ended = live.wait(
        "unlock.ended", after=began, fits=lambda e: e["data"]["grant"] == sent["grant"]
    )
    assert time.perf_counter() - taken < SOON_S
    assert (ended["data"]["outcome"], ended["data"]["why"]) == ("failed", "revoked")
    made.home.do("take_handle")
    assert live.count("unlock.requested") == 1
    assert made.home.do("tell")["turns"] == 0
    live.close()
