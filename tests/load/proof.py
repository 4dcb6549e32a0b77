"""After a scene: whether the server has each home's log, whole and once, and each home what the
server decided.

Not for: what the pages make of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import func, select

from tests.load.home import LoadHome
from web.staff.core.context import Staff
from web.staff.storage import tables

SETTLE_S = 30.0
"""Seconds to wait for what was decided to come down: a stream that broke is back in 15."""

LOOK_S = 0.2
"""Seconds between two looks."""

SAID_MAX = 5
"""Homes that are named in words; of the others only the number is told."""


@dataclass
class Proof:
    """What was found.  `lost` and `doubled` are events; the rest are homes."""

    stored: int = 0
    lost: int = 0
    doubled: int = 0
    heads_wrong: int = 0
    """Logs whose last number or hash differs between home and server, either way."""
    alarms_wrong: int = 0
    """Alarms of the homes that the server's list lacks, or has twice."""
    said: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Nothing is amiss."""
        return not (self.lost or self.doubled or self.heads_wrong or self.alarms_wrong)

    def say(self, text: str) -> None:
        """Name one that is amiss."""
        if len(self.said) < SAID_MAX:
            self.said.append(text)


def settle(parts: Staff, homes: Iterable[LoadHome], timeout_s: float = SETTLE_S) -> None:
    """Wait until what was decided has come down to these homes, which are on the line."""
    h = tables.head.c
    until, left = time.monotonic() + timeout_s, list(homes)
    while left and time.monotonic() < until:
        with parts.db.read() as conn:
            query = select(h.home_id, h.seq).where(h.origin.startswith("staff:"))
            decided: dict[str, int] = {row[0]: row[1] for row in conn.execute(query)}
        left = [home for home in left if home.log.down < decided.get(home.home, 0)]
        time.sleep(LOOK_S if left else 0)


def compare(parts: Staff, homes: Iterable[LoadHome]) -> Proof:
    """Compare every log of these homes, and what was decided about them, with the server's."""
    proof = Proof()
    e, h, a, u = tables.event, tables.head, tables.alarm, tables.urgent
    with parts.db.read() as conn:
        heads = {row.origin: (row.seq, bytes(row.hash)) for row in conn.execute(select(h))}
        counted = select(e.c.origin, func.count()).group_by(e.c.origin)
        stored: dict[str, int] = {row[0]: row[1] for row in conn.execute(counted)}
        raised = Counter(conn.execute(select(a.c.ref)).scalars())
        waiting = conn.execute(
            select(u.c.origin, func.count()).where(~u.c.orphan).group_by(u.c.origin)
        )
        twins: dict[str, int] = {row[0]: row[1] for row in waiting}
    for home in homes:
        log = home.log
        origin = log.origin()
        count = stored.get(origin, 0)
        proof.stored += count
        if log.head() > count:
            proof.lost += log.head() - count
            proof.say(f"{origin}: the home wrote {log.head()}, the server has {count}")
        # what came over the urgent lane and was confirmed by its batch must not lie there as well
        confirmed = count >= log.head()
        extra = max(0, count - log.head()) + (twins.get(origin, 0) if confirmed else 0)
        if extra:
            proof.doubled += extra
            proof.say(f"{origin}: {extra} events are there twice")
        if heads.get(origin, (0, b"")) != (log.head(), log.digest):
            proof.heads_wrong += 1
            proof.say(f"{origin}: another head than the home's {log.head()}")
        down = heads.get(f"staff:{home.home}")
        if down is not None and down != (log.down, log.down_digest):
            proof.heads_wrong += 1
            proof.say(f"staff:{home.home}: the home has {log.down}, the server {down[0]}")
        wrong = sum(raised[f"{origin}/{seq}"] != 1 for seq in home.alarms)
        if wrong:
            proof.alarms_wrong += wrong
            proof.say(f"{origin}: {wrong} of {len(home.alarms)} alarms are not there once")
    return proof
