"""A night in a few homes, written by real gateways at the wire: what the browser tests look at.

Not for: fixtures (`conftest.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import select, update

from gateway.clock import ManualClock
from gateway.envelope import Because, Draft
from gateway.events import (
    AlarmRaised,
    BatteryLow,
    BatteryOk,
    BedEntered,
    BedLeft,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckEscalated,
    CheckPlanned,
    DeviceFailed,
    DeviceOnline,
    DeviceTold,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    HomeDescribed,
    LockLocked,
    LockUnlocked,
    MatPressed,
    MatReleased,
    PreviousRun,
    Severity,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.parts import EnrolledHome, add_home, parts_of
from web.staff import tables

MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass
class Night:
    """Homes with their gateways, and where the clock stands."""

    app: Flask
    clock: ManualClock
    now: datetime
    homes: dict[str, EnrolledHome]

    def raise_bed_exit(self, home: str = "h1", minutes: int = 21) -> str:
        """The resident left the bed and did not come back; returns the alarm's reference."""
        gateway = self.homes[home]
        left_at = self.now - minutes * MIN
        [left] = gateway.send(BedLeft(empty_since=left_at), at=left_at + MIN)
        [alarm] = gateway.send(
            Draft(
                AlarmRaised(alarm="bed_exit", severity=Severity.CARE, since=left_at),
                because=Because("bed_exit", 1, (left.ref,)),
            )
        )
        return alarm.ref

    def ask(self, home: str = "h1", why: str = "bed_empty") -> str:
        """A check that waits for a watcher for nine minutes; returns its name."""
        gateway = self.homes[home]
        slot = self.now - MIN
        check = f"night@{slot:%Y-%m-%dT%H:%MZ}"
        [due] = gateway.send(CheckDue(check=check, slot=slot), at=slot)
        gateway.send(
            Draft(
                CheckAsked(check=check, why=why, answer_by=self.now + 9 * MIN),
                because=Because("night_check", 1, (due.ref,)),
            )
        )
        return check


NAMES = {
    "h1": ("Provlund 3, lgh 1203", "Provgatan 3", "Prov Andersdotter"),
    "h2": ("Provlund 3, lgh 1101", "Provgatan 3", "Prov Bertilsson"),
    "h3": ("Villa Prov", "Provstigen 12, Provby", "Prov & Ulla <b>Citron</b>"),
}
"""Clearly fictional; the last one must come out on the page exactly so."""

FALLBACK = (
    "1. Ring nattens samordnare: 000-00 00 00.\n2. Reservnyckeln ligger i nyckelskåpet vid entrén."
)


def begin(app: Flask, clock: ManualClock) -> Night:
    """The homes `h1` (made by the fixture), `h2`, `h3`, enrolled and described, and a quiet day."""
    homes = {}
    have = homes_of(app)
    for home, (label, address, name) in NAMES.items():
        if home not in have:
            add_home(app, home)
        with parts_of(app).db.write() as tx:
            t = tables.home
            tx.conn.execute(
                update(t)
                .where(t.c.id == home)
                .values(label=label, address=address, fallback=FALLBACK)
            )
            r = tables.resident
            tx.conn.execute(update(r).where(r.c.home_id == home).values(name=name))
        gateway = EnrolledHome(app, app.test_client(), home, clock)
        gateway.enroll()
        homes[home] = gateway
    night = Night(app, clock, clock.now(), homes)
    for home, gateway in homes.items():
        _day(gateway, night.now, locked=home != "h3")
    homes["h2"].send(BatteryLow(level_pct=12), device="front")
    trouble = DeviceFailed(error="DeviceUnavailable", text="mattan svarar inte", retry_s=30)
    homes["h3"].send(trouble, device="bed", at=night.now - 2 * HOUR)
    return night


def homes_of(app: Flask) -> set[str]:
    """Ids of the homes that the server has."""
    with parts_of(app).db.read() as conn:
        return set(conn.execute(select(tables.home.c.id)).scalars())


def _day(gateway: EnrolledHome, now: datetime, *, locked: bool) -> None:
    """The last twenty-three hours."""
    start = now - 23 * HOUR
    gateway.send(
        GatewayStarted(version="0.1.0", config_sha256="0" * 64, previous=PreviousRun.NONE),
        HomeDescribed(
            devices=(
                DeviceTold(id="bed", driver="mat_gpio", type="sensor", role="bed", room="bedroom"),
                DeviceTold(id="entry", driver="virtual_door", type="sensor", role="front_door"),
                DeviceTold(id="front", driver="lock_nuki", type="lock", role="front_door"),
            ),
            timezone="Europe/Stockholm",
            resident=f"r-{gateway.home}",
        ),
        at=start,
    )
    gateway.send(DeviceOnline(), device="bed", at=start)
    gateway.send(DeviceOnline(), BatteryOk(level_pct=81), LockLocked(), device="front", at=start)
    gateway.send(DoorClosed(), device="entry", at=start)
    gateway.send(BedEntered(), at=start + 5 * MIN)
    for minute in range(5, 9 * 60, 7):
        at = start + minute * MIN
        gateway.send(MatPressed(), device="bed", at=at)
        gateway.send(MatReleased(), device="bed", at=at + 2 * MIN / 60)
    slot = start + 3 * HOUR
    name = f"night@{slot:%Y-%m-%dT%H:%MZ}"
    gateway.send(CheckPlanned(check=name, slot=slot, report_by=slot + 40 * MIN), at=start)
    gateway.send(CheckDue(check=name, slot=slot), at=slot)
    gateway.send(CheckDone(check=name, by=CheckBy.SENSOR), at=slot)
    _up_and_visited(gateway, start + 9 * HOUR)
    gateway.send(BedEntered(), at=now - 2 * HOUR)
    for minute in range(0, 110, 6):
        gateway.send(MatPressed(), device="bed", at=now - 2 * HOUR + minute * MIN)
    ahead = now + 40 * MIN
    gateway.send(
        CheckPlanned(
            check=f"night@{ahead:%Y-%m-%dT%H:%MZ}", slot=ahead, report_by=ahead + 40 * MIN
        ),
        at=now - HOUR,
    )
    if not locked:
        gateway.send(LockUnlocked(), device="front", at=now - 3 * HOUR)


def _up_and_visited(gateway: EnrolledHome, morning: datetime) -> None:
    gateway.send(BedLeft(empty_since=morning), at=morning + MIN)
    for hours in (1, 5, 10):
        at = morning + hours * HOUR
        gateway.send(LockUnlocked(), device="front", at=at)
        [started] = gateway.send(
            Draft(VisitStarted(since=at, source=Stamp.UNLOCK), person="p7"), at=at
        )
        gateway.send(DoorOpened(), device="entry", at=at)
        gateway.send(DoorClosed(), device="entry", at=at + 3 * MIN)
        gateway.send(
            Draft(
                VisitEnded(visit=started.ref, until=at + 25 * MIN, source=Stamp.TAP), person="p7"
            ),
            at=at + 25 * MIN,
        )
        gateway.send(LockLocked(), device="front", at=at + 26 * MIN)


def escalate(night: Night, home: str = "h2", why: str = "could_not_look") -> None:
    """A check that ended with "somebody must go there", forty minutes ago."""
    at = night.now - 40 * MIN
    name = f"night@{at:%Y-%m-%dT%H:%MZ}"
    gateway = night.homes[home]
    gateway.send(CheckDue(check=name, slot=at), at=at)
    gateway.send(CheckEscalated(check=name, why=why), at=at + MIN)
