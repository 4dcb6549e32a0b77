"""The board in a real browser: by keys, on a phone; each of the answers; two watchers at once;
forty homes on one screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.envelope import Because, Draft
from gateway.events import (
    BedEntered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    MatPressed,
    Stamp,
    VisitStarted,
)
from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import MIN, Night, escalate
from tests.staff.parts import EnrolledHome, add_home, add_user

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Any]
SignIn = Callable[..., None]


def board(page: Any, live: LiveServer, opened: str = "") -> None:
    """Open the board."""
    page.goto(f"{live.url}/nattillsyn{'?oppna=' + opened if opened else ''}")


def part(page: Any, name: str) -> Any:
    return page.get_by_test_id(f"part-{name}").get_by_test_id("night-row")


def test_the_phone_answers_with_the_thumb(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """At 390 px nothing is wider than the screen: taken, answered, waiting for the home, done."""
    from playwright.sync_api import expect

    check = night.ask()
    page = open_page(PHONE)
    sign_in(page)
    board(page, live_server)
    part(page, "due").click()
    page.get_by_test_id("take").click()
    expect(page.get_by_test_id("mine")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_test_id("looked-phone").check()
    page.get_by_test_id("finding-ok").click()
    expect(page.get_by_test_id("waits")).to_contain_text("Allt är bra")
    night.homes["h1"].send(CheckDone(check=check, by=CheckBy.WATCHER))
    expect(page.get_by_test_id("done")).to_contain_text("Prov p7")
    expect(page.get_by_test_id("count-due")).to_contain_text("0")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_once_more_keeps_the_check(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """By keys: j, Enter, e: the five minutes begin anew; with a look going on it is the look's own
    extension and nothing else."""
    from playwright.sync_api import expect

    night.ask()
    page = open_page(DESK)
    sign_in(page)
    board(page, live_server)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("mine")).to_be_visible()
    page.keyboard.press("e")
    expect(page.get_by_test_id("answer")).to_contain_text("fem minuter till")
    expect(page.get_by_test_id("looked-camera")).to_be_hidden()
    page.evaluate(
        """() => {
          window.extended = 0;
          document.addEventListener("look:extend", () => { window.extended += 1; });
          document.dispatchEvent(new CustomEvent("look:state",
            { detail: { state: "live", pictures: 3, may_extend: true, why: "" } }));
        }"""
    )
    expect(page.get_by_test_id("looked-camera")).to_be_checked()
    page.keyboard.press("2")
    assert page.evaluate("window.extended") == 1


def test_unclear_comes_again(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Unclear stands apart until the home asks again; the second time the answer says what it
    leads to."""
    from playwright.sync_api import expect

    check = night.ask()
    page = open_page(DESK)
    sign_in(page)
    board(page, live_server)
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("mine")).to_be_visible()
    page.keyboard.press("r")
    page.keyboard.press("3")
    expect(part(page, "unclear")).to_have_count(1)
    until = night.now + 15 * MIN
    night.homes["h1"].send(CheckAsked(check=check, why="recheck", answer_by=until, attempt=2))
    expect(part(page, "due")).to_contain_text("förra svaret var osäkert")
    page.get_by_test_id("take").click()
    expect(page.get_by_test_id("finding-unclear")).to_contain_text("besök")


