"""A home's first hour on a technician's phone, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.envelope import Draft
from gateway.events import BedEntered, MatPressed, MatReleased
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.night import Night
from tests.staff.parts import add_user
from web.staff.core.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

SHOTS = os.environ.get("TRYGGVE_SHOTS")
"""A folder for pictures of the pages; None: none are taken."""


def looked_at(page: Any, name: str) -> None:
    """Nothing is cut off; and a picture, where somebody wants one."""
    assert page.evaluate(WIDER) <= 0, name
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_a_home_is_tried_on_a_phone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """The code is shown to a camera and in letters; each step is ticked while the page is looked
    at, though what a bed says is care and no technician's; half-written words stay; what is skipped
    needs a reason; the protocol can be printed."""
    add_user(night.app, "p-tech", [Role.TECHNICIAN])
    page = open_page(PHONE)
    sign_in(page, "p-tech")
    page.goto(f"{live_server.url}/hem/h1")
    page.get_by_test_id("to-install").click()
    page.locator("#code summary").click()
    page.get_by_test_id("code").click()
    page.get_by_test_id("enrol-code").wait_for()
    assert page.locator("svg.qr").bounding_box()["width"] >= 200
    looked_at(page, "phone-install-code")
    page.goto(f"{live_server.url}/hem/h1/installera")
    looked_at(page, "phone-install-begin")
    home = night.homes["h1"]
    home.send(Draft(MatReleased(), device="bed"))  # somebody lay there
    page.get_by_test_id("begin").click()
    page.locator('[data-step="lay_down bed"] summary').click()
    words = page.locator('[data-step="lay_down bed"]').get_by_test_id("words")
    words.fill("sov")
    home.send(Draft(MatPressed(), device="bed"))
    page.locator('[data-step="stepped_on bed"][data-state="seen"]').wait_for()
    assert words.input_value() == "sov", "what is being written stays"
    home.send(BedEntered(), Draft(MatReleased(), device="bed"))
    page.locator('[data-step="lay_down bed"][data-state="seen"]').wait_for()
    looked_at(page, "phone-install-trial")
    while page.locator('[data-test="step"][data-state="left"]').count():
        step = page.locator('[data-test="step"][data-state="left"]').first
        step.locator("summary").click()
        step.get_by_test_id("why").select_option("not_possible")
        key = step.get_attribute("data-step")
        step.get_by_test_id("skip").click()
        page.locator(f'[data-step="{key}"][data-state="skipped"]').wait_for()
    page.get_by_test_id("accept").click()
    page.get_by_test_id("lines").wait_for()
    looked_at(page, "phone-install-protocol")
    page.emulate_media(media="print")
    assert not page.locator("header.top").is_visible()
    assert page.get_by_test_id("lines").is_visible()
    looked_at(page, "print-install-protocol")
