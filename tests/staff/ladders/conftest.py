"""A provider that misbehaves on command, a dispatcher that is stepped by hand, and people who are
reached by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from gateway.clock import ManualClock
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from web.staff.core.context import Staff
from web.staff.ladders.dispatcher import Dispatcher


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Listens on the loopback."""
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def hand(staff_app: Flask, staff: Staff, clock: ManualClock, provider: Provider) -> Iterator[Hand]:
    """A dispatcher with the channels `sms` (which is reported within a minute) and `push`."""
    channels = {
        "push": HttpChannel("push", provider),
        "sms": HttpChannel("sms", provider, delivered_within_s=60.0),
    }
    made = Hand(staff_app, staff, clock, provider, Dispatcher(staff, channels))
    staff_app.extensions["tryggve.ladders"] = made.dispatcher
    yield made
    provider.released.set()
    made.dispatcher.stop()
