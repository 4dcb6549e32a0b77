"""A plan of night checks and consents to looks, written in a real browser on a desk and a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import Night
from tests.staff.parts import add_user
from web.staff.core.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

SHOTS = os.environ.get("TRYGGVE_SHOTS")
"""A folder for pictures of the pages; None: none are taken."""


def looked_at(page: Any, name: str) -> None:
    """Nothing is cut off; and a picture, where somebody wants one."""
    page.wait_for_load_state()  # without its style sheets a page is of any width
    assert page.evaluate(WIDER) <= 0, name
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("size", "name"), [(DESK, "desk"), (PHONE, "phone")], ids=["desk", "phone"]
)
def test_a_plan_is_looked_at_saved_and_paused_and_consent_is_noted(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
    size: dict[str, int],
    name: str,
) -> None:
    """What was written stays while the nights are looked at, and where it was wrong; saved it
    shows; nothing is wider than the screen."""
    add_user(night.app, "p-plan", [Role.COORDINATOR])
    page = open_page(size)
    sign_in(page, "p-plan")
    page.goto(f"{live_server.url}/hem/h1")
    page.get_by_test_id("to-plan").click()
    page.get_by_test_id("times").fill("23.00, 2:30")
    page.get_by_test_id("method-sensor").check()
    page.get_by_test_id("recheck").fill("0")
    page.get_by_test_id("show-plan").click()
    page.get_by_test_id("error").wait_for()
    looked_at(page, f"{name}-plan-wrong")
    page.get_by_test_id("recheck").fill("20")
    page.get_by_test_id("show-plan").click()
    page.get_by_text("Så blir nätterna").wait_for()
    assert page.get_by_test_id("times").input_value() == "02:30, 23:00"
    page.get_by_test_id("method-camera").check()
    page.get_by_test_id("save-plan").click()
    page.get_by_test_id("no-consent").wait_for()
    page.get_by_test_id("pause-first").fill("2026-11-24")
    page.get_by_test_id("pause").click()
    page.get_by_test_id("pauses").wait_for()
    assert "pausad" in page.get_by_test_id("ahead").inner_text()
    looked_at(page, f"{name}-plan")
    page.get_by_test_id("to-consents").click()
    page.get_by_test_id("asked-on").first.fill("2026-11-20")
    page.get_by_test_id("how-spoken").first.check()
    page.get_by_test_id("agree").first.click()
    page.locator('[data-test="settled"][data-agreed="yes"]').wait_for()
    page.get_by_test_id("role").select_option("partner")
    page.get_by_test_id("add").click()
    page.locator('[data-test="settled"][data-agreed="no"]').wait_for()
    looked_at(page, f"{name}-consents")
    page.goto(f"{live_server.url}/hem/h1")
    looked_at(page, f"{name}-home")
