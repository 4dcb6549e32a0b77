"""Every attack on the door is refused and written down."""

from __future__ import annotations

from tests.bench.attacks import run_all


async def test_every_attack_is_refused_and_written_down() -> None:
    """The same list that the bench counts."""
    found = await run_all()
    assert len(found) > 25
    assert [name for name, refused in found.items() if not refused] == []
