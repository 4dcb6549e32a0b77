"""`config_applied_s`: how long an edit at the server takes until it holds in the home, of a real
pair.

Not for: running it (the group `fleet` does).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.demo.stage import stage
from tests.e2e.configs import Technician, applied_s


def config_applied_s(folder: Path, times: int = 5) -> list[float]:
    """Seconds from the technician's click to the home's word at the server that it holds, each of
    `times` changes; a real staff server and a real home."""
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    with stage(
        folder, at=at, home_options=("--still", "--awake"), looks=False, sound=False
    ) as made:
        return applied_s(Technician(made), times)
