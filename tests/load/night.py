"""A night of many homes in warped time: the real rules and slot ringers, the real server's storage.

Each home has its rules, its ringer and its log, minute by minute; the server takes in its batches,
watchers answer as its `night_check` says, and its watch looks for what nobody reported.  For two
hours of the night there is no server.  Some homes lose their power over a slot, for some minutes,
for longer than a check keeps its meaning, or for good.  At the end every slot, worked out here from
the almanac and not by `gateway.schedule`, must have exactly one outcome.

Not for: the link, threads, or how long anything takes (`town`, `storm`).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.engine.sequencer import Sealed, Sequencer
from gateway.envelope import GENESIS, Draft, Event, from_json, verify_next
from gateway.events import (
    CheckDone,
    CheckEscalated,
    CheckMissed,
    CheckPlanned,
    CheckUnreported,
    Data,
    Finding,
    GatewayStarted,
    Looked,
    MatPressed,
    MatReleased,
    PreviousRun,
)
from gateway.rules import DeviceFacts, HomeFacts, bind
from gateway.rules.fold import Fold
from gateway.rules.night_check import Settings, report_by
from gateway.schedule import Plan
from gateway.services.slot_ringer import SlotRinger
from gateway.state import held_plans
from gateway.state.home_view import HomeView
from tests.staff.parts import add_user, parts_of
from web.staff.checks import claims
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.core.secret_files import SecretFiles
from web.staff.homelink import ingest
from web.staff.runtime.app import create_app
from web.staff.runtime.watch import Watch
from web.staff.storage import event_store, tables
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

MIN = timedelta(minutes=1)

LOOK_EVERY_MIN = 10
"""Minutes between two looks of the server's watch: it looks each few seconds, which costs four
fifths of a night here and finds the same."""

PLAN = Plan(name="night", times=(time(22, 0), time(0, 30), time(2, 30), time(5, 0)))
"""Four checks, one of them at a time that one night does not have and another has twice."""

FOUND = (
    *(Finding.OK,) * 5,
    *(Finding.UNCLEAR,) * 2,
    Finding.HELP,
    Finding.COULD_NOT_LOOK,
)
"""What watchers find, as often as it stands here."""

DEVICES = {"mat": DeviceFacts("mat", "mat_gpio", "sensor", "bed")}


@dataclass(frozen=True, slots=True)
class Night:
    """A night in Sweden, in UTC: its `slots` as an almanac has them; when the server is away."""

    name: str
    begins: datetime
    slots: tuple[datetime, ...]
    ends: datetime
    away: tuple[datetime, datetime]


def _moments(*said: str) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(f"{one}+00:00") for one in said)


SPRING = Night(
    "29 March 2026, 02:30 does not exist",
    datetime(2026, 3, 28, 19, 0, tzinfo=UTC),
    _moments("2026-03-28T21:00", "2026-03-28T23:30", "2026-03-29T01:00", "2026-03-29T03:00"),
    datetime(2026, 3, 29, 5, 0, tzinfo=UTC),
    (datetime(2026, 3, 29, 0, 15, tzinfo=UTC), datetime(2026, 3, 29, 2, 15, tzinfo=UTC)),
)
AUTUMN = Night(
    "25 October 2026, 02:30 is there twice",
    datetime(2026, 10, 24, 18, 0, tzinfo=UTC),
    _moments("2026-10-24T20:00", "2026-10-24T22:30", "2026-10-25T00:30", "2026-10-25T04:00"),
    datetime(2026, 10, 25, 6, 0, tzinfo=UTC),
    (datetime(2026, 10, 24, 23, 45, tzinfo=UTC), datetime(2026, 10, 25, 1, 45, tzinfo=UTC)),
)
NIGHTS = (SPRING, AUTUMN)


@dataclass(frozen=True, slots=True)
class Cut:
    """When a home has no power."""

    begins: datetime
    ends: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether there is none now."""
        return self.begins <= now and (self.ends is None or now < self.ends)


def _cut(number: int, night: Night) -> Cut | None:
    """One home in twenty for some minutes over a slot, one for too long, one for good."""
    third = night.slots[2]
    return {
        7: Cut(third - 5 * MIN, third + 12 * MIN),
        13: Cut(night.slots[1] - 5 * MIN, night.slots[1] + 45 * MIN),
        17: Cut(night.slots[1] + 30 * MIN, None),
    }.get(number % 20)


