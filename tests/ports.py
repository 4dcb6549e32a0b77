"""Ports for servers that a test starts, which no other worker and no other run is given.

Asking the system for "any free one" and closing it again races: the next who asks may get the same.
Each worker of pytest-xdist counts through a range of its own instead, below those that the system
hands out for outgoing connections; what it was given stays locked until it ends, for two runs count
through the same ranges.  Not for: a server that can bind port 0 itself.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path
from typing import TextIO

FIRST = 21_000
"""Above the ports that services have by habit; Linux hands out 32,768 and up by itself."""

EACH = 500
"""Ports of one worker: more than a whole run takes."""

WORKERS = 20
"""Ranges there are; the one after the last shares the first one's."""


def _range() -> range:
    """This worker's: `gw3` has the fourth."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    first = FIRST + EACH * (int(number) % WORKERS)
    return range(first, first + EACH)


# Another run on this machine counts through the same range: it begins elsewhere.
_turn = itertools.islice(itertools.cycle(_range()), os.getpid() % EACH, None)

_ours: dict[int, TextIO] = {}
"""What this process was given, each with its lock."""


def _is_ours(port: int) -> bool:
    """Whether no other process was given it, for as long as this one is there."""
    if port in _ours:
        return True
    folder = Path(tempfile.gettempdir()) / f"tryggve-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = (folder / str(port)).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _ours[port] = file
    return True


def free_port() -> int:
    """A port that nobody listens on now, and that was not given out here for a long time."""
    for port in itertools.islice(_turn, EACH):
        if not _is_ours(port):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port of this worker is taken")
