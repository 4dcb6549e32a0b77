"""Lets events go that are old enough and that the server has, and old logs that were set aside.

Not for: which may go (`EventLog.prune`, `gateway.engine.old_logs`), or for how long they are kept
(`[log] retain_days`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from gateway.engine import old_logs
from gateway.engine.event_log import EventLog
from gateway.errors import LogError

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 6 * 3600
"""Seconds between looks for events that are old enough to go."""


TIDY_FIRST_S = 120
"""Seconds after a start until old logs are looked at: the link has said by then what it has."""


async def keep_tidy(event_log: Callable[[], EventLog], folder: Path) -> None:
    """Bound the old logs in `folder`, until cancelled."""
    pause_s = TIDY_FIRST_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = PRUNE_EVERY_S
        try:
            await asyncio.to_thread(old_logs.tidy, folder, event_log().path)
        except OSError as error:  # a card that refuses now; the next look tries again
            log.warning("old logs could not be looked at", extra={"why": str(error)})


async def keep_pruned(
    event_log: Callable[[], EventLog], best_now: Callable[[], datetime | None], *, retain_days: int
) -> None:
    """Prune until cancelled; `event_log` gives the log in use then.  Nothing goes while the home
    does not know the time (`best_now` None): a clock that is ahead would let the last week go, of
    which the rules' state is folded."""
    while True:
        await asyncio.sleep(PRUNE_EVERY_S)
        now = best_now()
        if now is None:
            continue
        before = now - timedelta(days=retain_days)
        try:
            gone = await asyncio.to_thread(event_log().prune, before, now)
        except (
            sqlite3.Error,
            LogError,
            OSError,
        ) as error:  # a card that refuses now; the next look tries again
            log.warning("the event log could not be pruned", extra={"why": str(error)})
            continue
        log.info("pruned", extra={"events": gone})
