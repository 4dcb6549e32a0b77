"""What reaches the other workers.  With SQLite there are none; with PostgreSQL they hear each other
over LISTEN/NOTIFY.

The listening thread sleeps in `poll` on its connection's socket, and takes what came: however many
come at once, nothing is thrown away.  When nothing came for a while it asks the server whether it
is there, for one that hangs says nothing either.

A notification says only which events are new; the listener reads them from the table, so their size
does not matter (PostgreSQL's limit is 8,000 bytes).

An order for now (to turn a lock, of a call or a look) is whole in a notification, and in no table.
Who sends it waits for the word of the worker that has the home's stream, and takes the order back
when none comes: a row of `lock_order` is deleted by the one or by the other, so an order told as
not arrived is not given any more.  Not for: one worker's broker (`web.staff.realtime.broker`).
"""

from __future__ import annotations

import json
import logging
import secrets
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
import sqlalchemy
from sqlalchemy import and_, delete, or_
from sqlalchemy.exc import SQLAlchemyError

from web.staff.realtime.broker import Broker
from web.staff.realtime.notifications import NOTIFY, OPENED, Run, dumped, said_of
from web.staff.storage import event_store, tables
from web.staff.storage.among import among
from web.staff.storage.changes import Change, LockOrder, ManyChanges
from web.staff.storage.database import Database, Tx
from web.staff.storage.pg_connection import CONNECT_TIMEOUT_S, OneJourney, connected

log = logging.getLogger(__name__)

CHANNEL = "tryggve"
STREAM_FRESH_S = 40
"""Seconds after which a home's stream at another worker counts as gone: two heartbeats and some."""
SEEN_EVERY_S = 5.0
"""Seconds between two notes of which homes' streams are open: of a thousand homes 67 tell so each
second, and each note costs a commit.  One that is noted by another's heartbeat is 30 s old at the
most."""
RECONNECT_S = 2.0
"""Seconds between tries to listen again."""
QUIET_S = 30.0
"""Seconds without a notification after which the server is asked whether it is there: homes'
heartbeats come oftener than that, and to ask costs one journey."""
ACCOUNTS_MAX = 500
"""Accounts in one notification; of more, everybody looks."""
RUNS_AT_ONCE = 400
"""Runs of new events that are read for the screens; of more at once the screens load anew."""
TAKEN_WITHIN_S = 2.0
"""Seconds within which another worker takes an order: some 20 ms when it is well, and one that
comes later finds somebody who has been told that nothing happened."""
TICKET_KEPT_S = 60.0
"""Seconds after which what an order left behind is cleared away (its transaction failed, or its
worker died): as long as a grant lives."""


class Relay(Protocol):
    """Reaches screens and homes at all workers."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """End listening."""

    def before_commit(self, tx: Tx) -> None:
        """Have the other workers told of `tx.changes` and `tx.look_again`, and given `tx.orders`,
        when it commits."""

    def after_commit(self, tx: Tx) -> None:
        """Give `tx.orders` to the homes' streams, and note which of them reached one."""

    def in_doubt(self) -> None:
        """A commit's answer was lost: if it was committed for all that, its changes are told."""

    def listens(self, tx: Tx, home: str) -> bool:
        """Whether a stream of this home is open at any worker."""

    def stream_opened(self, home: str, stream: str) -> None:
        """A home listens here now: older streams of it, anywhere, end."""

    def stream_seen(self, home: str, stream: str) -> None:
        """A home's stream is still open (at each heartbeat)."""

    def stream_closed(self, stream: str) -> None:
        """A home's stream ended."""

    def drop_home(self, home: str) -> None:
        """End all streams of a home: its key became void."""


