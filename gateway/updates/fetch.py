"""A release over the home's own link, piece by piece: nothing else is spoken to.

What came before a line broke is kept and gone on from.  Each piece is bounded in size and time,
whatever the other side sends.  Not for: what is genuine (`trust`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import urllib3
from urllib3.exceptions import HTTPError

from gateway.errors import LinkDown, LinkRefused, ReleaseRefused
from gateway.link.https import Lane, down
from gateway.updates.archive import PACKED_MAX_BYTES, need_room
from gateway.updates.exchange import Inbox
from gateway.updates.trust import METADATA_MAX_BYTES, Genuine
from gateway.wire import UPDATE_PIECE_BYTES

PIECE_S = 120.0
"""Seconds that one piece may take: 4 kB/s, a poor mobile line."""

BUSY_S = 30.0
"""Seconds until a server that has no place is asked again."""

READ_BYTES = 1 << 16


class Mirror:
    """The staff server's copy of the releases.  `go_on` is asked before each piece: an alarm has
    the line for itself."""

    def __init__(self, lane: Lane, go_on: Callable[[], bool] = lambda: True) -> None:
        self._lane, self._go_on = lane, go_on

    def metadata(self, name: str) -> Iterator[bytes]:
        """Raises `KeyError` where the server has none, `LinkDown`, `LinkRefused`."""
        response = self._lane.get(f"/update-metadata/{name}", {})
        if response.status == 404:
            response.close()
            raise KeyError(name)
        yield from _body(response, 200, METADATA_MAX_BYTES + 1)

    def artefact(self, found: Genuine, inbox: Inbox) -> None:
        """Have it whole in the inbox.  Raises `ReleaseRefused`, `LinkDown`, `LinkRefused`,
        `OSError`."""
        if found.length > PACKED_MAX_BYTES:
            text = "The release is refused: it is larger than it may be."
            raise ReleaseRefused(text, why="too_large")
        file = inbox.artefact
        have = file.stat().st_size if file.exists() else 0
        if 0 < have <= found.length:
            self._rest(found, inbox, have)
            with suppress(ReleaseRefused):  # what was kept may be of another one
                return found.check(file)
        file.unlink(missing_ok=True)
        self._rest(found, inbox, 0)
        try:
            found.check(file)
        except ReleaseRefused:
            file.unlink()
            raise

    def _rest(self, found: Genuine, inbox: Inbox, have: int) -> None:
        while have < found.length:
            if not self._go_on():
                raise LinkDown("the line is wanted for something else", busy=True)
            need_room(inbox.folder, UPDATE_PIECE_BYTES)
            have += self._piece(found, inbox, have)

    def _piece(self, found: Genuine, inbox: Inbox, have: int) -> int:
        last = min(have + UPDATE_PIECE_BYTES, found.length) - 1
        wanted = {"Range": f"bytes={have}-{last}"}
        response = self._lane.get(f"/update-targets/{found.path}", wanted)
        if response.status == 404:
            response.close()
            text = "The release is refused: the server does not have the file that was signed."
            raise ReleaseRefused(text, why="missing")
        came = 0
        with inbox.artefact.open("ab") as file:
            for data in _body(response, 206, last - have + 1):
                file.write(data)
                came += len(data)
        if not came:
            raise LinkDown("the staff server sent nothing of the release")
        return came


def _body(response: urllib3.BaseHTTPResponse, status: int, most: int) -> Iterator[bytes]:
    """At most so many bytes of the answer.  Raises `LinkRefused` for another status, `LinkDown`."""
    until_s = time.monotonic() + PIECE_S
    try:
        if response.status == 503:
            raise LinkDown("the staff server has more to do", wait_s=BUSY_S, busy=True)
        if response.status != status:
            text = "the staff server does not give the release"
            raise LinkRefused(text, status=response.status, code="update")
        while most > 0 and (data := response.read1(min(READ_BYTES, most))):
            yield data
            most -= len(data)
            if time.monotonic() > until_s:
                raise LinkDown("the release comes too slowly")
    except (HTTPError, OSError, ValueError) as error:
        raise down(error, "the release did not come") from error
    finally:
        response.close()
