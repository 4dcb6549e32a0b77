"""What an administrator does at a desk in the first days, in a real browser: areas and teams, a
person's roles, a tag, a key, a rule with what it would have meant, a battery, and an undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.events import ConfigHeld
from tests.browser.conftest import DESK, LiveServer
from tests.browser.crooked import crooked
from tests.browser.night import Night
from tests.browser.test_plan import looked_at
from tests.staff.parts import add_user
from web.staff.core.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILE = '{"devices":{"bed":{"driver":"mat_gpio","role":"bed","pin":17}},"rules":{"on_floor":{}}}'


def seen(page: Any, name: str) -> None:
    """A picture, where somebody wants one; nothing is crooked, on the desk or on a phone."""
    looked_at(page, f"desk-{name}")
    faults = crooked(page)
    assert not faults, f"{name}: {faults}"


def test_areas_teams_roles_tags_and_keys_at_a_desk(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """Each thing that is made is there at once and chosen where it is needed next; what can be
    undone is put back by one press, and says what it will be."""
    add_user(night.app, "p-admin", [Role.ADMINISTRATOR])
    page, url = open_page(DESK), live_server.url
    sign_in(page, "p-admin")

    page.goto(f"{url}/administration/hem")
    page.get_by_test_id("new-team").fill("Norra laget")
    page.get_by_test_id("add-team").click()
    team = page.get_by_test_id("team")
    team.wait_for()
    assert team.locator("button").count() == 0, "there is no area to choose yet"
    page.get_by_test_id("new-area").fill("Norr")
    page.get_by_test_id("add-area").click()
    team.get_by_label("Norr").check()
    team.get_by_test_id("save-covers").click()
    assert team.get_by_label("Norr").is_checked()
    seen(page, "admin-places")
    page.locator('[data-home="h1"]').click()
    page.get_by_test_id("area").select_option(label="Norr")
    page.get_by_test_id("save-area").click()
    page.get_by_test_id("new-tag").click()
    page.locator("svg.qr").wait_for()
    seen(page, "admin-tag")

    page.goto(f"{url}/administration/person/p7")
    page.get_by_test_id("role-technician").check()
    page.get_by_test_id("save-roles").click()
    page.get_by_label("Norra laget").check()
    page.get_by_test_id("save-teams").click()
    assert page.get_by_test_id("role-technician").is_checked()
    seen(page, "admin-person")
    page.goto(f"{url}/administration/andringar")
    page.get_by_test_id("steps").locator("summary").click()
    seen(page, "admin-changes")
    page.locator('[data-test="step"][data-what="roles"]').get_by_test_id("undo").click()
    page.get_by_test_id("flashes").wait_for()
    seen(page, "admin-undone")
    page.goto(f"{url}/administration/person/p7")
    assert not page.get_by_test_id("role-technician").is_checked()
    assert page.get_by_label("Norra laget").is_checked()

    page.goto(f"{url}/administration/anslutningar")
    page.get_by_test_id("name").fill("Planeringen")
    page.get_by_test_id("add-token").click()
    page.get_by_test_id("new-token").wait_for()
    seen(page, "admin-token")
    page.goto(f"{url}/administration/anslutningar")
    page.get_by_test_id("end-token").wait_for()
    seen(page, "admin-connections")


def test_a_rule_is_tried_and_a_battery_is_planned_at_a_desk(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """What a rule would have meant stands beside it, where the page opens; a change of a battery is
    planned for a day."""
    add_user(night.app, "p-admin", [Role.ADMINISTRATOR])
    night.homes["h1"].send(ConfigHeld(number=0, text=FILE))
    page, url = open_page(DESK), live_server.url
    sign_in(page, "p-admin")
    page.goto(f"{url}/hem/h1/regler")
    rule = page.locator('[data-rule="bed_exit"]')
    rule.locator('input[type="number"]').first.fill("20")
    rule.get_by_test_id("try-bed_exit").click()
    told = rule.locator(':is([data-test="outcome"], [data-test="running"], [data-test="nothing"])')
    told.first.wait_for()
    assert told.first.bounding_box()["y"] > 60, "below the header"
    seen(page, "admin-rule-tried")
    page.goto(f"{url}/administration/batterier")
    seen(page, "admin-batteries")
    page.get_by_test_id("to-plan").first.click()
    seen(page, "admin-battery-home")
