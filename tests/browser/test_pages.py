"""The pages in a real browser: live, at the desk, on the phone, and honest when the link is dead.

Every page that is opened here is also held to have no script error and nothing that the content
security policy refused (`open_page`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.envelope import Draft
from gateway.events import (
    DoorOpened,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationProgressed,
    LockOperationRequested,
    LockOperationStep,
    MatPressed,
)
from tests.browser.conftest import DESK, PHONE, WAIT_MS, LiveServer
from tests.browser.night import Night
from tests.staff.parts import EnrolledHome, parts_of
from web.staff.core.rights import Operator, Role
from web.staff.pages.routes import in_menu
from web.staff.people import accounts
from web.staff.storage import tables

pytestmark = pytest.mark.browser

DEAD_WITHIN_MS = 9_000
"""A link that only falls silent must be told of within this; the server's sign of life comes every
four seconds."""

TARGET_PX = 44
"""Height of what a thumb presses; the style sheet's own measure is 48."""

Open = Callable[..., Any]
SignIn = Callable[..., None]


def expect(locator: Any) -> Any:
    """Playwright's waiting assertions."""
    from playwright.sync_api import expect as playwright_expect

    return playwright_expect(locator)


def live(page: Any) -> None:
    """Wait until the page says that it is live."""
    page.locator('[data-test="pulse"][data-state="up"]').wait_for(timeout=WAIT_MS)


