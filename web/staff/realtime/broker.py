"""Who is told at once: screens, and the homes that listen.

After a commit every change is given to the `Broker` of the worker; with PostgreSQL the other
workers hear of it over NOTIFY (`web.staff.realtime.relay`) and give it to theirs.  A screen gets
finished bytes of what waits for it (`web.staff.realtime.waiting`); one for which too much waits is
told to load anew (`event: resync`).  A home's stream is only woken: it reads the log itself, so
that nothing can be missing.

Positions are `<epoch>-<number>`: the epoch is this broker's own, so a screen that comes back to
another worker, or after too long, is told to load anew rather than left with a hole.

Not for: the HTTP side (`web.staff.pages.live`, `web.staff.homelink.routes`), or storage.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from web.staff.realtime.waiting import ANNOUNCED, Closed, Message, Waiting, encode
from web.staff.storage.changes import Change, ManyChanges

QUEUE_MAX = 500
"""Alarms, and what else goes alone, that may wait for one screen: more than anybody reads."""

HISTORY_MAX = 2000
"""Messages kept for screens that come back: at least the minute a phone sleeps in a pocket."""


ELSEWHERE_KINDS = ("alarm.", "unlock.", "grant.")
"""Kinds of the other homes of the organisation that a caregiver's screen hears of: an alarm there,
and what came of the own order to turn a lock."""

LATER_KINDS = frozenset({"alarm.escalated", "alarm.sent", "alarm.shown", "alarm.undelivered"})
"""What was decided about a home and is told it a moment later: the steps of an alarm's way follow
each other within that, and a home reads its log once for all of them."""

LATER_S = 2.0
"""Seconds until then: a home that tells somebody by itself asks who was told after twenty."""

TURNED_AWAY_TOLD_S = 600.0
"""Seconds for which it is told that there was no room: longer than a browser waits to try again."""

FOR_REQUESTS = 160
"""Threads that no stream may take: alarms must come in however many screens are open.  Batches and
pages together may hold 128 of them (`web.staff.core.admission.INSIDE`), so 32 are left for alarms,
orders and streams that begin.  A thread is made when it is needed, and costs some 100 kB."""


@dataclass(eq=False)
class Subscription:
    """One screen's place in the broker.  Use as a context manager."""

    broker: Broker
    homes: frozenset[str]
    elsewhere: frozenset[str] = frozenset()
    """Homes of which it gets only `ELSEWHERE_KINDS`, shown as less (`web.staff.pages.live`)."""
    resync: bool = False
    """The position is too old or of another worker: load anew."""
    user: int | None = None
    """The account that looks; None: nobody's."""
    limit: int = QUEUE_MAX

    def __post_init__(self) -> None:
        self.waiting = Waiting(self.limit)
        self.get = self.waiting.get
        self.close = self.waiting.close

    def wants(self, message: Message) -> bool:
        """Whether this screen is given this change."""
        told_elsewhere = message.kind.startswith(ELSEWHERE_KINDS)
        return message.is_in(self.homes) or (told_elsewhere and message.is_in(self.elsewhere))

    def offer(self, message: Message) -> None:
        """Queue one message, if it is for this screen."""
        if self.wants(message):
            self.waiting.put(message)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.broker.unsubscribe(self)


class Woken(NamedTuple):
    """What woke a home's stream: an order for now (`what` is its event, `text` what goes with it),
    or, both empty, that something new was decided."""

    what: str = ""
    text: str = ""


DECIDED = Woken()

LATER = Woken("later")
"""Something was decided that has time; for the queue alone."""


