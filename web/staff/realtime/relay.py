"""What reaches the other workers.  With SQLite there are none; with PostgreSQL they hear each other
over LISTEN/NOTIFY.

The driver is pg8000 (BSD, pure Python): psycopg is LGPL, and the house rule is nothing under the
GPL family.  pg8000 reads notifications only while it reads answers, so the listening connection is
given a socket of our own (its public `sock` parameter) whose reads are never buffered ahead: the
thread sleeps in `select` on that socket, and asks for `SELECT 1` once it is readable.  Nothing is
polled.

A notification says only which events are new; the listener reads them from the table, so its size
does not matter (PostgreSQL's limit is 8,000 bytes).  An order to turn a lock is whole in it: it is
in no table.  Not for: the broker of one worker (`web.staff.realtime.broker`).
"""

from __future__ import annotations

import json
import logging
import secrets
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

import pg8000.exceptions
import pg8000.native
import sqlalchemy
from sqlalchemy import delete, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from web.staff.realtime.broker import Broker
from web.staff.storage import event_store, tables
from web.staff.storage.changes import Change
from web.staff.storage.database import CONNECT_TIMEOUT_S, Database, Tx

log = logging.getLogger(__name__)

CHANNEL = "tryggve"
STREAM_FRESH_S = 40
"""Seconds after which a home's stream at another worker counts as gone: two heartbeats and some."""
RECONNECT_S = 2.0
"""Seconds between tries to listen again."""
DROPPED_AT = 100
"""pg8000 keeps this many notifications and drops the oldest of more."""
ACCOUNTS_MAX = 500
"""Accounts in one notification (8,000 bytes); of more, everybody looks."""


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
    def stream_opened(self, home: str, stream: str) -> None: ...
    def stream_seen(self, home: str, stream: str) -> None: ...
    def stream_closed(self, stream: str) -> None: ...

    def listens(self, tx: Tx, home: str) -> bool:  # noqa: ARG002 - the relay's interface
        return self._broker.listens(home)

    def after_commit(self, tx: Tx) -> None:
        for order in tx.orders:
            order.reached = self._broker.give_order(order.home, order.grant)

    def drop_home(self, home: str) -> None:
        self._broker.drop_home(home)


