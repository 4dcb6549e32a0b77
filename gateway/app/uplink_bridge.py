"""Between the uplink's threads and the engine's loop: what the link reads of the log, and what it
brings.

Not for: how the link works (`gateway.link`), or what an order means (`gateway.doors.orders`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from gateway.engine.engine import HANG_S, PULSE_S, Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import of_kinds
from gateway.engine.log_rest import Rest
from gateway.errors import LinkDown, LinkError, LinkRefused, LogUnwritable
from gateway.events import KINDS
from gateway.link.uplink import Uplink, UplinkCallbacks, UrgentEvent
from gateway.link.urgent_lane import is_alarm
from gateway.wire import (
    CallOrder,
    CallSignal,
    HeardSignal,
    LookOrder,
    LookSignal,
    PictureTaken,
)

log = logging.getLogger(__name__)

KEEP_S = HANG_S + 2 * PULSE_S
"""Seconds that the server's decisions may take to be kept; then they are asked for again.  On a
disk that hangs the log goes on in memory before that, and the order that comes after them, which is
given once, is still read."""


ALARM_KINDS = tuple(kind for kind, cls in KINDS.items() if cls.URGENT and is_alarm(kind))
"""What somebody may need help by."""


READ_TRIES = 5
"""How often the log is read in vain before it is set aside: the pauses between two tries grow, so
that this is some ten seconds.  A card that is busy answers within them."""

_T = TypeVar("_T")


class LogOutbox:
    """What the uplink sees of the log in use, also after another has taken its place: an `Outbox`
    of `gateway.link.link_state`.

    A block that the card does not give back would hold up all that is newer, and the server would
    call the home silent: after `READ_TRIES` the log is set aside, as a start does."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the engine's."""
        self._engine, self._loop = engine, loop
        self._failed = 0

    def origin(self) -> str:
        """See `Outbox`."""
        return self._engine.log.origin

    def head(self) -> int:
        """See `Outbox`."""
        return self._engine.log.durable

    def pending(self, after: int, limit: int) -> Sequence[bytes]:
        """See `Outbox`."""
        return self._read(lambda used: used.pending(after, limit))

    def forwarded(self) -> int:
        """See `Outbox`."""
        return self._engine.log.forwarded()

    def place(self) -> tuple[str, int]:
        """See `Outbox`."""
        log = self._engine.log
        return log.origin, log.forwarded()

    def mark_forwarded(self, origin: str, seq: int) -> None:
        """See `Outbox`."""
        log = self._engine.log
        if log.origin == origin:
            log.mark_forwarded(seq)

    def rest(self, limit: int) -> Rest | None:
        """See `Outbox`."""
        return self._read(lambda used: used.rests.next(limit))

    def _read(self, what: Callable[[EventLog], _T]) -> _T:
        used = self._engine.log
        try:
            found = what(used)
        except sqlite3.Error as error:
            self._failed += 1
            if self._failed >= READ_TRIES:
                self._failed = 0
                why = f"the disk does not give back the log: {error}"
                with suppress(RuntimeError):  # the loop is closed: the home is going down
                    self._loop.call_soon_threadsafe(self._begin_anew, used, why)
            raise
        self._failed = 0
        return found

    def _begin_anew(self, used: EventLog, why: str) -> None:
        if self._engine.log is used:
            self._engine.begin_anew(why)

    def mark_rest(self, origin: str, seq: int) -> None:
        """See `Outbox`."""
        self._engine.log.rests.mark(origin, seq)

    def down_have(self) -> int:
        """See `Outbox`."""
        return self._engine.down_have or 0

    def alarms(self) -> Sequence[UrgentEvent]:
        """See `Outbox`."""
        used = self._engine.log
        try:
            rows = of_kinds(used.path, used.forwarded(), ALARM_KINDS)
        except sqlite3.Error as error:  # the batch lane brings them, when the disk lets it
            log.warning("unsent alarms cannot be read: %s", error)
            return ()
        return [UrgentEvent(used.origin, *row) for row in rows]


