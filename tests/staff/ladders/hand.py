"""A dispatcher that a test steps by hand, and what it did, read back.

Not for: fixtures (`conftest.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import insert, select

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.provider import Provider
from tests.staff.parts import add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events import append
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.storage import alarm_tables, tables
from web.staff.storage.ladder_tables import alarm_message, escalation

SETTLED_S = 60.0
"""Seconds for what was sent to be noted: a provider here answers at once, on a machine that does
other things too."""


@dataclass
class Hand:
    """The dispatcher, the clock it goes by, and the provider it tells."""

    app: Flask
    staff: Staff
    clock: ManualClock
    provider: Provider
    dispatcher: Dispatcher

    def settle(self) -> None:
        """Round after round, until nothing more is due and all that was taken is noted."""
        until_s = time.monotonic() + SETTLED_S
        while time.monotonic() < until_s:
            more = self.dispatcher.step()
            if self.busy():
                self.staff.ladders_due.clear()
                if self.busy():
                    self.staff.ladders_due.wait(0.05)
            elif not more and not self.dispatcher.step():
                return
        raise AssertionError("it never came to rest")

    def rounds(self, until: Callable[[], object]) -> None:
        """Round after round until it is so, whatever hangs meanwhile."""
        until_s = time.monotonic() + SETTLED_S
        while not until():
            assert time.monotonic() < until_s, "it never came"
            self.dispatcher.step()
            self.staff.ladders_due.wait(0.02)

    def busy(self) -> bool:
        """Whether a thread sends."""
        return not self.dispatcher._senders.are_idle()

    def later(self, seconds: float) -> None:
        """So much later, with all that is due by then done."""
        self.clock.advance(seconds)
        self.settle()

    def person(
        self,
        name: str,
        *addresses: str,
        roles: Sequence[str] = ("caregiver",),
        homes: Sequence[str] = ("h1",),
        org: str = "org1",
    ) -> Actor:
        """Somebody with these addresses, `channel:value`, tried one after the other."""
        actor = add_user(self.app, name, list(roles), homes=list(homes), org=org)
        u = tables.user.c
        with self.staff.db.write() as tx:
            user = tx.conn.execute(select(u.id).where(u.person_id == name)).scalar_one()
            for place, address in enumerate(addresses):
                channel, _, value = address.partition(":")
                tx.conn.execute(
                    insert(alarm_tables.contact_point).values(
                        id=f"{name}-{place}",
                        user_id=user,
                        channel=channel,
                        value=value,
                        value_sha256=value,
                        place=place,
                        created_at=self.clock.now(),
                        proved_at=self.clock.now(),
                    )
                )
        return actor

    def ring(self, about: AlarmType = AlarmType.PENDANT, *, home: str = "h1") -> str:
        """An alarm; returns its reference."""
        with self.staff.write() as tx:
            raised = AlarmRaised.usual(about, self.clock.now())
            return append.write(self.staff, tx, home, Draft(raised)).ref

    # --- what it did

    def ladder(self, alarm: str) -> Any:
        """The escalation of an alarm."""
        with self.staff.db.read() as conn:
            return conn.execute(select(escalation).where(escalation.c.id == alarm)).one()

    def messages(self, alarm: str | None = None) -> list[Any]:
        """The outbox, in order; of one alarm, or all."""
        m = alarm_message.c
        query = select(alarm_message).order_by(m.made_at, m.step, m.round, m.receiver, m.place)
        with self.staff.db.read() as conn:
            rows = conn.execute(query).all()
        return [row for row in rows if alarm in (None, row.alarm)]

    def told(self, home: str = "h1") -> list[str]:
        """What the server wrote about a home's alarms: kinds without `alarm.`, with the person, and
        of a step its number, round and reason."""
        e = tables.event.c
        query = select(e.kind, e.person, e.body).where(e.origin == f"staff:{home}").order_by(e.seq)
        told = []
        with self.staff.db.read() as conn:
            for kind, person, body in conn.execute(query):
                data = json.loads(body)["data"]
                word = kind.removeprefix("alarm.")
                if word == "escalated":
                    word += f" {data['step']}.{data['round']} {data['why']}"
                if word == "undelivered":
                    word += f" {data['why']}"
                told.append(word if person is None else f"{word} {person}")
        return told
