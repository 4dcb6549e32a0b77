"""Passwords are hashed a few at a time: a crowd waits a little, or is told to come again, and the
server stays quick and small."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask import Flask
from flask.testing import FlaskClient

from tests.ports import free_port
from tests.processes import children
from tests.staff import cheap
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import sign_in
from tests.staff.server import Process
from tests.staff.signin.test_second_factor import token_in
from web.staff.core.config import StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.signin import failed_attempts, hashing
from web.staff.signin.hashing import Busy, Turns
from web.staff.storage import tables

BURST = 80
"""Sign-ins at once: what took 1.2 GB, and `/healthz` 14 s."""


def test_a_few_at_a_time_in_their_order() -> None:
    """Never more than that, nobody twice, and who came first goes first."""
    turns = Turns(lambda: 1000, at_once=2, wait_s=60)
    order: list[int] = []
    lock, running, most = threading.Lock(), 0, 0
    inside, go = threading.Semaphore(0), threading.Semaphore(0)

    def one(number: int) -> None:
        nonlocal running, most
        with turns.turn(), turns.turn():  # who has a turn needs no second
            with lock:
                running += 1
                order.append(number)
                most = max(most, running)
            inside.release()
            assert go.acquire(timeout=60)
            with lock:
                running -= 1

    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
        if number < 2:
            assert inside.acquire(timeout=60)
        else:
            until = time.monotonic() + 60
            while len(turns._queue) != number - 1:
                assert time.monotonic() < until
    for _ in range(4):
        go.release()
        assert inside.acquire(timeout=60)
    for _ in range(2):
        go.release()
    for thread in threads:
        thread.join(60)
    assert most == 2
    assert order[2:] == [2, 3, 4, 5]


@pytest.fixture
def taken(staff_app: Flask) -> Iterator[Turns]:
    """The application's turns, all taken, and nobody may wait."""
    turns = hashing.Turns(lambda: 0, at_once=1, waiting_max=1, wait_s=0.0)
    security = staff_app.extensions["security"]
    security.pwd_context = hashing.InTurns(security.pwd_context._context, turns)
    staff_app.extensions[hashing.EXTENSION] = turns
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(60)
    yield turns
    leave.set()
    thread.join(60)


def test_a_full_queue_and_a_long_wait_are_refused(taken: Turns) -> None:
    """At once when the queue is full, and after the time-out when it is not; nothing stays
    behind."""
    for _ in range(3):
        with pytest.raises(Busy), taken.turn():
            pass
    assert taken._queue == []
    taken._queue.append(object())
    taken._wait_s = 3600.0
    with pytest.raises(Busy), taken.turn():
        pass


@pytest.mark.parametrize(
    ("room", "waiting"), [(1000, hashing.WAITING_MAX), (12, 4), (8, 2), (2, 1), (-5, 1)]
)
def test_threads_are_left_for_what_is_urgent(room: int, waiting: int) -> None:
    """At the most half of the threads that are free hash or wait; somebody always may."""
    turns = Turns(lambda: room, wait_s=0.0)
    turns._running = hashing.AT_ONCE
    turns._queue.extend(object() for _ in range(waiting - 1))
    with pytest.raises(Busy):
        turns._take()
    longest = len(turns._queue)
    assert longest == waiting - 1
    turns._wait_s = 3600.0
    turns._queue.append(object())
    with pytest.raises(Busy):  # it would wait for an hour, were there a place
        turns._take()


def test_who_finds_it_full_is_told_to_come_again(
    staff_app: Flask, make_user: Callable[..., Actor], staff: Staff, request: Any
) -> None:
    """503 with `Retry-After` and a sentence; it counts as no try, and the next is served."""
    make_user("p7", ["caregiver"])
    make_user("p1", ["administrator"])
    boss = staff_app.test_client()
    sign_in(boss, "p1")
    turns: Turns = request.getfixturevalue("taken")
    client: FlaskClient = staff_app.test_client()
    for _ in range(failed_attempts.TRIES + 1):
        answer = sign_in(client, "p7")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == str(hashing.RETRY_AFTER_S)
        assert "Försök igen om en stund" in answer.get_data(as_text=True)
    assert rows(staff, tables.failed_sign_in) == []
    assert rows(staff, tables.event, kind="account.refused") == []
    token = token_in(boss.get("/konto").get_data(as_text=True))
    for path, form in (
        ("/verify", {"password": "x"}),
        ("/konto/losenord", {"password": "x", "new_password": "y", "new_password_confirm": "y"}),
        ("/administration/person/p7", {"do": "password"}),
    ):
        answer = boss.post(path, data={"csrf_token": token, **form})
        assert answer.status_code == 503, path
    turns._at_once += 1
    turns._wait_s = 60.0
    assert sign_in(client, "p7").status_code == 302


@pytest.mark.slow
def test_a_crowd_of_sign_ins_leaves_the_server_quick_and_small(
    config: StaffConfig, tmp_path: Path
) -> None:
    """Eighty at once with the real hash, in a real server: `/healthz` answers in a small part of
    the time that the crowd takes, memory grows by a small part of what eighty hashes are, and
    everybody is served or told when to come again."""
    file = tmp_path / "staff.toml"
    file.write_text(
        f'database = "{config.database}"\nsecrets_dir = "secrets"\nsecure_cookies = false\n'
        f"[listen]\nhomes = {BURST}\nscreens = 20\n"
    )
    server = Process(file, free_port(), tmp_path / "server.log")
    try:
        pool = urllib3.PoolManager(maxsize=BURST + 1, retries=False, timeout=120, num_pools=2)
        page = pool.request("GET", f"{server.url}/login")
        cookie = page.headers["Set-Cookie"].split(";")[0]
        token = token_in(page.data.decode())

        def one(number: int) -> int:
            answer = pool.request(
                "POST",
                f"{server.url}/login",
                fields={"email": f"x{number}@prov.example", "password": "x", "csrf_token": token},
                encode_multipart=False,
                headers={"Cookie": cookie},
                redirect=False,
            )
            assert answer.status == 200 or answer.headers["Retry-After"]
            return int(answer.status)

        assert one(-1) == 200
        before_kib = highest_kib(server)
        health_s: list[float] = []
        with ThreadPoolExecutor(BURST) as crowd:
            began = time.monotonic()
            answers = [crowd.submit(one, number) for number in range(BURST)]
            while not all(answer.done() for answer in answers):
                asked = time.monotonic()
                assert pool.request("GET", f"{server.url}/healthz").status == 200
                health_s.append(time.monotonic() - asked)
            took_s = time.monotonic() - began
        told = [answer.result() for answer in answers]
        assert set(told) <= {200, 503}
        assert told.count(200) >= hashing.AT_ONCE
        assert statistics.median(health_s) < took_s / 5, (health_s, took_s)
        all_kib = BURST * int(cheap.REAL["argon2__memory_cost"])
        assert highest_kib(server) - before_kib < all_kib / 10
    finally:
        server.kill()


def highest_kib(server: Process) -> int:
    """The most memory that the server's worker has had, in KiB."""
    (worker,) = children(server._process.pid)
    for line in Path(f"/proc/{worker}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("no VmHWM")
