"""A ladder whose step is an alarm centre, over SIP to one that misbehaves on command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from gateway.clock import ManualClock
from gateway.demo.alarm_centre import AlarmCentre, Manner
from gateway.scaip.message import ScaipRequest
from gateway.scaip.sender import Centre as Place
from gateway.scaip.sender import Patience, Try
from tests.staff.channels.twin_scaip import LOCAL, served
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.ladders.test_faults import set_ladder
from web.staff.channels import scaip
from web.staff.channels.contract import Channel
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.steps import Centre, Person, Step
from web.staff.people import alarm_centres, care_ids

MUTE_S = 2.0
"""Seconds that a centre has which does not answer: what is waited for in vain is short.  Who
answers has all the time that a busy machine takes."""

Told = Callable[..., tuple[Hand, AlarmCentre, AlarmCentre]]


@pytest.fixture
def told(staff_app: Flask, staff: Staff, clock: ManualClock, provider: Provider) -> Iterator[Told]:
    """A ladder of a centre with two addresses, which have these manners, and then `p2`."""
    with ExitStack() as stack:

        def make(first: Manner, second: Manner) -> tuple[Hand, AlarmCentre, AlarmCentre]:
            one, two = stack.enter_context(served()), stack.enter_context(served())
            one.manner, two.manner = first, second
            org = Operator("org1")
            id_ = alarm_centres.add(staff, org, "Larmcentralen", one.uri, two.uri)
            care_ids.set_cid(staff, org, "h1", "10149471")
            config = scaip.Config(domain=LOCAL, cid="99", listen=LOCAL, port=0, timeout_s=MUTE_S)
            channel = scaip.Scaip(config, staff, None)
            stack.callback(channel.close)
            thread, mute = (
                channel._started(),
                {at.uri for at in (one, two) if at.manner is Manner.MUTE},
            )
            once = thread.once

            def patiently(message: ScaipRequest, place: Place) -> Try:
                patience = Patience(answer_s=MUTE_S) if place.uri in mute else Patience()
                thread._patience = thread._sender._patience = patience
                return once(message, place)

            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(thread, "once", patiently)
            channels: dict[str, Channel] = {"scaip": channel, "push": HttpChannel("push", provider)}
            dispatcher = Dispatcher(staff, channels)
            stack.callback(dispatcher.stop)
            hand = Hand(staff_app, staff, clock, provider, dispatcher)
            hand.person("p2", "push:ok-2")
            steps = (Centre(id=id_), Person(id="p2"))
            set_ladder(hand, *(Step(receivers=(step,), timeout_s=60) for step in steps))
            return hand, one, two

        yield make


def test_a_centre_is_told_and_its_answer_kept(told: Told) -> None:
    """Its word that it has the alarm is the delivery; whom it wants to call stands beside it.  If
    nobody takes the alarm all the same, the ladder goes on."""
    hand, first, second = told(Manner.PROPER, Manner.PROPER)
    first.media, first.call = "01", "sip:svar@centre.example"
    alarm = hand.ring()
    hand.settle()
    assert [one.request.cid for one in first.heard] == ["10149471"] and not second.heard
    assert hand.told()[1:] == ["escalated 1.1 begun", "sent", "delivered"]
    answer = json.loads(hand.messages(alarm)[0].answer)
    assert (answer["media"], answer["number"]) == ("duplex", "sip:svar@centre.example")
    hand.later(60)
    assert [one["to"] for one in hand.provider.got] == ["ok-2"]


def test_a_centre_that_is_away_is_passed_over_at_once(told: Told) -> None:
    """Both addresses, twice each, and then the person: nobody waits for the step's time-out."""
    hand, first, second = told(Manner.MUTE, Manner.MUTE)
    hand.ring()
    hand.settle()
    hand.rounds(lambda: len(second.heard) == 2)  # what it heard too late it heard all the same
    assert (len(first.heard), len(second.heard)) == (2, 2)
    assert len(first.alarms) == 1 and set(first.alarms) == set(second.alarms)
    assert hand.told()[1:] == [
        *("escalated 1.1 begun", "undelivered not_delivered"),
        *("escalated 2.1 undelivered", "sent p2"),
    ]
    assert [one["to"] for one in hand.provider.got] == ["ok-2"]


def test_the_second_address_counts_too(told: Told) -> None:
    """The first does not answer."""
    hand, first, second = told(Manner.MUTE, Manner.IN_BODY)
    with hand.staff.db.read() as conn:
        assert [row.second_value for row in alarm_centres.known(conn)] == [second.uri]
        assert care_ids.homes_without(conn, "org1", at_most=9) == []
    hand.ring()
    hand.settle()
    assert (len(first.heard), len(second.heard)) == (2, 1)
    assert hand.told()[1:] == ["escalated 1.1 begun", "sent", "delivered"]
