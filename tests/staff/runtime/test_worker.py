"""Requests are read a few at a time, whoever may need help first."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from tests.ports import free_port
from tests.staff.server import Process
from web.staff.core.config import StaffConfig
from web.staff.runtime.worker import DEFER_S, Entry, Line, _all_there, _line_of

MANY = 24
"""Lines of each kind: held up for two seconds one after the other, nobody is answered in time."""

ANSWERED_S = 60.0
"""Seconds that an answer may take on a slow machine."""


def test_who_may_need_help_is_read_first_and_nobody_is_forgotten() -> None:
    """While all places are taken: what is urgent before everything else, however late it comes;
    pages and homes by turns, each in the order in which they came."""
    entry = Entry(at_once=1)
    begun: list[str] = []

    def come(name: str, line: Line) -> None:
        entry.come(lambda: begun.append(name), lambda: line)

    come("first", Line.HOME)
    for number in range(3):
        come(f"home {number}", Line.HOME)
    for number in range(2):
        come(f"page {number}", Line.SCREEN)
    come("alarm", Line.URGENT)
    while (before := len(begun)) < 7:
        entry.entered()
        entry.leave()
        entry.leave()  # who has no place lets nobody in
        assert len(begun) == before + 1
    assert begun == ["first", "alarm", "page 0", "home 0", "page 1", "home 1", "home 2"]


def test_a_place_that_nobody_wants_is_free() -> None:
    """And as many are read at once as there are places, again and again."""
    entry = Entry(at_once=2)
    begun: list[int] = []
    for number in range(3):
        entry.come(lambda number=number: begun.append(number), lambda: Line.HOME)
    assert begun == [0, 1]
    for _ in range(3):
        entry.entered()
        entry.leave()
    assert begun == [0, 1, 2]
    for number in (3, 4, 5):
        entry.come(lambda number=number: begun.append(number), lambda: Line.HOME)
    assert begun == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("said", "line", "all_there"),
    [
        (b"POST /api/v1/home/urgent HTTP/1.1\r\nHost: x\r\n\r\n{}", Line.URGENT, True),
        (b"POST /larm/ta HTTP/1.1\r\nHost: x\r\n", Line.URGENT, False),
        (b"POST /pass/h1/las HTTP/1.1\r\n\r\n", Line.URGENT, True),
        (b"GET /nu?fragment=1 HTTP/1.1\r\n\r\n", Line.SCREEN, True),
        (b"GET /live HTTP/1.1\r\n\r\n", Line.SCREEN, True),
        (b"GET /api/v1/home/stream HTTP/1.1\r\n\r\n", Line.HOME, True),
        (b"POST /api/v1/home/events HTTP/1.1\r\nContent-Length: 9\r\n\r\n", Line.HOME, True),
        (b"GET", Line.HOME, False),
        (b"\xff \xff \xff", Line.SCREEN, False),
        (b"", Line.HOME, False),
    ],
)
def test_where_a_request_waits(said: bytes, line: Line, all_there: bool) -> None:
    """Told by what is there of it, which stays there."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        assert _line_of(ours) is line
        assert _all_there(ours) is all_there
        assert said == (ours.recv(1000) if said else b"")


@pytest.fixture
def server(config: StaffConfig, tmp_path: Path) -> Iterator[Process]:
    """A real one."""
    path = tmp_path / "staff.toml"
    path.write_text(
        f'database = "{config.database}"\nsecrets_dir = "secrets"\nsecure_cookies = false\n'
        "[listen]\nhomes = 4\nscreens = 8\n"
    )
    process = Process(path, free_port(), tmp_path / "log")
    yield process
    process.kill()


def half(line: socket.socket) -> None:
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")


def stays(line: socket.socket) -> None:
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def nothing(line: socket.socket) -> None:
    """Whoever connects and says nothing yet."""


@pytest.mark.slow
def test_whoever_dawdles_holds_up_nobody(server: Process) -> None:
    """Half a request, an answer after which the other end does not close, and silence, each from
    many: the next is answered; and so are they, when they say the rest."""
    port = int(server.url.rpartition(":")[2])
    lines: list[tuple[Callable[[socket.socket], None], socket.socket]] = []
    ways: tuple[Callable[[socket.socket], None], ...] = (half, stays, nothing)
    for says in ways:
        for _ in range(MANY):
            line = socket.create_connection(("127.0.0.1", port), timeout=ANSWERED_S)
            says(line)
            lines.append((says, line))
    began_s = time.monotonic()
    pool = urllib3.PoolManager(retries=False, timeout=ANSWERED_S)
    assert pool.request("GET", f"{server.url}/healthz").status == 200
    # gunicorn waits two seconds for each that does not close, and did so one after the other
    assert time.monotonic() - began_s < MANY * 2.0 / 2
    time.sleep(max(0.0, DEFER_S + 0.5 - (time.monotonic() - began_s)))
    for says, line in lines:
        if says is not stays:
            line.sendall(b"GET /healthz HTTP/1.1\r\n" if says is nothing else b"host\r\n")
            line.sendall(b"Host: localhost\r\n\r\n" if says is nothing else b"\r\n")
            assert line.recv(12) == b"HTTP/1.1 200"
        line.close()
