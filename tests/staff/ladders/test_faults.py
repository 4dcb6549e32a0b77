"""What goes wrong on an alarm's way: providers, clocks, restarts, and people without an address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from gateway.clock import ManualClock
from gateway.events import AlarmRaised, AlarmType
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel
from tests.staff.parts import EnrolledHome, add_home
from web.staff.channels.contract import Proof, Report
from web.staff.core.context import Staff
from web.staff.ladders import climbing, noting, outbox
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.steps import Person, Step, write_steps
from web.staff.storage import alarm_tables, tables
from web.staff.storage.ladder_tables import alarm_message, escalation, ladder


def set_ladder(hand: Hand, *steps: Step, **more: object) -> None:
    """A ladder of the organisation's own."""
    values = {"id": "l1", "org_id": "org1", "name": "Natt", "changed_at": hand.clock.now()} | more
    with hand.staff.db.write() as tx:
        tx.conn.execute(insert(ladder).values(**values, steps=write_steps(steps)))


def one_after_the_other(*persons: str, timeout_s: int = 60) -> list[Step]:
    return [Step(receivers=(Person(id=one),), timeout_s=timeout_s) for one in persons]


# --- providers


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("429-1", "busy"),
        ("broken-1", "busy"),
        ("refused-1", "refused"),
        ("gone-1", "gone"),
        ("drops-1", "unreachable"),
        ("nonsense-1", "unreachable"),
    ],
)
def test_what_cannot_be_delivered_moves_on_at_once(hand: Hand, address: str, why: str) -> None:
    """Without waiting for the step's time-out; who asks to wait a little is asked three times."""
    hand.person("p1", f"push:{address}")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2"))
    hand.ring()
    hand.settle()
    assert len(hand.provider.to(address)) == (3 if why == "busy" and address == "429-1" else 1)
    assert len(hand.provider.to("ok-2")) == 1
    assert hand.told()[1:] == [
        "escalated 1.1 begun",
        f"undelivered {why} p1",
        "escalated 2.1 undelivered",
        "sent p2",
    ]


def test_a_second_address_is_tried_before_the_next_person(hand: Hand) -> None:
    """The push subscription is gone: it is noted so, and the same person gets a text message."""
    hand.person("p1", "push:gone-1", "sms:ok-1")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2"))
    hand.ring()
    hand.settle()
    assert [one["to"] for one in hand.provider.got] == ["gone-1", "ok-1"]
    c = alarm_tables.contact_point.c
    with hand.staff.db.read() as conn:
        gone = select(c.id).where(c.gone_at.is_not(None))
        assert conn.execute(gone).scalars().all() == ["p1-0"]
    hand.later(60)
    assert len(hand.provider.to("ok-2")) == 1


def test_a_provider_that_hangs_holds_up_nobody_else(hand: Hand) -> None:
    """Twenty alarms whose text messages hang: pushes go out meanwhile."""
    for number in range(20):
        add_home(hand.app, f"s{number}")
        hand.person(f"s{number}", f"sms:hangs-{number}", homes=[f"s{number}"])
        hand.ring(home=f"s{number}")
    hand.person("p1", "push:ok-1")
    hand.ring()
    hand.rounds(lambda: hand.provider.to("ok-1"))
    assert len(hand.provider.to("ok-1")) == 1
    assert hand.busy()
    assert not any(row.sent_at for row in hand.messages() if row.channel == "sms")


def test_a_report_counts_whenever_it_comes(hand: Hand) -> None:
    """Delivered is told once, though the provider says so twice; that it failed says nothing after
    that; what is of no message of ours does nothing."""
    hand.person("p1", "sms:ok-1")
    hand.ring()
    hand.settle()
    (message,) = hand.messages()
    assert (message.state, message.provider_ref) == ("sent", f"ref-{message.id}")
    delivered = Report(Proof.DELIVERED, provider_ref=message.provider_ref)
    for report in (delivered, delivered, Report(None, message=message.id)):
        hand.dispatcher.report("sms", [report])
    hand.dispatcher.report("sms", [Report(Proof.DELIVERED, provider_ref="of nobody")])
    assert hand.told()[-2:] == ["sent p1", "delivered p1"]
    assert hand.messages()[0].state == "delivered"


