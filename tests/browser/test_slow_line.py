"""A slow line: who taps twice sends once, and the page says that it is on its way.

Not for: forms that are sent without leaving the page twice (`test_alarm`), or a dead link
(`test_pages`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.browser.conftest import PHONE, WAIT_MS, LiveServer
from tests.browser.night import Night
from tests.staff.parts import add_user, parts_of
from web.staff.core.rights import Role
from web.staff.storage import tables

pytestmark = [pytest.mark.browser, pytest.mark.slow]


TWO_TAPS = """async () => {
  const form = document.getElementById("new-area").form;
  const button = form.querySelector("button");
  button.click();
  await new Promise((go) => setTimeout(go, 400));
  button.click();
  await new Promise((go) => setTimeout(go, 1500));
  return [form.querySelector("[role=status]")?.textContent, form.getAttribute("aria-busy")];
}"""
"""In the page: Playwright's own clicks wait for the page that comes."""


class Slow:
    """Lets no form through to the application until `go`; keeps where those went that came."""

    def __init__(self, live: LiveServer) -> None:
        self.inner = live.app.wsgi_app
        self.go = threading.Event()
        self.came: list[str] = []
        live.app.wsgi_app = self  # type: ignore[assignment, method-assign]

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """The application, in its time."""
        if environ["REQUEST_METHOD"] == "POST":
            self.came.append(environ["PATH_INFO"])
            self.go.wait(WAIT_MS / 1000)
        return self.inner(environ, start)


def test_a_form_that_makes_a_new_page_is_sent_once(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """Two taps on *Lägg till* make one area; meanwhile the form says that it is sent, and the
    button is one that cannot be pressed."""
    add_user(night.app, "p-admin", [Role.ADMINISTRATOR])
    page = open_page(PHONE)
    sign_in(page, "p-admin")
    page.goto(f"{live_server.url}/administration/hem")
    slow = Slow(live_server)
    page.get_by_test_id("new-area").fill("Åsen")
    told, busy = page.evaluate(TWO_TAPS)
    assert told == "Skickar …"
    assert busy == "true"
    slow.go.set()
    page.get_by_test_id("flashes").wait_for()
    with parts_of(night.app).db.read() as conn:
        made = [row.name for row in conn.execute(tables.area.select())]
    assert made == ["Åsen"]
    assert slow.came.count("/administration/grupper") == 1
    assert page.locator("form[data-sending]").count() == 0


def test_a_form_that_is_sent_from_the_page_says_so(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """*Jag tar larmet* on a slow line: after a second the card says that it is sent, and what came
    of it takes its place."""
    night.raise_bed_exit()
    page = open_page(PHONE)
    sign_in(page)
    slow = Slow(live_server)
    card = page.get_by_test_id("alarm")
    card.get_by_test_id("acknowledge").click()
    card.get_by_text("Skickar …").wait_for()
    card.get_by_test_id("acknowledge").click()
    slow.go.set()
    page.get_by_text("Skickar …").wait_for(state="detached")
    assert slow.came.count("/larm/ta") == 1
