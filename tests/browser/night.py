"""A night in a few homes, written by real gateways at the wire: what the browser tests look at.

Not for: fixtures (`conftest.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update

from gateway.clock import ManualClock
from gateway.envelope import Because, Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
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
    Data,
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
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of
from web.staff.storage import tables

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
                AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=left_at),
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
    """The homes `h1`, `h2`, `h3`, enrolled and described, and a quiet day behind them; the account
    `p7` cares for all of them, at night too."""
    homes = {}
    for home, (label, address, name) in NAMES.items():
        add_home(app, home)
        with parts_of(app).db.write() as tx:
            t, r = tables.home, tables.resident
            told = {"label": label, "address": address, "fallback": FALLBACK}
            tx.conn.execute(update(t).where(t.c.id == home).values(**told))
            tx.conn.execute(update(r).where(r.c.home_id == home).values(name=name))
        gateway = EnrolledHome(app, app.test_client(), home, clock)
        gateway.enroll()
        homes[home] = gateway
    add_user(app, "p7", ["caregiver", "night_watcher"], homes=list(homes))
    now = clock.now()
    for home, gateway in homes.items():
        answer = gateway.post("events", _day(gateway, now, locked=home != "h3"))
        assert answer.status_code == 200, answer.text
    homes["h2"].send(BatteryLow(level_pct=12), device="front")
    trouble = DeviceFailed(error="DeviceUnavailable", text="mattan svarar inte", retry_s=30)
    homes["h3"].send(trouble, device="bed", at=now - 2 * HOUR)
    return Night(app, clock, now, homes)


def moved(night: Night, app: Flask, clock: ManualClock) -> Night:
    """The same night on another application with a copy of its database."""
    homes = {
        home: replace(gateway, app=app, client=app.test_client(), clock=clock)
        for home, gateway in night.homes.items()
    }
    return Night(app, clock, night.now, homes)


def _day(gateway: EnrolledHome, now: datetime, *, locked: bool) -> list[dict[str, Any]]:
    """The last twenty-three hours, written and not yet sent."""
    start = now - 23 * HOUR
    written: list[dict[str, Any]] = []

    def tell(at: datetime, *data: Data | Draft, device: str | None = None) -> list[dict[str, Any]]:
        new = gateway.seal(*data, device=device, at=at)
        written.extend(new)
        return new

    devices = (
        DeviceTold(id="bed", driver="mat_gpio", type="sensor", role="bed", room="bedroom"),
        DeviceTold(id="entry", driver="virtual_door", type="sensor", role="front_door"),
        DeviceTold(id="front", driver="lock_nuki", type="lock", role="front_door"),
    )
    tell(
        start,
        GatewayStarted(version="0.1.0", config_sha256="0" * 64, previous=PreviousRun.NONE),
        HomeDescribed(devices=devices, timezone="Europe/Stockholm", resident=f"r-{gateway.home}"),
    )
    tell(start, DeviceOnline(), device="bed")
    tell(start, DeviceOnline(), BatteryOk(level_pct=81), LockLocked(), device="front")
    tell(start, DoorClosed(), device="entry")
    tell(start + 5 * MIN, BedEntered())
    for minute in range(5, 9 * 60, 7):
        at = start + minute * MIN
        tell(at, MatPressed(), device="bed")
        tell(at + 2 * MIN / 60, MatReleased(), device="bed")
    slot = start + 3 * HOUR
    name = f"night@{slot:%Y-%m-%dT%H:%MZ}"
    tell(start, CheckPlanned(check=name, slot=slot, report_by=slot + 40 * MIN))
    tell(slot, CheckDue(check=name, slot=slot), CheckDone(check=name, by=CheckBy.SENSOR))
    morning = start + 9 * HOUR
    tell(morning + MIN, BedLeft(empty_since=morning))
    for hours in (1, 5, 10):
        at = morning + hours * HOUR
        tell(at, LockUnlocked(), device="front")
        [started] = tell(at, Draft(VisitStarted(since=at, source=Stamp.UNLOCK), person="p7"))
        tell(at, DoorOpened(), device="entry")
        tell(at + 3 * MIN, DoorClosed(), device="entry")
        left = at + 25 * MIN
        ref = f"{started['origin']}/{started['seq']}"
        tell(left, Draft(VisitEnded(visit=ref, until=left, source=Stamp.TAP), person="p7"))
        tell(left + MIN, LockLocked(), device="front")
    tell(now - 2 * HOUR, BedEntered())
    for minute in range(0, 110, 6):
        tell(now - 2 * HOUR + minute * MIN, MatPressed(), device="bed")
    ahead = now + 40 * MIN
    name = f"night@{ahead:%Y-%m-%dT%H:%MZ}"
    tell(now - HOUR, CheckPlanned(check=name, slot=ahead, report_by=ahead + 40 * MIN))
    if not locked:
        tell(now - 3 * HOUR, LockUnlocked(), device="front")
    return written


def escalate(night: Night, home: str = "h2", why: str = "could_not_look") -> None:
    """A check that ended with "somebody must go there", forty minutes ago."""
    at = night.now - 40 * MIN
    name = f"night@{at:%Y-%m-%dT%H:%MZ}"
    gateway = night.homes[home]
    gateway.send(CheckDue(check=name, slot=at), at=at)
    gateway.send(CheckEscalated(check=name, why=why), at=at + MIN)
