"""Whom a home tells by itself: decided once, told down the stream with numbers beside the log, and
what came of it taken in afterwards as one alarm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.access import receiver_lists
from gateway.envelope import from_json
from gateway.errors import UserError
from gateway.events import (
    AlarmRaised,
    AlarmType,
    GatewayMessageAnswered,
    GatewayMessageDelivered,
    GatewayMessageFailed,
    GatewayMessageSent,
    HomeField,
    HomeSecondPathSet,
    PathChannel,
    Severity,
)
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.homelink import second_path
from web.staff.homelink.second_path import Receiver
from web.staff.people import care_ids, home_details
from web.staff.storage import alarm_tables, tables

NUMBER = "+46701234567"
RECEIVERS = (
    Receiver("p7", PathChannel.SMS, NUMBER),
    Receiver("c1", PathChannel.SCAIP, "sip:larm@centralen.example;transport=tls"),
    Receiver("t1", PathChannel.SMS, "+46709999999", Severity.TECHNICAL),
)


def decide(staff: Staff, receivers: Sequence[Receiver] = RECEIVERS, **more: Any) -> bool:
    """Let the home `h1` tell these."""
    with staff.write() as tx:
        return second_path.receivers_changed(staff, tx, "h1", receivers, **more)


def decided(staff: Staff) -> list[HomeSecondPathSet]:
    """What the server wrote about it."""
    e = tables.event.c
    query = select(e.body, e.hash).where(e.kind == HomeSecondPathSet.KIND).order_by(e.seq)
    with staff.db.read() as conn:
        rows = conn.execute(query).all()
    found = [from_json({**json.loads(body), "hash": bytes(h).hex()}).data for body, h in rows]
    assert all(isinstance(data, HomeSecondPathSet) for data in found)
    return found  # type: ignore[return-value]


def test_the_same_again_writes_nothing(staff: Staff, home: EnrolledHome) -> None:
    """An event when something differs (order, a number, a word), none when nothing does; nobody is
    no list to a home that has none."""
    assert not decide(staff, ())
    assert decide(staff)
    assert not decide(staff)
    assert decide(staff, RECEIVERS[::-1])
    assert decide(staff, (Receiver("p7", PathChannel.SMS, "+46701111111"), *RECEIVERS[1:]))
    assert decide(staff, (Receiver("p7", PathChannel.SMS, "+46701111111"),), reply="JA")
    assert decide(staff, ())
    assert [len(data.receivers) for data in decided(staff)] == [3, 3, 3, 1, 0]
    assert home.origin


def test_no_number_stands_in_an_event(staff: Staff, home: EnrolledHome) -> None:
    """Ids and a digest that nobody can try all numbers against: it holds 128 random bits."""
    decide(staff)
    with staff.db.read() as conn:
        bodies = list(conn.execute(select(tables.event.c.body)).scalars())
    assert not any(NUMBER[1:] in body or "centralen" in body for body in bodies)
    assert home.origin
    (first,) = decided(staff)
    decide(staff, ())
    decide(staff)
    assert decided(staff)[-1].digest != first.digest, "the same numbers, and another digest"


@pytest.mark.parametrize(
    "wrong",
    [
        [Receiver("p7", PathChannel.SMS, "0701234567")],
        [Receiver("p7", PathChannel.SMS, "sip:x@y.example")],
        [Receiver("p7", PathChannel.SCAIP, NUMBER)],
        [Receiver("p7", PathChannel.UNKNOWN, NUMBER)],
        [Receiver("p7", PathChannel.SMS, NUMBER)] * 2,
        [Receiver(f"p{n}", PathChannel.SMS, NUMBER) for n in range(21)],
    ],
)
def test_what_cannot_be_told_is_refused(
    staff: Staff, home: EnrolledHome, wrong: list[Receiver]
) -> None:
    """In one sentence, and nothing is written."""
    with pytest.raises(UserError):
        decide(staff, wrong)
    assert decided(staff) == []
    assert home.origin


def test_the_list_goes_down_the_stream_after_its_event(
    staff: Staff, home: EnrolledHome, stream: Iterator[bytes]
) -> None:
    """Signed by the server, for this home, with the digest that the event names; again whenever the
    home begins to listen; and only to the home itself."""
    decide(staff)
    came = [next(stream), next(stream)]
    assert came[0].startswith(b"event: decided")
    assert second_path.NAMED.encode() in came[0]
    token = came[1].decode().removeprefix("event: receivers\ndata: ").strip()
    listed = receiver_lists.read(token, "h1", {staff.keys.kid: staff.keys.private.public_key()})
    assert listed.to == {one.id: one.address for one in RECEIVERS}
    assert listed.digest() == decided(staff)[0].digest
    again = home.listen(2)
    next(again)
    assert next(again).startswith(b"event: receivers")
    assert second_path.token(staff, "h2") is None


def test_a_home_is_called_as_it_is_called_now(
    staff: Staff, home: EnrolledHome, make_user: Callable[..., Actor]
) -> None:
    """A new label, and a new number at the alarm centre, is a new list; a home that is not to be
    named has no label."""
    by = make_user("boss", ["coordinator"])
    decide(staff)
    home_details.set_details(staff, by, "h1", {HomeField.LABEL: "Lgh 9"})
    with staff.db.read() as conn:
        held = second_path.held_by(conn, "h1")
    assert held is not None
    assert (held.label, held.receivers) == ("Lgh 9", RECEIVERS)
    care_ids.set_cid(staff, by, "h1", "10 14 94 71")
    with staff.db.read() as conn:
        held = second_path.held_by(conn, "h1")
    assert held is not None
    assert held.cid == "10149471"
    home_details.set_protected(staff, by, "h1", protected=True)
    home_details.set_details(staff, by, "h1", {HomeField.LABEL: "Lgh 10"})
    with staff.db.read() as conn:
        held = second_path.held_by(conn, "h1")
    assert held is not None
    assert held.label is None
    assert home.origin


def told(home: EnrolledHome, receiver: str = "p7") -> tuple[str, str]:
    """The home raised an alarm and told a receiver, who answered; the alarm and the message."""
    now = home.clock.now()
    [alarm] = home.send(AlarmRaised.usual(AlarmType.PENDANT, now))
    home.clock.advance(20)
    sent = GatewayMessageSent(
        alarm=alarm.ref, receiver=receiver, channel=PathChannel.SMS, attempt=1
    )
    [message] = home.send(sent)
    home.send(GatewayMessageDelivered(message=message.ref))
    home.clock.advance(30)
    home.send(GatewayMessageAnswered(message=message.ref, alarm=alarm.ref, receiver=receiver))
    return alarm.ref, message.ref


def test_an_answer_acknowledges_the_one_alarm(
    staff: Staff, home: EnrolledHome, make_user: Callable[..., Actor]
) -> None:
    """The server learns of it afterwards: one alarm, taken by who answered, at that time, and a row
    for whoever asks who was told."""
    make_user("p7", ["caregiver"])
    ref, message = told(home)
    with staff.db.read() as conn:
        [alarm] = conn.execute(select(tables.alarm)).all()
        [row] = conn.execute(select(tables.path_message)).all()
    assert (alarm.id, alarm.acknowledged_by) == (ref, "p7")
    assert alarm.acknowledged_at == home.clock.now()
    assert (row.id, row.alarm, row.receiver) == (message, ref, "p7")
    assert row.sent_at < row.delivered_at + timedelta(seconds=1) < row.answered_at
    home.send(GatewayMessageAnswered(message=message, alarm=ref, receiver="p7"))
    with staff.db.read() as conn:
        kinds = select(tables.event.c.seq).where(tables.event.c.kind == "alarm.acknowledged")
        assert len(conn.execute(kinds).all()) == 1, "a second answer takes nothing"


def test_a_home_names_nobody_of_another_organisation(
    staff: Staff, home: EnrolledHome, make_user: Callable[..., Actor]
) -> None:
    """The alarm is taken all the same, by nobody that the page could show."""
    add_home(home.app, "h9", org="other")
    make_user("stranger", ["caregiver"], org="other")
    told(home, "stranger")
    with staff.db.read() as conn:
        [alarm] = conn.execute(select(tables.alarm)).all()
    assert alarm.acknowledged_at is not None
    assert alarm.acknowledged_by is None


def test_who_could_not_be_told_has_a_row(staff: Staff, home: EnrolledHome) -> None:
    """Not sent, and sent and not come."""
    ref, message = told(home)
    failed = GatewayMessageFailed(
        alarm=ref, receiver="p8", channel=PathChannel.SMS, why="no_network"
    )
    home.send(failed)
    home.send(
        GatewayMessageFailed(
            alarm=ref, receiver="p7", channel=PathChannel.SMS, why="undelivered", message=message
        )
    )
    t = tables.path_message.c
    with staff.db.read() as conn:
        rows = conn.execute(select(t.receiver, t.why).order_by(t.receiver)).all()
        held = conn.execute(select(alarm_tables.path_list)).all()
    assert [tuple(row) for row in rows] == [("p7", "undelivered"), ("p8", "no_network")]
    assert held == []
