"""Positions kept, and what follows from them: an outing, its alarm, the alarm's end.

All of it in the transaction that keeps the fix.  What was judged before is judged again with what
came late (`leaving.outings` knows no order of arrival), and the outings that are known are brought
to what is found: one that is new and still goes on raises an alarm since the fix's time, one that
was over when it was seen is an event alone; one that others have shown to be over, or never to have
been, takes its alarm back, unless somebody has taken that: then it stays for them to close.  While
a resident's alarm is open, nothing raises another one for them: leaving again, and what a second
transponder tells, is added to it (`alarm.repeated`).

Not for: who sends (`positions_api`), or erasing (`tending`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmRepeated,
    AlarmType,
    ConsentAbout,
    ZoneLeft,
    ZoneReturned,
)
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.people import consents
from web.staff.places import geometry, leaving, planning
from web.staff.places.fixes import Fix, Told
from web.staff.places.leaving import Ended, Outing, Span, Zone
from web.staff.storage import tables
from web.staff.storage.database import Tx
from web.staff.storage.place_tables import outing, position, tracker, zone
from web.staff.storage.plan_tables import absence

log = logging.getLogger(__name__)

FUTURE_MAX = timedelta(minutes=2)
"""How far a fix's time may lie ahead of the server's: receivers have the satellites' time, phones
are some seconds off."""

BEFORE = timedelta(hours=2)
"""How much is judged before the earliest fix that is new: longer than any run of fixes that only
together say something, where a receiver tells one each quarter of an hour."""

JUDGED_MAX = 6_000
"""Fixes that are judged at once, the newest: a day of one each 15 s."""

BATTERY_LOW_PCT, BATTERY_OK_PCT = 20, 40
"""A technician is told below the one, and that it is charged above the other."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A transponder, and whom it is of."""

    id: str
    home: str
    resident: str
    org: str
    zone: str
    """The home's time zone."""
    battery_at: datetime | None
    battery_alarm: str | None
    silent_alarm: str | None


class Worth(Enum):
    """What a message was worth."""

    KEPT = auto()
    NOTHING = auto()
    """No fix, one that is known, or one that is set aside: too old, of the future, of before the
    consent."""
    NO_CONSENT = auto()


def sender_of(conn: Connection, token: str) -> Sender | None:
    """Whose token this is; None for one that is not good (any more)."""
    t, h = tracker.c, tables.home.c
    query = select(*(column for column in _COLUMNS)).join(tables.home, h.id == t.home_id)
    query = query.where(t.token_sha256 == planning.sha256(token), t.revoked_at.is_(None))
    row = conn.execute(query).one_or_none()
    return None if row is None else Sender(*row)


_COLUMNS = (
    *(tracker.c.id, tracker.c.home_id, tracker.c.resident, tables.home.c.org_id),
    *(tables.home.c.timezone, tracker.c.battery_at),
    *(tracker.c.battery_alarm, tracker.c.silent_alarm),
)


def take(staff: Staff, sender: Sender, token: str, told: Told) -> Worth:
    """Keep what a transponder told and do what follows."""
    now = staff.clock.now()
    with staff.write() as tx:
        append.hold(tx, sender.home)
        held = sender_of(tx.conn, token)  # what another request changed meanwhile
        if held is None:
            return Worth.NO_CONSENT
        sender = held
        since = consents.given_at(tx.conn, sender.resident, ConsentAbout.POSITION)
        if since is None:
            return Worth.NO_CONSENT
        _heard(staff, tx, sender, now)
        fix = told.fix
        if fix is None:
            return Worth.NOTHING
        oldest = now - timedelta(days=planning.retain_days(tx.conn, sender.org))
        if not max(since, oldest) <= fix.at <= now + FUTURE_MAX:
            return Worth.NOTHING
        _battery(staff, tx, sender, fix.at, told.battery_pct)
        if not _keep(tx.conn, sender, fix, now):
            return Worth.NOTHING
        _judge(staff, tx, sender, fix.at)
    return Worth.KEPT


def _keep(conn: Connection, sender: Sender, fix: Fix, now: datetime) -> bool:
    """Whether it is new: of two with one time the one that says more exactly where counts."""
    p = position.c
    mine = (p.tracker_id == sender.id, p.at == fix.at)
    had = conn.execute(select(p.acc_m).where(*mine)).first()
    values = {"lat": fix.point.lat, "lon": fix.point.lon, "acc_m": fix.acc_m, "received_at": now}
    if had is not None:
        known = had.acc_m if had.acc_m is not None else leaving.ACC_UNKNOWN_M
        if leaving.radius_of(fix) >= known:
            return False
        conn.execute(update(position).where(*mine).values(**values))
        return True
    whose = {"tracker_id": sender.id, "home_id": sender.home, "resident": sender.resident}
    conn.execute(insert(position).values(**whose, at=fix.at, **values))
    return True


