"""Text to the double on a phone, and a page on paper.

Not for: the narrowest phone with text as it is (`test_narrow`), or colours (`test_axe`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import LiveServer
from tests.browser.night import Night, escalate

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HALF = {"width": 180, "height": 370}
"""A phone of 360 px whose browser enlarges to 200 % (WCAG 1.4.4) lays a page out for so many."""

PAPER = {"width": 680, "height": 960}
"""A4 with margins of 15 mm."""

TOO_WIDE = "() => document.documentElement.scrollWidth - innerWidth"

WAYS = ("/nu", "/pass", "/nattillsyn", "/hem/h1", "/besok?dag=2026-11-22")
"""What is used with a phone in the hand."""


def test_enlarged_to_the_double_a_phone_shows_all_of_it(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """No page scrolls sideways, and neither menu nor header stays over what is read."""
    night.raise_bed_exit()
    night.ask("h3")
    escalate(night)
    page = open_page(HALF)
    sign_in(page)
    wide = {}
    for way in WAYS:
        page.goto(live_server.url + way)
        wide[way] = page.evaluate(TOO_WIDE)
        fixed = "e => getComputedStyle(e).position"
        assert page.locator(".nav").evaluate(fixed) == "static"
        assert page.locator(".top").evaluate(fixed) == "static"
    assert not any(wide.values()), wide


def test_a_page_on_paper_is_light_and_has_nothing_to_press(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """Also for who has chosen the dark theme; the visits are the table that they are on a desk, as
    wide as the paper.  What goes along for some seconds lets go also where nothing moves."""
    page = open_page(PAPER, dark=True, reduced_motion="reduce")
    sign_in(page)
    page.goto(f"{live_server.url}/besok?dag=2026-11-22")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    colour = "getComputedStyle(document.body).color"
    on_screen = page.evaluate(colour)
    page.emulate_media(media="print")
    assert page.evaluate(colour) != on_screen
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert page.locator("main .btn:visible, .top:visible").count() == 0
    assert page.locator("thead th").first.is_visible()
    assert page.evaluate(TOO_WIDE) <= 0
    page.emulate_media(media="screen")
    page.goto(f"{live_server.url}/nattillsyn")
    goes = page.get_by_test_id("said").evaluate("e => getComputedStyle(e).animationName")
    assert goes == "nt-gone"
