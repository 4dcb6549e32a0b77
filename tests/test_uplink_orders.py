"""Orders on the stream that a newer server words otherwise: told, obeyed by nobody, and no end of
the stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.link.uplink import Uplink
from tests.test_uplink import Home, MemoryOutbox, box, home, server, uplink
from tests.wireserver import WireServer, decided

__all__ = ["box", "home", "server", "uplink"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("turn", {"grant": "jws", "only": "at night"}),
        ("turn", {"grant": {"signed": "jws"}}),
        ("call", {"what": "begin", "call": "c1", "permit": "jws", "muted": True}),
        ("call", {"what": "whisper", "call": "c1"}),
        ("look", {"what": "begin", "look": "l1", "permit": "jws", "eyes": 2}),
    ],
)
def test_an_order_that_says_more_is_told_and_the_stream_goes_on(
    server: WireServer,
    box: MemoryOutbox,
    uplink: Uplink,
    home: Home,
    what: str,
    said: dict[str, Any],
) -> None:
    """It may be restricted by that: nobody obeys it.  What comes before and after it counts, and so
    does a message that is not known at all."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    order = f"event: {what}\ndata: {json.dumps(said)}\n\n".encode()
    new = b'event: whistle\nid: tune\ndata: {"loud":true}\n\n'
    server.tell(decided(1) + new + order + decided(2) + b'event: turn\ndata: {"grant":"g"}\n\n')
    assert home.wait(lambda: home.all("turn") == ["g"])
    told = [item for item in home.told if item[0] in ("turn", "decided", "unread")]
    assert told == [("decided", [1]), ("unread", (what, said)), ("decided", [2]), ("turn", "g")]
