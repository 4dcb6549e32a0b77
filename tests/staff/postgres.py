"""A throw-away PostgreSQL for the tests: its own cluster in a temporary folder, on a socket of the
loopback, gone afterwards.

Not for: anything but tests (no durability unless it is asked for, trust authentication).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.ports import free_port
from tests.processes import children, halt, state, tell_each

START_TIMEOUT_S = 60


def programs() -> Path | None:
    """Debian's folder of the newest PostgreSQL's programs; None: not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return ["runuser", "-u", "postgres", "--"]


class Cluster:
    """A server on a port of its own, whose data are in `data`.  `durable`: as `cluster` has it."""

    def __init__(self, data: Path, *, durable: bool) -> None:
        folder = programs()
        assert folder is not None
        self._data, self._programs, self._port = data, folder, free_port()
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += " -c max_connections=200"
        self._options = options + ("" if durable else " -c fsync=off -c shared_buffers=32MB")
        self.url = f"postgresql://tryggve@127.0.0.1:{self._port}/"

    def make(self) -> None:
        """Its files, once."""
        self._run("initdb", "-D", str(self._data), "-U", "tryggve", "--auth=trust", "-N")

    def start(self) -> None:
        """Start it, also after it was killed: what it had told as done is there."""
        log = str(self._data / "log")
        self._control("-t", str(START_TIMEOUT_S), "-l", log, "-o", self._options, "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `immediate`, or `fast` as an operator does."""
        self._control("-m", how, "stop", check=False)

    def kill(self) -> None:
        """`kill -9` of the server and of all that it began."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        halt(pid)  # it begins no other while we look
        all_of_it = [pid, *children(pid)]
        tell_each(all_of_it)
        until_s = time.monotonic() + START_TIMEOUT_S
        while any(state(one) not in ("", "Z") for one in all_of_it):
            assert time.monotonic() < until_s, "PostgreSQL outlives its death"
            time.sleep(0.02)
        # a machine whose first process buries nobody keeps the dead one's number taken
        (self._data / "postmaster.pid").unlink()

    def _control(self, *words: str, check: bool = True) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", *words, check=check)

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        subprocess.run(
            [*_as_user(), str(self._programs / program), *words],
            check=check,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            cwd="/tmp",
        )


@contextmanager
def running(*, durable: bool = False) -> Iterator[Cluster]:
    """A server that can be killed and started again."""
    with tempfile.TemporaryDirectory(prefix="tryggve-pg-", dir="/tmp") as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        if os.geteuid() == 0:
            Path(temporary).chmod(0o755)
            shutil.chown(data, "postgres")
        made = Cluster(data, durable=durable)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """The URL of a running server without its database name: `postgresql://…:PORT/`.  `durable`: a
    commit is on the disk when it is told, and the settings are PostgreSQL's own, as where it is in
    earnest."""
    with running(durable=durable) as made:
        yield made.url


def connected(url: str) -> psycopg.Connection:
    """A connection beside the server's, of which each statement stands alone."""
    return psycopg.connect(url, autocommit=True, connect_timeout=START_TIMEOUT_S)


def everybody(url: str) -> list[int]:
    """The processes of a server: the first, and all that it began."""
    with connected(f"{url}postgres") as connection:
        ((me,),) = connection.execute("SELECT pg_backend_pid()")
        # while it is there
        first = int(Path(f"/proc/{me}/stat").read_text().rpartition(")")[2].split()[1])
    return [first, *children(first)]


def make_database(url: str, name: str, template: str = "template0") -> str:
    """Make a database in the cluster; returns its URL."""
    with connected(url + "postgres") as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return url + name


FIRST_ID = 100_003
"""What the first row of the first table that is counted gets; the next table begins as far from it
as this is from nought.  In earnest no test knows a number before it asked for it: whatever was
tried before used some up.  Beyond what `tests/staff/many_homes.py` gives out itself."""

FAR_APART = """
DO $$
DECLARE
    name regclass;
    at bigint := {first};
BEGIN
    FOR name IN SELECT seqrelid FROM pg_sequence JOIN pg_class ON oid = seqrelid ORDER BY relname
    LOOP
        EXECUTE format('ALTER SEQUENCE %s START %s RESTART', name, at);
        at := at + {first};
    END LOOP;
END $$
"""


def far_apart(url: str) -> None:
    """Let each table of a database count from a number of its own (also once it was emptied), so
    that no test takes one for another, or finds a row by 1."""
    with connected(url) as connection:
        connection.execute(FAR_APART.format(first=FIRST_ID))


LOCK_TIMEOUT_S = 60
"""How long to wait for a connection that an earlier test left in a transaction."""


LARGE_BYTES = 1_000_000
"""Where a table's file has more, all are made anew: rows that were taken out stay in it."""

EMPTY = """
DO $$
DECLARE
    name regclass;
    used boolean;
BEGIN
    LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE;
    SET LOCAL session_replication_role = replica;
    FOREACH name IN ARRAY ARRAY[{texts}]::regclass[] LOOP
        IF pg_relation_size(name) > {large} THEN
            TRUNCATE {names} RESTART IDENTITY CASCADE;
            RETURN;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO used;
        IF used THEN EXECUTE format('DELETE FROM %s', name); END IF;
    END LOOP;
    FOR name IN
        SELECT seqrelid FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
    LOOP
        EXECUTE format('ALTER SEQUENCE %s RESTART', name);
    END LOOP;
END $$
"""
"""Whatever has rows loses them, past every trigger and key; whatever was counted begins anew.
`TRUNCATE` of all would make each table's files anew, which costs a tenth of a second."""


def emptied(url: str, tables: list[str]) -> str:
    """Empty these tables (quicker than a database for each test); returns the URL."""
    names = [f'"{table}"' for table in tables]
    texts = ", ".join(f"'{name}'" for name in names)
    with connected(url) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        connection.execute(EMPTY.format(names=", ".join(names), texts=texts, large=LARGE_BYTES))
    return url
