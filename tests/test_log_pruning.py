"""Old events go by themselves, also after a look in which the card refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.engine.event_log import EventLog
from gateway.engine.old_logs import KEPT_MAX
from gateway.services import log_pruning
from tests.conftest import START, sealed_chain
from tests.test_old_logs import left, old


async def test_a_card_that_refuses_once_does_not_end_the_pruning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The look fails, one line says so, and a later look prunes what the server has."""
    monkeypatch.setattr(log_pruning, "PRUNE_EVERY_S", 0.01)
    path = tmp_path / "events.sqlite"
    log = EventLog.open(path, "home:h1")
    written: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def done(error: BaseException | None) -> None:
        loop.call_soon_threadsafe(written.set_result, error)

    log.append(sealed_chain(5), done)
    assert await written is None
    log.mark_forwarded(5)
    log.path = tmp_path / "gone" / "events.sqlite"
    clock = ManualClock(START + timedelta(days=100))
    pruning = asyncio.create_task(log_pruning.keep_pruned(lambda: log, clock.now, retain_days=1))
    while "could not be pruned" not in caplog.text:
        assert not pruning.done(), pruning.result()
        await asyncio.sleep(0.01)
    log.path = path
    while len(list(log.since())) > 1:  # the last own event stays, for the chain goes on from it
        assert not pruning.done(), pruning.result()
        await asyncio.sleep(0.01)
    pruning.cancel()
    log.close()


async def test_nothing_goes_while_the_time_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that nobody calls right may be years ahead; once it is known, what is old goes."""
    monkeypatch.setattr(log_pruning, "PRUNE_EVERY_S", 0.001)
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    asked, pruned = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def best_now() -> datetime | None:
        nonlocal asked
        asked += 1
        return None if asked < 5 else START

    def prune(before: datetime, sealed_at: datetime) -> int:
        assert (before, sealed_at, asked) == (START - timedelta(days=1), START, 5)
        loop.call_soon_threadsafe(pruned.set)
        return 0

    monkeypatch.setattr(log, "prune", prune)
    pruning = asyncio.create_task(log_pruning.keep_pruned(lambda: log, best_now, retain_days=1))
    async with asyncio.timeout(60):
        done = asyncio.create_task(pruned.wait())
        await asyncio.wait({done, pruning}, return_when=asyncio.FIRST_COMPLETED)
    assert not pruning.done()
    pruning.cancel()
    log.close()


async def test_old_logs_are_looked_at_again_after_a_card_that_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so; when it is well, those beyond the bound go."""
    monkeypatch.setattr(log_pruning, "PRUNE_EVERY_S", 0.01)
    monkeypatch.setattr(log_pruning, "TIDY_FIRST_S", 0.01)
    for number in range(1, 6):
        old(tmp_path, number)
    gone = tmp_path / "aside-home-h1-1.sqlite"
    gone.symlink_to(tmp_path / "nowhere")  # cannot be looked at
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1~99")
    tidying = asyncio.create_task(log_pruning.keep_tidy(lambda: log, tmp_path))
    while "could not be looked at" not in caplog.text:
        assert not tidying.done(), tidying.result()
        await asyncio.sleep(0.01)
    gone.unlink()
    while len(left(tmp_path)) > KEPT_MAX:
        assert not tidying.done(), tidying.result()
        await asyncio.sleep(0.01)
    tidying.cancel()
    log.close()
