"""Which alarm centre may call a home: by a real centre's answer, down the home's stream, and no
other home's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gateway.access import centre_calls
from gateway.access.centre_calls import LIFE_S
from gateway.access.tokens import BadToken
from gateway.clock import ManualClock
from gateway.demo.alarm_centre import AlarmCentre
from gateway.events import AlarmOutcome
from tests.staff.channels.twin_scaip import LOCAL, served
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import Provider
from tests.staff.ladders.test_faults import set_ladder
from tests.staff.parts import EnrolledHome
from web.staff.care import actions
from web.staff.channels import scaip
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.homelink import centre_calls as told_calls
from web.staff.ladders.dispatcher import Dispatcher
from web.staff.ladders.steps import Centre, Step
from web.staff.people import alarm_centres, care_ids


@pytest.fixture
def rung(
    staff_app: Flask, staff: Staff, clock: ManualClock, provider: Provider
) -> Iterator[Callable[..., tuple[Hand, AlarmCentre, str]]]:
    """An alarm of the home `h1` that a centre was told of, by its ladder."""
    with ExitStack() as stack:

        def ring(media: str | None = "01") -> tuple[Hand, AlarmCentre, str]:
            centre = stack.enter_context(served())
            centre.media, centre.call = media, "sip:svar@centre.example"
            id_ = alarm_centres.add(staff, Operator("org1"), "Larmcentralen", centre.uri, None)
            care_ids.set_cid(staff, Operator("org1"), "h1", "10149471")
            settings: dict[str, Any] = {"domain": LOCAL, "cid": "99", "listen": LOCAL, "port": 0}
            settings["answers_from"] = ["192.0.2.44"]
            staff.config.channels["scaip"] = settings
            channel = scaip.Scaip(scaip.Config(**settings), staff, None)
            stack.callback(channel.close)
            dispatcher = Dispatcher(staff, {"scaip": channel})
            stack.callback(dispatcher.stop)
            hand = Hand(staff_app, staff, clock, provider, dispatcher)
            set_ladder(hand, Step(receivers=(Centre(id=id_),), timeout_s=60))
            alarm = hand.ring()
            hand.settle()
            return hand, centre, alarm

        yield ring


def test_a_home_is_told_which_centre_may_call_it(
    rung: Callable[..., tuple[Hand, AlarmCentre, str]], staff: Staff, enrolled_home: EnrolledHome
) -> None:
    """Because of which alarm, from where, as whom, how and until when; also when the home listens
    anew.  It can verify that by itself, and no other home, nor another key, will do."""
    _, _, alarm = rung()
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    for _ in range(2):
        stream = enrolled_home.listen(0)
        said = next(one for one in stream if one.startswith(b"event: centre"))
        token = said.decode().partition("data: ")[2].strip()
        call = centre_calls.read(token, "h1", keys)
        assert call.alarm == alarm
        assert call.places == (LOCAL, "centre.example", "192.0.2.44")
        assert (call.number, call.media) == ("sip:svar@centre.example", "duplex")
        assert call.expires - call.not_before == timedelta(seconds=LIFE_S)
        assert call.names("svar@198.51.100.1") and not call.names("larm@centre.example")
    for home, known in (("h2", keys), ("h1", {}), ("h1", {"other": keys[staff.keys.kid]})):
        with pytest.raises(BadToken):
            centre_calls.read(token, home, known)
    for wrong in ("", "x.y.z", token + "x", "a" * 5_000):
        with pytest.raises(BadToken):
            centre_calls.read(wrong, "h1", keys)
    nobody = replace(call, number=None)
    token = centre_calls.sign(nobody, staff.keys.private, staff.keys.kid)
    assert centre_calls.read(token, "h1", keys) == nobody
    more = centre_calls.sign(replace(call, media="picture"), staff.keys.private, staff.keys.kid)
    with pytest.raises(BadToken):
        centre_calls.read(more, "h1", keys)


def test_nobody_may_call_once_the_alarm_is_closed(
    rung: Callable[..., tuple[Hand, AlarmCentre, str]], staff: Staff
) -> None:
    """An alarm that is over, another home, a server that tells no centre: nothing is said."""
    hand, _, alarm = rung()
    assert len(list(told_calls.tokens(staff, "h1"))) == 1
    assert list(told_calls.tokens(staff, "h2")) == []
    actions.resolve(staff, hand.person("p1"), alarm, AlarmOutcome.HELPED)
    assert list(told_calls.tokens(staff, "h1")) == []


def test_a_centre_that_wants_no_voice_may_not_call(
    rung: Callable[..., tuple[Hand, AlarmCentre, str]], staff: Staff
) -> None:
    """It has the alarm, and asks for nothing."""
    rung(None)
    assert list(told_calls.tokens(staff, "h1")) == []


def test_where_a_centre_is() -> None:
    """Hosts of its addresses, however they are written; what is none is left out."""
    uris = ["sips:larm@[2001:db8::1]:5061", "sip:centre.example;transport=tcp", "sip:a@b c"]
    places = centre_calls.places_of(uris, "sip:svar@10.0.0.9:5090")
    assert places == ("2001:db8::1", "centre.example", "10.0.0.9")
    assert centre_calls.places_of(["sip:larm@centre.example"], "tel:112") == ("centre.example",)