@dataclass(eq=False)
class HomeStream:
    """One home's open stream down.  `get` says what woke it."""

    broker: Broker
    home: str
    name: str = ""
    """Tells it from other streams of the same home, at any worker."""
    _queue: queue.SimpleQueue[Woken | None] = field(default_factory=queue.SimpleQueue)
    _closed: bool = False
    _later_s: float | None = None
    """When it is to be woken for what has time (monotonic); None: nothing has."""

    def get(self, timeout_s: float) -> Woken | None:
        """What woke it, None after `timeout_s`.  Raises `Closed`."""
        until_s = time.monotonic() + timeout_s
        item: Woken | None = LATER
        while item is LATER:
            later_s = self._later_s
            wait_s = (until_s if later_s is None else min(until_s, later_s)) - time.monotonic()
            try:
                item = self._queue.get(timeout=max(0.0, wait_s))
            except queue.Empty:
                item = DECIDED if later_s is not None and later_s <= time.monotonic() else None
                if item is None:
                    return None
        if item is None:
            raise Closed
        if item is DECIDED:
            self._later_s = None  # before the log is read: what comes now is for the next time
        return item

    def wake(self, *, soon: bool = True) -> None:
        """There is a new decided event; not `soon`: of `LATER_KINDS`."""
        if self._closed:
            return
        if soon:
            self._queue.put(DECIDED)
        elif self._later_s is None:
            self._later_s = time.monotonic() + LATER_S
            self._queue.put(LATER)

    def order(self, what: str, text: str) -> None:
        """Do something now."""
        if not self._closed:
            self._queue.put(Woken(what, text))

    @property
    def is_closed(self) -> bool:
        """Whether it was ended: what is said to it now reaches nobody."""
        return self._closed

    def close(self) -> None:
        """End the stream's wait."""
        self._closed = True
        self._queue.put(None)

    def __enter__(self) -> HomeStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.broker.close_stream(self)


def _decided_about(change: Change | ManyChanges) -> Collection[str]:
    """The homes that are to hear of it."""
    if isinstance(change, ManyChanges):
        return change.homes if change.decided else ()
    if change.home is None or not change.origin.startswith("staff:"):
        return ()
    return (change.home,)


