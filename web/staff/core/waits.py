"""When homes with history are to come again, and who of them goes before whom.

Who was told to wait holds a ticket: its time and since when it waits, signed.  A ticket needs no
table, holds at every worker and after a restart, and cannot be made up by whoever has no key of
ours; for homes that bring none back (they are older than tickets) the last one that each was given
here is remembered.  A home that comes in its time goes before one that comes new, and of two the
one that has waited longer; one that comes too early is told its own time again, so that nobody
gains by asking often and nobody loses a place.

Not for: who is worked for at once (`web.staff.core.admission`), or HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

WAIT_MIN_S = 1.0
"""Seconds that a home is told to wait at the least: `Retry-After` has whole seconds."""

WAIT_MAX_S = 600.0
"""And at the most: a server that took too dark a view is tried again within minutes."""

WAIT_OLD_MAX_S = 60.0
"""The most for a home that does not know how to wait: it comes by its own pauses, up to a minute,
and would be called silent after three."""

ASK_S = (2.0, 10.0)
"""Seconds at the least and at the most after which a home whose time is farther off is to ask
whether there is a place: while a storm begins a batch takes many times as long as afterwards, and
homes that kept to what they were told then left the server idle for a third of its time.  To refuse
one costs a hundredth of its batch."""

ASKING = 2
"""Homes that are to ask in the time of a batch."""

LATE_SHARE = 2.0
"""Times as long as a batch takes between two homes that found the line full in their time."""

EARLY_S = 1.0
"""Seconds before its time at which a home that comes is not too early."""

TICKET_KEPT_S = 900.0
"""Seconds after its time for which a ticket counts."""

TICKETS_MAX = 20_000
"""Homes whose last ticket is remembered; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A home's place in the line: when it is to come, and since when it waits (seconds since
    1970)."""

    due_s: int
    since_s: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a home is told: to come again in so many seconds, with this ticket."""

    wait_s: int
    ticket: str


class Waits:
    """When homes with history are to come again: one after the other, at the pace at which batches
    are done, so that they neither come back together nor leave the server idle."""

    def __init__(self, key: bytes, now_s: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now_s = now_s
        self._lock = threading.Lock()
        self._last: OrderedDict[str, Ticket] = OrderedDict()
        self._until_s = 0.0
        self._late_until_s = 0.0
        """Until when those have times that came in time and found the line full."""
        self.told = 0
        """How often a home was told to wait, since the start."""

    def behind_s(self) -> float:
        """Seconds of work that homes were given times for; 0: nobody waits."""
        with self._lock:
            return max(0.0, self._until_s - self._now_s())

    def ticket_of(self, home: str, shown: str | None) -> Ticket | None:
        """The home's valid ticket: the one it shows, else the last that it was given here."""
        ticket = self._read(home, shown) if shown else None
        with self._lock:
            ticket = ticket or self._last.get(home)
        if ticket is None or self._now_s() > ticket.due_s + TICKET_KEPT_S:
            return None
        return ticket

    def is_due(self, ticket: Ticket) -> bool:
        """Whether its time has come."""
        return self._now_s() >= ticket.due_s - EARLY_S

    def waited_s(self, ticket: Ticket | None) -> float:
        """How long its home has waited."""
        return 0.0 if ticket is None else max(0.0, self._now_s() - ticket.since_s)

    def tell(self, home: str, ticket: Ticket | None, cost_s: float, *, old: bool = False) -> Told:
        """When to come again: a batch takes `cost_s` of the server.  Who has a time ahead keeps it;
        who came in time (and the line was full) comes again soon, one after the other as well: what
        was told before was too early for all of them.  `old`: a home that does not
        know how to wait."""
        now_s = self._now_s()
        with self._lock:
            self.told += 1
            if ticket is None:
                due_s = self._next(home, now_s, cost_s)
            elif ticket.due_s > now_s:
                due_s = float(ticket.due_s)
            else:
                # half of the places: the others are of those whose time is then
                self._late_until_s = max(self._late_until_s, now_s) + LATE_SHARE * cost_s
                due_s = min(self._late_until_s, now_s + WAIT_MAX_S) + WAIT_MIN_S + _share(home)
            if old:
                due_s = min(due_s, now_s + WAIT_OLD_MAX_S)
            since_s = int(now_s) if ticket is None else ticket.since_s
            return self._give(home, Ticket(math.ceil(due_s), since_s), now_s, cost_s)

    def book(self, home: str, cost_s: float) -> Told:
        """A time for the next batch of a home that has just been worked for."""
        now_s = self._now_s()
        with self._lock:
            due_s = self._next(home, now_s, cost_s)
            return self._give(home, Ticket(math.ceil(due_s), int(now_s)), now_s, cost_s)

    def _give(self, home: str, ticket: Ticket, now_s: float, cost_s: float) -> Told:
        self._last[home] = ticket
        self._last.move_to_end(home)
        while len(self._last) > TICKETS_MAX:
            self._last.popitem(last=False)
        least_s, most_s = ASK_S
        ask_s = max(least_s, min(most_s, len(self._last) * cost_s / ASKING))
        ask_s *= 0.6 + 0.4 * _share(home)  # those who came together do not ask together again
        wait_s = max(int(WAIT_MIN_S), math.ceil(min(ticket.due_s - now_s, ask_s)))
        return Told(wait_s, self._written(home, ticket))

    def _next(self, home: str, now_s: float, cost_s: float) -> float:
        """The next time that nobody has."""
        if self._until_s > now_s + WAIT_MAX_S:  # beyond what we tell: anywhere in its second half
            return now_s + WAIT_MAX_S * (0.5 + _share(home) / 2)
        self._until_s = max(self._until_s, now_s) + cost_s
        return max(self._until_s, now_s + WAIT_MIN_S)

    def done(self, home: str) -> None:
        """The home was worked for: it waits no more."""
        with self._lock:
            self._last.pop(home, None)

    def _written(self, home: str, ticket: Ticket) -> str:
        return f"{ticket.due_s}.{ticket.since_s}.{self._seal(home, ticket)}"

    def _read(self, home: str, shown: str) -> Ticket | None:
        parts = shown.split(".")
        if len(parts) != 3 or len(shown) > 60 or not all(p.isascii() for p in parts):
            return None
        due, since, seal = parts
        if not (due.isdigit() and since.isdigit()):
            return None
        ticket = Ticket(int(due), int(since))
        return ticket if hmac.compare_digest(seal, self._seal(home, ticket)) else None

    def _seal(self, home: str, ticket: Ticket) -> str:
        said = f"{home}\n{ticket.due_s}\n{ticket.since_s}".encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()[:24]


def _share(home: str) -> float:
    """A number from 0 to 1 that is the home's own: so that no two come back together."""
    return int.from_bytes(hashlib.sha256(home.encode()).digest()[:4]) / 2**32
