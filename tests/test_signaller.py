"""What a home says of a call, and a server that will not have it: said again only where that may
help, so that the next word does not wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from gateway.app import uplink_bridge
from gateway.app.uplink_bridge import SIGNAL_TRIES, Signaller
from gateway.errors import LinkDown, LinkError, LinkRefused
from gateway.link.uplink import Uplink
from gateway.wire import CallSignal


@dataclass
class Says:
    """A server that answers the same to whatever is said."""

    error: LinkError
    said: list[str] = field(default_factory=list)

    @property
    def signals(self) -> Says:
        """What an `Uplink` has."""
        return self

    def say(self, signal: CallSignal) -> None:
        self.said.append(signal.state)
        raise self.error


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (LinkRefused("what is that?", status=400, code="bad_request"), 1),
        (LinkRefused("no such call", status=404, code="no_call"), 1),
        (LinkRefused("not here", status=404, code="?", is_ours=False), SIGNAL_TRIES),
        (LinkRefused("later", status=503, code="busy"), SIGNAL_TRIES),
        (LinkDown("away"), SIGNAL_TRIES),
    ],
)
def test_what_is_not_understood_is_not_said_again(
    monkeypatch: pytest.MonkeyPatch, error: LinkError, times: int
) -> None:
    """An older server does not know the word the second time either."""
    monkeypatch.setattr(uplink_bridge, "SIGNAL_PAUSE_S", 0.0)
    server = Says(error)
    signaller = Signaller(lambda: cast(Uplink, cast(Any, server)))
    asyncio.run(signaller.tell(CallSignal(call="c1", state="begun")))
    assert server.said == ["begun"] * times
