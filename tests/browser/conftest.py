"""A real browser against a real server: Debian's Chromium, driven by Playwright.

`browser` (one for this folder), `open_page` (a fresh context at a size and theme), `live_server`
(the application on a free port), `night` (homes with a day behind them), `sign_in`.  Other tests
may import `sign_in_at` and `launch`.  Not for: what the pages show.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gateway.clock import ManualClock
from tests.browser.night import Night, begin, moved
from tests.staff import cheap
from tests.staff.parts import PASSWORD
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.runtime.app import create_app
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

CHROMIUM = "/usr/bin/chromium"

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WAIT_MS = 60_000
"""A page that has not changed after this long will not."""

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

AT = datetime(2026, 11, 23, 1, 14, tzinfo=UTC)
"""02:14 in Stockholm, a November night."""


def _driver_starts() -> bool:
    """Whether the program that Playwright brings finds the libraries it needs."""
    from playwright._impl._driver import compute_driver_executable

    program = compute_driver_executable()[0]
    done = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


@pytest.fixture(scope="package", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """No test here pays for hashing passwords."""
    with cheap.hashes(), cheap.compiled():
        yield


@contextmanager
def launch(*more: str) -> Iterator[Any]:
    """Chromium under Playwright, with more flags; skips when either is absent, or cannot run."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    if not _driver_starts():
        pytest.skip("Playwright's driver does not start here (Debian: libatomic1)")
    sync_api.expect.set_options(timeout=WAIT_MS)
    with sync_api.sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more])
        yield started
        started.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """One browser for the tests of this folder.  No longer: for as long as it is open Playwright
    keeps an event loop running in this thread, and no asyncio test can have its own."""
    with launch() as started:
        yield started


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(PHONE, dark=True)`: a page of a new context.  At the end of the test no script may
    have failed and nothing may have been refused by the content security policy."""
    contexts: list[Any] = []
    faults: list[str] = []

    def make(size: dict[str, int] = DESK, *, dark: bool = False, **more: Any) -> Any:
        context = browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            locale="sv-SE",
            has_touch=size is PHONE,
            **more,
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: (
                faults.append(said.text) if "Content Security Policy" in said.text else None
            ),
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: requests are not what these tests tell of."""


@dataclass
class LiveServer:
    """The application on a port of this machine; `stop` cuts every connection."""

    app: Flask
    server: BaseWSGIServer
    thread: threading.Thread
    url: str

    def stop(self) -> None:
        """End the server as a power cut does for its screens.  May be called twice."""
        self.app.extensions["tryggve.stop"]()
        self.server.shutdown()
        self.thread.join(60)
        self.server.server_close()


@pytest.fixture
def night_clock() -> ManualClock:
    """Domain time at the server, standing at 02:14."""
    return ManualClock(AT)


def _application(folder: Path, clock: ManualClock) -> Flask:
    config = StaffConfig(
        database=f"sqlite:///{folder / 'staff.db'}",
        secrets_dir=folder / "secrets",
        secure_cookies=False,
        sign_in=SignInConfig(second_factor_roles=frozenset()),
    )
    return create_app(config, clock=clock, watch=False)


@pytest.fixture(scope="session")
def written_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Night]:
    """A folder with the database and the secrets of a night, and what its gateways know."""
    folder = tmp_path_factory.mktemp("night")
    database = Database(parse_url(f"sqlite:///{folder / 'staff.db'}"))
    migrate(database)
    database.close()
    SecretFiles(folder / "secrets").make_missing()
    clock = ManualClock(AT)
    app = _application(folder, clock)
    night = begin(app, clock)
    app.extensions["tryggve.stop"]()
    return folder, night


@pytest.fixture
def live_server(
    tmp_path: Path, written_night: tuple[Path, Night], night_clock: ManualClock
) -> Iterator[LiveServer]:
    """The staff server on a copy of the night, listening."""
    folder = tmp_path / "night"
    shutil.copytree(written_night[0], folder)
    app = _application(folder, night_clock)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    live = LiveServer(app, server, thread, f"http://127.0.0.1:{server.server_port}")
    yield live
    live.stop()


@pytest.fixture
def night(
    live_server: LiveServer, written_night: tuple[Path, Night], night_clock: ManualClock
) -> Night:
    """Three homes with a day behind them; `p7` cares for all of them, at night too."""
    return moved(written_night[1], live_server.app, night_clock)


def sign_in_at(page: Any, url: str, person: str = "p7", password: str = PASSWORD) -> None:
    """Sign in through the form on the way to Nu, and wait for it."""
    page.goto(f"{url}/login?next=/nu")
    page.get_by_test_id("email").fill(f"{person}@prov.example")
    page.get_by_test_id("password").fill(password)
    page.get_by_test_id("sign-in").click()
    page.wait_for_url("**/nu")


@pytest.fixture
def sign_in(live_server: LiveServer) -> Callable[..., None]:
    """`sign_in(page)`: sign `p7` in."""

    def act(page: Any, person: str = "p7") -> None:
        sign_in_at(page, live_server.url, person)

    return act
