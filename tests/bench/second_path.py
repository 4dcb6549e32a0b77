"""How soon the home itself tells somebody when the server is gone: from the press to the alarm
centre, with both programs, the server killed.

`[second_path]` waits 5 s for the server here, the least that may be set; 20 s are usual and are
added.  Not for: a modem and its network, which take what they take (docs/hardware.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.demo.stage import stage
from tests.bench.figure import Figure
from tests.e2e.second_path import give_way, played_centre, press
from tests.ports import free_port

WAITS_S, USUAL_S = 5.0, 20.0
EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))


def measure() -> Iterator[Figure]:
    """The longest of some presses, as if the home waited as long as it usually does."""
    with tempfile.TemporaryDirectory() as folder, played_centre() as centre:
        place = Path(folder) / "stage"
        port, home_port = free_port(), free_port()
        with stage(place, at=EVENING, home=False, port=port, home_port=home_port) as made:
            give_way(made, centre)
            made.kill_staff()
            took_s = press(made, centre)
    told_s = round(took_s - WAITS_S + USUAL_S, 1)
    note = f"server killed, press to alarm centre; {USUAL_S:.0f} s of it wait for the server"
    yield Figure("second_path_max_s", told_s, "s", 60.0, note=note)
