"""Ports for servers that a test starts, which no other worker of this run is given.

Asking the system for "any free one" and closing it again races: the next who asks may get the same.
Each worker of pytest-xdist counts through a range of its own instead, below those that the system
hands out for outgoing connections.  Not for: a server that can bind port 0 itself.
"""

from __future__ import annotations

import itertools
import os
import socket

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


def free_port() -> int:
    """A port that nobody listens on now, and that was not given out here for a long time."""
    for port in itertools.islice(_turn, EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port of this worker is taken")
