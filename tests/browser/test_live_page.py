"""An open page as a way to be told: it says what it really showed, and keeps the screen awake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from gateway.events import AlarmRaised, AlarmType
from tests.browser.conftest import PHONE
from tests.browser.night import Night
from tests.browser.test_pages import expect, live
from tests.staff.parts import parts_of
from web.staff.storage import tables

pytestmark = pytest.mark.browser

HIDDEN = """
Object.defineProperty(document, "visibilityState", { get: () => globalThis.seen ?? "hidden" });
"""
SHOW = "globalThis.seen = 'visible'; document.dispatchEvent(new Event('visibilitychange'));"


def shown(night: Night) -> list[str]:
    """Who was shown an alarm, by the events."""
    e = tables.event.c
    query = select(e.person).where(e.kind == "alarm.shown").order_by(e.origin, e.seq)
    with parts_of(night.app).db.read() as conn:
        return list(conn.execute(query).scalars())


def test_a_page_says_what_it_showed_only_when_it_can_be_looked_at(
    open_page: Callable[..., Any], sign_in: Callable[..., None], night: Night
) -> None:
    """A page in a background tab has shown nothing; brought to the front it tells, once, and the
    screen stays awake for as long as nobody has taken the alarm."""
    page = open_page(PHONE)
    page.add_init_script(HIDDEN)
    sign_in(page)
    live(page)
    home = night.homes["h1"]
    home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    mine = page.get_by_test_id("alarm")
    expect(mine.first).to_be_visible()
    page.wait_for_timeout(1500)  # longer than it gathers
    assert shown(night) == []
    assert page.evaluate("document.body.dataset.awake || ''") == ""
    with page.expect_response("**/visat"):
        page.evaluate(SHOW)
    told = shown(night)
    assert told
    assert set(told) == {"p7"}
    page.wait_for_function("document.body.dataset.awake === '1'")
    page.evaluate("document.dispatchEvent(new CustomEvent('page:new'))")
    page.wait_for_timeout(1500)
    assert shown(night) == told


def test_a_page_that_is_not_given_any_more_is_not_live(
    open_page: Callable[..., Any], sign_in: Callable[..., None], night: Night
) -> None:
    """The browser lost its cookie while the page was open: with the next change the page says that
    nobody is signed in, and does not stand still and look live for as long as its stream lasts."""
    page = open_page(PHONE)
    sign_in(page)
    live(page)
    page.context.clear_cookies()
    night.raise_bed_exit()
    expect(page.get_by_test_id("link-alert")).to_contain_text("Du är utloggad.")
    expect(page.get_by_test_id("pulse")).to_have_attribute("data-state", "down")


def test_what_is_pressed_without_a_connection_was_not_sent(
    open_page: Callable[..., Any], sign_in: Callable[..., None], night: Night
) -> None:
    """The browser knows that it has none: it says so, and the same press counts when it is back.
    Where the server only does not answer, nobody knows."""
    night.raise_bed_exit()
    page = open_page(PHONE)
    sign_in(page)
    live(page)
    card = page.get_by_test_id("alarm").first
    page.context.set_offline(True)
    card.get_by_test_id("acknowledge").click()
    expect(card.get_by_text("Inget skickades.")).to_be_visible()
    page.context.set_offline(False)
    live(page)
    page.route("**/larm/ta", lambda route: route.abort())
    expect(page.locator("form[data-sending]")).to_have_count(0)  # the rest after a tap
    card.get_by_test_id("acknowledge").click()
    expect(card.get_by_text("Vi vet inte om det gick fram.")).to_be_visible()
    page.unroute("**/larm/ta")
    expect(page.locator("form[data-sending]")).to_have_count(0)
    card.get_by_test_id("acknowledge").click()
    expect(card.get_by_test_id("acknowledged-by")).to_be_visible()
