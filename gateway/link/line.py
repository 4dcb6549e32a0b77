"""The line before the server's door: what it says of the next batch, and when a home comes again.

When many homes come back at once the server tells each when to come (`gateway.wire`).  Not for:
pauses after a failure (`gateway.link.backoff`), or what is urgent, which never stands in line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.wire import BATCH_HEADER, BATCH_MAX, TICKET_HEADER

WAIT_MAX_S = 900.0
"""The longest wait that is obeyed: the server tells 600 s at the most; more is somebody else's
mistake, and a home must not be silent for it."""

TICKET_MAX = 200
"""Characters of a ticket; the server's have some 45."""

LATER = 0.1
"""Part of the wait that chance adds at the most: homes that were told the same do not come in
step."""

LATER_S = 0.5
"""And seconds: the server tells whole ones."""

ALIVE_S = 60.0
"""Seconds between signs of life of a home that waits: a third of the time after which the server
calls it silent."""


@dataclass(frozen=True, slots=True)
class Line:
    """What an answer said: `wait_s` None: nothing of waiting; `most`: events in the next batch."""

    wait_s: float | None = None
    ticket: str | None = None
    most: int = BATCH_MAX


def line_in(headers: Mapping[str, str], before: Line) -> Line:
    """What these headers say; the ticket and the size stay as they were when an answer that asks
    to wait does not say them."""
    wait_s = _number(headers.get("Retry-After"))
    ticket, most = headers.get(TICKET_HEADER), _number(headers.get(BATCH_HEADER))
    if ticket is None or len(ticket) > TICKET_MAX or not ticket.isprintable():
        ticket = None if wait_s is None else before.ticket
    return Line(
        None if wait_s is None else min(wait_s, WAIT_MAX_S),
        ticket,
        before.most if most is None else max(1, min(BATCH_MAX, int(most))),
    )


def _number(text: str | None) -> float | None:
    """A whole number; None: there is none (`Retry-After` may be a date, which no server of ours
    says: a clock that is wrong cannot read it)."""
    plain = (text or "").strip()
    return float(plain) if plain.isascii() and plain.isdigit() and len(plain) <= 9 else None


class NextBatch:
    """When the next batch may go."""

    def __init__(self, rand: Callable[[], float], mono_s: Callable[[], float]) -> None:
        self._rand, self._mono_s = rand, mono_s
        self._at_s: float | None = None

    def wait(self, wait_s: float) -> None:
        """Not within `wait_s`, and some chance."""
        later_s = wait_s * LATER * self._rand() + LATER_S * self._rand()
        self._at_s = max(self._at_s or 0.0, self._mono_s() + wait_s + later_s)

    def left_s(self) -> float:
        """Seconds until then; 0: now."""
        if self._at_s is None:
            return 0.0
        left_s = self._at_s - self._mono_s()
        if left_s <= 0:
            self._at_s = None
        return max(0.0, left_s)