class OneWorker:
    """The relay of a server with one process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def before_commit(self, tx: Tx) -> None: ...
    def in_doubt(self) -> None: ...
    def stream_opened(self, home: str, stream: str) -> None: ...
    def stream_seen(self, home: str, stream: str) -> None: ...
    def stream_closed(self, stream: str) -> None: ...

    def listens(self, tx: Tx, home: str) -> bool:  # noqa: ARG002 - the relay's interface
        return self._broker.listens(home)

    def after_commit(self, tx: Tx) -> None:
        for order in tx.orders:
            order.reached = self._broker.give_order(order.home, order.grant, order.what)

    def drop_home(self, home: str) -> None:
        self._broker.drop_home(home)


@dataclass(eq=False, slots=True)
class _Waiting:
    """Who waits for the word of another worker about an order."""

    since_s: float
    told: threading.Event = field(default_factory=threading.Event)
    given: bool = True
    """What it said; until then: whoever takes an order gives it."""


class PostgresRelay:
    """The relay of several workers: LISTEN/NOTIFY."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._db = database
        self._broker = broker
        self._me = secrets.token_hex(6)
        self._wake, self._woken = socket.socketpair()
        self._stopping = threading.Event()
        self.ready = threading.Event()
        self._waiting: dict[str, _Waiting] = {}
        self._seen: set[str] = set()
        self._seen_lock = threading.Lock()
        self._seen_noted_s = -SEEN_EVERY_S
        self._thread = threading.Thread(target=self._run, name="tryggve-listen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.send(b"x")
        if self._thread.is_alive():
            self._thread.join(CONNECT_TIMEOUT_S)
        self._wake.close()
        self._woken.close()

    # --- telling

    def _tell(self, conn: sqlalchemy.Connection, *said: Sequence[object]) -> None:
        """Tell the other workers: one statement, however much is said."""
        payloads = [dumped([self._me, *what]) for what in said]
        conn.execute(NOTIFY, {"channel": CHANNEL, "payloads": json.dumps(payloads)})

    def before_commit(self, tx: Tx) -> None:
        if tx.changes:
            self._tell(tx.conn, *said_of(tx.told()))
        if tx.look_again:
            accounts = sorted(tx.look_again) if len(tx.look_again) <= ACCOUNTS_MAX else None
            self._tell(tx.conn, ["look", accounts])
        for order in tx.orders:
            if not self._broker.listens(order.home) and self.listens(tx, order.home):
                self._send(tx, order)

    def _send(self, tx: Tx, order: LockOrder) -> None:
        """Give an order to the worker that has the home's stream, under a ticket."""
        now, now_s = datetime.now(UTC), time.monotonic()
        for old, waiting in list(self._waiting.items()):
            if now_s - waiting.since_s > TICKET_KEPT_S:
                self._waiting.pop(old, None)
        t = tables.lock_order
        tx.conn.execute(delete(t).where(t.c.made_at < now - timedelta(seconds=TICKET_KEPT_S)))
        order.ticket = secrets.token_hex(16)
        self._waiting[order.ticket] = _Waiting(now_s)
        values = {"id": order.ticket, "home_id": order.home, "made_at": now}
        tx.conn.execute(t.insert().values(values))
        self._tell(tx.conn, [_SAID[order.what], order.home, order.ticket, order.grant])

    def listens(self, tx: Tx, home: str) -> bool:
        if self._broker.listens(home):
            return True
        t = tables.home_stream
        fresh = datetime.now(UTC) - timedelta(seconds=STREAM_FRESH_S)
        query = sqlalchemy.select(t.c.id).where(t.c.home_id == home, t.c.seen_at > fresh)
        return tx.conn.execute(query).first() is not None

    def after_commit(self, tx: Tx) -> None:
        for order in tx.orders:
            if order.ticket is None:
                order.reached = self._broker.give_order(order.home, order.grant, order.what)
            else:
                order.reached = self._was_taken(order, order.ticket)

    def in_doubt(self) -> None:
        # what was said under the former name is heard as another worker's; twice does no harm
        self._me = secrets.token_hex(6)

    def _was_taken(self, order: LockOrder, ticket: str) -> bool:
        """Wait for the other worker's word; without one the order is taken back, and given here if
        the home has come here meanwhile.  False only where it certainly never will be given."""
        waiting = self._waiting[ticket]
        try:
            if waiting.told.wait(TAKEN_WITHIN_S):
                return waiting.given
            if self._take(ticket):
                return self._broker.give_order(order.home, order.grant, order.what)
            return waiting.given  # it was taken, and the word is late
        except SQLAlchemyError as error:
            # it may still be given: nobody knows, so nobody is told that nothing happened
            log.warning("an order could not be taken back: %s", type(error).__name__)
            return True
        finally:
            self._waiting.pop(ticket, None)

    def _take(self, ticket: str) -> bool:
        """Whether the order is ours from now on: one of all that ask for it is told so."""
        t = tables.lock_order
        with self._db.write() as tx:
            return tx.conn.execute(delete(t).where(t.c.id == ticket)).rowcount == 1

    def _take_for(self, what: str, home: str, ticket: str, grant: str) -> None:
        """An order came for a home that may listen here."""
        if self._broker.listens(home) and self._take(ticket):
            given = self._broker.give_order(home, grant, what)
            with self._db.write() as tx:
                self._tell(tx.conn, ["taken", ticket, given])

    def stream_opened(self, home: str, stream: str) -> None:
        said = dumped([self._me, "stream", home])
        given = {"id": stream, "home": home, "at": datetime.now(UTC)}
        with self._db.write() as tx:
            tx.conn.execute(OPENED, {**given, "channel": CHANNEL, "said": said})

    def stream_seen(self, home: str, stream: str) -> None:  # noqa: ARG002 - the relay's interface
        t = tables.home_stream
        with self._seen_lock:
            self._seen.add(stream)
            now_s = time.monotonic()
            if now_s - self._seen_noted_s < SEEN_EVERY_S:
                return  # the next one's heartbeat notes it
            self._seen_noted_s = now_s
            seen, self._seen = self._seen, set()
        with self._db.write() as tx:
            tx.conn.execute(t.update().where(among(t.c.id, seen)).values(seen_at=datetime.now(UTC)))

    def stream_closed(self, stream: str) -> None:
        t = tables.home_stream
        with self._db.write() as tx:
            tx.conn.execute(delete(t).where(t.c.id == stream))

    def drop_home(self, home: str) -> None:
        self._broker.drop_home(home)
        t = tables.home_stream
        with self._db.write() as tx:
            tx.conn.execute(delete(t).where(t.c.home_id == home))
            self._tell(tx.conn, ["stream", home])

    # --- hearing

    def _run(self) -> None:
        lost = False
        while not self._stopping.is_set():
            try:
                self._listen(lost)
            except Exception as error:  # the edge: a listener that ended would be deaf for good
                self.ready.clear()
                if self._stopping.is_set():
                    return
                known = isinstance(error, OSError | psycopg.Error | SQLAlchemyError)
                log.warning(
                    "listening to the database was cut: %s",
                    type(error).__name__,
                    exc_info=None if known else error,
                )
                lost = True
                self._stopping.wait(RECONNECT_S)

    def _listen(self, lost: bool) -> None:
        connection = connected(self._db.url)
        try:
            connection.listen(CHANNEL)
            if lost:
                self._broker.lost_track()
            self.ready.set()
            self._drain(connection)  # what came with the answer is not in the socket any more
            said = select.poll()  # not `select`, which knows no socket from the 1,024th on
            for line in (connection, self._woken):
                said.register(line, select.POLLIN)
            while not self._stopping.is_set():
                heard = said.poll(QUIET_S * 1000)
                if any(number == self._woken.fileno() for number, _ in heard):
                    return
                if not heard:
                    connection.ask("SELECT 1")
                self._drain(connection)
        finally:
            connection.close()

    def _drain(self, connection: OneJourney) -> None:
        """Act on all that came: what somebody waits for first, then the events, read together."""
        runs: list[Run] = []
        for said in connection.notified():
            if said.channel == CHANNEL:
                runs += self._understood(said.payload)
        if len(runs) > RUNS_AT_ONCE:
            self._broker.lost_track()
        elif runs:
            self._broker.publish(self._read(runs))

    def _understood(self, payload: str) -> list[Run]:
        """Act on one notification.  One that another version words otherwise is told in a line, and
        the screens load anew: it may have told of something that they show."""
        try:
            return self._heard(json.loads(payload))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.warning("another worker said what this version does not understand: %r", error)
            self._broker.lost_track()
            return []

    def _heard(self, message: list[Any]) -> list[Run]:
        """Act on one message; the runs of events that it tells of are the caller's."""
        sender, what, *rest = message
        if sender == self._me:
            return []
        if what == "events":
            return [(origin, home, first, last) for origin, home, first, last in rest[0]]
        if what == "many":
            kind, person, decided, homes = rest
            self._broker.publish([ManyChanges(kind, frozenset(homes), person, decided)])
        elif what in _SAID.values():
            self._take_for(*(meant for meant, said in _SAID.items() if said == what), *rest)
        elif what == "taken":
            self._was_told(*rest)
        elif what == "look":
            self._broker.look_again(*rest)
        elif what == "stream":
            self._keep_newest(*rest)
        else:
            log.info("another worker told of %r, which this version does not know", what)
        return []

    def _was_told(self, ticket: str, given: bool) -> None:
        waiting = self._waiting.get(ticket)
        if waiting is not None:
            waiting.given = given
            waiting.told.set()

    def _keep_newest(self, home: str) -> None:
        """A stream of this home was opened or voided somewhere.  The table says which one counts: a
        message may come after a newer stream was opened here."""
        t = tables.home_stream
        with self._db.read() as conn:
            query = sqlalchemy.select(t.c.id).where(t.c.home_id == home)
            self._broker.keep_only(home, conn.execute(query).scalars().first())

    def _read(self, runs: Sequence[Run]) -> list[Change]:
        """The changes that other workers told of: from the log, or still in the urgent lane."""
        changes: dict[tuple[str, int], Change] = {}
        with self._db.read() as conn:
            for t in (tables.urgent, tables.event):
                told = (
                    and_(t.c.origin == origin, t.c.seq.between(first, last))
                    for origin, _, first, last in runs
                )
                query = sqlalchemy.select(
                    t.c.origin, t.c.home_id, t.c.seq, t.c.kind, t.c.body, t.c.hash
                )
                for row in conn.execute(query.where(or_(*told))):
                    person = event_store.person_in(row.body)
                    body = event_store.with_hash(row.body, bytes(row.hash))
                    changes[row.origin, row.seq] = Change(
                        row.home_id, row.origin, row.seq, row.kind, person, body
                    )
        return [changes[at] for at in sorted(changes)]


_SAID = {"turn": "order", "call": "call", "look": "peek", "listen": "listen"}  # `look` says more


def make_relay(database: Database, broker: Broker) -> Relay:
    """The relay that fits the database."""
    return PostgresRelay(database, broker) if database.postgres else OneWorker(broker)
