"""A look that is taken on the board: each of the four answers after a picture, and none without.

Not for: the panel by itself (`test_look`), or the board without a camera (`test_night_board`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.access import look_permits
from gateway.envelope import Because, Draft
from gateway.events import (
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    LookBegun,
    LookEnd,
    LookEnded,
    LookWay,
    LookWhy,
    MatPressed,
    PictureKind,
)
from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import MIN, Night
from tests.browser.test_look import SealingHome, sealing
from tests.browser.test_night_board import board, part
from tests.staff.checks.test_claims import row
from tests.staff.parts import parts_of
from web.staff.checks import following

__all__ = ["sealing"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Any]
SignIn = Callable[..., None]


def ask(night: Night) -> str:
    """A check that a watcher has to look at."""
    check = "night@x"
    asked = CheckAsked(check=check, why="reading_stale", answer_by=night.now + 9 * MIN)
    night.homes["h1"].send(asked)
    return check


def look(page: Any, sealing: SealingHome, night: Night, check: str) -> str:
    """Take the check and look until there is a picture; the look's id.  As from a real home, the
    word that it has begun is there before its first picture."""
    from playwright.sync_api import expect

    part(page, "due").click()
    page.get_by_test_id("take").click()
    expect(page.get_by_test_id("mine")).to_be_visible()
    expect(page.get_by_test_id("looked-camera")).to_be_hidden()
    sealing.sending.clear()
    page.get_by_test_id("look-begin").click()
    expect(page.get_by_test_id("look")).to_have_attribute("data-state", "connecting")
    name = sealing.orders[-1].look
    begun = LookBegun(look=name, why=LookWhy.CHECK, check=check, picture=PictureKind.SILHOUETTE)
    night.homes["h1"].send(Draft(begun, person="p7", device="camera"))
    expect(page.get_by_test_id("looked-camera")).to_be_visible()
    sealing.sending.set()
    expect(page.get_by_test_id("look")).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("looked-camera")).to_be_checked()
    return name


def test_once_more_and_all_is_well(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, sealing: SealingHome
) -> None:
    """By keys on a desk: 2 makes the look thirty seconds longer, once; 1 answers by the camera, and
    the look ends with it."""
    from playwright.sync_api import expect

    check = ask(night)
    page = open_page(DESK)
    sign_in(page)
    board(page, live_server)
    look(page, sealing, night, check)
    page.keyboard.press("2")
    expect(page.get_by_test_id("look-longer")).to_be_hidden()
    page.keyboard.press("1")
    expect(page.get_by_test_id("waits")).to_contain_text("Allt är bra")
    found = row(parts_of(night.app), check)
    assert (found.looked, found.finding) == ("camera", "ok")
    told = [order.what for order in sealing.orders]
    assert told.count("extend") == 1
    assert told[-1] == "end"


@pytest.mark.parametrize(("answer", "stands"), [("unclear", "unclear"), ("help", "visit")])
def test_what_was_seen_on_a_phone(
    open_page: Open,
    sign_in: SignIn,
    night: Night,
    live_server: LiveServer,
    sealing: SealingHome,
    answer: str,
    stands: str,
) -> None:
    """At 390 px the picture, the time left and the answers are within the width; unclear waits for
    the next look, help is to be visited at once."""
    from playwright.sync_api import expect

    check = ask(night)
    page = open_page(PHONE)
    sign_in(page)
    board(page, live_server)
    look(page, sealing, night, check)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_test_id(f"finding-{answer}").click()
    expect(part(page, stands)).to_have_count(1)
    assert row(parts_of(night.app), check).looked == "camera"


def test_a_reason_of_the_watchers_own(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, sealing: SealingHome
) -> None:
    """A check that the sensor answered: its answer stands above the reasons, and without one chosen
    nobody looks; with one the picture comes, and the reason is in the permit."""
    from playwright.sync_api import expect

    check = "night@own"
    slot = night.now - 10 * MIN
    home = night.homes["h1"]
    home.send(CheckDue(check=check, slot=slot), at=slot)
    [felt] = home.send(MatPressed(), device="bed", at=slot)
    done = CheckDone(check=check, by=CheckBy.SENSOR)
    home.send(Draft(done, because=Because("night_check", 3, (felt.ref,))), at=slot)
    page = open_page(PHONE)
    sign_in(page)
    board(page, live_server, f"h1/{check}")
    expect(page.get_by_test_id("look-sensor")).to_contain_text("mattan känner någon sedan")
    page.get_by_test_id("look-begin").click()
    expect(page.get_by_test_id("look-say")).to_contain_text("Välj först varför")
    assert [order for order in sealing.orders if order.what == "begin"] == []
    page.get_by_test_id("look-why-worry").check()
    page.get_by_test_id("look-begin").click()
    expect(page.get_by_test_id("look")).to_have_attribute("data-state", "live")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    keys = parts_of(night.app).keys
    permit = look_permits.read(sealing.orders[-1].permit, {keys.kid: keys.private.public_key()})
    assert (permit.why, permit.check, permit.person) == (LookWhy.WORRY, check, "p7")
    page.get_by_test_id("look-end").click()
    expect(page.get_by_test_id("look-say")).to_contain_text("Du avslutade kameratillsynen")


def test_a_look_without_a_picture_leaves_a_visit(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, sealing: SealingHome
) -> None:
    """The camera is no answer then; told by nobody, the visit stands on the board in a minute."""
    from playwright.sync_api import expect

    check = ask(night)
    page = open_page(DESK)
    sign_in(page)
    board(page, live_server)
    name = look(page, sealing, night, check)
    ended = LookEnded(
        look=name, why=LookEnd.CAMERA_FAILED, took_s=1.0, pictures=0, way=LookWay.RELAY
    )
    night.homes["h1"].send(Draft(ended, person="p7", device="camera"))
    sealing.ends("camera_failed")
    expect(page.get_by_test_id("look")).to_have_attribute("data-state", "over")
    night.clock.advance(50)
    assert following.look(parts_of(night.app)) == 1
    expect(part(page, "visit")).to_contain_text("Kameratillsynen bröts utan svar")
