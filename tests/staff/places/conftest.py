"""A resident who agreed, with a zone of 200 m around the home, and a transponder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.events import ConsentHow
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.places import planning
from web.staff.places.geometry import Circle, Point, moved
from web.staff.places.planning import NewZone
from web.staff.storage import tables

HOME = Point(57.7, 11.97)
MIN = timedelta(minutes=1)


@dataclass
class Sole:
    """The transponder of the resident of `h1`, as it speaks OwnTracks."""

    app: Flask
    clock: ManualClock
    token: str

    def post(self, body: object, *, path: str = "owntracks", token: str | None = None) -> Any:
        """Send a body as it is; returns the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return self.app.test_client().post(f"/api/v1/positions/{path}", data=data, headers=headers)

    def tell(self, east_m: float, *, ago: timedelta = timedelta(0), **more: Any) -> int:
        """Tell a fix so far east of home, made so long ago; returns the status."""
        point = moved(HOME, east_m, 0)
        at = self.clock.now() - ago
        said = {"_type": "location", "lat": point.lat, "lon": point.lon, "tst": at.timestamp()}
        answer = self.post(said | {"acc": 10} | more)
        return int(answer.status_code)


@pytest.fixture
def planner(make_user: Callable[..., Actor]) -> Actor:
    """The coordinator."""
    return make_user("p-plan", ["coordinator"])


@pytest.fixture
def agreed(staff: Staff, planner: Actor, clock: ManualClock) -> None:
    """The resident of `h1` agreed, and a zone was drawn."""
    planning.agree(staff, planner, "h1", "r-h1", clock.now().date(), ConsentHow.SPOKEN)
    planning.set_point(staff, planner, "h1", HOME)
    planning.draw(staff, planner, "h1", "r-h1", NewZone("Hemma", Circle(HOME, 200)))


@pytest.fixture
def sole(staff_app: Flask, staff: Staff, planner: Actor, agreed: None, clock: ManualClock) -> Sole:
    """The sole in the resident's shoe, half an hour after all was set up."""
    token = planning.add_tracker(staff, planner, "h1", "r-h1", "Skosulan")
    clock.advance(1800)
    return Sole(staff_app, clock, token)


def kinds(staff: Staff) -> list[str]:
    """The kinds of the server's events about `h1`, in order, without those of setting up."""
    e = tables.event.c
    with staff.db.read() as conn:
        query = select(e.kind).where(e.origin == "staff:h1").order_by(e.seq)
        found = list(conn.execute(query).scalars())
    return [kind for kind in found if kind not in ("places.changed", "consent.given")]


def alarms(staff: Staff) -> list[Any]:
    """The rows of alarms, the first first."""
    with staff.db.read() as conn:
        return list(conn.execute(select(tables.alarm).order_by(tables.alarm.c.raised_at)).all())


def when(text: str) -> datetime:
    """A time of the day that the tests' clock stands at."""
    return datetime.fromisoformat(f"2026-11-23T{text}").replace(tzinfo=UTC)