def _heard(staff: Staff, tx: Tx, sender: Sender, now: datetime) -> None:
    values: dict[str, Any] = {"heard_at": now}
    if sender.silent_alarm is not None:
        _cancel(staff, tx, sender, sender.silent_alarm, "recovered")
        values["silent_alarm"] = None
    tx.conn.execute(update(tracker).where(tracker.c.id == sender.id).values(**values))


def _battery(
    staff: Staff, tx: Tx, sender: Sender, at: datetime, level: int | None
) -> None:  # a fix that comes late tells of a battery that was
    if level is None or (sender.battery_at is not None and at <= sender.battery_at):
        return
    values: dict[str, Any] = {"battery_pct": level, "battery_at": at}
    alarm = sender.battery_alarm
    if alarm is None and level < BATTERY_LOW_PCT:
        raised = AlarmRaised.usual(AlarmType.TRACKER_BATTERY, at)
        written = append.write(staff, tx, sender.home, Draft(raised, device=sender.id))
        values["battery_alarm"] = written.ref
    elif alarm is not None and level > BATTERY_OK_PCT:
        _cancel(staff, tx, sender, alarm, "charged")
        values["battery_alarm"] = None
    tx.conn.execute(update(tracker).where(tracker.c.id == sender.id).values(**values))


def _cancel(staff: Staff, tx: Tx, sender: Sender, alarm: str, why: str) -> None:
    if planning.is_open(tx.conn, alarm):
        cancelled = AlarmCancelled(alarm=alarm, reason=why)
        append.write(staff, tx, sender.home, Draft(cancelled, device=sender.id))


# --- out and back ---------------------------------------------------------------------------------


def _judge(staff: Staff, tx: Tx, sender: Sender, new: datetime) -> None:
    """Bring the outings that are known to what the fixes say now, from a while before `new`."""
    conn = tx.conn
    zones, unread = zones_of(conn, sender.resident, sender.zone)
    if unread:
        log.error("a zone cannot be read", extra={"home": sender.home})
        if all(one.drawn.until is not None for one in zones):
            return  # else who is out would count as in nobody's zone
    fixes = _fixes(conn, sender, new - BEFORE)
    start = fixes[0].at
    known = _known(conn, sender, start)
    before = next((row for row in known if row.left_at < start), None)
    found = leaving.outings(
        fixes,
        zones,
        away_of(conn, sender.home),
        out_since=None if before is None else before.left_at,
    )
    for row in known:
        match = next((one for one in found if _overlap(row, one)), None)
        if match is not None:
            found.remove(match)
            _bring(staff, tx, sender, row, match)
        else:
            never = Outing(row.left_at, row.left_at, Ended.NEVER)
            _bring(staff, tx, sender, row, never)
    for one in found:
        _begin(staff, tx, sender, one)


def _fixes(conn: Connection, sender: Sender, since: datetime) -> list[Fix]:
    p = position.c
    query = (
        select(p.at, p.lat, p.lon, p.acc_m)
        .where(p.tracker_id == sender.id, p.at >= since)
        .order_by(p.at.desc())
        .limit(JUDGED_MAX)
    )
    rows = conn.execute(query).all()
    return [Fix(row.at, geometry.Point(row.lat, row.lon), row.acc_m) for row in reversed(rows)]


def _known(conn: Connection, sender: Sender, since: datetime) -> list[Any]:
    """The outings that were not over at `since`, but for those that were none, the first first."""
    o = outing.c
    query = select(outing).where(
        o.tracker_id == sender.id,
        or_(o.until.is_(None), o.until > since),
        or_(o.ended.is_(None), o.ended != Ended.NEVER.value),
    )
    return list(conn.execute(query.order_by(o.left_at)).all())


def _overlap(row: Any, one: Outing) -> bool:
    begins_first = one.until is None or row.left_at <= one.until
    return begins_first and (row.until is None or one.left_at <= row.until)


def zones_of(conn: Connection, resident: str, timezone: str) -> tuple[list[Zone], int]:
    """A resident's zones, those that were taken away too: they hold for fixes of their time; and of
    how many that hold now the form is of another version: whoever is in none but such a one counts
    as outside."""
    z = zone.c
    rows = conn.execute(select(zone).where(z.resident == resident).order_by(z.made_at)).all()
    found, unread = [], 0
    for row in rows:
        shape = geometry.from_text(row.shape)
        if shape is None:
            unread += row.removed_at is None
            continue
        hours = None if row.from_min is None else (row.from_min, row.to_min)
        found.append(Zone(shape, Span(row.made_at, row.removed_at), hours, timezone))
    return found, unread


