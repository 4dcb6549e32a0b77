"""What relatives are told: that somebody arrived, left, or that an absence was noted.

A thread looks every few seconds: what happened and was agreed becomes a row of the outbox, once;
what waits is handed to its channel.  A row is taken with a lease, so that two workers never send
one at once; a server that dies between sending and noting it sends it again.  The words name
nobody: they say what happened, and the page says of whom.  What is older than an hour is no news,
and stands on the page alone.

Not for: alarms (`web.staff.ladders`), or what a relative sees (`visiting`).
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, exists, insert, or_, select, update

from gateway.events import Severity
from web.staff.channels.contract import Address, Channel, Message, Outcome
from web.staff.core.context import Staff
from web.staff.core.i18n import local
from web.staff.core.repeating import Repeating
from web.staff.relatives import devices as known_devices
from web.staff.relatives.devices import Device
from web.staff.storage import tables
from web.staff.storage.among import among
from web.staff.storage.plan_tables import absence
from web.staff.storage.relative_tables import (
    relative,
    relative_bond,
    relative_device,
    relative_message,
)

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Real seconds between looks: who waits for word that help came wants it within a minute."""

NEWS_FOR = timedelta(hours=1)
"""How old something may be that is told."""

LEASE = timedelta(minutes=1)
"""How long a row is another worker's: longer than any channel takes (`SEND_MAX_S`)."""

TRIES_MAX = 5
"""How often a message is tried, a minute and more apart: later it is no news."""

KEPT = timedelta(days=2)
"""How long what was told is kept: so that it is not told twice."""

STOP_TIMEOUT_S = 30
"""Seconds to wait for what is being sent when the server stops."""


class News(StrEnum):
    """What is told."""

    ARRIVED = "arrived"
    LEFT = "left"
    AWAY = "away"


WORDS: Mapping[News, str] = {
    News.ARRIVED: "Hemtjänsten kom {at}. {url}",
    News.LEFT: "Hemtjänsten gick {at}. {url}",
    News.AWAY: "En frånvaro är inlagd. {url}",
}
"""In Swedish, as the letter of the organisation is.  No name, no address, nothing of health."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened in a home: `about` names it, once and for all."""

    home: str
    what: News
    about: str
    at: datetime


class Teller(Repeating):
    """Makes the rows and sends them."""

    def __init__(self, staff: Staff, channels: Mapping[str, Channel]) -> None:
        super().__init__(
            "tryggve-relatives",
            "relatives could not be told",
            every_s=EVERY_S,
            stop_within_s=STOP_TIMEOUT_S,
        )
        self._staff = staff
        self._channels = channels

    def look(self) -> None:
        """One round."""
        gather(self._staff)
        for row in self._taken():
            if self._stopping.is_set():
                return
            self._send(row)

    def _taken(self) -> list[Any]:
        """What is due, each with a lease; news that only a newer worker has words for is left to
        it."""
        now, m = self._staff.clock.now(), relative_message
        due = (m.c.ended.is_(None), m.c.again_at <= now, m.c.what.in_(list(News)))
        with self._staff.db.read() as conn:
            first = select(m.c.id).where(*due).order_by(m.c.at, m.c.id)  # who came, then who left
            waiting = list(conn.execute(first.limit(100)).scalars())
        taken = []
        for number in waiting:
            with self._staff.write() as tx:
                lease = {"again_at": now + LEASE, "tries": m.c.tries + 1}
                held = update(m).where(m.c.id == number, *due).values(**lease).returning(m)
                row = tx.conn.execute(held).one_or_none()
                if row is not None:
                    taken.append(row)
        return taken

    def _send(self, row: Any) -> None:
        """Hand one to its channel, unless its bond ended meanwhile."""
        m, r, b, h = relative_message, relative.c, relative_bond.c, tables.home.c
        query = (
            select(r.id, r.channel, r.address, r.org_id, h.timezone)
            .join(relative_bond, b.relative_id == r.id)
            .join(tables.home, h.id == b.home_id)
            .where(r.id == row.relative_id, b.resident == row.resident)
        )
        with self._staff.db.read() as conn:
            to = conn.execute(query).one_or_none()
            devices = [] if to is None else known_devices.of(conn, to.id)
        outcomes = [] if to is None else self._told(self._message(row, to), to, devices)
        with self._staff.write() as tx:
            tx.conn.execute(update(m).where(m.c.id == row.id).values(ended=_ended(row, outcomes)))

    def _told(self, message: Message, to: Any, devices: Iterable[Device]) -> list[Outcome]:
        """What came of it at each of a relative's addresses."""
        outcomes = []
        channel, push = self._channels.get(to.channel), self._channels.get("push")
        if channel is not None:
            outcomes.append(channel.send(message, Address(to.id, to.address)))
        for device in devices:
            if push is None or device.gone_at is not None:
                continue
            said = (message.said or "").removesuffix(message.url).strip()  # pressed, it opens there
            to_device = Address(device.id, device.value)
            outcome = push.send(dataclasses.replace(message, said=said), to_device)
            outcomes.append(outcome)
            if outcome.gone:
                with self._staff.write() as tx:
                    known_devices.gone(tx, device.id, self._staff.clock.now())
        return outcomes

    def _message(self, row: Any, to: Any) -> Message:
        url = f"{self._staff.config.public_url or ''}/anhorig"
        words = WORDS[News(row.what)].format(at=f"{local(row.at, to.timezone):%H:%M}", url=url)
        return Message(
            id=row.id,
            org=to.org_id,
            home=row.home_id,
            alarm="",
            type=row.what,
            severity=Severity.ROUTINE,
            raised_at=row.at,
            url=url,
            said=words,
        )


