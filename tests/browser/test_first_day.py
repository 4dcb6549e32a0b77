"""An administrator's first day on a phone: from the server's first start to a home with a code,
people with roles and a ladder, without a command line."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from werkzeug.serving import make_server

from gateway.clock import ManualClock
from tests.browser.conftest import AT, PHONE, LiveServer, _Quiet
from tests.staff.parts import parts_of
from tests.staff.provider import CLIENT, LOA3, SECRET, Provider, running
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.secret_files import SecretFiles
from web.staff.people import first_start
from web.staff.runtime.app import create_app
from web.staff.storage import alarm_tables, ladder_tables, tables
from web.staff.storage.database import Database, parse_url
from web.staff.storage.migrate import migrate

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse battery"

HEAD = "id;hem;start;slut;insats;personal\n"
WRONG = f"{HEAD}1;lgh-1203;2026-11-24 08:00;07:45;Morgonhjälp;\n2;lgh-9;2026-11-24 12:00;12:30;;\n"
PLAN = f"{HEAD}1;lgh-1203;2026-11-24 08:00;08:45;Morgonhjälp;samordnare@prov.example\n"


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that was just installed: no organisation, no home, nobody."""
    folder = tmp_path / "new"
    folder.mkdir()
    database = Database(parse_url(f"sqlite:///{folder / 'staff.db'}"))
    migrate(database)
    database.close()
    SecretFiles(folder / "secrets").make_missing()
    config = StaffConfig(
        database=f"sqlite:///{folder / 'staff.db'}",
        secrets_dir=folder / "secrets",
        secure_cookies=False,
        sign_in=SignInConfig(second_factor_roles=frozenset()),
        channels={"push": {"contact": "mailto:drift@prov.example"}},
    )
    app = create_app(config, clock=ManualClock(AT), watch=False)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    live = LiveServer(app, server, thread, f"http://127.0.0.1:{server.server_port}")
    yield live
    live.stop()


