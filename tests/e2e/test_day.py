"""A night and a morning as people see it: a real browser, both programs, a virtual home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.stage import Stage
from gateway.demo.town import Account
from tests.browser.conftest import DESK, PHONE, launch

WAIT_MS = 60_000

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def chromium() -> Iterator[Any]:
    """A browser of its own."""
    with launch() as started:
        yield started


def open_at(chromium: Any, size: dict[str, int], *, dark: bool) -> Any:
    """A page of a new context.  Whoever it is has gone past the warning of the home's page, whose
    certificate is the home's own."""
    context = chromium.new_context(
        ignore_https_errors=True,
        viewport=size,
        color_scheme="dark" if dark else "light",
        locale="sv-SE",
        has_touch=size is PHONE,
        device_scale_factor=2 if size is PHONE else 1,
    )
    context.set_default_timeout(WAIT_MS)
    return context.new_page()


def sign_in(page: Any, made: Stage, account: Account) -> None:
    """Sign in through the form."""
    page.goto(f"{made.url}/login?next=/nu")
    page.get_by_test_id("email").fill(account.email)
    page.get_by_test_id("password").fill(account.password)
    page.get_by_test_id("sign-in").click()
    page.wait_for_url("**/nu")


def picture(page: Any, name: str) -> None:
    """Keep a screenshot where `TRYGGVE_SHOTS` says; docs/images is made so."""
    folder = os.environ.get("TRYGGVE_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_night_and_a_morning(chromium: Any, set_stage: Callable[..., Stage]) -> None:
    """What the mat felt arrives live, the alarm is taken, a sleeping lock is opened from the phone
    with its steps shown, and the visit stands there with both stamps."""
    made = set_stage(home_options=("--still", "--nobody-at-door"))
    assert made.home is not None
    desk = open_at(chromium, DESK, dark=True)
    sign_in(desk, made, made.account("night_watcher"))

    # a mat event arrives live
    desk.goto(f"{made.url}/handelser")
    folded = desk.get_by_test_id("fold").filter(has_text="Sängmattan")
    before = folded.all_inner_texts()
    made.home.do("to_bed")
    desk.wait_for_function(
        """before => {
          const rows = [...document.querySelectorAll('[data-test="fold"]')];
          const mats = rows.filter((row) => row.innerText.includes("Sängmattan"));
          return JSON.stringify(mats.map((row) => row.innerText)) !== JSON.stringify(before);
        }""",
        arg=before,
    )
    made.home.do("lie_still")
    made.clock.set(at=made.clock.now() + timedelta(seconds=60))
    desk.get_by_text("Lade sig i sängen").first.wait_for()

    # a fall on the mat beside the bed: the page tells, without anybody touching it
    desk.goto(f"{made.url}/nu")
    desk.get_by_test_id("sound-no").click()
    made.clock.set(at=made.clock.now().replace(hour=1, minute=5) + timedelta(days=1))
    made.home.do("fall")
    made.clock.set(rate=30)
    desk.get_by_test_id("acknowledge").first.wait_for()
    made.clock.set(rate=1)
    picture(desk, "now")
    desk.get_by_test_id("acknowledge").first.click()
    desk.get_by_test_id("acknowledged-by").first.wait_for()

    # a sleeping lock from the phone
    phone = open_at(chromium, PHONE, dark=False)
    sign_in(phone, made, made.account("caregiver"))
    phone.goto(f"{made.url}/pass")
    phone.get_by_test_id("sound-no").click()
    phone.get_by_text("Öppna dörren").first.click()
    phone.get_by_text("Ta i handtaget").wait_for()
    phone.get_by_text("Ta i handtaget").scroll_into_view_if_needed()
    picture(phone, "phone")
    made.home.do("take_handle")
    phone.get_by_text("Dörren är upplåst.").wait_for()
    phone.get_by_text("På plats sedan").wait_for()
    picture(phone, "phone-open")
    assert made.home.do("tell")["turns"] == 1

    # a departure, and the visit with both stamps
    phone.get_by_text("Jag går nu").click()
    phone.get_by_text("På plats sedan").wait_for(state="detached")
    phone.goto(f"{made.url}/besok")
    phone.get_by_text("Demo Demosson").first.wait_for()
    body = phone.locator("main").inner_text()
    assert "upplåsning" in body.lower()
    picture(phone, "visits")
    desk.goto(f"{made.url}/hem/h1")
    picture(desk, "home")
