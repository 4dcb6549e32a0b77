"""A proxy that answers in the server's place: what it says is not the server's word."""

from __future__ import annotations

import threading
import time

import pytest

from gateway.link.uplink import Uplink
from tests.test_uplink import PATIENCE_S, MemoryOutbox, at_once, box, home, server, uplink
from tests.wireserver import Request, WireServer

__all__ = ["box", "home", "server", "uplink"]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_proxy_that_answers_for_the_server_refuses_no_alarm(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, status: int
) -> None:
    """What is not the server's own word is tried again: the alarm goes at once when the way is
    free, though the batches are still held up."""
    held = threading.Event()
    tried: list[str] = []

    def proxy(request: Request) -> bool:
        tried.append(request.path)
        is_free = held.is_set() and request.path.endswith("/urgent")
        return not is_free and request.answer(status, "<html>Request blocked</html>")

    server.faults.append(proxy)
    uplink.start()
    uplink.urgent(at_once(box.add(1, "alarm.raised")))
    uplink.wake()
    deadline = time.monotonic() + PATIENCE_S
    while sum(path.endswith("/urgent") for path in tried) < 3:
        assert time.monotonic() < deadline, tried
        time.sleep(0.01)
    held.set()
    assert server.wait(lambda: [event["seq"] for event in server.urgent] == [1])
    assert server.events == []
