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
