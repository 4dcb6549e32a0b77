"""Runs a module for as long as whoever started it is there.

`python -m gateway.demo.leash MODULE …`: standard input is the leash.  Nothing is read from it but
its end, which comes also when the starter was killed and could tell nobody.  Then this process is
asked to stop, and after `STOP_S` its whole group is killed, so that no worker outlives the demo.

Not for: services; those have systemd.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

STOP_S = 15.0
"""Seconds that a program may take to stop before it is killed."""


def tie(stop_s: float = STOP_S) -> None:
    """Watch standard input in a thread; the process is the leader of a group of its own."""
    threading.Thread(target=_watch, args=(stop_s,), name="leash", daemon=True).start()


def _watch(stop_s: float) -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_s)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    tie()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
