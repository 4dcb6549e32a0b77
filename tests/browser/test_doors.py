"""Doors beyond one's own homes, in a real browser: service, alarms of others, access taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
)
from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import Night
from tests.browser.test_pages import TARGET_PX, _listening, expect, live, wide
from tests.staff.parts import EnrolledHome, add_user, parts_of
from web.staff.core.rights import Actor
from web.staff.doors import door_codes, service_access

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
SignIn = Callable[..., None]


def grant_of(part: Any) -> str:
    """The grant of the turn that is shown."""
    key: str | None = part.get_by_test_id("turn").get_attribute("data-key")
    return (key or "").removeprefix("turn-")


def turns(home: EnrolledHome, grant: str, person: str, reason: str) -> None:
    """The home takes the order and wakes the lock."""
    requested = LockOperationRequested(grant=grant, action="unlock", reason=reason)
    waking = LockOperationProgressed(grant=grant, step=LockOperationStep.WAKING)
    for data in (requested, waking):
        home.send(Draft(data, device="front", person=person))


def opened(home: EnrolledHome, grant: str, person: str) -> None:
    """The bolt is open."""
    ended = LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE, took_s=3.1)
    home.send(Draft(ended, device="front", person=person))


def test_service_from_asking_to_the_open_door(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Two people, two screens, nobody loads a page anew: asked on the phone, approved at the desk,
    opened on the phone; then the time is out and the button is gone."""
    add_user(night.app, "t1", ["technician"])
    add_user(night.app, "c1", ["coordinator"])
    stream = _listening(night.homes["h1"])
    desk = open_page(DESK)
    sign_in(desk, "c1")
    live(desk)
    phone = open_page(PHONE)
    sign_in(phone, "t1")
    phone.goto(f"{live_server.url}/service?hem=h1")
    live(phone)
    phone.get_by_test_id("service-why-battery").check()
    phone.get_by_test_id("service-note").fill("lampan blinkar")
    phone.get_by_test_id("service-ask").click()
    mine = phone.get_by_test_id("service-mine")
    expect(mine).to_have_attribute("data-standing", "waiting")
    asked = desk.get_by_test_id("service-asked")
    expect(asked).to_contain_text("Prov t1 vill öppna hos Prov Andersdotter")
    expect(desk.get_by_test_id("summary").locator(".count")).to_have_text("1")
    asked.get_by_test_id("service-yes").click()
    expect(asked).to_have_count(0)
    button = mine.get_by_test_id("open-door")
    button.wait_for()
    expect(button).to_be_in_viewport()  # nobody has to look for it
    assert (button.bounding_box() or {"height": 0})["height"] >= TARGET_PX
    button.click()
    mine.locator('[data-test="step-issued"][data-state="now"]').wait_for()
    grant = grant_of(mine)
    turns(night.homes["h1"], grant, "t1", "service")
    expect(mine.get_by_test_id("wake-hint")).to_be_visible()
    opened(night.homes["h1"], grant, "t1")
    expect(mine.get_by_test_id("outcome")).to_contain_text("Dörren är upplåst.")
    night.clock.advance(service_access.APPROVED_MIN * 60 - 1)
    phone.reload()
    live(phone)
    button.wait_for()
    night.clock.advance(1)
    expect(mine).to_have_count(0)  # by itself: the page knows when the time is out
    expect(phone.get_by_test_id("service-ended")).to_have_attribute("data-standing", "over")
    stream.close()


