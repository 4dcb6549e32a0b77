"""What runs beside the requests is begun with the application, and ends with it."""

from __future__ import annotations

import threading

from gateway.clock import ManualClock
from web.staff.core.config import StaffConfig
from web.staff.runtime.app import create_app

BESIDE = {
    "tryggve-watch": "silent homes, checks that nobody reported",
    "tryggve-ladders": "whoever is told of an alarm",
    "tryggve-climbs": "that somebody does that",
    "tryggve-channels": "that the ways out work",
    "tryggve-relatives": "what relatives are told",
    "tryggve-writer": "who read what",
}
"""Each thread, and what nobody would see to without it."""


def named() -> set[str]:
    """Those of them that are there."""
    return {thread.name for thread in threading.enumerate()} & BESIDE.keys()


def test_all_of_it_is_begun_and_ended(config: StaffConfig, clock: ManualClock) -> None:
    """One that is forgotten in the composition root is missed by no page."""
    assert named() == set(), "none is left from elsewhere"
    app = create_app(config, clock=clock)
    try:
        assert named() == set(BESIDE)
    finally:
        app.extensions["tryggve.stop"]()
    assert named() == set()