def test_what_is_not_reported_in_time_is_not_delivered(hand: Hand) -> None:
    """The next step is taken; a report that comes later is told all the same."""
    hand.person("p1", "sms:ok-1")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2", timeout_s=600))
    hand.ring()
    hand.settle()
    hand.dispatcher.channels["sms"].delivered_within_s = 0.0  # from here on
    m = alarm_message
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(m).values(due_mono=0.0))  # as a minute of real time does
    hand.settle()
    assert hand.told()[-3:] == [
        "undelivered not_delivered p1",
        "escalated 2.1 undelivered",
        "sent p2",
    ]
    hand.dispatcher.report("sms", [Report(Proof.DELIVERED, message=hand.messages()[0].id)])
    assert hand.told()[-1] == "delivered p1"


def test_a_report_may_come_before_its_message_is_noted(hand: Hand) -> None:
    """Providers are quick: it is kept until the message is known."""
    hand.person("p1", "sms:ok-1")
    hand.ring()
    climbing.look(hand.staff, hand.dispatcher.channels)
    (message,) = hand.messages()
    early = Report(Proof.DELIVERED, provider_ref=f"ref-{message.id}")
    hand.dispatcher.report("sms", [early])
    hand.settle()
    assert hand.told()[-2:] == ["sent p1", "delivered p1"]


# --- restarts and clocks


def again(hand: Hand, *, boot: str | None = None) -> Hand:
    """Another process, after this one was killed; `boot`: the machine was started anew."""
    hand.staff.boot = boot or hand.staff.boot
    channels = {
        "push": HttpChannel("push", hand.provider),
        "sms": HttpChannel("sms", hand.provider, delivered_within_s=60.0),
    }
    made = Dispatcher(hand.staff, channels)
    return Hand(hand.app, hand.staff, hand.clock, hand.provider, made)


def test_killed_between_sending_and_noting(hand: Hand) -> None:
    """At least once: the next process sends it again when the lease is over, with the same id, and
    the log tells of it once."""
    hand.person("p1", "push:ok-1")
    hand.ring()
    climbing.look(hand.staff, hand.dispatcher.channels)
    (taken,) = outbox.take(hand.staff, {"push": 5, "sms": 5})
    assert taken.address is not None
    hand.dispatcher.channels["push"].send(taken.message, taken.address)
    after = again(hand)
    after.settle()
    assert len(hand.provider.got) == 1, "the lease is not over"
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(alarm_message).values(due_mono=0.0))
    after.settle()
    assert [one["id"] for one in hand.provider.got] == [taken.id, taken.id]
    assert hand.told()[1:] == ["escalated 1.1 begun", "sent p1"]
    after.dispatcher.stop()


def test_a_restart_keeps_the_deadline(hand: Hand) -> None:
    """Of the process, and of the machine: the step is taken at its time, not from then on."""
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2", timeout_s=100))
    hand.ring()
    hand.settle()
    hand.clock.advance(50)
    hand.clock.mono = 3.0  # a new boot counts from its own beginning
    after = again(hand, boot="another")
    after.later(49)
    assert not hand.provider.to("ok-2")
    after.later(1)
    assert len(hand.provider.to("ok-2")) == 1
    after.dispatcher.stop()


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_clock_that_is_set_moves_no_ladder(hand: Hand, clock: ManualClock, step_s: float) -> None:
    """An hour on or back in the middle of a step: the next one is taken when its time has passed,
    and only that one."""
    for number in (1, 2, 3):
        hand.person(f"p{number}", f"push:ok-{number}")
    set_ladder(hand, *one_after_the_other("p1", "p2", "p3"))
    hand.ring()
    hand.settle()
    clock.step(step_s)
    hand.later(59)
    assert [one["to"] for one in hand.provider.got] == ["ok-1"]
    hand.later(1)
    assert [one["to"] for one in hand.provider.got] == ["ok-1", "ok-2"]
    hand.later(60)
    assert [one["to"] for one in hand.provider.got] == ["ok-1", "ok-2", "ok-3"]


def test_a_clock_that_was_set_back_over_a_restart_stops_no_ladder(hand: Hand) -> None:
    """The machine comes back with an hour less on its clock: nobody waits for an hour."""
    hand.person("p1", "push:ok-1")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2"))
    hand.ring()
    hand.settle()
    hand.clock.step(-3600)
    after = again(hand, boot="another")
    after.settle()
    assert len(hand.provider.to("ok-2")) == 1
    after.dispatcher.stop()


# --- people


