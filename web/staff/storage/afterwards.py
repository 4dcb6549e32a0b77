"""What a request has to have written, and does not wait for: a thread writes it within a second.

Two kinds.  What the law asks for is durable before the answer goes out (`Spool`).  What is only
nice to know, when a session was seen or a home heard last, is held in memory and may be lost.

Not for: what others must see at once, and whatever a form does.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import URL

from web.staff.storage.database import Tx
from web.staff.storage.spool import Spool

log = logging.getLogger(__name__)

NAME = "reads"
"""What the files of the spool begin with."""


class Afterwards:
    """The spool, and the writes that may be lost, each under a name: the last one stays."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._later: dict[str, Callable[[Tx], None]] = {}
        self._lock = threading.Lock()

    def later(self, name: str, write: Callable[[Tx], None]) -> None:
        """Write this soon."""
        with self._lock:
            self._later[name] = write

    def take_later(self) -> list[Callable[[Tx], None]]:
        """What is to be written, once, in the order of the names: two that write many rows in
        orders of their own wait for each other, and one of them fails."""
        with self._lock:
            found, self._later = self._later, {}
        return [found[name] for name in sorted(found)]


def open_afterwards(url: URL) -> Afterwards | None:
    """The files beside the SQLite database; with PostgreSQL in systemd's state folder.  None where
    there is no folder, or it refuses: then everything is written before the answer."""
    folder = _folder(url)
    if folder is None:
        return None
    try:
        return Afterwards(Spool(folder, NAME))
    except OSError as error:
        log.error("no spool: reads are written before the answer", extra={"errno": error.errno})
        return None


def _folder(url: URL) -> Path | None:
    if url.get_backend_name() == "sqlite":
        return Path(url.database).resolve().parent if url.database else None
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(state) if state else None
