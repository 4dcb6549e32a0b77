"""Homes that talk, in a process of their own: what they cost is not taken from whoever measures
beside them, as it is not where each home has its own box.

`beside` starts it.  Not for: measuring these homes themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import open_clock
from gateway.envelope import Draft
from gateway.events import MatPressed
from tests.load.home import LoadHome
from tests.load.ledger import Ledger

BEGINS_S = 30.0
"""Seconds that the process may take to begin."""


@contextmanager
def beside(url: str, clock: Path, homes: Sequence[LoadHome], per_s: float) -> Iterator[None]:
    """These homes write so many events a second together, meanwhile.  Their logs here stay as they
    are."""
    told = {
        "url": url,
        "clock": str(clock),
        "per_s": per_s,
        "homes": [_told(home) for home in homes],
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.load.crowd"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "talks\n"
            yield
        finally:
            process.stdin.close()  # it ends with that, however this process ends
            process.wait(BEGINS_S)


def _told(home: LoadHome) -> dict[str, Any]:
    log = home.log
    return {
        "home": home.home,
        "key": home.key.private_bytes_raw().hex(),
        "bodies": [body.decode() for body in log.pending(0, log.head())],
        "digest": log.digest.hex(),
        "forwarded": log.forwarded(),
        "down": log.down,
        "down_digest": log.down_digest.hex(),
    }


def main() -> None:
    """Talk until the other side ends."""
    told = json.loads(sys.stdin.readline())
    clock = open_clock(told["clock"])
    homes = []
    for one in told["homes"]:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(one["key"]))
        home = LoadHome(one["home"], key, clock, 1)
        home.log.take_over(
            [body.encode() for body in one["bodies"]],
            bytes.fromhex(one["digest"]),
            one["forwarded"],
        )
        home.log.down, home.log.down_digest = one["down"], bytes.fromhex(one["down_digest"])
        homes.append(home)
    ledger, ending = Ledger(), Event()
    for home in homes:
        home.start(told["url"], ledger)
    time.sleep(1)
    print("talks", flush=True)

    def listen() -> None:
        sys.stdin.read()
        ending.set()

    Thread(target=listen, daemon=True).start()
    each_s = len(homes) / told["per_s"]
    while not ending.is_set():
        began_s = time.perf_counter()
        for home in homes:
            home.write(Draft(MatPressed(), device="bed"))
        time.sleep(max(0.0, began_s + each_s - time.perf_counter()))
    for home in homes:
        home.stop()


if __name__ == "__main__":
    main()
