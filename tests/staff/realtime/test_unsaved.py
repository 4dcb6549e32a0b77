"""Alarms that ring from memory while the server can save nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.envelope import GENESIS, Draft, seal
from gateway.events import AlarmRaised, AlarmType
from web.staff.realtime.unsaved import HOME_MAX, KEPT_MAX, Unsaved, UnsavedAlarms

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def rung(home: str, seq: int) -> Unsaved:
    event, _, digest = seal(
        Draft(AlarmRaised.usual(AlarmType.PENDANT, NOW)),
        origin=f"home:{home}",
        seq=seq,
        at=NOW,
        clock="synced",
        boot="b",
        mono_s=0.0,
        previous=GENESIS,
    )
    return Unsaved(home, event, digest)


def test_a_home_that_rings_without_end_takes_no_others_place() -> None:
    """Its own oldest go, the other home's one alarm stays; and all of them together are bounded."""
    kept = UnsavedAlarms()
    assert kept.put([rung("quiet", 1)])
    for first in range(1, 2 * KEPT_MAX, 100):
        kept.put([rung("loud", first + n) for n in range(100)])
    assert [one.event.seq for one in kept.of(["quiet"])] == [1]
    assert len(kept.of(["loud"])) == HOME_MAX
    for number in range(KEPT_MAX):
        kept.put([rung(f"h{number}", 1)])
    assert len(kept) == KEPT_MAX
