"""What comes down: kept in order, asked for again where there is a hole, told when it breaks.

Not for: what goes up (`tests/test_uplink.py`).
"""

from __future__ import annotations

import time

import pytest

from gateway.link.https import STREAM_SILENCE_S
from gateway.link.uplink import Uplink
from gateway.wire import HEARTBEAT_S
from tests.test_uplink import PATIENCE_S, Home, MemoryOutbox, box, home, server, uplink
from tests.wireserver import WireServer, decided

__all__ = ["box", "home", "server", "uplink"]


def test_what_the_server_decided_is_kept_in_order(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """The stream begins after what is on disk; twins are dropped; the next batch tells how far."""
    box.kept(4)
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(decided(4) + decided(5) + decided(6)[:20])
    server.tell(decided(6)[20:])
    assert home.wait(lambda: box.down_have() == 6)
    assert [seq for seqs in home.all("decided") for seq in seqs] == [5, 6]
    assert server.last_ids == ["4"]
    box.add(1)
    uplink.wake()
    assert server.wait(lambda: server.down_have[-1:] == [6])


def test_a_hole_in_the_stream_is_asked_for_again(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """Number 3 after 1 is not kept: the stream is opened again after the last that is."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(decided(1))
    assert home.wait(lambda: box.down_have() == 1)
    server.tell(decided(3))
    assert server.wait(lambda: server.last_ids == ["0", "1"])
    server.drop_streams()
    assert home.all("decided") == [[1]]


@pytest.mark.parametrize("said", ["[" * 100_000, '{"seq":' + "9" * 9999 + "}", "{}", "x"])
def test_what_is_no_event_is_one_sentence(
    server: WireServer,
    box: MemoryOutbox,
    uplink: Uplink,
    home: Home,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nested without end, or a number of thousands of digits: the stream is opened again, and the
    log has no traceback."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(f"event: decided\nid: 1\ndata: {said}\n\n".encode())
    assert server.wait(lambda: server.last_ids == ["0", "0"])
    assert [record for record in caplog.records if record.exc_info] == []
    assert box.down_have() == 0


def test_a_new_log_takes_up_the_stream_where_the_home_had_come(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """With nothing on disk the stream may begin in the middle (`gateway.wire`); from there on no
    number is left out."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(decided(41) + decided(42))
    assert home.wait(lambda: box.down_have() == 42)
    server.tell(decided(44))
    assert server.wait(lambda: server.last_ids == ["0", "42"])
    assert [seq for seqs in home.all("decided") for seq in seqs] == [41, 42]


def test_what_could_not_be_kept_comes_again(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """A full disk refuses; the stream is opened again after what is on disk, and it is told."""
    home.refuse_down = 1
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(decided(1))
    assert home.wait(lambda: any(p and p.code == "down_refused" for p in home.all("problem")))
    assert server.wait(lambda: len(server.last_ids) == 2)
    server.tell(decided(1))
    assert home.wait(lambda: box.down_have() == 1)
    assert server.last_ids == ["0", "0"]
    assert home.wait(lambda: home.all("problem")[-1] is None)


def test_an_order_comes_after_what_was_decided_before_it(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """A revocation that precedes an order in the stream is kept before the order is shown; an
    order that cannot be read is dropped and the next one works."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(
        decided(1)
        + b"event: turn\ndata: not json\n\n"
        + b'event: turn\ndata: {"grant":"jws"}\n\n'
        + decided(2)
    )
    assert home.wait(lambda: box.down_have() == 2)
    order = [item for item in home.told if item[0] in ("turn", "decided")]
    assert order == [("decided", [1]), ("turn", "jws"), ("decided", [2])]


def test_a_dropped_stream_is_opened_again(
    server: WireServer, box: MemoryOutbox, uplink: Uplink, home: Home
) -> None:
    """The stream ends (a proxy, a restart): it is back, after the last number on disk."""
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    server.tell(decided(1))
    assert home.wait(lambda: box.down_have() == 1)
    server.drop_streams()
    assert server.wait(lambda: server.last_ids == ["0", "1"])


def test_a_broken_stream_is_a_link_that_is_down_at_once(
    server: WireServer,
    box: MemoryOutbox,
    uplink: Uplink,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server goes away while nothing is to be sent: the stream notices, and it is told long
    before its silence would be noticed, or the next sign of life is due."""
    monkeypatch.setattr("gateway.link.batch_lane.HEARTBEAT_S", PATIENCE_S)
    uplink.start()
    assert server.wait(lambda: server.listening() == 1)
    assert home.wait(lambda: home.all("link") == [True])
    began = time.monotonic()
    server.stop()
    assert home.wait(lambda: home.all("link") == [True, False])
    assert time.monotonic() - began < 2 * HEARTBEAT_S < STREAM_SILENCE_S
    server.start()
    assert home.wait(lambda: home.all("link") == [True, False, True])
