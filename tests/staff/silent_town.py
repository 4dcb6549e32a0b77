"""Many homes of a town that speak, fall silent and are heard again, under the real watch.

They are rows (a home, and when it was last heard), not gateways: what they say beside that they are
there matters nothing to who falls silent.  The watch's clock and the domain's go together.

Not for: what one home tells (`parts.EnrolledHome`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from gateway.clock import ManualClock
from web.staff.core.context import Staff
from web.staff.runtime.silence import BLIND_AFTER_S
from web.staff.runtime.watch import Watch
from web.staff.storage import tables

LOOK_S = BLIND_AFTER_S
"""Seconds between looks: the most that count whole."""


@dataclass
class Town:
    """Homes `<prefix>1` … of one organisation, all of which speak until they are `silent`."""

    staff: Staff
    clock: ManualClock
    now_s: float = 5000.0
    look_s: float = LOOK_S
    marks: int = 0
    homes: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = self.worker()

    def worker(self, staff: Staff | None = None) -> Watch:
        """Another worker's watch, in the same time."""
        return Watch(staff or self.staff, settle_s=1e9, monotonic=lambda: self.now_s)

    def build(self, count: int, *, prefix: str = "t", org: str = "org1") -> list[str]:
        """Homes that were heard."""
        names = [f"{prefix}{number:03}" for number in range(1, count + 1)]
        o = tables.organisation
        with self.staff.db.write() as tx:
            if tx.conn.execute(select(o.c.id).where(o.c.id == org)).first() is None:
                tx.conn.execute(insert(o).values(id=org, name=org))
            place = {"org_id": org, "timezone": "Europe/Stockholm"}
            rows = [{"id": name, "label": f"Hem {name}", **place} for name in names]
            tx.conn.execute(insert(tables.home), rows)
            links = [{"home_id": name, "heard_at": self._mark()} for name in names]
            tx.conn.execute(insert(tables.home_link), links)
        self.homes += names
        return names

    def _mark(self) -> datetime:
        self.marks += 1
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(milliseconds=self.marks)

    def hush(self, homes: Iterable[str]) -> None:
        """These say nothing from now on."""
        self.silent |= set(homes)

    def wake(self, homes: Iterable[str]) -> None:
        """These speak again."""
        self.silent -= set(homes)

    def go_on(self, seconds: float, *others: Watch) -> None:
        """Live for as long; the watch (and `others` after it) looks now and then."""
        until_s = self.now_s + seconds
        link = tables.home_link
        while self.now_s < until_s:
            step_s = min(self.look_s, until_s - self.now_s)
            self.now_s += step_s
            self.clock.advance(step_s)
            speaking = [home for home in self.homes if home not in self.silent]
            with self.staff.db.write() as tx:
                heard = update(link).where(link.c.home_id.in_(speaking))
                tx.conn.execute(heard.values(heard_at=self._mark()))
            for watch in (self.watch, *others):
                watch.look()
                assert watch.failing == {}

    def later(self, minutes: float) -> None:
        """So much later nothing else has happened; the watch looks now and then."""
        self.go_on(1)
        self.clock.advance(minutes * 60)
        self.go_on(1)

    def fall_silent(self, homes: Iterable[str]) -> None:
        """These say nothing, until the watch has told it."""
        self.hush(homes)
        self.go_on(200)
