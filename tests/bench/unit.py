"""How fast this machine is, in one number: `python -m tests.bench.unit` prints it in milliseconds.

The unit u is what 40,000 times take of what the home does with an event: its JSON, a hash over it,
and reading it back into memory that is kept.  Times that are bound by the processor are held
against u, so that a goal means the same on a Pi and on a workstation.  A loop that only counts will
not do: between two machines it differed by 1.5 times where the gateway differed by 2.8.

It is measured in a process of its own, so that neither the heap nor the imports of who asks count;
and again before each figure that is held against it, for a machine that others use is not equally
fast from one minute to the next.

Not for: what waits for a disk (the SD model), a radio, or a motor.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from typing import Any

LOOPS = 40_000
"""Events of one round: a third of a second on a fast core, so that ticks of the clock and the
scheduler do not count."""

KEPT = 20_000
"""Events that are kept: memory that the cache does not hold, as a home's own."""

ROUNDS = 5
"""The best of so many is the unit: what disturbs only ever makes a round longer."""

ROUNDS_AGAIN = 3
"""The same before a single figure."""


def event(seq: int) -> dict[str, Any]:
    """An event as its JSON object: a mat's word, as nine of ten are."""
    return {
        "origin": "home:bench",
        "seq": seq,
        "at": "2026-03-01T21:00:00.000Z",
        "clock": "synced",
        "boot": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "mono_s": 12345.678,
        "kind": "mat.pressed",
        "data": {},
        "device": "bed",
    }


def one_round() -> float:
    """Seconds of `LOOPS` events."""
    kept: dict[int, dict[str, Any]] = {}
    began = time.perf_counter()
    for seq in range(LOOPS):
        text = json.dumps(event(seq), sort_keys=True, separators=(",", ":"))
        hashlib.sha256(text.encode()).digest()
        kept[seq % KEPT] = json.loads(text)
    return time.perf_counter() - began


def best_ms(rounds: int) -> float:
    """The unit of this process, in milliseconds."""
    return min(one_round() for _ in range(rounds)) * 1000


def machine_unit_ms(rounds: int = ROUNDS_AGAIN) -> float:
    """The unit of this machine now, in milliseconds, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.unit", str(rounds)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    print(best_ms(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
