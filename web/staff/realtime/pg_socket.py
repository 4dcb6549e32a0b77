"""A socket for pg8000 that is never read ahead, so that `select` on it tells whether anything came.

Not for: what is said over it (`web.staff.realtime.relay`).
"""

from __future__ import annotations

import socket
from typing import Any

from sqlalchemy.engine import URL

from web.staff.storage.database import CONNECT_TIMEOUT_S


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


def dial(url: URL) -> socket.socket:
    """A connected socket to the database's server.  Raises `OSError`."""
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