def test_a_receiver_without_any_channel(hand: Hand) -> None:
    """It is told that they cannot be reached, once, and the ladder goes on at once."""
    hand.person("p1")
    hand.person("p2", "push:ok-2")
    set_ladder(hand, *one_after_the_other("p1", "p2"))
    hand.ring()
    hand.settle()
    assert hand.told()[1:] == [
        "escalated 1.1 begun",
        "undelivered no_channel p1",
        "escalated 2.1 undelivered",
        "sent p2",
    ]


def test_nobody_at_all(hand: Hand) -> None:
    """The last step is tried again at its time, and not as fast as a machine can."""
    hand.person("p1", roles=["coordinator"])
    alarm = hand.ring()
    hand.settle()
    assert hand.told()[1:] == [
        "escalated 1.1 begun",
        "escalated 2.1 undelivered",
        "escalated 3.1 undelivered",
    ]
    hand.later(180)
    assert hand.told()[-1] == "escalated 3.2 repeated"
    assert hand.ladder(alarm).state == "climbing"


def test_a_protected_home_is_not_named(hand: Hand) -> None:
    """No channel outside hears which home it is."""
    hand.person("p1", "push:ok-1")
    hand.ring()
    hand.settle()
    with hand.staff.db.write() as tx:
        tx.conn.execute(update(tables.home).values(protected=True))
    hand.ring()
    hand.settle()
    assert [one["home"] for one in hand.provider.got] == ["Lgh 1203", None]


def test_another_organisations_people_are_not_reached(hand: Hand) -> None:
    """Whatever a ladder says."""
    add_home(hand.app, "h9", org="org2")
    hand.person("p1", "push:ok-1", org="org2", homes=["h1"], roles=["caregiver", "coordinator"])
    set_ladder(hand, *one_after_the_other("p1"))
    hand.ring()
    hand.settle()
    assert hand.provider.got == []


def test_who_may_not_answer_is_not_told(hand: Hand) -> None:
    """A technician hears of no care alarm, though assigned to the home."""
    hand.person("p1", "push:ok-1", roles=["technician"])
    hand.ring()
    hand.settle()
    assert hand.provider.got == []
    hand.ring(AlarmType.DEVICE_DOWN)
    hand.settle()
    assert len(hand.provider.to("ok-1")) == 1


# --- what comes from homes


def test_every_way_in_begins_a_ladder(
    hand: Hand, home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """In order, and ahead of its batch: one ladder each, and none for the twin."""
    now = clock.now()
    home.send(AlarmRaised.usual(AlarmType.PENDANT, now))
    sent = home.send_urgent(AlarmRaised.usual(AlarmType.ON_FLOOR, now))
    home.post("events", sent)
    with staff.db.read() as conn:
        found = conn.execute(select(escalation.c.alarm, escalation.c.home_id)).all()
    assert sorted(found) == [("home:h1/2", "h1"), ("home:h1/3", "h1")]
    assert staff.ladders_due.is_set()


def test_an_alarm_from_before_gets_its_ladder(hand: Hand, clock: ManualClock) -> None:
    """One that a version without ladders wrote within the last day; an older one is known."""
    hand.person("p1", "push:ok-1")
    new = hand.ring()
    with hand.staff.db.write() as tx:
        tx.conn.execute(escalation.delete())
        long_ago = clock.now() - timedelta(days=2)
        known = {"id": "home:h1/1", "ref": "home:h1/1", "home_id": "h1", "raised_at": long_ago}
        tx.conn.execute(insert(tables.alarm).values(**known, type="pendant", severity="care"))
    hand.settle()
    assert [one["alarm"] for one in hand.provider.got] == [new]


def test_noting_goes_on_when_the_database_is_back(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, staff_app: Flask
) -> None:
    """What was sent while nothing could be saved is noted afterwards, and not sent again."""
    hand.person("p1", "push:ok-1")
    hand.ring()
    climbing.look(hand.staff, hand.dispatcher.channels)
    whole: Callable[..., None] = noting.note

    def fails(*_: object) -> None:
        raise OSError("no database")

    for one in outbox.take(hand.staff, {"push": 5}):
        hand.dispatcher._senders.put(one)
    while hand.busy():
        hand.staff.ladders_due.wait(0.05)
    monkeypatch.setattr(noting, "note", fails)
    assert not hand.dispatcher._guarded(hand.dispatcher.step)
    assert hand.dispatcher.failing == "OSError"
    monkeypatch.setattr(noting, "note", whole)
    hand.settle()
    assert hand.told()[-1] == "sent p1"
    assert len(hand.provider.got) == 1
