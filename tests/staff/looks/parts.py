"""A home that can be looked into, at the server: its camera and lamp, everybody's consent.

Not for: a home of its own that looks (`tests/e2e/test_look.py`).
"""

from __future__ import annotations

import base64
from typing import Any

from gateway.envelope import Draft
from gateway.events import (
    LOOKING_ROLE,
    AlarmRaised,
    AlarmType,
    ConsentSettled,
    DeviceTold,
    HomeDescribed,
)
from gateway.wire import LookOrder
from tests.media.test_description import OFFER as CALL_OFFER
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.events import append

OFFER = CALL_OFFER.replace("audio 51234", "video 51234").replace("opus/48000/2", "VP8/90000")
KEY = base64.urlsafe_b64encode(b"\4" + b"k" * 64).rstrip(b"=").decode()
"""A page's public key, by its form."""


def furnish(home: EnrolledHome, staff: Staff) -> str:
    """A camera with its lamp, consent, and an open pendant alarm; returns the alarm."""
    told = (
        DeviceTold(id="cam", driver="camera_virtual", type="camera", room="bedroom"),
        DeviceTold(id="eye", driver="indicator", type="indicator", role=LOOKING_ROLE),
    )
    home.send(HomeDescribed(devices=told, timezone="Europe/Stockholm"))
    agree(staff, home.home)
    [raised] = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    return raised.ref


def agree(staff: Staff, home: str, *, held: bool = True) -> None:
    """Everybody who lives there agrees to looks, or does no longer."""
    settled = Draft(ConsentSettled(held=held), person="p1")
    with staff.write() as tx:
        append.write(staff, tx, home, settled)


def order_on(stream: Any) -> LookOrder:
    """The next order about a look on a stream."""
    for raw in stream:
        text = raw.decode()
        if text.startswith("event: look"):
            assert not any(line.startswith("id:") for line in text.splitlines())
            return LookOrder.model_validate_json(text.partition("data: ")[2])
    raise AssertionError("the stream ended without an order")


def signal(home: EnrolledHome, **said: Any) -> Any:
    """What the home says about a look."""
    path = "/api/v1/home/look"
    return home.client.post(path, json=said, headers=home.headers("POST", path))


def send_picture(home: EnrolledHome, look: str, number: object, sealed: bytes) -> Any:
    """The home hands over a sealed picture."""
    path = "/api/v1/home/picture"
    headers = {"Tryggve-Look": look, "Tryggve-Picture": str(number)}
    return home.client.post(path, data=sealed, headers=home.headers("POST", path) | headers)
