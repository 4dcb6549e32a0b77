"""An answer of the server, read within bounds of size and time.

Who answers may be a portal, a proxy or a server in the wrong hands: one that never ends, or comes
byte by byte, would fill a Pi's memory or hold a lane for ever.

Not for: what an answer means (`gateway.link.https`); its head, and the lines between and after its
chunks, of which the HTTP library keeps little and bounds only the time from one byte to the next;
or a stream and releases, which are read piece by piece with bounds of their own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

from gateway.errors import LinkDown

ANSWER_MAX_BYTES = 65_536
"""Of one answer: the largest of ours, to an enrolment, has some two thousand."""

WHOLE_S = 20.0
"""Seconds from its head to its end, and one silence more at the most: ours is there with it."""

PIECE_BYTES = 16_384
"""Bytes read at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One that came whole."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def whole(response: urllib3.BaseHTTPResponse) -> Answer:
    """Read it to its end, so that its connection can be kept.  What is packed is not unpacked:
    nothing of ours asks for it.  Raises `LinkDown` for one that is too long or too slow, and what
    the HTTP library raises."""
    until_s = time.monotonic() + WHOLE_S
    pieces, size = [], 0
    while piece := response.read1(PIECE_BYTES, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        late = time.monotonic() > until_s
        if late or size > ANSWER_MAX_BYTES:
            response.close()
            what = "too slow" if late else "too long"
            raise LinkDown(f"the answer is {what} to be our server's")
    return Answer(response.status, response.headers, b"".join(pieces))