class _Unbuffered:
    """A file over a socket that never reads more than it is asked for, so that `select` tells
    all."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._sock.recv(size - len(parts))
            if not part:
                break
            parts += part
        return bytes(parts)

    def write(self, data: bytes) -> int:
        self._sock.sendall(data)
        return len(data)

    def flush(self) -> None: ...
    def close(self) -> None: ...


class _Socket(socket.socket):
    """A socket whose file is unbuffered."""

    def makefile(self, *_args: Any, **_kwargs: Any) -> Any:
        return _Unbuffered(self)


def _dial(url: URL) -> _Socket:
    host, port = url.host or "localhost", url.port or 5432
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = addresses[0]
    sock = _Socket(family, kind, protocol)
    try:
        sock.settimeout(CONNECT_TIMEOUT_S)
        sock.connect(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError:
        sock.close()
        raise
    return sock


class PostgresRelay:
    """The relay of several workers: LISTEN/NOTIFY."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._db = database
        self._broker = broker
        self._me = secrets.token_hex(6)
        self._wake, self._woken = socket.socketpair()
        self._stopping = threading.Event()
        self.ready = threading.Event()
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

    def _tell(self, conn: sqlalchemy.Connection, what: Sequence[object]) -> None:
        payload = json.dumps([self._me, *what], separators=(",", ":"))
        conn.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload}
        )

    def before_commit(self, tx: Tx) -> None:
        for origin, home, first, last in _runs(tx.changes):
            self._tell(tx.conn, ["events", origin, home, first, last])
        if tx.look_again:
            accounts = sorted(tx.look_again) if len(tx.look_again) <= ACCOUNTS_MAX else None
            self._tell(tx.conn, ["look", accounts])
        for order in tx.orders:
            if not self._broker.listens(order.home) and self.listens(tx, order.home):
                self._tell(tx.conn, ["order", order.home, order.grant])
                order.reached = True

    def listens(self, tx: Tx, home: str) -> bool:
        if self._broker.listens(home):
            return True
        t = tables.home_stream
        fresh = datetime.now(UTC) - timedelta(seconds=STREAM_FRESH_S)
        query = sqlalchemy.select(t.c.id).where(t.c.home_id == home, t.c.seen_at > fresh)
        return tx.conn.execute(query).first() is not None

    def after_commit(self, tx: Tx) -> None:
        for order in tx.orders:
            # also one that went to another worker: the home may have come here meanwhile
            order.reached = self._broker.give_order(order.home, order.grant) or order.reached

    def stream_opened(self, home: str, stream: str) -> None:
        t = tables.home_stream
        with self._db.write() as tx:
            tx.conn.execute(delete(t).where(t.c.home_id == home))
            tx.conn.execute(t.insert().values(id=stream, home_id=home, seen_at=datetime.now(UTC)))
            self._tell(tx.conn, ["stream", home])

    def stream_seen(self, home: str, stream: str) -> None:  # noqa: ARG002 - the relay's interface
        t = tables.home_stream
        with self._db.write() as tx:
            tx.conn.execute(t.update().where(t.c.id == stream).values(seen_at=datetime.now(UTC)))

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
            except (OSError, pg8000.exceptions.Error, SQLAlchemyError) as error:
                self.ready.clear()
                if self._stopping.is_set():
                    return
                log.warning("listening to the database was cut: %s", type(error).__name__)
                lost = True
                self._stopping.wait(RECONNECT_S)

    def _listen(self, lost: bool) -> None:
        url = self._db.url
        sock = _dial(url)
        try:
            connection = pg8000.native.Connection(
                url.username or "", password=url.password, database=url.database, sock=sock
            )
            connection.run(f"LISTEN {CHANNEL}")
            if lost:
                self._broker.lost_track()
            self.ready.set()
            while not self._stopping.is_set():
                readable, _, _ = select.select([sock, self._woken], [], [])
                if self._woken in readable:
                    return
                connection.run("SELECT 1")
                self._drain(connection)
        finally:
            sock.close()

    def _drain(self, connection: pg8000.native.Connection) -> None:
        if len(connection.notifications) >= DROPPED_AT:
            connection.notifications.clear()
            self._broker.lost_track()
            return
        while connection.notifications:
            _, channel, payload = connection.notifications.popleft()
            if channel == CHANNEL:
                self._heard(json.loads(payload))

    def _heard(self, message: list[Any]) -> None:
        sender, what, *rest = message
        if sender == self._me:
            return
        if what == "events":
            self._broker.publish(self._read(*rest))
        elif what == "order":
            self._broker.give_order(*rest)
        elif what == "look":
            self._broker.look_again(*rest)
        elif what == "stream":
            self._keep_newest(*rest)

    def _keep_newest(self, home: str) -> None:
        """A stream of this home was opened or voided somewhere.  The table says which one counts: a
        message may come after a newer stream was opened here."""
        t = tables.home_stream
        with self._db.read() as conn:
            query = sqlalchemy.select(t.c.id).where(t.c.home_id == home)
            self._broker.keep_only(home, conn.execute(query).scalars().first())

    def _read(self, origin: str, home: str | None, first: int, last: int) -> list[Change]:
        """The changes that another worker told of: from the log, or still in the urgent lane."""
        changes: dict[int, Change] = {}
        with self._db.read() as conn:
            for t in (tables.urgent, tables.event):
                query = sqlalchemy.select(t.c.seq, t.c.kind, t.c.body, t.c.hash).where(
                    t.c.origin == origin, t.c.seq.between(first, last)
                )
                for row in conn.execute(query):
                    person = json.loads(row.body).get("person")
                    body = event_store.with_hash(row.body, bytes(row.hash))
                    changes[row.seq] = Change(home, origin, row.seq, row.kind, person, body)
        return [changes[seq] for seq in sorted(changes)]


def _runs(changes: list[Change]) -> Iterator[tuple[str, str | None, int, int]]:
    """Changes as runs of neighbouring numbers of one origin."""
    ordered = sorted(changes, key=lambda change: (change.origin, change.seq))
    numbered = enumerate(ordered)
    for _, group in groupby(numbered, key=lambda pair: (pair[1].origin, pair[1].seq - pair[0])):
        run = [change for _, change in group]
        yield run[0].origin, run[0].home, run[0].seq, run[-1].seq


def make_relay(database: Database, broker: Broker) -> Relay:
    """The relay that fits the database."""
    return PostgresRelay(database, broker) if database.postgres else OneWorker(broker)
