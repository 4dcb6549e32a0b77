"""A way out that fails is a fault of its own: told once, over the ways that work."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.ladders.conftest import hand, provider
from tests.staff.ladders.hand import Hand
from web.staff.channels.contract import Health, Why
from web.staff.runtime.channel_watch import FAILS, ChannelWatch

__all__ = ["hand", "provider"]


@dataclass
class Tried:
    """A channel whose check is what the test says; it sends as the one behind it."""

    behind: object
    health: Health = field(default_factory=lambda: Health(True))

    def check(self) -> Health:
        if self.health.text == "raise":
            raise RuntimeError
        return self.health

    def __getattr__(self, name: str) -> object:
        return getattr(self.behind, name)


@pytest.fixture
def ways(hand: Hand) -> dict[str, Tried]:
    """The dispatcher's two channels, each with a check of ours."""
    tried = {name: Tried(one) for name, one in hand.dispatcher.channels.items()}
    hand.dispatcher.channels = tried  # type: ignore[assignment]
    hand.person("t1", "sms:+46700000001", "push:x1", roles=["technician"])
    hand.person("p7", "push:x7")
    return tried


def told(hand: Hand) -> list[str]:
    """What the provider was asked to send."""
    hand.settle()
    return [str(one) for one in hand.provider.got]


def broken(hand: Hand) -> tuple[str, ...]:
    """What the dispatcher knows of."""
    return hand.dispatcher.broken


def test_a_way_that_fails_is_told_once(
    hand: Hand, ways: dict[str, Tried], staff_app: Flask, client: FlaskClient
) -> None:
    """Not at the first failure; then once, to technicians, over the way that works; again only
    after it worked again."""
    watch = ChannelWatch(hand.staff, hand.dispatcher)
    watch.look()
    assert broken(hand) == ()
    ways["sms"].health = Health(False, "the provider answered 401", Why.REFUSED)
    for n in range(FAILS + 3):
        watch.look()
        assert (broken(hand) == ("sms",)) is (n + 1 >= FAILS)
    assert len(told(hand)) == 1
    assert "x1" in told(hand)[0]
    assert "broken: channel sms" in client.get("/healthz").get_data(as_text=True)
    ways["sms"].health = Health(True)
    watch.look()
    assert broken(hand) == ()
    ways["sms"].health = Health(False, "raise")
    for _ in range(FAILS):
        watch.look()
    assert len(told(hand)) == 2


def test_another_worker_does_not_tell_too(hand: Hand, ways: dict[str, Tried]) -> None:
    """It knows, for its own test alarms and pages, and leaves the telling to the leader."""
    watch = ChannelWatch(hand.staff, hand.dispatcher, lambda: False)
    ways["sms"].health = Health(False, "gone")
    for _ in range(FAILS):
        watch.look()
    assert broken(hand) == ("sms",)
    assert told(hand) == []
