"""A throw-away PostgreSQL for the tests: its own cluster in a temporary folder, on a socket of the
loopback, gone afterwards.

Not for: anything but tests (no durability unless it is asked for, trust authentication).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native

from tests.ports import free_port

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


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """The URL of a running server without its database name: `postgresql://…:PORT/`.  `durable`: a
    commit is on the disk when it is told, and the settings are PostgreSQL's own, as where it is in
    earnest."""
    folder = programs()
    assert folder is not None
    with tempfile.TemporaryDirectory(prefix="tryggve-pg-", dir="/tmp") as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        if os.geteuid() == 0:
            Path(temporary).chmod(0o755)
            shutil.chown(data, "postgres")
        run = [*_as_user()]
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        subprocess.run(
            [*run, str(folder / "initdb"), "-D", str(data), "-U", "tryggve", "--auth=trust", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd="/tmp",
        )
        port = free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += " -c max_connections=200"
        options += "" if durable else " -c fsync=off -c shared_buffers=32MB"
        control = [*run, str(folder / "pg_ctl"), "-D", str(data), "-w"]
        subprocess.run(
            [*control, "-t", str(START_TIMEOUT_S), "-l", str(data / "log"), "-o", options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd="/tmp",
        )
        try:
            yield f"postgresql://tryggve@127.0.0.1:{port}/"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"],
                check=False,
                stdout=subprocess.DEVNULL,
                env=environment,
                cwd="/tmp",
            )


def make_database(url: str, name: str, template: str = "template0") -> str:
    """Make a database in the cluster; returns its URL."""
    port = int(url.rsplit(":", 1)[1].rstrip("/"))
    connection = pg8000.native.Connection(
        "tryggve", host="127.0.0.1", port=port, database="postgres"
    )
    try:
        connection.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        connection.close()
    return url + name


LOCK_TIMEOUT_S = 20
"""How long to wait for a connection that an earlier test left in a transaction."""


def emptied(url: str, tables: list[str]) -> str:
    """Empty these tables (quicker than a database for each test); returns the URL."""
    address, _, name = url.rpartition("/")
    port = int(address.rsplit(":", 1)[1])
    connection = pg8000.native.Connection("tryggve", host="127.0.0.1", port=port, database=name)
    try:
        connection.run(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        names = ", ".join(f'"{table}"' for table in tables)
        connection.run(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    finally:
        connection.close()
    return url
