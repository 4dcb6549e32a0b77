"""The write gate: crowds go in one by one, what is urgent passes by, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from flask import Flask

from web.staff.runtime.public_address import PublicAddress
from web.staff.runtime.write_gate import WriteGate

PATIENCE_S = 10.0
"""Far more than anything here takes; only a failing test waits for it."""


class Inside:
    """An application whose requests stay inside until they are let out."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.came = threading.Condition()
        self.out = threading.Event()

    def __call__(self, environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        with self.came:
            self.paths.append(environ["PATH_INFO"])
            self.came.notify_all()
        if environ["PATH_INFO"].endswith("breaks"):
            raise ValueError("an error in a page")
        assert self.out.wait(PATIENCE_S)
        return [b"done"]

    def waits_for(self, *paths: str) -> bool:
        """Whether just these came in, in this order."""
        with self.came:
            return self.came.wait_for(lambda: self.paths == [*paths], PATIENCE_S)


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Whoever is left inside is let out at the end."""
    made = Inside()
    yield made
    made.out.set()


def go(app: WriteGate, method: str, path: str) -> threading.Thread:
    """Send a request from a thread of its own."""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    thread = threading.Thread(target=app, args=(environ, None), daemon=True)
    thread.start()
    return thread


def test_a_crowd_goes_in_one_by_one(inside: Inside) -> None:
    """The second waits until the first is done; what is urgent, and what only reads, does not."""
    app = WriteGate(inside, wait_s=PATIENCE_S)
    threads = [go(app, "POST", "/pass/h1/las")]
    assert inside.waits_for("/pass/h1/las")
    threads.append(go(app, "POST", "/api/v1/home/events"))
    threads.append(go(app, "POST", "/api/v1/home/urgent"))
    assert inside.waits_for("/pass/h1/las", "/api/v1/home/urgent")
    threads.append(go(app, "GET", "/pass/h1"))
    assert inside.waits_for("/pass/h1/las", "/api/v1/home/urgent", "/pass/h1")
    inside.out.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert inside.paths[3:] == ["/api/v1/home/events"]


def test_nobody_waits_for_ever(inside: Inside) -> None:
    """One that hangs holds up the others for the waiting time only."""
    app = WriteGate(inside, wait_s=0.0)
    go(app, "POST", "/api/v1/home/events")
    assert inside.waits_for("/api/v1/home/events")
    go(app, "POST", "/pass/h1/las")
    assert inside.waits_for("/api/v1/home/events", "/pass/h1/las")


def test_an_error_lets_the_next_in(inside: Inside) -> None:
    """A request that breaks gives its place back."""
    app = WriteGate(inside, wait_s=PATIENCE_S)
    for _ in range(2):
        with pytest.raises(ValueError, match="an error in a page"):
            app({"REQUEST_METHOD": "POST", "PATH_INFO": "/pass/breaks"}, None)
    assert inside.paths == ["/pass/breaks"] * 2


def test_only_sqlite_has_one(staff_app: Flask, db: str) -> None:
    """PostgreSQL has many writers, and no gate."""
    outermost: Any = staff_app.wsgi_app
    assert isinstance(outermost, PublicAddress)
    assert isinstance(outermost.inner, WriteGate) == db.startswith("sqlite")