def test_an_alarm_of_others_comes_is_opened_and_goes(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """On the phone of somebody without that home: how many, then who; the steps; gone when the
    alarm is closed, without a touch."""
    add_user(night.app, "p9", ["caregiver"], homes=["h3"])
    stream = _listening(night.homes["h1"])
    page = open_page(PHONE, dark=True)
    sign_in(page, "p9")
    page.goto(f"{live_server.url}/pass")
    live(page)
    elsewhere = page.get_by_test_id("elsewhere")
    expect(elsewhere).to_have_count(0)
    ref = night.raise_bed_exit("h1")
    expect(elsewhere).to_contain_text("1 larm är öppet i ett hem där du inte är inplanerad.")
    expect(page.locator("main")).not_to_contain_text("Andersdotter")
    elsewhere.get_by_test_id("elsewhere-show").click()
    live(page)
    second = night.raise_bed_exit("h2", 5)
    card = page.locator('[data-test="elsewhere-home"][data-home="h1"]')
    other = page.locator('[data-test="elsewhere-home"][data-home="h2"]')
    expect(other).to_contain_text("Prov Bertilsson")
    expect(card).to_contain_text("Provlund 3, lgh 1203, Provgatan 3")
    button = card.get_by_test_id("open-door")
    expect(button).to_have_text("Öppna hos Prov Andersdotter")
    assert (button.bounding_box() or {"height": 0})["height"] >= TARGET_PX
    assert wide(page) <= 0
    button.click()
    card.locator('[data-test="step-issued"][data-state="now"]').wait_for()
    grant = grant_of(card)
    turns(night.homes["h1"], grant, "p9", "alarm")
    expect(card.get_by_test_id("wake-hint")).to_be_visible()
    opened(night.homes["h1"], grant, "p9")
    expect(card.get_by_test_id("outcome")).to_contain_text("Dörren är upplåst.")
    night.homes["h2"].send(AlarmCancelled(alarm=second, reason="recovered"))
    expect(other).to_have_count(0)
    night.homes["h1"].send(AlarmCancelled(alarm=ref, reason="recovered"))
    expect(card.get_by_test_id("elsewhere-closed")).to_be_visible()
    expect(card.get_by_test_id("open-door")).to_have_count(0)
    stream.close()


def _codes(page: Any) -> int:
    """How many codes the phone keeps."""
    kept = "JSON.parse(localStorage.getItem('tryggve.codes') ?? '{\"homes\":[]}')"
    return int(page.evaluate(f"{kept}.homes.flatMap((home) => home.codes).length"))


def test_a_lost_phone_shows_nothing_any_more(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Taken back at the desk with a confirmation; within seconds the lost phone's open page is
    empty, and the codes are gone from it."""
    lost: Actor = add_user(night.app, "p9", ["caregiver"], homes=["h3"])
    add_user(night.app, "c1", ["coordinator"])
    night.homes["h3"].send()
    door_codes.shift_codes(parts_of(night.app), lost)
    phone = open_page(PHONE)
    sign_in(phone, "p9")
    phone.goto(f"{live_server.url}/pass")
    live(phone)
    phone.locator("body[data-codes-kept]").wait_for()
    assert _codes(phone) == door_codes.PER_HOME
    desk = open_page(DESK)
    sign_in(desk, "c1")
    desk.goto(f"{live_server.url}/administration/person/p9")
    desk.get_by_test_id("to-access").click()
    desk.get_by_test_id("scope-phone").click()
    would = desk.get_by_test_id("would")
    expect(would).to_contain_text("3 koder i telefonen slutar gälla.")
    expect(phone.locator("main")).to_contain_text("Citron")
    would.get_by_test_id("revoke").click()
    expect(desk.get_by_test_id("flashes")).to_contain_text("3 koder, 1 inloggning")
    expect(desk.get_by_test_id("home-notice")).to_contain_text("Hemmet har inte fått veta än.")
    expect(phone.get_by_test_id("link-alert")).to_contain_text("Du är utloggad.")
    expect(phone.locator("main")).to_be_empty()
    phone.wait_for_function("localStorage.getItem('tryggve.codes') === null")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_none_of_it_is_wider_than_its_window(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, size: dict[str, int]
) -> None:
    """For a coordinator's six pages in the menu too."""
    tech = add_user(night.app, "t1", ["technician"])
    add_user(night.app, "c1", ["coordinator", "technician"])
    service_access.request(parts_of(night.app), tech, "h1", "front", why="sensor", note="x" * 120)
    page = open_page(size)
    sign_in(page, "c1")
    for path in (
        "/nu",
        "/service",
        "/hem/h1",
        "/administration/person/p7/atkomst",
        "/administration/person/p7/atkomst?vad=all",
    ):
        page.goto(live_server.url + path)
        assert wide(page) <= 0, path