class Day:
    """A page on a phone, with a picture of each step."""

    def __init__(self, page: Any, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder
        self.count = 0

    def click(self, test: str) -> None:
        self.page.get_by_test_id(test).first.click()

    def fill(self, **fields: str) -> None:
        for test, text in fields.items():
            self.page.get_by_test_id(test.replace("_", "-")).fill(text)

    def seen(self, name: str) -> None:
        """What the screen shows is kept, and nothing of it is wider than the phone."""
        self.count += 1
        path = self.folder / f"{self.count:02d}-{name}.png"
        self.page.screenshot(path=str(path), full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than the screen"

    def steps_done(self) -> int:
        """How many of the first day's steps are ticked on the overview."""
        self.page.goto(f"{self.url}/administration/oversikt")
        self.page.get_by_test_id("first-day").wait_for()
        return int(self.page.locator('[data-test="step"][data-done="yes"]').count())


def _reached(server: LiveServer, email: str) -> None:
    """This person's phone is a way that is proved, as `test_push` does it in the page."""
    parts = parts_of(server.app)
    with parts.db.write() as tx:
        u = tables.user.c
        user = tx.conn.execute(select(u.id).where(u.email == email)).scalar_one()
        tx.conn.execute(
            insert(alarm_tables.contact_point).values(
                id="phone", user_id=user, channel="push", value="{}", value_sha256="x",
                created_at=AT, proved_at=AT,
            )
        )  # fmt: skip


def the_plan(day: Day) -> None:
    """A file with a fault is said by its line; the next one is looked at, saved, and taken back."""
    day.click("to-pages.planning")
    for name, text in (("wrong.csv", WRONG), ("plan.csv", PLAN)):
        file = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
        day.page.get_by_test_id("file").set_input_files([file])
        day.fill(source="Planeringen")
        day.click("check")
        day.page.get_by_test_id("faults" if text is WRONG else "preview").wait_for()
        day.seen(name.removesuffix(".csv"))
    day.click("save")
    day.page.get_by_test_id("last").wait_for()
    day.seen("plan-saved")
    day.click("undo")
    day.page.get_by_test_id("undo").wait_for(state="detached")


def the_sign_on(day: Day, provider: Provider) -> None:
    """The organisation's own sign-in is tried in the browser before it is used: there and back."""
    day.page.goto(f"{day.url}/administration/egen-inloggning")
    said = {"label": "SITHS", "issuer": provider.url, "client": CLIENT, "secret": SECRET}
    day.fill(**said, levels=LOA3, claim="sub")
    day.click("write")
    day.page.get_by_test_id("try").wait_for()
    day.seen("sign-on-written")
    day.click("try")
    day.page.wait_for_url(f"{provider.url}/**")
    day.page.goto(provider.sign_in(day.page.url))
    day.page.get_by_test_id("passed").wait_for()
    day.seen("sign-on-tried")
    day.click("use")
    day.page.locator('[data-test="provider"][data-used="yes"]').wait_for()
    day.seen("sign-on-used")


def the_rest(day: Day) -> None:
    """What else an administrator looks into on the first day fits the phone, two presses away."""
    for page in ("changes", "connections", "sign_on", "batteries", "releases"):
        day.click("nav-pages.administration")
        day.click(f"to-pages.{page}")
        day.page.locator("main h1").wait_for()
        current = day.page.locator('.nav a[aria-current="page"]')
        assert current.get_attribute("data-test") == "nav-pages.administration"
        day.seen(page)


def test_an_administrators_first_day(
    open_page: Callable[..., Any], new_server: LiveServer, tmp_path: Path
) -> None:
    """The server's address leads to the first start; each step of the overview is ticked by what
    was done."""
    parts = parts_of(new_server.app)
    made = first_start.new_code(parts.db, parts.keys)
    assert made is not None
    day = Day(open_page(PHONE), new_server.url, tmp_path)
    page = day.page

    page.goto(new_server.url)
    page.wait_for_url("**/forsta-start")
    day.seen("first-start")
    person = {"organisation": "Hemtjänsten Norr", "name": "Prov Ansvarig"}
    secret = {"email": "ansvarig@prov.example", "password": PASSWORD, "again": PASSWORD}
    day.fill(code="00000-00000-00000", **person, **secret)
    day.click("make")
    page.get_by_test_id("wrong").wait_for()
    day.seen("wrong-code")
    day.fill(code=made.code, password=PASSWORD, again=PASSWORD)
    day.click("make")
    page.wait_for_url(re.compile("/login"))
    day.fill(email="ansvarig@prov.example", password=PASSWORD)
    day.click("sign-in")
    page.wait_for_url("**/administration/oversikt")
    day.seen("overview")
    assert day.steps_done() == 0

    day.click("to-pages.places")
    day.fill(label="Lgh 1203", home_id="lgh-1203")
    day.click("add-home")
    page.locator('[data-home="lgh-1203"]').click()
    day.seen("home")
    day.click("code")
    code = page.get_by_test_id("enrol-code").inner_text()
    assert re.fullmatch(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{8}", code), code
    day.seen("code")
    assert day.steps_done() == 1

    day.click("to-pages.people")
    day.fill(name="Prov Samordnare", email="samordnare@prov.example")
    page.get_by_test_id("role-coordinator").check()
    day.click("add")
    page.get_by_test_id("password").wait_for()
    day.seen("password")
    assert day.steps_done() == 2
    _reached(new_server, "samordnare@prov.example")
    assert day.steps_done() == 3

    day.click("to-pages.ladders")
    day.click("new")
    day.fill(name="Dygnet runt")
    day.seen("ladder")
    day.click("save")
    page.get_by_test_id("ladder").first.wait_for()
    day.seen("ladders")
    assert day.steps_done() == 4
    day.seen("overview-later")
    the_plan(day)
    the_rest(day)
    with running() as provider:
        the_sign_on(day, provider)

    with parts.db.read() as conn:
        roles = conn.execute(
            select(tables.role.c.name)
            .join(tables.user_role, tables.user_role.c.role_id == tables.role.c.id)
            .join(tables.user, tables.user.c.id == tables.user_role.c.user_id)
            .where(tables.user.c.email == "samordnare@prov.example")
        ).scalars()
        assert list(roles) == ["coordinator"]
        assert conn.execute(select(ladder_tables.ladder.c.name)).scalar_one() == "Dygnet runt"
        assert conn.execute(select(tables.enrol_code.c.home_id)).scalar_one() == "lgh-1203"