def test_help_is_an_alarm_and_a_visit_at_once(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """The home does not listen: the server rings by itself, and the visit is on the board, on Nu
    and on Mitt pass; who goes is seen, and the visit that begins there ends it."""
    from playwright.sync_api import expect

    night.ask()
    page = open_page(PHONE)
    sign_in(page)
    board(page, live_server)
    part(page, "due").click()
    page.get_by_test_id("take").click()
    page.get_by_test_id("looked-phone").check()
    page.get_by_test_id("finding-help").click()
    expect(part(page, "visit")).to_contain_text("Hjälp behövs")
    page.get_by_test_id("take-visit").click()
    expect(page.get_by_test_id("goes")).to_contain_text("Prov p7 åker dit")
    page.goto(f"{live_server.url}/nu")
    expect(page.get_by_test_id("alarm")).to_have_count(1)
    expect(page.get_by_test_id("task")).to_contain_text("Prov p7 åker dit")
    page.goto(f"{live_server.url}/pass")
    expect(page.get_by_test_id("visit-task")).to_contain_text("Du åker till")
    begun = VisitStarted(since=night.now, source=Stamp.UNLOCK)
    night.homes["h1"].send(Draft(begun, person="p7"))
    expect(page.get_by_test_id("visit-task")).to_have_count(0)


def test_two_watchers_and_one_check(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Both have it open: one takes it, the other sees who without a reload and takes it over; the
    first is told.  A watcher of another area sees none of it."""
    from playwright.sync_api import expect

    add_user(night.app, "p8", ["night_watcher"], homes=["h1"])
    add_user(night.app, "p9", ["night_watcher"], homes=["h2"])
    check = night.ask()
    one, other = open_page(DESK), open_page(PHONE)
    sign_in(one)
    sign_in(other, "p8")
    for page in (one, other):
        board(page, live_server, f"h1/{check}")
        expect(page.get_by_test_id("take")).to_be_visible()
    one.get_by_test_id("take").click()
    expect(other.get_by_test_id("holder")).to_contain_text("Prov p7 gör tillsynen")
    expect(other.get_by_test_id("finding-ok")).to_have_count(0)
    other.get_by_test_id("take-over").click()
    expect(other.get_by_test_id("mine")).to_be_visible()
    expect(one.get_by_test_id("before")).to_contain_text("Prov p8 tog över tillsynen från dig")
    expect(one.get_by_test_id("finding-ok")).to_have_count(0)
    third = open_page(DESK)
    sign_in(third, "p9")
    board(third, live_server, f"h1/{check}")
    expect(third.get_by_test_id("none-due")).to_be_visible()
    expect(third.get_by_test_id("panel")).to_have_count(0)


FORTY = 40


def forty(night: Night) -> list[EnrolledHome]:
    """Forty homes more of `p7`'s, each with a check that waits for a watcher now."""
    made = []
    for n in range(FORTY):
        home = f"n{n:02}"
        add_home(night.app, home, label=f"Provgården {n}")
        gateway = EnrolledHome(night.app, night.app.test_client(), home, night.clock)
        gateway.enroll()
        slot = night.now - MIN
        until = night.now + 9 * MIN + timedelta(seconds=n)
        gateway.send(
            CheckDue(check="night@x", slot=slot),
            CheckAsked(check="night@x", why="reading_stale", answer_by=until),
        )
        made.append(gateway)
    add_user(night.app, "p8", ["night_watcher"], homes=[one.home for one in made])
    return made


def test_forty_homes_fit_on_one_screen(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """All forty due at once, at 1280×800: each row is on the screen without scrolling, and dark at
    night; down and up by keys; the tab's title counts; what is done goes, and the others stay."""
    from playwright.sync_api import expect

    homes = forty(night)
    page = open_page(DESK)
    sign_in(page, "p8")
    board(page, live_server)
    rows = part(page, "due")
    expect(rows).to_have_count(FORTY)
    ends = rows.evaluate_all("all => all.map(one => one.getBoundingClientRect().bottom)")
    assert max(ends) <= DESK["height"]
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page).to_have_title("(40) 40 att göra · Nattillsyn · Tryggve")
    for key in ("j", "ArrowDown", "j", "k"):
        page.keyboard.press(key)
    here = page.evaluate("document.activeElement.dataset.home")
    assert here == "n01"
    page.keyboard.press("?")
    expect(page.get_by_test_id("help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("help")).to_be_hidden()
    for gateway in homes[:39]:
        gateway.send(CheckDone(check="night@x", by=CheckBy.SENSOR))
    expect(rows).to_have_count(1)
    expect(page.get_by_test_id("count-done")).to_contain_text("39")
    expect(page).to_have_title("(1) 1 att göra · Nattillsyn · Tryggve")


def test_the_sensors_answer_without_a_camera(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """What is done by the sensor says on what it rests, down to the events; what the home left to
    be visited is settled by hand with a reason."""
    from playwright.sync_api import expect

    gateway = night.homes["h3"]
    slot = night.now - 30 * MIN
    told = gateway.send(
        CheckDue(check="night@x", slot=slot), BedEntered(), MatPressed(), device="bed", at=slot
    )
    rests_on = tuple(event.ref for event in told)
    done = CheckDone(check="night@x", by=CheckBy.SENSOR)
    gateway.send(Draft(done, because=Because("night_check", 3, rests_on)), at=slot)
    escalate(night, "h2")
    page = open_page(DESK)
    sign_in(page)
    board(page, live_server)
    part(page, "done").click()
    expect(page.get_by_test_id("done")).to_contain_text(
        "Klar utan kamera: i sängen sedan 01:44, mattan känner någon sedan 01:44"
    )
    expect(page.get_by_test_id("refs")).to_contain_text(rests_on[2])
    page.evaluate("document.querySelector('.nt-panel').left = 'h3'")
    part(page, "visit").click()
    expect(page.get_by_test_id("panel")).to_have_attribute("data-home", "h2")
    assert page.evaluate("document.querySelector('.nt-panel').left") is None
    page.get_by_test_id("settle-open").click()
    page.get_by_test_id("settle-other").click()
    expect(page.get_by_test_id("answer")).to_contain_text("Skriv några ord")
    expect(page.locator("form[data-sending]")).to_have_count(0)
    page.get_by_test_id("settle-note").fill("Dottern är där")
    page.get_by_test_id("settle-other").click()
    expect(part(page, "visit")).to_have_count(0)
    expect(page.get_by_test_id("settled")).to_contain_text("annat")
