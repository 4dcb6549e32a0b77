"""Speaking with a home, at the server: who may, what reaches the home, what it may say back."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gateway.access import permits
from gateway.clock import ManualClock
from gateway.events import (
    LISTENING_ROLE,
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    DeviceTold,
    HomeDescribed,
    VoicePermitted,
)
from gateway.wire import CallOrder
from tests.media.test_description import OFFER
from tests.staff.care.test_actions import CAREGIVER, actor, refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome, add_home, parts_of
from web.staff.care import actions
from web.staff.care.actions import Why
from web.staff.core.config import StaffConfig, VoiceConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.storage import tables
from web.staff.talk import calls, relays


def furnish(home: EnrolledHome) -> str:
    """A home with a speaker and its lamp, and an open pendant alarm; returns the alarm."""
    told = (
        DeviceTold(id="speaker", driver="speakerphone", type="speaker"),
        DeviceTold(id="ear", driver="indicator", type="indicator", role=LISTENING_ROLE),
    )
    home.send(HomeDescribed(devices=told, timezone="Europe/Stockholm"))
    [raised] = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    return raised.ref


def order_on(stream: Any) -> CallOrder:
    """The next order about a call on a stream."""
    for raw in stream:
        text = raw.decode()
        if text.startswith("event: call"):
            assert not any(line.startswith("id:") for line in text.splitlines())
            return CallOrder.model_validate_json(text.partition("data: ")[2])
    raise AssertionError("the stream ended without an order")


def signal(home: EnrolledHome, **said: Any) -> Any:
    """What the home says about a call."""
    path = "/api/v1/home/call"
    return home.client.post(path, json=said, headers=home.headers("POST", path))


def test_an_offer_goes_to_the_home_with_a_permit(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home can verify by itself who, which home, which alarm and how long; that somebody asked
    is an event; the answer comes back to that person's page and to nobody else's."""
    alarm = furnish(enrolled_home)
    stream = enrolled_home.listen(1)
    next(stream)
    begun = calls.begin(staff, CAREGIVER, alarm, OFFER)
    order = order_on(stream)
    permit = permits.read(order.permit, {staff.keys.kid: staff.keys.private.public_key()})
    assert (permit.home, permit.person, permit.alarm) == ("h1", "p1", alarm)
    assert (permit.call, permit.id, permit.limit_s) == (begun.id, begun.id, permits.LIMIT_S)
    assert permit.expires - permit.not_before == timedelta(seconds=permits.LIFE_S)
    assert (order.what, order.call) == ("begin", begun.id)
    assert "a=ice-ufrag:Eo9w" in order.sdp
    [told] = [one for one in rows(staff, tables.event) if one.kind == VoicePermitted.KIND]
    assert (told.person, told.home_id) == ("p1", "h1")
    assert signal(enrolled_home, call=begun.id, state="answered", sdp=OFFER).status_code == 200
    seen = calls.state(staff, CAREGIVER, begun.id)
    assert (seen.state, "a=ice-ufrag:Eo9w" in seen.answer) == ("answered", True)
    other = actor(Role.CAREGIVER, person="p2")
    for act in (calls.state, calls.end, calls.extend):
        assert refusal(act, staff, other, begun.id).why is Why.NO_CALL
    calls.add_ways(staff, CAREGIVER, begun.id, [OFFER.split("\r\n")[10][2:], "candidate:x"])
    assert len(order_on(stream).candidates) == 1
    calls.extend(staff, CAREGIVER, begun.id)
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    longer = permits.read(order_on(stream).permit, keys)
    assert (longer.call, longer.extends) == (begun.id, True)
    calls.end(staff, CAREGIVER, begun.id)
    assert order_on(stream).what == "end"