class Home:
    """One home: its log, its rules, its ringer, and whoever lives there."""

    def __init__(self, number: int, night: Night, clock: ManualClock) -> None:
        self.id = f"n{number:04}"
        self.cut = _cut(number, night)
        self.clock = clock
        self.log: list[Sealed] = []
        self.sent = 0
        self.down, self._down_head = 0, GENESIS
        self.running = True
        self._alive = clock.now()
        self._life = list(_life(Random(f"{night.name}/{number}"), night))
        self._facts = HomeFacts(self.id, "Europe/Stockholm", devices=DEVICES)
        self._sequencer = self._rules()
        self.ringer = self._rings()

    def _rules(self) -> Sequencer:
        """The rules as the log left them."""
        fold = Fold(bind({}, self._facts))
        self.view = HomeView()
        for one in self.log:
            self.view.apply(one.event)
        fold.rebuild((one.event, one.received_at or one.event.at) for one in self.log)
        own = [one for one in self.log if one.received_at is None]
        seq, head = (own[-1].event.seq, own[-1].digest) if own else (0, GENESIS)
        return Sequencer(
            fold,
            origin=f"home:{self.id}",
            boot="b",
            seq=seq,
            head=head,
            on_event=self.view.apply,
        )

    def _rings(self) -> SlotRinger:
        settings = Settings()
        return SlotRinger(
            slots=lambda start, end: held_plans.slots(
                {PLAN.name: PLAN}, self.view.plans, "Europe/Stockholm", start, end
            ),
            clock=self.clock,
            submit=self._submit,
            known=lambda: self.view.known_checks(),  # noqa: PLW0108 - the view of then
            sure=lambda: True,
            report_by=lambda slot: report_by(slot, settings),
        )

    def _submit(self, data: Data) -> None:
        now = self.clock.now()
        self._sequencer.number(Draft(data, at=now), at=now, mono_s=0.0)

    def start(self, since: datetime | None) -> None:
        """Power comes, the first time or again."""
        previous = PreviousRun.NONE if since is None else PreviousRun.CUT
        self.running = True
        self._submit(GatewayStarted(version="0", config_sha256="0", previous=previous))
        self.ringer.start(since)
        self._keep()

    def minute(self) -> None:
        """What happens until now."""
        now = self.clock.now()
        powered = self.cut is None or not self.cut.holds(now)
        if self.running and not powered:
            self.running = False
            self.ringer.stop()
        if not self.running:
            while self._life and self._life[0][0] <= now:
                self._life.pop(0)  # nobody felt it
            if not powered:
                return
            self._sequencer, self.ringer = self._rules(), self._rings()
            self.start(self._alive)
        while self._life and self._life[0][0] <= now:
            at, data = self._life.pop(0)
            self._sequencer.number(Draft(data, device="mat", at=at), at=at, mono_s=0.0)
        self._sequencer.run_due(now, 0.0)
        slots = self.ringer.next_slots()
        if not slots or slots[0][1] <= now + MIN or now.minute % 5 == 0:
            self.ringer.ring_and_plan()
        self._sequencer.run_due(now, 0.0)
        self._keep()
        self._alive = now

    def take(self, objs: list[dict[str, object]]) -> None:
        """What the server decided comes down."""
        now = self.clock.now()
        for obj in objs:
            self.down += 1
            self._down_head = verify_next(
                obj, origin=f"staff:{self.id}", seq=self.down, previous=self._down_head
            )
            event: Event = from_json(obj)
            body = json.dumps(obj).encode()
            self._sequencer.receive(Sealed(event, body, self._down_head), at=now, mono_s=0.0)
        self._keep()

    def _keep(self) -> None:
        self.log += self._sequencer.drain().rows

    def pending(self) -> list[dict[str, object]]:
        """What the server has not got."""
        rows = [one for one in self.log[self.sent :] if one.received_at is None]
        self.sent = len(self.log)
        return [json.loads(one.wire()) for one in rows]


def _life(rng: Random, night: Night) -> Iterator[tuple[datetime, Data]]:
    """To bed in the evening; at some slots somebody is up, and comes back or does not."""
    yield night.begins + rng.uniform(5, 60) * MIN, MatPressed()
    for slot in night.slots:
        if rng.random() < 0.4:
            up = slot - rng.uniform(7, 14) * MIN
            yield up, MatReleased()
            yield up + rng.uniform(8, 40) * MIN, MatPressed()


@dataclass
class Server:
    """The real server's parts; `watch` None while it is away."""

    staff: Staff
    clock: ManualClock
    watcher: Actor
    seed: str
    watch: Watch | None = None

    def come_back(self) -> None:
        """The program starts."""
        self.watch = Watch(self.staff, settle_s=60, monotonic=self._monotonic)

    def _monotonic(self) -> float:
        return self.clock.now().timestamp()

    def take_in(self, homes: list[Home]) -> None:
        """Take in what homes have, answer, look, and tell them."""
        assert self.watch is not None
        for home in homes:
            if home.running:
                rows = home.pending()
                if rows:
                    ingest.receive_batch(self.staff, home.id, rows, home.down)
        self._answer()
        if self.clock.now().minute % LOOK_EVERY_MIN == 0:
            self.watch.look()
            assert self.watch.failing == {}
        with self.staff.db.read() as conn:
            for home in homes:
                if home.running:
                    told = event_store.decided_after(conn, home.id, home.down)
                    if told:
                        home.take([json.loads(body) for _, body in told])

    def _answer(self) -> None:
        """Each question has its own watcher, who is quick or slow, and finds this or that."""
        c = tables.night_check.c
        query = select(c.home_id, c.check, c.attempt, c.asked_at).where(c.state == "asked")
        with self.staff.db.read() as conn:
            asked = conn.execute(query).all()
        for home, check, attempt, asked_at in asked:
            rng = Random(f"{self.seed}/{home}/{check}/{attempt}")
            found = rng.choice(FOUND)
            slow = rng.choice((1, 2, 4, 8, 40)) * MIN
            if self.clock.now() >= asked_at + slow:
                claims.start_check(self.staff, self.watcher, home, check)
                claims.answer_check(self.staff, self.watcher, home, check, found, Looked.PHONE)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the slots: how many by kind of outcome, and each that has not exactly one."""

    slots: int
    kinds: Counter[str]
    wrong: tuple[str, ...]


def live(night: Night, homes: int, folder: Path) -> Outcomes:
    """The whole night; `folder` takes the server's database."""
    return asyncio.run(_live(night, homes, folder))  # the ringers' schedulers want a loop


