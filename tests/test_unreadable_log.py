"""A block that the card does not give back while the home runs: what is newer is sent all the same.

At a start: `tests/e2e/test_dying_disk.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.app.uplink_bridge import READ_TRIES, LogOutbox
from gateway.envelope import Draft
from gateway.events import MatPressed
from tests.test_engine import Home, running


def broken(*_: object) -> list[bytes]:
    raise sqlite3.DatabaseError("database disk image is malformed")


async def test_a_log_that_the_link_cannot_read_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing works, reading what the server lacks does not: after some tries another log begins,
    once, and what is written from then on is there to be sent."""
    async with running(Home(tmp_path, rules=[])) as home:
        outbox = LogOutbox(home.engine, asyncio.get_running_loop())
        await home.engine.write(Draft(MatPressed(), device="bed"))
        monkeypatch.setattr(home.logs[0], "pending", broken)
        for _ in range(READ_TRIES - 1):
            with pytest.raises(sqlite3.Error):
                await asyncio.to_thread(outbox.pending, 0, 10)
        await home.engine.write(Draft(MatPressed(), device="bed"))
        assert len(home.logs) == 1
        for _ in range(2):  # two threads that fail beside each other set one log aside
            outbox._failed = READ_TRIES - 1
            with pytest.raises(sqlite3.Error):
                outbox.pending(0, 10)
        await home.until(lambda: len(home.logs) == 2)
        await home.engine.write(Draft(MatPressed(), device="bed"))
        assert len(home.logs) == 2
        assert outbox.origin() == "home:h1~2"
        assert (
            len(await asyncio.to_thread(outbox.pending, 0, 10)) == 2
        )  # log.recovered, mat.pressed


async def test_one_block_that_came_late_sets_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that is busy is asked again; each success begins the count anew."""
    async with running(Home(tmp_path, rules=[])) as home:
        outbox = LogOutbox(home.engine, asyncio.get_running_loop())
        await home.engine.write(Draft(MatPressed(), device="bed"))
        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(home.logs[0], "pending", broken)
                for _ in range(READ_TRIES - 1):
                    with pytest.raises(sqlite3.Error):
                        outbox.pending(0, 10)
            assert len(outbox.pending(0, 10)) == 1
        await home.engine.write(Draft(MatPressed(), device="bed"))
        assert len(home.logs) == 1
