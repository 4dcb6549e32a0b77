"""What every test may use: sealed chains, a clock that stands still, the recorded homes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.engine.sequencer import Sealed
from gateway.envelope import GENESIS, Draft, seal
from gateway.events import Data, MatPressed

pytest_plugins = ["tests.running"]

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
"""An example takes as long as the machine is busy."""

settings.register_profile("patient", parent=settings(derandomize=True), **PATIENT)
settings.load_profile("patient")  # the same examples in each run: a failure is of what has changed
settings.register_profile("seeking", parent=settings(derandomize=False), **PATIENT)

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def log_left_alone() -> Iterator[None]:
    """A command that a test runs here sets up the diagnostic log, on what stands for standard error
    just then: another test's would find it closed, and its own errors full of that."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in root.handlers.copy():
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def recordings() -> Path:
    """The folder of the recorded homes; the test is skipped where it is absent."""
    if not RECORDINGS.is_dir():
        pytest.skip("needs the recorded homes in ../shared/data")
    return RECORDINGS


def sealed_chain(
    count: int | Iterable[Data],
    *,
    origin: str = "home:h1",
    seq: int = 0,
    head: bytes = GENESIS,
    start: datetime = START,
) -> list[Sealed]:
    """`count` mat presses (or the given data), one second apart, sealed after `seq` and `head`."""
    rows = []
    items = [MatPressed()] * count if isinstance(count, int) else list(count)
    for i, data in enumerate(items):
        event, body, head = seal(
            Draft(data, device="bed"),
            origin=origin,
            seq=seq + i + 1,
            at=start + timedelta(seconds=seq + i),
            clock="synced",
            boot="boot-1",
            mono_s=float(seq + i),
            previous=head,
        )
        rows.append(Sealed(event, body, head))
    return rows