async def _live(night: Night, count: int, folder: Path) -> Outcomes:
    SecretFiles(folder).make_missing()
    url = f"sqlite:///{folder / 'staff.db'}"
    config = StaffConfig(database=url, secrets_dir=folder, secure_cookies=False)
    database = Database(parse_url(url))
    migrate(database)
    database.close()
    clock = ManualClock(night.begins)
    app = create_app(config, clock=clock, watch=False)
    try:
        parts = parts_of(app)
        homes = [Home(number, night, clock) for number in range(count)]
        _enrolled(parts, homes)
        watcher = add_user(app, "w1", ["night_watcher"], homes=[one.id for one in homes], org="o1")
        server = Server(parts, clock, watcher, night.name)
        server.come_back()
        for home in homes:
            home.start(None)
        while clock.now() < night.ends:
            clock.advance(60)
            for home in homes:
                home.minute()
            if night.away[0] <= clock.now() < night.away[1]:
                server.watch = None
                continue
            if server.watch is None:
                server.come_back()
            if clock.now().minute % 2 == 0:
                server.take_in(homes)
        for home in homes:
            if home.running:
                home.ringer.stop()
        return _outcomes(parts, night, homes)
    finally:
        app.extensions["tryggve.stop"]()


def _enrolled(staff: Staff, homes: list[Home]) -> None:
    with staff.db.write() as tx:
        tx.conn.execute(insert(tables.organisation).values(id="o1", name="Provkommunen"))
        place = {"org_id": "o1", "timezone": "Europe/Stockholm"}
        rows = [{"id": one.id, "label": f"Hem {one.id}", **place} for one in homes]
        tx.conn.execute(insert(tables.home), rows)
        links = [{"home_id": one.id, "heard_at": datetime.now(UTC)} for one in homes]
        tx.conn.execute(insert(tables.home_link), links)


def _outcomes(staff: Staff, night: Night, homes: list[Home]) -> Outcomes:
    """Each slot of the almanac, and each that was planned in this night beside it."""
    ends = {CheckDone.KIND, CheckMissed.KIND, CheckEscalated.KIND}
    told: dict[tuple[str, str], list[str]] = {}
    planned: dict[tuple[str, str], datetime] = {}
    e = tables.event.c
    kinds = (*ends, CheckUnreported.KIND, CheckPlanned.KIND)
    query = select(e.home_id, e.body).where(e.kind.in_(kinds))
    with staff.db.read() as conn:
        for home, body in conn.execute(query):
            event = from_json(json.loads(body))
            key = home, event.data.check  # type: ignore[attr-defined]
            if isinstance(event.data, CheckPlanned):
                planned[key] = event.data.slot
            else:
                told.setdefault(key, []).append(event.kind)
        c = tables.night_check.c
        rows = conn.execute(select(c.home_id, c.check, c.slot, c.state))
        states = {(row.home_id, row.slot): (row.check, row.state) for row in rows}
    wrong: list[str] = []
    counted: Counter[str] = Counter()
    for one in homes:
        for slot in night.slots:
            check, state = states.get((one.id, slot), ("", "none"))
            found = told.get((one.id, check), [])
            closing = [kind for kind in found if kind in ends] or found
            counted[closing[0] if closing else "none"] += 1
            if len(closing) != 1 or closing[0].partition(".")[2] != state:
                wrong.append(f"{one.id} {slot:%H:%M}: {state}, {found}")
    known = {(one.id, slot) for one in homes for slot in night.slots}
    wrong += [
        f"{home} {slot:%H:%M}: no such slot"
        for (home, _check), slot in planned.items()
        if slot < night.ends and (home, slot) not in known
    ]
    return Outcomes(len(known), counted, tuple(wrong))


def nights(homes: int) -> Iterator[tuple[Night, Outcomes]]:
    """Both nights, each with a server of its own."""
    for night in NIGHTS:
        with tempfile.TemporaryDirectory(prefix="tryggve-night-") as name:
            yield night, live(night, homes, Path(name))
