"""Each slot of a night has exactly one outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.night import NIGHTS, Night, live

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("night", NIGHTS, ids=("March", "October"))
def test_each_slot_has_exactly_one_outcome(night: Night, tmp_path: Path) -> None:
    """On the night that has no 02:30 and on the one that has two, with the server away for two
    hours around it, some homes without power for some minutes, too long or for good.  Checks are
    done, missed, escalated and unreported; none is lost, doubled or invented."""
    found = live(night, 20, tmp_path)
    assert found.wrong == ()
    assert (found.slots, found.kinds.total()) == (80, 80)
    assert set(found.kinds) == {
        "check.done",
        "check.escalated",
        "check.missed",
        "check.unreported",
    }
