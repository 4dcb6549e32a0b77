"""A fleet by one decision, and every wrong release: small ones of what the bench measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.updates import fleet, wrong


@pytest.mark.slow
def test_a_fleet_is_on_one_version_and_has_lost_nothing(tmp_path: Path) -> None:
    """Thirty homes in rings, three of which cannot keep the new release: the others run it, those
    three run the one before, and every event that a home wrote is at the server."""
    found = fleet.updated(tmp_path, homes=30, fail_pct=10)
    assert (found.spoiled, found.on_target, found.on_old, found.elsewhere) == (3, 27, 3, 0)
    assert found.state == "done"
    assert found.written > 300
    assert found.lost == 0


def test_nothing_wrong_is_taken(tmp_path: Path) -> None:
    """By the gateway's half or by root's."""
    tried, accepted = wrong.tried(tmp_path)
    assert tried > 20
    assert accepted == 0