def _ended(row: Any, outcomes: Sequence[Outcome]) -> str | None:
    """What became of a message: `sent` where anything took it; None while it is to be tried again,
    which the end of its lease lets happen in a minute."""
    if not outcomes:
        return "no_channel"
    if any(one.proof is not None for one in outcomes):
        return "sent"
    if row.tries < TRIES_MAX and any(one.again_s is not None for one in outcomes):
        return None
    return str(outcomes[0].why or "failed")


# --- what happened --------------------------------------------------------------------------------


def gather(staff: Staff) -> int:
    """Make a row for each relative of what happened within the last hour and was agreed; returns
    how many are new.  Old rows go."""
    now = staff.clock.now()
    b, m = relative_bond.c, relative_message
    with staff.db.read() as conn:
        bonds = conn.execute(select(relative_bond)).all()
        if not bonds:
            return 0
        homes = {bond.home_id for bond in bonds}
        told = [*_visits(conn, homes, now), *_absences(conn, homes, now)]
        known = set(conn.execute(select(m.c.relative_id, m.c.what, m.c.about)).all())
        has = relative_device.c.relative_id == relative.c.id
        query = select(relative.c.id).where(or_(relative.c.channel != "", exists().where(has)))
        reached = set(conn.execute(query).scalars())
    agreed = {News.ARRIVED: b.arrived.name, News.LEFT: b.departed.name, News.AWAY: b.absence.name}
    new: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in told:
        for bond in bonds:
            key = (bond.relative_id, one.what.value, one.about)
            theirs = bond.home_id == one.home and getattr(bond, agreed[one.what])
            if theirs and one.at >= bond.since and bond.relative_id in reached and key not in known:
                new.setdefault(key, _row(bond, one, now))
    stale = select(m.c.id).where(m.c.at < now - KEPT).limit(1)
    with staff.db.read() as conn:
        is_stale = conn.execute(stale).first() is not None
    if not new and not is_stale:
        return 0
    with staff.write() as tx:
        tx.conn.execute(m.delete().where(m.c.at < now - KEPT))
        same = select(m.c.relative_id, m.c.what, m.c.about)
        there = set(tx.conn.execute(same).all())  # another worker may have been first
        rows = [row for key, row in new.items() if key not in there]
        if rows:
            tx.conn.execute(insert(m), rows)
    return len(rows)


def _row(bond: Any, one: Told, now: datetime) -> dict[str, Any]:
    return {
        "id": f"rm-{secrets.token_hex(8)}",
        "relative_id": bond.relative_id,
        "home_id": bond.home_id,
        "resident": bond.resident,
        "what": one.what.value,
        "about": one.about,
        "at": one.at,
        "again_at": now,
        "tries": 0,
    }


def _visits(conn: Connection, homes: Iterable[str], now: datetime) -> list[Told]:
    """Who came and went; of two who are there at once the first that comes and the last that
    goes."""
    v = tables.visit.c
    recent = select(v.id, v.home_id, v.since, v.until).where(
        among(v.home_id, list(homes)), v.since > now - timedelta(days=1)
    )
    rows = [row for row in conn.execute(recent) if row.since is not None]
    found = []
    for row in rows:
        others = [one for one in rows if one.home_id == row.home_id and one.id != row.id]
        if now - NEWS_FOR < row.since <= now and not any(_there(o, row.since, row) for o in others):
            found.append(Told(row.home_id, News.ARRIVED, row.id, row.since))
        gone = row.until
        if gone is None or not now - NEWS_FOR < gone <= now:
            continue
        if not any(one.since <= gone and (one.until is None or one.until > gone) for one in others):
            found.append(Told(row.home_id, News.LEFT, row.id, gone))
    return found


def _there(other: Any, at: datetime, row: Any) -> bool:
    """Whether another visit had begun by then and was not over."""
    before = (other.since, other.id) < (at, row.id)
    return before and (other.until is None or other.until > at)


def _absences(conn: Connection, homes: Iterable[str], now: datetime) -> list[Told]:
    a = absence.c
    query = select(a.id, a.home_id, a.noted_at).where(
        among(a.home_id, list(homes)), a.noted_at > now - NEWS_FOR, a.ended_at.is_(None)
    )
    return [Told(row.home_id, News.AWAY, str(row.id), row.noted_at) for row in conn.execute(query)]