def away_of(conn: Connection, home: str) -> list[Span]:
    """When those who live there were known to be away."""
    a = absence.c
    rows = conn.execute(select(absence).where(a.home_id == home, a.started_at.is_not(None))).all()
    spans = []
    for row in rows:
        ends = [at for at in (row.until, row.ended_at) if at is not None]
        spans.append(Span(row.since, min(ends, default=None)))
    return spans


def _begin(staff: Staff, tx: Tx, sender: Sender, one: Outing) -> None:
    """An outing that is new here."""
    o = outing.c
    left = ZoneLeft(resident=sender.resident, since=one.left_at)
    append.write(staff, tx, sender.home, Draft(left, device=sender.id))
    values = {
        "tracker_id": sender.id,
        "home_id": sender.home,
        "resident": sender.resident,
        "left_at": one.left_at,
    }
    number = tx.conn.execute(insert(outing).values(**values).returning(o.id)).scalar_one()
    if one.until is None:
        alarm = _alarm_for(staff, tx, sender, one.left_at)
        tx.conn.execute(update(outing).where(o.id == number).values(alarm=alarm))
        return
    _end(staff, tx, sender, number, one)


def _alarm_for(staff: Staff, tx: Tx, sender: Sender, since: datetime) -> str:
    """The resident's open alarm about leaving, to which this is added, or a new one."""
    known = _open_alarm(tx.conn, sender.resident)
    if known is not None:
        again = AlarmRepeated(alarm=known)
        append.write(staff, tx, sender.home, Draft(again, device=sender.id))
        return known
    raised = AlarmRaised.usual(AlarmType.LEFT_ZONE, since)
    return append.write(staff, tx, sender.home, Draft(raised, device=sender.id)).ref


def _open_alarm(conn: Connection, resident: str) -> str | None:
    """The alarm about leaving of this resident that is open."""
    a, o = tables.alarm.c, outing.c
    query = select(a.id).join(outing, o.alarm == a.id)
    query = query.where(o.resident == resident, a.closed_at.is_(None)).order_by(a.raised_at)
    found: str | None = conn.execute(query.limit(1)).scalar_one_or_none()
    return found


def alarm_since(conn: Connection, home: str) -> datetime | None:
    """Since when the longest of the home's open alarms about leaving holds; None: none is open."""
    a = tables.alarm.c
    query = select(func.min(a.since, type_=a.since.type)).where(
        a.home_id == home, a.type == AlarmType.LEFT_ZONE.value, a.closed_at.is_(None)
    )
    found: datetime | None = conn.execute(query).scalar_one_or_none()
    return found


def _bring(staff: Staff, tx: Tx, sender: Sender, row: Any, one: Outing) -> None:
    """An outing that is known, as it is found now."""
    o = outing.c
    if row.left_at != one.left_at:  # earlier or later, as fixes in between came
        moved = update(outing).where(o.id == row.id).values(left_at=one.left_at)
        tx.conn.execute(moved)
    if row.until is None and one.until is not None:
        _end(staff, tx, sender, row.id, one)
        if row.alarm is not None and one.ended is not Ended.UNJUDGED:
            _take_back(staff, tx, sender, row.alarm, one)
    elif row.until is not None and one.until is None:  # what came late shows that it goes on
        alarm = _alarm_for(staff, tx, sender, row.left_at)
        going_on = {"until": None, "ended": None, "alarm": alarm}
        tx.conn.execute(update(outing).where(o.id == row.id).values(**going_on))
    elif row.until != one.until:
        tx.conn.execute(
            update(outing).where(o.id == row.id).values(until=one.until, ended=one.ended)
        )


def _end(staff: Staff, tx: Tx, sender: Sender, number: int, one: Outing) -> None:
    o = outing.c
    said = {"until": one.until, "ended": None if one.ended is None else one.ended.value}
    tx.conn.execute(update(outing).where(o.id == number).values(**said))
    if one.ended is not Ended.UNJUDGED and one.until is not None:
        back = ZoneReturned(resident=sender.resident, since=one.until)
        append.write(staff, tx, sender.home, Draft(back, device=sender.id))


def _take_back(staff: Staff, tx: Tx, sender: Sender, alarm: str, one: Outing) -> None:
    """Nobody is outside any more: the alarm is over where nobody has taken it."""
    a, o = tables.alarm.c, outing.c
    goes_on = select(o.id).where(o.alarm == alarm, o.until.is_(None))
    if tx.conn.execute(goes_on).first() is not None:
        return
    row = tx.conn.execute(select(a.acknowledged_at).where(a.id == alarm)).first()
    if row is not None and row.acknowledged_at is None:
        why = "not_left" if one.ended is Ended.NEVER else "back_inside"
        _cancel(staff, tx, sender, alarm, why)