def callbacks(
    engine: Engine,
    loop: asyncio.AbstractEventLoop,
    *,
    order: Callable[[str, bool], Coroutine[Any, Any, None]],
    call: Callable[[CallOrder, bool], Coroutine[Any, Any, None]],
    look: Callable[[LookOrder, bool], Coroutine[Any, Any, None]],
    spawn: Callable[[Coroutine[Any, Any, None]], Any],
    on_server_time: Callable[[float], None],
    on_confirmed: Callable[[Sequence[tuple[str, int]]], None],
    on_receivers: Callable[[str], None],
    on_centre: Callable[[str], None],
    on_listen: Callable[[str], None],
) -> UplinkCallbacks:
    """What the uplink calls in its threads; the work is done in `loop`.  `order` carries out a
    grant, `call` and `look` what is said about a call and a look, in a task that `spawn` keeps (not
    True: it is not understood, which they tell);
    `on_confirmed`, `on_receivers`, `on_centre` and `on_listen` are called in `loop`."""

    def decided(objs: list[dict[str, Any]]) -> None:
        waiting = asyncio.run_coroutine_threadsafe(engine.receive(objs, KEEP_S), loop)
        try:
            waiting.result(KEEP_S + 1)
        except TimeoutError as error:
            waiting.cancel()
            raise LogUnwritable("the engine did not answer") from error

    def carry_out(token: str) -> None:
        loop.call_soon_threadsafe(lambda: spawn(order(token, True)))

    def about_a_call(order: CallOrder) -> None:
        loop.call_soon_threadsafe(lambda: spawn(call(order, True)))

    def about_a_look(order: LookOrder) -> None:
        loop.call_soon_threadsafe(lambda: spawn(look(order, True)))

    def unread(what: str, said: dict[str, Any]) -> None:
        begins = said.get("what") == "begin"  # what goes on goes on without what is not understood
        permit = said.get("permit")
        session, token = str(said.get(what))[:64], permit if isinstance(permit, str) else ""
        if what == "turn":
            loop.call_soon_threadsafe(lambda: spawn(order(str(said.get("grant")), False)))
        elif what == "call" and begins:
            unread_call = CallOrder(what="begin", call=session, permit=token[:2_000])
            loop.call_soon_threadsafe(lambda: spawn(call(unread_call, False)))
        elif what == "look" and begins:
            unread_look = LookOrder(what="begin", look=session, permit=token[:2_000])
            loop.call_soon_threadsafe(lambda: spawn(look(unread_look, False)))

    def in_loop(call: Callable[[Any], None], given: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the home is going down
            loop.call_soon_threadsafe(call, given)

    def begin_anew(why: str) -> None:
        loop.call_soon_threadsafe(engine.begin_anew, why)

    return UplinkCallbacks(
        on_decided=decided,
        on_lock_order=carry_out,
        on_call_order=about_a_call,
        on_look_order=about_a_look,
        on_unread_order=unread,
        on_server_time=on_server_time,
        on_server_ahead=lambda have: begin_anew(f"the server has {have} events of it"),
        on_chain_broken=lambda: begin_anew("the server's copy has another chain"),
        on_confirmed=lambda events: in_loop(on_confirmed, events),
        on_receivers=lambda token: in_loop(on_receivers, token),
        on_centre=lambda token: in_loop(on_centre, token),
        on_listen_order=lambda token: in_loop(on_listen, token),
    )


SIGNAL_TRIES = 3
"""How often the server is told something about a call or a look: after that the page has given up,
and the events say how it ended."""

SIGNAL_PAUSE_S = 0.5
"""Seconds between two tries."""


NEVER = frozenset({400, 404, 413, 422})
"""Answers that stay the same however often it is said: an older server does not understand it, or
the page is gone.  What is said next does not wait for it."""


class Signaller:
    """Tells the server about calls and looks, in order; a server that is away is told by events
    later."""

    def __init__(self, uplink: Callable[[], Uplink | None]) -> None:
        self._uplink = uplink
        self._in_order = asyncio.Lock()

    async def tell(self, signal: CallSignal | LookSignal | HeardSignal) -> None:
        """Say it now, or not at all."""
        uplink = self._uplink()
        if uplink is None:
            return
        async with self._in_order:
            for _ in range(SIGNAL_TRIES):
                try:
                    await asyncio.to_thread(uplink.signals.say, signal)
                    return
                except LinkError as error:
                    log.info("nothing is signalled", extra={"why": error.text})
                    if isinstance(error, LinkRefused) and error.is_ours and error.status in NEVER:
                        return
                    await asyncio.sleep(SIGNAL_PAUSE_S)

    async def picture(self, look: str, number: int, sealed: bytes) -> PictureTaken:
        """Hand over a sealed picture, now or never.  Raises `LinkError`."""
        uplink = self._uplink()
        if uplink is None:
            raise LinkDown("this home has no server")
        return await asyncio.to_thread(uplink.signals.picture, look, number, sealed)
