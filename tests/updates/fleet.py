"""Many homes in rings before the real server: their updates are the real ones, all else is light.

A home here is a log that is written and sent (`tests.staff.parts.EnrolledHome`), the product's
keeper over its own signed requests, root's half, and folders of its own; no sensors, no process.
A home whose new release does not hold is one whose test alarm never comes back there, or where it
ends again and again.  A few more are away for weeks in the middle of it, or in an alarm for days.

Not for: processes (`box`), or what the server bears (`tests/load`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from gateway.clock import ManualClock
from gateway.envelope import Draft, Event, from_json
from gateway.events import (
    Data,
    GatewayStarted,
    GatewayTestPassed,
    HomeHeard,
    HomeSilent,
    MatPressed,
    PreviousRun,
)
from gateway.updates import install
from gateway.updates.exchange import Inbox
from gateway.updates.keeper import UpdateKeeper
from gateway.updates.slots import PACKAGE, TRIAL_S, Slots
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of
from tests.updates.signed import Signed, about, small
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.events import append
from web.staff.homelink.mirror import Mirror
from web.staff.releases import plans, rounds
from web.staff.runtime.app import create_app
from web.staff.storage import event_store, tables
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

OLD, NEW = "0.2.0", "0.3.0"
NEW_TOLD = about(NEW)
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FEW = 10
"""Homes of the second ring."""

ROUNDS_MAX = 2_000

AWAY = (20, 80, 120)
AWAY_DAYS = 20
"""Homes that hear nothing for so long, from the decision on."""

NEEDED = (5, 60, 100)
NEEDED_DAYS = 4
"""Homes where somebody is in an alarm for so long; one is of the second ring."""

ROUND_S, IDLE_S = TRIAL_S / 6, 6 * 3600.0
"""Seconds between two rounds while a home does something, and while all wait."""


@dataclass
class Found:
    """Of `spoiled` homes the new release does not hold: those are to be on the old one (`on_old`),
    and all others on the new one (`on_target`), whole; `elsewhere` are the rest.  `written` events
    were to be at the server, `lost` are not there."""

    spoiled: int
    on_target: int
    on_old: int
    elsewhere: int
    written: int
    lost: int
    state: str
    days: float
    took_s: float


class Line:
    """A home's line to the server's own application, signed as a home signs."""

    def __init__(self, home: EnrolledHome, client: FlaskClient) -> None:
        self._home, self._client = home, client

    def get(self, path: str, headers: dict[str, str]) -> Answer:
        full = f"/api/v1/home{path}"
        with self._client.get(full, headers={**headers, **self._home.headers("GET", full)}) as said:
            return Answer(said.status_code, said.data)

    def close(self) -> None:
        return


class Answer:
    """What the server answered."""

    def __init__(self, status: int, data: bytes) -> None:
        self.status, self._data = status, data

    def read1(self, most: int) -> bytes:
        piece, self._data = self._data[:most], self._data[most:]
        return piece

    def close(self) -> None:
        return


class FleetHome:
    """One of them."""

    def __init__(
        self, app: Flask, name: str, clock: ManualClock, folder: Path, root: bytes, *, spoiled: str
    ) -> None:
        """`spoiled`: how the new release fails here, `deaf` or `ends`; empty: it does not."""
        add_home(app, name, label=f"Lgh {name}")
        self.wire = EnrolledHome(app, app.test_client(), name, clock)
        self.wire.enroll()
        self.spoiled, self._app, self._clock, self._root = spoiled, app, clock, root
        small(folder / PACKAGE, OLD)
        (folder / "releases").mkdir()
        (folder / "state").mkdir()
        self.slots = Slots(folder / "releases", folder / "state/updates/proved.json")
        self.inbox = Inbox(folder / "state")
        self.line = Line(self.wire, app.test_client())
        self._down = 0
        self._log: list[Event] = []
        self.ended = False
        self.away_until = self.needed_until = clock.now()
        self.start()

    def is_on(self, version: str) -> bool:
        """Whether it runs this one, would start it next, and it is whole; nothing is on trial."""
        place = self.slots.folder(self.slots.current())
        return (
            self._version == version
            and self.slots.release(self.slots.current()).get("release") == version
            and (place / "lib" / "one.py").read_text() == f'VERSION = "{version}"\n'
            and self.slots.trial() is None
        )

    @property
    def is_away(self) -> bool:
        return self._clock.now() < self.away_until

    @property
    def is_needed(self) -> bool:
        return self._clock.now() < self.needed_until

    def start(self) -> None:
        """The program starts, as its unit starts it."""
        self.slots.boot("m", self._clock.mono_s())
        while self.spoiled == "ends" and self.slots.release(self.slots.current()) == NEW_TOLD:
            self.slots.boot("m", self._clock.mono_s())
        place = self.slots.current()
        self._version = str(self.slots.release(place)["release"])
        self.ended = False
        self._events: list[Data] = []
        self.keeper = UpdateKeeper(
            inbox=self.inbox,
            releases=self.slots.root,
            version=self._version,
            lane=lambda: self.line,  # type: ignore[arg-type,return-value]
            needed_by=lambda: "alarm" if self.is_needed else None,
            online=lambda: True,
            sure_of_time=lambda: True,
            record=self._events.append,
            end=self._end,
            root=lambda: self._root,
            here=self.slots.folder(place),
            monotonic=self._clock.mono_s,
        )
        for event in self._log:
            self.keeper.apply(event)
        self._write(
            GatewayStarted(version=self._version, config_sha256="", previous=PreviousRun.CLEAN)
        )
        if not (self.spoiled == "deaf" and self._version == NEW):
            self._write(GatewayTestPassed(test=f"{self.wire.origin}/1"))

    def _end(self) -> None:
        self.ended = True

    def _write(self, data: Data) -> None:
        for event in self.wire.send(data):
            self._log.append(event)
            self.keeper.apply(event)
            self.keeper.see_live(event)

    def look(self) -> None:
        """What happens in a home within some seconds."""
        self._write(MatPressed())
        parts = parts_of(self._app)
        with parts.db.read() as conn:
            came = event_store.decided_after(conn, self.wire.home, self._down)
        for seq, body in came:
            self._down = seq
            event = from_json(json.loads(body))
            self._log.append(event)
            self.keeper.apply(event)
        asyncio.run(self.keeper._round())
        told, self._events[:] = list(self._events), []
        for data in told:
            self._write(data)
        if self.inbox.request_file.exists():
            install.take(self.slots, self.inbox, self._root)
        outcome = self.slots.look("m", self._clock.mono_s())
        if self.ended or outcome == "returned":
            self.start()


@contextmanager
def served(folder: Path, clock: ManualClock) -> Iterator[Flask]:
    """The server, on a database of its own."""
    SecretFiles(folder / "secrets").make_missing()
    url = f"sqlite:///{folder / 'staff.db'}"
    database = Database(parse_url(url))
    migrate(database)
    database.close()
    config = StaffConfig(
        database=url,
        secrets_dir=folder / "secrets",
        secure_cookies=False,
        releases=folder / "releases",
        sign_in=SignInConfig(second_factor_roles=frozenset()),
    )
    app = create_app(config, clock=clock, watch=False)
    app.testing = True
    try:
        yield app
    finally:
        app.extensions["tryggve.stop"]()


def updated(folder: Path, homes: int, fail_pct: int) -> Found:
    """So many homes take a release; so many in a hundred of them cannot keep it."""
    clock = ManualClock(START)
    signed = Signed(folder)
    signed.add(NEW)
    every = 100 // fail_pct
    with served(folder, clock) as app:
        parts = parts_of(app)
        Mirror(parts.config.releases).add(signed.repo.folder, signed.root)
        made = []
        for number in range(homes):
            place = folder / f"home{number}"
            place.mkdir()
            spoiled = ("deaf", "ends")[number // every % 2] if number % every == every - 1 else ""
            name = f"f{number:03}"
            made.append(FleetHome(app, name, clock, place, signed.root, spoiled=spoiled))
        admin = add_user(app, "admin", ["administrator"])
        for number, home in enumerate(made[: 1 + FEW]):
            plans.set_ring(parts, admin, home.wire.home, 1 if number == 0 else 2)
        began_s, began = time.perf_counter(), clock.now()
        for number, home in enumerate(made):
            home.away_until += timedelta(days=AWAY_DAYS * (number in AWAY))
            home.needed_until += timedelta(days=NEEDED_DAYS * (number in NEEDED))
        _notice(app, [home for home in made if home.is_away], HomeSilent(silent_s=300))
        plans.start(parts, admin, NEW, limit_pct=2 * fail_pct, wait_h=0)
        state = _play(app, clock, made)
        days = (clock.now() - began).total_seconds() / 86_400
        took_s = time.perf_counter() - began_s
        with parts.db.read() as conn:
            e = tables.event.c
            query = select(func.count()).where(e.origin.startswith("home:f"))
            stored = int(conn.execute(query).scalar_one())
    written = sum(home.wire.seq for home in made)
    right = [home.is_on(OLD if home.spoiled else NEW) for home in made]
    on_old = sum(
        is_right and home.spoiled != "" for is_right, home in zip(right, made, strict=True)
    )
    return Found(
        spoiled=sum(home.spoiled != "" for home in made),
        on_target=sum(right) - on_old,
        on_old=on_old,
        elsewhere=homes - sum(right),
        written=written,
        lost=written - stored,
        state=state,
        days=days,
        took_s=took_s,
    )


def _notice(app: Flask, homes: list[FleetHome], what: Data) -> None:
    """The server notices that these are not heard, or are again."""
    parts = parts_of(app)
    with parts.write() as tx:
        for home in homes:
            append.write(parts, tx, home.wire.home, Draft(what))


def _play(app: Flask, clock: ManualClock, homes: list[FleetHome]) -> str:
    """Until the plan is over; its state."""
    away = [home for home in homes if home.is_away]
    for _ in range(ROUNDS_MAX):
        rounds.look(parts_of(app))
        with parts_of(app).db.read() as conn:
            plan = plans.last(conn, "org1")
            u = tables.home_update.c
            busy = set(
                conn.execute(select(u.home_id).where(u.state.in_(rounds.UNDER_WAY))).scalars()
            )
        if plan is None or plan.state != "running":
            break
        back = [home for home in away if not home.is_away]
        away = [home for home in away if home not in back]
        _notice(app, back, HomeHeard())
        at_work = [home for home in homes if home.wire.home in busy and not home.is_away]
        for home in at_work:
            home.look()
        clock.advance(IDLE_S if all(home.is_needed for home in at_work) else ROUND_S)
    return "none" if plan is None else str(plan.state)
