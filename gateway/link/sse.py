"""Server-sent events: bytes in, whole messages out (WHATWG HTML, "Server-sent events", 9.2).

Pure: it holds what is not complete yet and nothing else.  Of the standard's fields it reads
`event`, `data` and `id`; `retry` is left to the one who connects.

Not for: connections, or what a message means.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import LinkDown

MESSAGE_MAX_BYTES = 1_000_000
"""Bytes of one message at the most: an event is some hundred bytes, a grant about 700; whoever
sends more is not our server, and a Pi's memory is short."""


@dataclass(frozen=True, slots=True)
class Message:
    """One dispatched message.  `id` is the last id seen, "" when none was."""

    event: str
    data: str
    id: str


class Parser:
    """Feed it chunks of any size, also such that split a character or a line end."""

    def __init__(self) -> None:
        self._waiting = b""
        self._size = 0
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes.  Raises `LinkDown` for one that is too long."""
        text = self._waiting + chunk
        # a CR at the very end may be the first half of CRLF: it waits for what follows
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = lines.split(b"\n")
        self._waiting = rest + held
        messages = []
        for line in whole:
            message = self._line(line)
            if message is not None:
                messages.append(message)
        if self._size + len(self._waiting) > MESSAGE_MAX_BYTES:
            raise LinkDown("a message on the stream is too long to be our server's")
        return messages

    def _line(self, line: bytes) -> Message | None:
        if not line:
            return self._dispatch()
        self._size += len(line)
        if line.startswith(b":"):
            self._size -= len(line)  # a comment: a sign of life, nothing more
            return None
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event, self._data
        self._event, self._data, self._size = "", [], 0
        if not data:
            return None
        return Message(event or "message", "\n".join(data), self._id)
