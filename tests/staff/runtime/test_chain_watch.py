"""The server's own hops: a channel that fails, and a dispatcher that stands still, are told once,
over what holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import insert, select

from web.staff.channels.contract import Address, Health, Message, Outcome, Proof
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.ladders import provider_routes
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.runtime.chain_watch import ChainWatch
from web.staff.storage import alarm_tables, tables


class Way:
    """A channel that holds or does not."""

    proof = Proof.SENT
    delivered_within_s: float | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = Health(ok=True)
        self.sent: list[tuple[Message, Address]] = []

    def check(self) -> Health:
        return self.health

    def send(self, message: Message, to: Address) -> Outcome:
        self.sent.append((message, to))
        return Outcome(Proof.SENT)

    def close(self) -> None:
        return None


@pytest.fixture
def ways(staff: Staff, make_user: Callable[..., Actor]) -> dict[str, Way]:
    """Two channels, by both of which a technician and a caregiver are reached."""
    make_user("tech", ["technician"])
    make_user("p7", ["caregiver"])
    u = tables.user.c
    with staff.db.write() as tx:
        for id_, person in tx.conn.execute(select(u.id, u.person_id)).all():
            for channel in ("sms", "email"):
                now = datetime.now(UTC)
                tx.conn.execute(
                    insert(alarm_tables.contact_point).values(
                        id=f"{person}-{channel}",
                        user_id=id_,
                        channel=channel,
                        value=f"{person}@{channel}",
                        value_sha256=f"{person}{channel}",
                        created_at=now,
                        proved_at=now,
                    )
                )
    return {name: Way(name) for name in ("sms", "email")}


def told(staff: Staff) -> list[tuple[str, str]]:
    """What the server wrote of its hops."""
    e = tables.event.c
    query = select(e.kind, e.body).where(e.kind.like("server.hop_%")).order_by(e.seq)
    with staff.db.read() as conn:
        rows = conn.execute(query).all()
    return [(kind.rpartition("_")[2], json.loads(body)["data"]["hop"]) for kind, body in rows]


def test_a_channel_that_fails_is_told_over_another(
    staff: Staff, staff_app: Flask, ways: dict[str, Way]
) -> None:
    """After two rounds, once, to technicians alone, with its name; and that it holds again.  One
    round that fails is nothing."""
    dispatcher = staff_app.extensions[provider_routes.EXTENSION]
    watch = ChainWatch(staff, ways, dispatcher)  # type: ignore[arg-type]
    ways["sms"].health = Health(ok=False, text="no credit")
    watch.look()
    assert told(staff) == []
    watch.look()
    watch.look()
    assert told(staff) == [("broken", "sms")]
    assert dispatcher.broken == ("sms",)
    assert ways["sms"].sent == []
    [(message, to)] = ways["email"].sent
    assert (to.person, message.said) == ("tech", "Larmkedjan är bruten: sms")
    answer = staff_app.test_client().get("/healthz")
    assert (answer.status_code, answer.text) == (503, "channels: sms")
    other_worker = ChainWatch(staff, ways, dispatcher)  # type: ignore[arg-type]
    other_worker.look()
    other_worker.look()
    assert len(ways["email"].sent) == 1
    ways["sms"].health = Health(ok=True)
    watch.look()
    assert told(staff) == [("broken", "sms"), ("mended", "sms")]
    assert dispatcher.broken == ()


def test_a_dispatcher_that_stands_still_is_told_without_it(
    staff: Staff, ways: dict[str, Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The technician is told straight."""
    dispatcher = Dispatcher(staff, {})
    watch = ChainWatch(staff, ways, dispatcher)  # type: ignore[arg-type]
    monkeypatch.setattr(dispatcher, "ill", lambda: "ladders")
    watch.look()
    watch.look()
    assert told(staff) == [("broken", "dispatcher")]
    assert len(ways["sms"].sent) + len(ways["email"].sent) == 2
    assert dispatcher.broken == ()
