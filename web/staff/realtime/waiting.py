"""What waits for one screen: alarms first, each alone; what else changed, once a home and kind.

A page is loaded anew for whatever changed: a screen that is behind gains nothing from each of a
thousand events, and one that lost its place would only load once more.  So what waits is told
together, and what a person waits for goes before it.  Only of that there can be more than a screen
holds.

A position stands beside a message only where nothing that came before it still waits: a screen
that comes back to it misses nothing, and may be told of something twice.

Not for: who may see what (`web.staff.pages.live`), or who is told at all (`broker`).
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from web.staff.storage.changes import MANY_HOMES, goes_alone

AT_EASE = 50
"""Messages that wait as they came; of what comes then, one a home and kind says that something
changed there."""

ANNOUNCED = "announced"
"""The kind of a message that is for every screen as it is (`Broker.announce`)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A change on its way to screens: `raw` are the bytes of its server-sent event without its
    position, written once for all of them.  `homes`: of a change in many homes at once; it has no
    home and no event."""

    position: str
    """Empty: older changes are still to come."""
    number: int
    home: str | None
    kind: str
    person: str | None
    raw: bytes
    homes: frozenset[str] = frozenset()

    def is_in(self, homes: frozenset[str]) -> bool:
        """Whether it is about one of these homes."""
        return self.home in homes or not self.homes.isdisjoint(homes)

    def bare(self) -> bytes:
        """The message without the event: that something of this kind changed in this home."""
        return encode(self.home, self.kind)

    def told_of(self) -> frozenset[str]:
        """The homes that it is about."""
        return self.homes if self.home is None else frozenset((self.home,))


_Key = tuple[str | None, str, int]
"""Home, kind, and the number of a message that waits as it came."""

GATHERED = 0
"""In place of a number: of the messages of a home and kind that are told as one."""


def encode(home: str | None, kind: str, event: str = "null") -> bytes:
    """One change as a server-sent event: `event: change`, data `{"home", "kind", "event"}`.
    `event` is finished JSON."""
    data = f'{{"home":{json.dumps(home)},"kind":{json.dumps(kind)},"event":{event}}}'
    return f"event: change\ndata: {data}\n\n".encode()


class TooSlow(Exception):
    """Messages were dropped for this screen: it must load anew, and goes on from `position`."""

    def __init__(self, position: str) -> None:
        super().__init__(position)
        self.position = position


class Closed(Exception):
    """The server stops, or another stream of the same home took over."""


class Waiting:
    """Thread-safe; one reader.  At most `limit` messages that go alone; of the rest `AT_EASE`, one
    a home and kind, and of a kind in more than `MANY_HOMES` homes one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._news = threading.Condition(threading.Lock())
        self._first: deque[Message] = deque()
        self._rest: OrderedDict[_Key, Message] = OrderedDict()
        self._homes: dict[str, set[str]] = {}
        """By kind: the homes of which it is gathered in `_rest`, until they are told as one."""
        self._look = self._closed = False
        self._lost: str | None = None
        """The position up to which messages were dropped."""

    def __len__(self) -> int:
        with self._news:
            return len(self._first) + len(self._rest)

    def get(self, timeout_s: float) -> Message | None:
        """The next message; None after `timeout_s`, or when it is time to look whether this screen
        may go on.  Raises `TooSlow` once when messages were lost, `Closed` when it is closed."""
        until_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                if self._lost is not None:
                    position, self._lost = self._lost, None
                    raise TooSlow(position)
                if self._look:
                    self._look = False
                    return None
                if self._first or self._rest:
                    return self._next()
                if self._closed:
                    raise Closed
                left_s = until_s - time.monotonic()
                if left_s <= 0 or not self._news.wait(left_s):
                    return None

    def _next(self) -> Message:
        if self._first:
            message = self._first.popleft()
            oldest = next(iter(self._rest.values()), message)
            return message if oldest.number >= message.number else replace(message, position="")
        (home, kind, number), message = self._rest.popitem(last=False)
        if home is not None and not number:
            self._homes[kind].discard(home)
        return message

    def put(self, message: Message) -> None:
        """Queue one message, or drop what waits and note that the screen was too slow."""
        with self._news:
            if self._lost is not None:
                self._lost = message.position
            elif not goes_alone(message.kind) and message.kind != ANNOUNCED:
                self._keep(message)
            elif len(self._first) < self._limit:
                self._first.append(message)
            else:
                self._drop(message.position)
            self._news.notify()

    def _keep(self, message: Message) -> None:
        """Keep it as it is; of many that wait, once for its home and kind, or for its kind."""
        home, kind = message.home, message.kind
        if len(self._rest) < AT_EASE:
            self._rest[home, kind, message.number] = message
            return
        for key in ((home, kind, GATHERED), (None, kind, GATHERED)):
            before = self._rest.get(key)
            if before is not None:
                # where the first was, so that its position is one that nothing before is missing at
                self._rest[key] = _together(before, message)
                return
        self._rest[home, kind, GATHERED] = message
        if home is None:
            return
        homes = self._homes.setdefault(kind, set())
        homes.add(home)
        if len(homes) > MANY_HOMES:
            self._as_one(kind)

    def _as_one(self, kind: str) -> None:
        """Tell of a kind in several homes as one, where the first of them was."""
        several = self._homes.pop(kind)
        rest: OrderedDict[_Key, Message] = OrderedDict()
        one = (None, kind, GATHERED)
        for key, message in self._rest.items():
            home, its_kind, number = key
            if its_kind != kind or number or home not in several:
                rest[key] = message
            else:
                before = rest.get(one)
                rest[one] = message if before is None else _together(before, message)
        self._rest = rest

    def lose(self, position: str) -> None:
        """Messages up to this position may be missing."""
        with self._news:
            self._drop(position)
            self._news.notify()

    def _drop(self, position: str) -> None:
        self._first.clear()
        self._rest.clear()
        self._homes.clear()
        self._lost = position

    def look(self) -> None:
        """Have the reader look whether it may go on."""
        with self._news:
            self._look = True
            self._news.notify()

    def close(self) -> None:
        """End the reader's wait, when it has what waits."""
        with self._news:
            self._closed = True
            self._news.notify()


def _together(one: Message, other: Message) -> Message:
    """Two changes of a kind as one, in the place of the first."""
    homes = one.told_of() | other.told_of()
    home = one.home if one.home == other.home else None
    person = one.person if one.person == other.person else None
    several = frozenset() if home is not None else homes
    raw = encode(home, one.kind)
    return Message(one.position, one.number, home, one.kind, person, raw, several)
