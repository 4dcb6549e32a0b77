"""What an old log still held is sent first, and holds up nothing that is new.

Not for: what can be read of it (`tests/test_log_folder.py`), or the lanes (`tests/test_uplink.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from gateway.engine.log_rest import Rest
from gateway.link.https import Link
from gateway.link.uplink import Uplink
from tests.test_uplink import KEY, Home, MemoryOutbox, body_of
from tests.wireserver import Request, WireServer


class WithRest(MemoryOutbox):
    """The second log of a home, which took in numbers 4 to 8 of its first one."""

    def __init__(self) -> None:
        super().__init__("home:h1~2")
        self.old = [body_of("home:h1", seq, "mat.pressed") for seq in range(1, 9)]
        self.sent = 3
        self.marked: list[int] = []

    def rest(self, limit: int) -> Rest | None:
        left = self.old[self.sent : self.sent + min(limit, 3)]
        return Rest("home:h1", 8, left) if self.sent < 8 else None

    def mark_rest(self, origin: str, seq: int) -> None:
        assert origin == "home:h1"
        self.sent = seq
        self.marked.append(seq)


class OldHead:
    """The server's side of the first log: it has it up to `have`."""

    def __init__(self, server: WireServer, have: int) -> None:
        self.server, self.have = server, have
        self.got: list[int] = []

    def answer(self, request: Request) -> bool:
        events = json.loads(request.body or b"{}").get("events") or []
        if not events or events[0]["origin"] != "home:h1":
            return False
        if events[0]["seq"] > self.have + 1:
            return request.answer(409, self.server.problem("gap", have=self.have))
        self.got += [event["seq"] for event in events]
        self.have = max(self.have, events[-1]["seq"])
        return request.answer(200, {"have": self.have})


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer(key=KEY.public_key()).start()
    yield running
    running.stop()


def sent(server: WireServer, fault: Callable[[Request], bool]) -> tuple[WithRest, Home]:
    """The link of such a home until all that is new is there."""
    server.faults += [fault] * 20
    box = WithRest()
    home = Home(box)
    box.add(2)
    uplink = Uplink(Link(server.url, "h1", KEY), box, home.calls(), rand=lambda: 0.02)
    uplink.start()
    try:
        assert server.wait(lambda: len(server.events) == 2)
    finally:
        uplink.stop(drain_s=0)
    assert {event["origin"] for event in server.events} == {"home:h1~2"}
    assert home.all("ahead") == home.all("broken") == []
    return box, home


def test_the_rest_is_sent_before_what_is_new(server: WireServer) -> None:
    """In parts, in order, from where the server was, under the origin that it has."""
    old = OldHead(server, have=3)
    box, _ = sent(server, old.answer)
    assert old.got == [4, 5, 6, 7, 8]
    assert box.marked == [6, 8]


def test_a_server_that_has_more_of_the_old_log_is_no_reason_to_begin_anew(
    server: WireServer,
) -> None:
    """It has what was cut off here: that is why there is a new log."""
    old = OldHead(server, have=20)
    box, _ = sent(server, old.answer)
    assert box.marked == [20]


@pytest.mark.parametrize(
    "answer",
    [
        lambda server, r: r.answer(409, server.problem("chain", have=2)),
        lambda server, r: r.answer(409, server.problem("gap", have=1)),
        lambda server, r: r.answer(422, server.problem("bad_event")),
    ],
    ids=["another chain", "it lacks what was pruned here", "an event that it refuses"],
)
def test_what_the_server_does_not_take_is_left(
    server: WireServer, answer: Callable[[WireServer, Request], bool]
) -> None:
    """It stays in the old file; nothing new waits for it, and it is not sent for ever."""
    box, home = sent(server, lambda r: b'"home:h1"' in r.body and answer(server, r))
    assert box.marked == [8]
    assert home.all("problem") == []
