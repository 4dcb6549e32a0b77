"""The stream's parser: the same messages whatever the chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LinkDown
from gateway.link.sse import MESSAGE_MAX_BYTES, Message, Parser

STREAM = (
    ": heartbeat\n\n"
    "event: decided\nid: 7\ndata: {\"a\": \"åäö 🙂\"}\n\n"
    "data:first\r\ndata: second\r\n\r\n"
    ": another\r\r"
    "event:turn\ndata\ndata: x\n\n"
    "event: nothing\n\n"
    "retry: 10\nunknown: y\ndata: z\n\n"
).encode()  # fmt: skip

WANTED = [
    Message("decided", '{"a": "åäö 🙂"}', "7"),
    Message("message", "first\nsecond", "7"),
    Message("turn", "\nx", "7"),
    Message("message", "z", "7"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_chunking_gives_the_same_messages(cuts: list[int]) -> None:
    """Also one that splits a character or a CRLF; comments and empty events are no messages."""
    edges = sorted({0, len(STREAM), *cuts})
    parser = Parser()
    got = [message for start, end in pairwise(edges) for message in parser.feed(STREAM[start:end])]
    assert got == WANTED


def test_byte_by_byte() -> None:
    """The worst chunking there is."""
    parser = Parser()
    assert [m for byte in STREAM for m in parser.feed(bytes([byte]))] == WANTED


def test_what_is_not_complete_waits() -> None:
    """A message without its empty line is none yet."""
    parser = Parser()
    assert parser.feed(b"data: x\n") == []
    assert parser.feed(b"\n") == [Message("message", "x", "")]


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: " + b"x" * 1000 + b"\n"])
def test_endless_data_is_refused(piece: bytes) -> None:
    """Whoever sends without end, with or without line ends, does not fill our memory."""
    parser = Parser()
    with pytest.raises(LinkDown):
        for _ in range(2 * MESSAGE_MAX_BYTES // 1000):
            parser.feed(piece)


def test_heartbeats_for_ever_are_no_data() -> None:
    """Comments do not add up to a message that is too long."""
    parser = Parser()
    for _ in range(2 * MESSAGE_MAX_BYTES // 1000):
        parser.feed(b": " + b"x" * 1000 + b"\n")
    assert parser.feed(b"data: y\n\n") == [Message("message", "y", "")]
