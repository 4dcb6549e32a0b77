"""`python -m tests.load`: a town of homes against the real server, and what came of it.

make load ARGS="--homes 100"                       every scene, on both databases
make load ARGS="--homes 1000 --scene storm"        only the storm
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

from tests.load import proof, storm
from tests.load.ledger import Ledger, quantile, refused, unanswered
from tests.load.town import Kind, town

THREAD_STACK_BYTES = 256 * 1024
"""Three threads a home: a thousand homes should not reserve 24 GB of addresses."""


def main() -> int:
    """Run what is asked for; exit status 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--homes", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--alarms", type=float, default=0.05, help="share of homes with an alarm")
    parser.add_argument("--events", type=int, default=storm.EVENTS)
    args = parser.parse_args()
    threading.stack_size(THREAD_STACK_BYTES)
    return _storm(args.database, args.homes, args.alarms, args.events)


def _storm(kind: Kind, homes: int, alarm_share: float, events: int) -> int:
    with tempfile.TemporaryDirectory(prefix="tryggve-load-") as name:
        at = datetime.now(UTC)
        with town(Path(name), kind, homes + storm.calm_share(homes), at=at) as made:
            few, many = made.homes[homes:], made.homes[:homes]
            storm.prepare(made.homes, made.clock.now(), events)
            ledger = Ledger()
            rate = storm.calm(made, few, Ledger())
            outcome = storm.blow(made, many, ledger, alarm_share=alarm_share, calm_events_s=rate)
            storm.go_away(made.homes)
            asked = ledger.of("events", "urgent", "stream", "heartbeat")
            waits = ledger.waits("alarm_stored")
            with made.parts() as parts:
                found = proof.compare(parts, made.homes)
            print(outcome)
            for part in (0.5, 0.95, 0.99):
                print(f"alarm p{part * 100:.0f} s", quantile(waits, part), "of", len(waits))
            for what in ("events", "urgent", "stream", "heartbeat"):
                some = ledger.of(what)
                took = [one.took_s for one in some if one.status == 200]
                print(
                    what, "asked", len(some), "refused", refused(some), "told when",
                    sum(one.wait_told for one in some), "unanswered", unanswered(some),
                    "p50", quantile(took, 0.5), "p99", quantile(took, 0.99),
                    "status", sorted({one.status for one in some}),
                )  # fmt: skip
            wasted = unanswered(asked) + ledger.counts["sent_again"]
            print(f"wasted {wasted} of {len(asked)}: {100 * wasted / max(1, len(asked)):.1f} %")
            print(f"events/s {outcome.events_s:.0f}, calm {rate:.0f}", dict(ledger.counts))
            print(
                f"server: {made.rss_max_kb / 1000:.0f} MB, {made.used_s:.1f} s of processor, "
                f"{made.tracebacks()} tracebacks"
            )
            print(found)
            return 0 if found.whole and outcome.took_s else 1


if __name__ == "__main__":
    sys.exit(main())