class Broker:
    """All screens and home streams of one worker.  Every method may be called from any thread."""

    def __init__(self, *, history_max: int = HISTORY_MAX) -> None:
        self.epoch = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._number = 0
        self._screens: set[Subscription] = set()
        self._streams: dict[str, set[HomeStream]] = {}
        self._history: deque[Message] = deque(maxlen=history_max)
        self._closed = False
        self.looks = 0
        """How often somebody's sessions or rights were changed: whoever keeps what was read of them
        reads anew when it has grown."""
        self._turned_away_s: dict[str, float] = {}

    # --- screens

    def position(self) -> str:
        """Where the broker is now: put it in a page, and open `/live?from=<position>` from
        there."""
        with self._lock:
            return f"{self.epoch}-{self._number}"

    def subscribe(
        self,
        homes: Iterable[str],
        *,
        elsewhere: Iterable[str] = (),
        after: str | None = None,
        limit: int = QUEUE_MAX,
        user: int | None = None,
    ) -> Subscription:
        """A screen that sees `homes`, and little of those `elsewhere`; `after` is a position,
        None for from now on.

        What came between `after` and now waits for it; when that is not known any more, `resync` is
        true.
        """
        screen = Subscription(self, frozenset(homes), frozenset(elsewhere), user=user, limit=limit)
        with self._lock:
            if self._closed:
                screen.close()
                return screen
            if after is not None:
                missed = self._since(after)
                screen.resync = missed is None
                for message in missed or ():
                    screen.offer(message)
            self._screens.add(screen)
        return screen

    def _since(self, position: str) -> list[Message] | None:
        epoch, _, text = position.partition("-")
        if epoch != self.epoch or not text.isascii() or not text.isdigit() or len(text) > 18:
            return None
        number = int(text)
        oldest = self._history[0].number if self._history else self._number + 1
        if number > self._number or number < oldest - 1:
            return None
        return [message for message in self._history if message.number > number]

    def unsubscribe(self, screen: Subscription) -> None:
        """Forget a screen.  May be called twice."""
        with self._lock:
            self._screens.discard(screen)

    def publish(self, changes: Iterable[Change | ManyChanges]) -> None:
        """Tell the screens that may see them, and wake the homes that a decision concerns.  Call it
        after the commit; never blocks on a screen."""
        with self._lock:
            for change in changes:
                self._number += 1
                message = self._message(change)
                self._history.append(message)
                for screen in self._screens:
                    screen.offer(message)
                for home in _decided_about(change):
                    for stream in self._streams.get(home, ()):
                        stream.wake(soon=change.kind not in LATER_KINDS)

    def _message(self, change: Change | ManyChanges) -> Message:
        position = f"{self.epoch}-{self._number}"
        kind, person = change.kind, change.person
        if isinstance(change, Change):
            raw = encode(change.home, kind, change.body)
            return Message(position, self._number, change.home, kind, person, raw)
        homes = change.homes
        home = next(iter(homes)) if len(homes) == 1 else None
        raw = encode(home, kind)
        several = homes if home is None else frozenset()
        return Message(position, self._number, home, kind, person, raw, several)

    def look_again(self, users: Collection[int] | None) -> None:
        """The sessions or rights of these accounts (None: of any) were changed: their screens look
        at once whether they may go on."""
        with self._lock:
            self.looks += 1
            for screen in self._screens:
                if users is None or screen.user in users:
                    screen.waiting.look()

    def looks_in(self, user: int) -> bool:
        """Whether a screen of this account is open at this worker."""
        with self._lock:
            return any(screen.user == user for screen in self._screens)

    def announce(self, raw: bytes) -> None:
        """Tell every screen something that is no change and concerns no home: finished bytes of a
        server-sent event, without a position."""
        with self._lock:
            here = f"{self.epoch}-{self._number}"
            message = Message(here, self._number, None, ANNOUNCED, None, raw)
            for screen in self._screens:
                screen.waiting.put(message)

    def lost_track(self) -> None:
        """Changes of other workers may have been missed: every screen loads anew, every stream
        looks into the log."""
        with self._lock:
            self._history.clear()
            self._number += 1
            self.looks += 1
            for screen in self._screens:
                screen.waiting.lose(f"{self.epoch}-{self._number}")
            for streams in self._streams.values():
                for stream in streams:
                    stream.wake()

    # --- homes

    def open_stream(self, home: str, name: str = "") -> HomeStream:
        """A home listens.  An older stream of the same home is closed: the gateway came back on a
        new connection, and an order must not go out twice."""
        stream = HomeStream(self, home, name)
        with self._lock:
            if self._closed:
                stream.close()
                return stream
            for older in self._streams.get(home, ()):
                older.close()
            self._streams[home] = {stream}
        return stream

    def close_stream(self, stream: HomeStream) -> None:
        """Forget a home's stream.  May be called twice."""
        with self._lock:
            streams = self._streams.get(stream.home)
            if streams is not None:
                streams.discard(stream)
                if not streams:
                    del self._streams[stream.home]

    def drop_home(self, home: str) -> None:
        """Close the streams of a home whose key became void."""
        with self._lock:
            for stream in self._streams.get(home, ()):
                stream.close()

    def keep_only(self, home: str, name: str | None) -> None:
        """Close the home's streams but the one called `name` (None: all): it listens elsewhere."""
        with self._lock:
            for stream in self._streams.get(home, ()):
                if stream.name != name:
                    stream.close()

    def listens(self, home: str) -> bool:
        """Whether a stream of this home is open at this worker: one that was ended, and whose
        thread has not come to it yet, hears nothing more."""
        with self._lock:
            return bool(self._open(home))

    def _open(self, home: str) -> list[HomeStream]:
        return [stream for stream in self._streams.get(home, ()) if not stream.is_closed]

    def give_order(self, home: str, grant: str, what: str = "turn") -> bool:
        """Give an order to the home's stream at this worker.  False: nobody listens here, and the
        order is forgotten."""
        with self._lock:
            streams = self._open(home)
            for stream in streams:
                stream.order(what, grant)
            return bool(streams)

    # --- both

    def counts(self) -> tuple[int, int]:
        """Open screens, and homes that listen."""
        with self._lock:
            return len(self._screens), len(self._streams)

    def has_room(self, what: str, *, homes: int, screens: int) -> bool:
        """Whether one more of `what` (`homes`, `screens`) may be open at this worker.  Homes go
        before screens: one beyond the homes that were counted on takes a place that no screen
        has."""
        with self._lock:
            open_screens, open_homes = len(self._screens), len(self._streams)
            room = open_screens + open_homes < homes + screens
            if what == "screens":
                room = room and open_screens < screens
            if not room:
                self._turned_away_s[what] = time.monotonic()
            return room

    def turned_away(self, within_s: float = TURNED_AWAY_TOLD_S) -> list[str]:
        """Of what something was turned away lately for lack of room."""
        now_s = time.monotonic()
        with self._lock:
            told = self._turned_away_s.items()
            return sorted(what for what, at_s in told if now_s - at_s < within_s)

    def close(self) -> None:
        """End every wait: the server stops."""
        with self._lock:
            self._closed = True
            for screen in self._screens:
                screen.close()
            for streams in self._streams.values():
                for stream in streams:
                    stream.close()
