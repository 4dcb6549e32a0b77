"""What a child does to itself before it hears or sees anything: nothing of it reaches a disk.

No core dump, no memory that another process may read, no page in the swap where the system lets it
(`LimitMEMLOCK` of the unit, or root), and an end with its parent's.  Linux only; what the system
does not let it do is left as it is.

Not for: what the unit itself forbids (`systemd/tryggve-gateway.service`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress

_PDEATHSIG, _DUMPABLE = 1, 4
"""`prctl`: the signal with which it ends when its parent does, and whether it may be dumped."""

_LOCK = 1 | 2 | 4
"""`mlockall`: what is mapped, what will be, each page when it is first used."""


def guard_memory() -> bool:
    """Do all that can be done; whether its memory stays out of the swap."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # under a small limit every later mapping would fail
        limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
        if os.geteuid() == 0 or limit == resource.RLIM_INFINITY:
            return bool(libc.mlockall(_LOCK) == 0)
    return False
