"""Drawing a zone on the map with a finger, and by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.events import ConsentHow
from tests.browser.conftest import PHONE, LiveServer
from tests.browser.night import Night
from tests.staff.parts import add_user, parts_of
from web.staff.core.rights import Role
from web.staff.places import planning
from web.staff.places.geometry import Circle, Point
from web.staff.places.planning import NewZone
from web.staff.storage.tables import resident

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOME = Point(57.7, 11.97)


def test_a_zone_is_drawn_with_a_finger_and_by_the_keyboard_alone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """Each press of the map is a corner in the field; a keyboard writes the same from the home."""
    staff = parts_of(night.app)
    boss = add_user(night.app, "p-plan", [Role.COORDINATOR])
    with staff.db.read() as conn:
        who = conn.execute(resident.select().where(resident.c.home_id == "h1")).first()
    assert who is not None
    planning.agree(staff, boss, "h1", who.id, staff.clock.now().date(), ConsentHow.SPOKEN)
    planning.set_point(staff, boss, "h1", HOME)
    planning.draw(staff, boss, "h1", who.id, NewZone("Hemma", Circle(HOME, 200)))
    page = open_page(PHONE)
    sign_in(page, "p-plan")
    page.goto(f"{live_server.url}/hem/h1/platser")
    page.locator(f"#polygon-{who.id} > summary").click()
    drawn = page.get_by_test_id("map").locator("svg")
    for x, y in ((40, 40), (280, 60), (160, 200)):
        drawn.click(position={"x": x, "y": y})
    corners = page.get_by_test_id("corners").input_value().splitlines()
    assert len(corners) == 3
    assert all(57.69 < float(line.split(",")[0]) < 57.71 for line in corners)
    page.get_by_test_id("polygon-name").fill("Parken")
    page.get_by_test_id("draw-polygon").click()
    page.get_by_text("3 hörn, dygnet runt").wait_for()
    page.locator(f"#polygon-{who.id} > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("polygon-name").focus()
    page.keyboard.type("Torget")
    page.keyboard.press("Tab")
    page.keyboard.type("400 m norr\n600 m nordost\n500 m öster\n300 m s")
    page.get_by_test_id("draw-polygon").focus()
    page.keyboard.press("Enter")
    page.get_by_text("4 hörn, dygnet runt").wait_for()
