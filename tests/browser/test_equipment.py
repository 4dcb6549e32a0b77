"""What a home consists of, edited in a real browser on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.events import ConfigFault, ConfigHeld, ConfigRefused, GatewayStarted, PreviousRun
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.night import Night
from tests.browser.test_plan import looked_at
from tests.staff.parts import add_user
from web.staff.configs.model import HomeConfig
from web.staff.core.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILE = HomeConfig(
    {
        "sang": {"driver": "mat_gpio", "role": "bed", "room": "bedroom", "pin": 17},
        "dorr": {"driver": "lock_nuki", "role": "front_door", "room": "hall"},
    },
    {"bed_exit": {"enabled": True}},
)


def test_a_device_is_added_and_what_the_home_says_of_it_comes_by_itself(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """What was written stays where it was wrong; the home's word changes the page without loading
    it anew; nothing is wider than the screen."""
    add_user(night.app, "p-tech", [Role.TECHNICIAN])
    started = GatewayStarted(version="1", config_sha256="", previous=PreviousRun.NONE)
    night.homes["h1"].send(started, ConfigHeld(number=0, text=FILE.text(), unpaired=("dorr",)))
    page = open_page(PHONE)
    sign_in(page, "p-tech")
    page.goto(f"{live_server.url}/hem/h1")
    page.get_by_test_id("to-equipment").click()
    page.get_by_test_id("unpaired").wait_for()
    looked_at(page, "phone-equipment")
    form = page.locator("#f-new")
    form.get_by_test_id("new-device").fill("golv")
    form.get_by_test_id("new-driver").select_option("mat_gpio")
    form.get_by_test_id("role").select_option("floor")
    form.get_by_test_id("lines").fill("pin 22")
    form.get_by_test_id("why").select_option("new_device")
    form.get_by_test_id("add").click()
    page.get_by_test_id("error").wait_for()
    assert form.get_by_test_id("new-device").input_value() == "golv"
    looked_at(page, "phone-equipment-wrong")
    form.get_by_test_id("lines").fill("pin = 22")
    form.get_by_test_id("why").select_option("new_device")
    form.get_by_test_id("add").click()
    page.locator('[data-test="standing"][data-follows="not_yet"]').wait_for()
    fault = ConfigRefused(
        number=1, why=ConfigFault.PIN, about="golv", field=None, said="takes pin 22 (BCM)"
    )
    night.homes["h1"].send(fault)
    page.locator('[data-test="standing"][data-follows="refused"]').wait_for()
    looked_at(page, "phone-equipment-refused")
    night.homes["h1"].send(ConfigHeld(number=1, text="", unpaired=("dorr",)))
    page.locator('[data-test="standing"][data-follows="yes"]').wait_for()
    page.locator('[data-device="golv"] summary').click()
    looked_at(page, "phone-equipment-holds")
