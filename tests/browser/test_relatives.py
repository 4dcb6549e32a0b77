"""A relative on a phone: in by the link, an absence, out again.

Not for: who is told what (`tests/staff/relatives`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.events import ConsentHow
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.night import Night
from tests.browser.test_push import SUBSCRIBED, endpoint_of, pushing
from tests.browser.test_slow_line import Slow
from tests.staff.parts import add_user, parts_of
from web.staff.relatives import inviting
from web.staff.relatives.inviting import Agreed, Invited
from web.staff.storage.plan_tables import absence

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TWO_TAPS = """async () => {
  const button = document.querySelector('[data-test="absence-add"]');
  button.click();
  await new Promise((go) => setTimeout(go, 400));
  button.click();
  await new Promise((go) => setTimeout(go, 1500));
  return button.form.querySelector("[role=status]")?.textContent;
}"""


def invited(night: Night) -> str:
    """A relative of who lives in `h1`; the token of their link."""
    boss = add_user(night.app, "c1", ["coordinator"])
    return inviting.invite(
        parts_of(night.app),
        boss,
        "h1",
        "r-h1",
        Invited("Prov Dotter", Agreed(arrived=True, notes_absence=True)),
        asked_on=date(2026, 11, 20),
        how=ConsentHow.SPOKEN,
    )


def test_a_relative_lets_the_phone_be_told(
    open_page: Callable[..., Any], night: Night, live_server: LiveServer, tmp_path: Path
) -> None:
    """The page offers it, the phone is asked, and it stands on the page; taken away it is offered
    again."""
    from playwright.sync_api import expect

    token = invited(night)
    with pushing(live_server, tmp_path) as pushed:
        page = open_page(PHONE)
        page.context.grant_permissions(["notifications"], origin=live_server.url)
        made = pushed.device.subscription(endpoint_of(pushed))
        page.add_init_script(SUBSCRIBED % json.dumps(json.loads(made)))
        pushed.service.opened_by(pushed.device)
        page.goto(f"{live_server.url}/anhorig/{token}")
        page.get_by_test_id("open").click()
        page.get_by_test_id("device-add").click()
        expect(page.get_by_test_id("device")).to_have_count(1)
        assert json.loads(pushed.last())["body"] == "Hit kommer besked om hemtjänsten."
        page.get_by_test_id("device-remove").click()
        expect(page.get_by_test_id("device")).to_have_count(0)
        expect(page.get_by_test_id("device-add")).to_be_visible()


def test_a_relative_comes_in_notes_an_absence_and_leaves(
    open_page: Callable[..., Any], night: Night, live_server: LiveServer
) -> None:
    """The link again is the page again; two taps on a slow line are one absence, and the form says
    that it is sent; out, the page says how to come in again."""
    token = invited(night)
    link = f"{live_server.url}/anhorig/{token}"
    page = open_page(PHONE)
    page.goto(link)
    page.get_by_test_id("open").click()
    page.wait_for_url("**/anhorig")
    page.goto(link)
    page.wait_for_url("**/anhorig")
    assert "02:14" in page.get_by_test_id("as-of").inner_text()
    page.get_by_test_id("since").fill("2026-11-25T10:00")
    page.get_by_test_id("until").fill("2026-11-27T10:00")
    slow = Slow(live_server)
    assert page.evaluate(TWO_TAPS) == "Skickar …"
    slow.go.set()
    page.get_by_test_id("row-away").wait_for()
    with parts_of(night.app).db.read() as conn:
        assert conn.execute(select(func.count()).select_from(absence)).scalar_one() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_test_id("leave").click()
    page.get_by_text("Du är utloggad.").wait_for()