def test_a_call_only_goes_forward(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A signal that comes late changes nothing; one of no call, of another home's call, or that is
    no description, is one sentence."""
    alarm = furnish(enrolled_home)
    stream = enrolled_home.listen(1)
    next(stream)
    call = calls.begin(staff, CAREGIVER, alarm, OFFER).id
    for state, then in (("begun", "begun"), ("answered", "begun"), ("ended", "ended")):
        signal(enrolled_home, call=call, state=state, why="hung_up" if state == "ended" else "")
        assert calls.state(staff, CAREGIVER, call).state == then
    signal(enrolled_home, call=call, state="refused", why="busy")
    signal(enrolled_home, call=call, state="answered", sdp=OFFER)
    seen = calls.state(staff, CAREGIVER, call)
    assert (seen.state, seen.why) == ("ended", "hung_up")
    assert signal(enrolled_home, call="c0", state="ended").status_code == 404
    assert signal(enrolled_home, call=call, state="answered", sdp="v=0").status_code == 400
    assert signal(enrolled_home, call=call, state="").status_code == 400
    assert signal(enrolled_home, call=call, state="ended", sdp="x" * 30_000).status_code == 413
    add_home(enrolled_home.app, "h2")
    other = EnrolledHome(enrolled_home.app, enrolled_home.client, "h2", enrolled_home.clock)
    other.enroll()
    assert signal(other, call=call, state="refused", why="busy").status_code == 404


def test_who_may_not_speak_with_a_home(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Without an open alarm of care in a home with speaker and lamp that listens now, nobody."""
    enrolled_home.describe()
    [technical] = enrolled_home.send(AlarmRaised.usual(AlarmType.DEVICE_DOWN, staff.clock.now()))
    [bare] = enrolled_home.send(AlarmRaised.usual(AlarmType.PENDANT, staff.clock.now()))

    def why(who: Any, alarm: str, sdp: str = OFFER) -> Why:
        return refusal(calls.begin, staff, who, alarm, sdp).why

    assert why(CAREGIVER, bare.ref) is Why.NO_VOICE
    alarm = furnish(enrolled_home)
    assert why(CAREGIVER, alarm) is Why.NOT_CONNECTED
    stream = enrolled_home.listen(1)
    next(stream)
    assert why(CAREGIVER, "home:h1/99") is Why.NO_ALARM
    assert why(CAREGIVER, technical.ref) is Why.NO_ALARM
    assert why(actor(Role.TECHNICIAN), alarm) is Why.NO_ROLE
    assert why(actor(Role.ADMINISTRATOR), alarm) is Why.NO_ROLE
    assert why(CAREGIVER, alarm, "v=0") is Why.BAD_OFFER
    call = calls.begin(staff, CAREGIVER, alarm, OFFER).id
    actions.resolve(staff, CAREGIVER, alarm, AlarmOutcome.HELPED)
    assert why(CAREGIVER, alarm) is Why.CLOSED
    assert refusal(calls.extend, staff, CAREGIVER, call).why is Why.CLOSED


def test_a_relay_is_opened_for_one_call(tmp_path: Path) -> None:
    """As coturn reckons it: until when, and the HMAC of that; without a relay, nothing."""
    (tmp_path / relays.TURN_SECRET).write_text("hemligt\n")
    (tmp_path / relays.TURN_SECRET).chmod(0o600)
    config = StaffConfig(
        database="sqlite:///x",
        secrets_dir=tmp_path,
        voice=VoiceConfig(turn_urls=("turn:turn.kommun.example:3478",)),
    )
    [one] = relays.servers(config, "c1", 1_790_000_000.9)
    assert one.username == "1790000000:c1"
    right = hmac.new(b"hemligt", b"1790000000:c1", hashlib.sha1).digest()
    assert one.credential == base64.b64encode(right).decode()
    assert relays.servers(config.model_copy(update={"voice": VoiceConfig()}), "c1", 0.0) == ()
    with pytest.raises(ValueError, match="turn_urls"):
        VoiceConfig(turn_urls=("http://turn.example",))


@pytest.mark.postgres
def test_a_call_reaches_the_worker_where_the_home_listens(
    workers: tuple[Flask, Flask], clock: ManualClock
) -> None:
    """The page is at one worker and the home at another: the offer goes there with its permit, the
    home's answer comes back to the page, and what ends it goes there too."""
    near, there = (parts_of(one) for one in workers)
    home = EnrolledHome(workers[0], workers[0].test_client(), "h1", clock)
    home.enroll()
    alarm = furnish(home)
    home.client = workers[1].test_client()
    stream = home.listen(1)
    assert next(stream) == b": hello\n\n"
    call = calls.begin(near, CAREGIVER, alarm, OFFER).id
    order = order_on(stream)
    assert (order.what, order.call) == ("begin", call)
    assert permits.read(order.permit, {near.keys.kid: near.keys.private.public_key()}).call == call
    assert signal(home, call=call, state="answered", sdp=OFFER).status_code == 200
    assert calls.state(near, CAREGIVER, call).state == "answered"
    assert calls.state(there, CAREGIVER, call).state == "answered"
    calls.end(near, CAREGIVER, call)
    assert order_on(stream).what == "end"
    home.close()
