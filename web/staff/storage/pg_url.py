"""PostgreSQL's address in the setting `database`, as every version has taken it.

In 0.1 the driver was pg8000: settings that name it, or say what only it knew, go on to work.
Not for: what stands in the address for libpq (its manual, "Parameter Key Words"), which gets it as
it is.
"""

from __future__ import annotations

from pathlib import PurePath

from sqlalchemy.engine import URL

POSTGRES = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+pg8000")
"""What such an address begins with."""

DRIVER = "postgresql+psycopg"

_SOCKET = "unix_sock"
_FORMER = (_SOCKET, "timeout", "tcp_keepalive")
"""What pg8000 knew and libpq does not; the last two are what they are for everybody."""


def postgres_url(url: URL) -> URL:
    """The address as SQLAlchemy and libpq take it."""
    socket = url.query.get(_SOCKET)
    url = url.set(drivername=DRIVER).difference_update_query(_FORMER)
    if isinstance(socket, str):  # "/run/postgresql/.s.PGSQL.5432": its folder, and its number
        path = PurePath(socket)
        url = url.update_query_dict({"host": str(path.parent), "port": path.suffix[1:]})
    return url