def wide(page: Any) -> float:
    """How many pixels the page is wider than its window."""
    return float(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def test_an_event_arrives_live(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """A door that opens stands on top of Händelser without anybody touching the page, as the
    server's own row; a mat that is pressed is folded there as it would be on a page loaded anew."""
    page = open_page(DESK)
    sign_in(page)
    page.goto(f"{live_server.url}/handelser?hem=h2")
    live(page)
    night.clock.advance(1)
    [event] = night.homes["h2"].send(DoorOpened(), device="door")
    row = page.locator(f'[data-test="event"][data-key="{event.ref}"][data-kind="door.opened"]')
    row.wait_for()
    assert row.locator(".label").inner_text() == "Dörren öppnades"
    assert "new" in (row.get_attribute("class") or "")
    first = page.locator("#events .row").first
    assert first.get_attribute("data-key") == event.ref
    night.clock.advance(1)
    for count in (2, 3):  # one was felt twelve minutes ago
        night.homes["h2"].send(MatPressed(), device="bed")
        expect(page.locator("#events .row").first).to_contain_text(f"Sängmattan: {count} tryck")
    live_rows = page.locator("#events .row").all_inner_texts()
    page.reload()
    assert page.locator("#events .row").all_inner_texts() == live_rows
    page.get_by_test_id("unfold").first.focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("back").wait_for()
    assert page.locator('[data-test="event"][data-kind="mat.pressed"]').count() == 3


def test_an_alarm_comes_is_taken_and_closed_at_the_desk(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """From calm to alarm by itself, the count in the header, the tab's title and its icon with it;
    why; taken; closed without loading anew."""
    page = open_page(DESK, dark=True)
    sign_in(page)
    live(page)
    expect(page.get_by_test_id("verdict")).to_contain_text("Allt är lugnt")
    icon = page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", re.compile(r"/icon\.svg$"))
    ref = night.raise_bed_exit()
    card = page.locator(f'[data-test="alarm"][data-alarm="{ref}"]')
    card.wait_for()
    expect(page.get_by_test_id("summary")).to_have_attribute("data-unacknowledged", "1")
    expect(page).to_have_title("(1) Nu · Tryggve")
    expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    expect(card).to_contain_text("Prov Andersdotter")
    expect(card).to_contain_text("21 min sedan 01:53")
    card.get_by_test_id("why").locator("summary").click()
    expect(card).to_contain_text("Gick upp ur sängen")
    card.get_by_test_id("acknowledge").click()
    expect(card.get_by_test_id("acknowledged-by")).to_contain_text("Du har tagit larmet 02:14")
    expect(page.get_by_test_id("summary")).to_have_attribute("data-unacknowledged", "0")
    expect(card.get_by_test_id("why")).to_have_attribute("open", "")  # nothing was folded away
    card.get_by_test_id("finding-no_need").check()  # open by itself for who took it
    card.get_by_test_id("resolve").click()
    expect(card).to_have_count(0)
    expect(page.get_by_test_id("verdict")).to_contain_text("Allt är lugnt")
    expect(page).to_have_title("Nu · Tryggve")
    expect(icon).to_have_attribute("href", re.compile(r"/icon\.svg$"))


def test_a_check_is_answered_on_the_phone_while_the_page_changes(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """What is chosen stays chosen, and the focus stays, while an alarm comes in above it."""
    check = night.ask("h2")
    page = open_page(PHONE)
    sign_in(page)
    live(page)
    card = page.locator(f'[data-test="check"][data-check="{check}"]')
    assert re.fullmatch(r"[89]:\d\d", card.get_by_test_id("countdown").inner_text())
    card.get_by_test_id("looked-phone").check()
    card.get_by_test_id("looked-phone").focus()
    night.raise_bed_exit("h3")
    page.get_by_test_id("alarm").wait_for()
    expect(card.get_by_test_id("looked-phone")).to_be_checked()
    expect(card.get_by_test_id("looked-phone")).to_be_focused()
    for button in card.locator("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= TARGET_PX
    card.get_by_test_id("finding-ok").click()
    expect(card).to_have_count(0)
    expect(page.locator("main")).to_contain_text("svarade: Allt är bra")


def test_the_door_opens_on_the_phone_step_by_step(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Sent, waking with what to do, turning, open; a second tap sends nothing a second time."""
    gateway = night.homes["h1"]
    stream = _listening(gateway)
    page = open_page(PHONE, dark=True)
    sign_in(page)
    page.goto(f"{live_server.url}/pass")
    live(page)
    home = page.locator('[data-test="my-home"][data-home="h1"]')
    home.get_by_test_id("open-door").dblclick()
    home.locator('[data-test="step-issued"][data-state="now"]').wait_for()
    turn = home.get_by_test_id("turn")
    grant = (turn.get_attribute("data-key") or "").removeprefix("turn-")
    requested = LockOperationRequested(grant=grant, action="unlock", reason="planned_visit")
    gateway.send(Draft(requested, device="front", person="p7"))
    _step(gateway, grant, LockOperationStep.WAKING)
    expect(home.get_by_test_id("wake-hint")).to_have_text("Ta i handtaget eller knacka på dörren")
    _step(gateway, grant, LockOperationStep.TURNING)
    home.locator('[data-test="step-turning"][data-state="now"]').wait_for()
    expect(home.get_by_test_id("open-door")).to_have_attribute("aria-disabled", "true")
    home.get_by_test_id("open-door").click(force=True)
    gateway.send(
        LockOperationEnded(grant=grant, outcome=LockOperationOutcome.DONE, took_s=3.1),
        device="front",
    )
    expect(home.get_by_test_id("outcome")).to_contain_text("Dörren är upplåst.")
    assert _orders(night, "h1") == 1
    stream.close()


def _listening(gateway: EnrolledHome) -> Any:
    """The home's stream, open."""
    stream = gateway.listen()
    next(stream)
    return stream


def _step(gateway: EnrolledHome, grant: str, step: LockOperationStep) -> None:
    gateway.send(LockOperationProgressed(grant=grant, step=step), device="front")


def _orders(night: Night, home: str) -> int:
    """How many orders to turn a lock were signed for this home."""
    t = tables.turn
    with parts_of(night.app).db.read() as conn:
        query = select(func.count()).select_from(t).where(t.c.home_id == home)
        return int(conn.execute(query).scalar_one())


def test_an_unknown_outcome_is_told_by_the_page_itself(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """The server is gone and the time runs out: the page says that nobody knows, and what to do."""
    stream = _listening(night.homes["h1"])
    page = open_page(PHONE)
    sign_in(page)
    page.goto(f"{live_server.url}/pass")
    live(page)
    home = page.locator('[data-test="my-home"][data-home="h1"]')
    home.get_by_test_id("open-door").click()
    home.locator('[data-test="step-issued"][data-state="now"]').wait_for()
    night.clock.advance(128)  # the grant's 120 s and ten more end in two
    page.reload()
    live(page)
    deadline = home.get_by_test_id("deadline")
    expect(deadline).to_be_hidden()
    page.context.set_offline(True)
    expect(deadline).to_be_visible()
    expect(deadline).to_contain_text("Vi vet inte om det är öppet. Känn på dörren.")
    expect(deadline).to_contain_text("nyckelskåpet")
    stream.close()


SLOW_FETCH = """() => {
  window.asked = [];
  window.statuses = [];
  const real = window.fetch;
  window.fetch = async (url, more) => {
    if (!String(url).includes("fragment=1")) return real(url, more);
    window.asked.push(performance.now());
    await new Promise((go) => setTimeout(go, 400));
    const status = window.statuses.pop();
    return status ? new Response("", { status }) : real(url, more);
  };
}"""
"""The page's fetches take 0.4 s and are noted; `statuses` are answered first, last to first."""

TELL = """async ([name, kind, count, everyMs]) => {
  for (; count; count -= 1) {
    const detail = { home: "h1", kind, event: null };
    document.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));
    await new Promise((go) => setTimeout(go, everyMs));
  }
}"""

ASKED = """async ([than, withinMs]) => {
  const until = performance.now() + withinMs;
  while (asked.length <= than && performance.now() < until) {
    await new Promise((go) => setTimeout(go, 20));
  }
  return asked.length > than;
}"""


def test_a_server_with_much_to_do_is_asked_less_often(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """Where a fetch takes long a stream of changes makes few of them, with pauses; an alarm waits
    for no long pause; a page that was refused is fetched again; and a screen that lost its place
    fetches once, however often it is told."""
    page = open_page(DESK)
    sign_in(page)
    live(page)
    page.evaluate(SLOW_FETCH)

    def asked_while(*told: object) -> int:
        before = int(page.evaluate("asked.length"))
        page.evaluate(TELL, told)
        return int(page.evaluate("asked.length")) - before

    def asked_more(than: int, within_ms: int) -> None:
        assert page.evaluate(ASKED, [than, within_ms])

    assert 1 <= asked_while("change", "home.heard", 40, 50) <= 2
    count = page.evaluate("asked.length")
    asked_while("change", "alarm.raised", 1, 0)
    asked_more(count, 4_000)  # the longest is five seconds
    page.wait_for_timeout(2_500)  # until it is at rest
    page.evaluate("statuses.push(503)")
    count = page.evaluate("asked.length")
    asked_while("change", "alarm.raised", 1, 0)
    asked_more(count + 1, 30_000)
    assert page.evaluate("statuses.length") == 0
    page.wait_for_timeout(2_500)  # until it is at rest
    assert asked_while("resync", "", 20, 25) <= 2


def test_a_dead_link_is_told_loudly_and_its_end_too(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """Cut off: the banner, at once and announced.  Back: gone, and what came meanwhile shows."""
    page = open_page(DESK)
    sign_in(page)
    live(page)
    banner = page.get_by_test_id("link-alert")
    expect(banner).to_be_empty()
    page.context.set_offline(True)
    expect(banner).to_contain_text("Sidan uppdateras inte.")
    assert banner.get_attribute("role") == "alert"
    expect(page.get_by_test_id("pulse")).to_have_attribute("data-state", "down")
    expect(page.get_by_test_id("verdict")).to_contain_text("Sidan visar läget vid senaste")
    night.raise_bed_exit()
    page.context.set_offline(False)
    live(page)
    expect(banner).to_be_empty()
    page.get_by_test_id("alarm").wait_for()


def test_a_link_that_only_falls_silent_is_told_too(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """The connection stays open and says nothing, as behind a broken proxy: within seconds, by the
    page's own clock, the page calls it dead."""
    page = open_page(PHONE)
    sign_in(page)
    live(page)
    page.clock.install()
    page.add_init_script(SILENT_STREAM)
    page.goto(f"{live_server.url}/nu")
    live(page)
    page.clock.run_for(DEAD_WITHIN_MS)  # not waited for: a slow machine is no dead link
    banner = page.get_by_test_id("link-alert")
    expect(banner).to_contain_text("Sidan uppdateras inte.", timeout=WAIT_MS)


SILENT_STREAM = """
const plain = window.fetch;
window.fetch = (url, options) => {
  if (!String(url).startsWith("/live")) return plain(url, options);
  const silent = new ReadableStream({
    start(stream) {
      stream.enqueue(new TextEncoder().encode(": hello\\n\\n"));
      options.signal.addEventListener("abort", () => stream.error(new Error("aborted")));
    },
  });
  return Promise.resolve(
    new Response(silent, { headers: { "Content-Type": "text/event-stream" } }));
};
"""


def test_the_sound_is_offered_once_and_says_what_it_is(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """Large at the start of the shift; answered, it is not asked again, and the word on the button
    is the truth in each state, also when the browser plays nothing until it is touched."""
    page = open_page(DESK)
    sign_in(page)
    sound, offer = page.get_by_test_id("sound"), page.get_by_test_id("sound-offer")
    expect(offer).to_be_visible()
    expect(sound).to_have_attribute("data-state", "off")
    assert sound.inner_text().strip() == "Ljud av"
    offer.get_by_test_id("sound-yes").click()
    expect(sound).to_have_attribute("data-state", "on")
    expect(offer).to_be_hidden()
    assert sound.inner_text().strip() == "Ljud på"
    page.reload()
    expect(sound).to_have_attribute("data-state", "blocked")
    assert sound.inner_text().strip() == "Ljud spärrat, tryck här"
    page.wait_for_timeout(600)  # longer than a browser is given to say that it may play
    expect(offer).to_be_hidden()
    sound.click()
    expect(sound).to_have_attribute("data-state", "on")
    sound.click()
    expect(sound).to_have_attribute("data-state", "off")
    page.evaluate("localStorage.removeItem('tryggve.sound.asked')")  # as signing out does
    page.reload()
    expect(offer).to_be_visible()
    offer.get_by_test_id("sound-no").click()
    expect(offer).to_be_hidden()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_is_wider_than_its_window(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, size: dict[str, int]
) -> None:
    """Nothing is cut off at the side of any page of the menu, with alarms and checks on it too."""
    accounts.set_roles(parts_of(live_server.app), Operator("org1"), "p7", list(Role))
    night.raise_bed_exit()
    night.ask("h3")
    page = open_page(size)
    sign_in(page)
    for path in (*(route.path for route, _entry in in_menu()), "/hem/h3", "/besok?dag=2026-11-22"):
        page.goto(live_server.url + path)
        assert wide(page) <= 0, path


@pytest.mark.parametrize("width", [390, 1024, 1280], ids=["phone", "tablet", "desk"])
def test_the_menu_of_every_role_fits(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, width: int
) -> None:
    """In a small organisation one person is everything: each page is in the menu, whole, inside the
    window."""
    accounts.set_roles(parts_of(live_server.app), Operator("org1"), "p7", list(Role))
    night.raise_bed_exit()
    page = open_page({"width": width, "height": 844})
    sign_in(page)
    live(page)
    assert wide(page) <= 0
    items = page.locator(".nav a").all()
    assert len(items) > 6
    for item in items:
        item.scroll_into_view_if_needed()
        box = item.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width, item.inner_text()
        assert item.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, item.inner_text()


def test_the_theme_changes_without_a_new_page(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """By the button, kept for the next page, and the sound need not be switched on again."""
    page = open_page(DESK)
    sign_in(page)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_test_id("menu").locator("summary").click()
    page.get_by_test_id("theme").click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light


def test_everything_is_reached_with_the_keyboard(
    open_page: Open, sign_in: SignIn, night: Night
) -> None:
    """The first key press offers to skip to the content; the focus can be seen."""
    night.raise_bed_exit()
    page = open_page(DESK)
    sign_in(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.test || ''"))
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(style) == "solid"
    assert "acknowledge" in reached


def test_a_visit_is_marked_by_two_taps(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer
) -> None:
    """Arrived, told with its time; the answer is announced."""
    page = open_page(PHONE)
    sign_in(page)
    page.goto(f"{live_server.url}/pass")
    home = page.locator('[data-test="my-home"][data-home="h2"]')
    home.get_by_test_id("arrive").click()
    answer = home.get_by_test_id("answer")
    expect(answer).to_have_text("Ankomst registrerad 02:14.")
    assert answer.get_attribute("role") == "status"
    night.clock.advance(timedelta(minutes=20).total_seconds())
    page.wait_for_timeout(800)  # the rest after a tap: the same finger's second touch is no leaving
    home.get_by_test_id("leave").click()
    expect(answer).to_have_text("Avgång registrerad 02:34.")
