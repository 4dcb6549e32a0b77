"""A stage for each test: a staff server and an enrolled home, as processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.demo.stage import Stage, stage
from tests.ports import free_port

EVENING = datetime(2026, 3, 2, 21, 40, tzinfo=ZoneInfo("Europe/Stockholm"))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a server that was set up is kept: migrations and slow passwords cost five seconds."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def set_stage(tmp_path: Path, kept: Path) -> Iterator[Callable[..., Stage]]:
    """`set_stage(**options)` sets one; it is cleared after the test.  Whatever a real home wrote
    meanwhile was its to write."""
    sets: list[Stage] = []
    with ExitStack() as stack:

        def make(**options: Any) -> Stage:
            usual = {"at": EVENING, "port": free_port(), "home_port": free_port(), "kept": kept}
            made = stack.enter_context(stage(tmp_path / "stage", **{**usual, **options}))
            sets.append(made)
            return made

        yield make
        for made in sets:
            with closing(sqlite3.connect(made.database, timeout=60)) as db:
                marked = "SELECT mark, kind, body FROM event WHERE mark IS NOT NULL"
                assert db.execute(marked).fetchall() == []


def at_server(made: Stage) -> dict[str, dict[int, str]]:
    """Origin to number to hash (hexadecimal): what the server's database holds."""
    held: dict[str, dict[int, str]] = {}
    with closing(sqlite3.connect(made.database, timeout=60)) as db:
        for origin, seq, digest in db.execute("SELECT origin, seq, hash FROM event"):
            text = digest.hex() if isinstance(digest, bytes) else digest
            held.setdefault(origin, {})[seq] = text
    return held
