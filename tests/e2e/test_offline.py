"""The door without a network, with both programs and a real browser: the phone keeps its codes, the
server is gone, the code is typed at the Pi's own page, and the visit appears when it is back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from tests.browser.conftest import PHONE, launch
from tests.e2e.test_day import open_at, picture, sign_in

KNOWN_S = 60.0
"""Seconds until the home has the codes and has said so."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


def codes_that_are_there(page: Any, made: Stage) -> list[str]:
    """The phone's codes, once the home knows them."""
    until = time.monotonic() + KNOWN_S
    while time.monotonic() < until:
        page.goto(f"{made.url}/pass")
        page.locator("body[data-codes-kept]").wait_for(state="attached")
        kept = page.evaluate("JSON.parse(localStorage.getItem('tryggve.codes'))")
        found = [code for home in kept["homes"] for code in home["codes"]]
        if found and all(code["there"] for code in found):
            return [str(code["digits"]) for code in found]
        time.sleep(0.5)
    raise AssertionError("the home never said that it has the codes")


def answers(url: str) -> bool:
    """Whether something is served there."""
    try:
        return urllib3.request("GET", url, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_code_opens_with_the_server_stopped(set_stage: Callable[..., Stage]) -> None:
    """The kept page shows the codes, the code opens once, a second use is refused, and the visit
    stands at the server after it returns."""
    with launch() as chromium:
        made = set_stage(home_options=("--still", "--awake"))
        assert made.home is not None
        phone = open_at(chromium, PHONE, dark=False)
        sign_in(phone, made, made.account("caregiver"))
        phone.goto(f"{made.url}/pass")
        phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
        codes = codes_that_are_there(phone, made)
        made.kill_staff()

        phone.goto(f"{made.url}/pass")
        phone.get_by_test_id("code").first.wait_for()
        shown = phone.get_by_test_id("code").all_inner_texts()
        assert sorted(shown) == sorted(codes)
        picture(phone, "phone-offline")

        door = open_at(chromium, PHONE, dark=False)
        door.goto(f"{made.home_url}/door")
        door.locator("#code").fill("00000000")
        door.get_by_role("button").click()
        door.locator("#answer").wait_for()
        door.locator("#code").fill(shown[0])
        door.get_by_role("button").click()
        door.get_by_text("Öppet. Låset har vridit upp.").wait_for()
        picture(door, "door-code")
        assert made.home.do("tell")["turns"] == 1
        door.locator("#code").fill(shown[0])
        door.get_by_role("button").click()
        door.locator("#answer").wait_for()
        assert made.home.do("tell")["turns"] == 1, "a code works once"

        made.start_staff()
        client = StaffClient(
            made.url, made.account("caregiver").email, made.account("caregiver").password
        )
        until = time.monotonic() + 60
        while "På plats sedan" not in (page := client.get("/pass")):
            assert time.monotonic() < until, "the visit never came"
            time.sleep(0.5)
        assert "upplåsning" in page
        events = client.get("/handelser")
        assert "Begäran om låset nekades" in events
        assert not any(re.sub(r"\D", "", code) in events for code in shown)


def test_guessing_pauses_the_entry_and_the_staff_is_told(set_stage: Callable[..., Stage]) -> None:
    """Five wrong codes at the Pi's page: paused, an alarm at the server, and no turn; also after
    the gateway was killed and started again."""
    with launch() as chromium:
        made = set_stage(home_options=("--still", "--awake"))
        assert made.home is not None
        door = open_at(chromium, PHONE, dark=False)
        for n in range(5):
            door.goto(f"{made.home_url}/door")
            door.locator("#code").fill(f"1000000{n}")
            door.get_by_role("button").click()
            door.locator("#answer").wait_for()
        assert "spärrad" in door.locator("#answer").inner_text()
        made.home.process.kill()
        made.home.stop()
        made.start_home("--still", "--awake")
        assert made.home is not None
        until = time.monotonic() + 30
        while not answers(f"{made.home_url}/door"):
            assert time.monotonic() < until, "the page never came back"
            time.sleep(0.1)
        door.goto(f"{made.home_url}/door")
        door.get_by_text("För många fel koder.").wait_for()
        client = StaffClient(
            made.url, made.account("caregiver").email, made.account("caregiver").password
        )
        until = time.monotonic() + 60
        while "Någon har knappat in fel kod" not in client.get("/nu"):
            assert time.monotonic() < until, "nobody was told"
            time.sleep(0.5)
        assert made.home.do("tell")["turns"] == 0
