"""Without a mouse: the focus after a form, what is said to who hears the page, the menu, and keys
that may be switched off.

Not for: the board's keys themselves (`test_night_board`), or names and roles (`test_axe`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import Night

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Any]
SignIn = Callable[..., None]

ALARM = "[data-test=alarm]:focus-within"


def test_who_has_no_mouse_keeps_the_place_and_hears_what_comes(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """The button of an alarm goes when it is pressed, and the focus stays in its card, also when
    the page is fetched anew.  What comes then is said; what was there from the beginning is not.
    An alarm that is closed takes its card along: the answer is said, and the focus is in main."""
    from playwright.sync_api import expect

    night.raise_bed_exit()
    page = open_page(DESK)
    sign_in(page)
    said = page.get_by_test_id("announce")
    expect(page.get_by_test_id("pulse")).to_have_attribute("data-state", "up")
    assert said.text_content() == ""
    page.get_by_test_id("acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.locator(ALARM)).to_have_attribute("data-state", "acknowledged")
    night.ask("h2")
    expect(page.get_by_test_id("check")).to_have_count(1)
    expect(said).to_have_text("2 saker väntar på dig")
    expect(page.locator(ALARM)).to_have_count(1)
    page.get_by_test_id("finding-no_need").check()
    page.get_by_test_id("resolve").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("alarm")).to_have_count(0)
    expect(said).to_contain_text("avslutat")
    expect(page.locator("#main:focus")).to_have_count(1)


def test_the_menu_closes_and_letters_can_be_switched_off(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Escape closes the menu and nothing else, and so does what is focused outside of it.  Who has
    switched the letters off has arrows and Enter, and no digit answers (WCAG 2.1.4); the browser
    remembers it."""
    from playwright.sync_api import expect

    night.ask()
    page = open_page(DESK)
    sign_in(page)
    page.goto(f"{live_server.url}/nattillsyn")
    expect(page.get_by_test_id("pulse")).to_have_attribute("data-state", "up")
    menu = page.get_by_test_id("menu")
    menu.locator("summary").click()
    page.get_by_test_id("sign-out").focus()
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert page.evaluate("document.activeElement.localName") == "summary"
    page.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    page.get_by_test_id("keys").focus()
    assert menu.get_attribute("open") is None
    page.get_by_test_id("keys").click()
    page.get_by_test_id("letters").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_test_id("pulse")).to_have_attribute("data-state", "up")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.localName") == "body"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.className").startswith("nt-row")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("mine")).to_be_visible()
    page.get_by_test_id("looked-phone").check()
    expect(page.locator("form[data-sending]")).to_have_count(0)
    page.keyboard.press("4")
    assert page.locator("form[data-sending]").count() == 0
    page.get_by_test_id("keys").click()
    page.get_by_test_id("letters").check()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_test_id("waits")).to_contain_text("Allt är bra")


def test_the_answer_stands_beside_what_was_pressed(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Who comes to an alarm reads that it was noted below the button, not in the alarm's card."""
    from playwright.sync_api import expect

    night.raise_bed_exit()
    page = open_page(PHONE)
    sign_in(page)
    page.goto(f"{live_server.url}/pass")
    home = page.locator("#home-h1")
    home.get_by_test_id("arrive").click()
    expect(home.locator("> [data-test=answer]")).to_contain_text("registrerad")
    assert home.locator("[data-test=alarm] .form-answer[data-mine]").text_content() == ""
