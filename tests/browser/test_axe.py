"""axe-core over every page, in both themes and at both sizes.

The pages are those that `walked` knows: a new one is examined without being named here.  axe-core
comes with the package `axe-playwright-python`; it is run as it is, and never shipped.

Not for: what axe cannot see (`test_pages`, `test_touch`), or colours computed from the style sheet
(`tests/staff/pages/test_contrast.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import Night, escalate
from tests.home.test_ledger import Port
from tests.home.test_page import sample
from tests.staff import walked
from tests.staff.parts import parts_of
from web.home.app import create_app
from web.home.port import HomePort
from web.staff.core.rights import Operator, Role
from web.staff.people import accounts
from web.staff.storage import tables

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""The tags of axe that are run: what EN 301 549 asks for (WCAG 2.1 AA), what WCAG 2.2 added, among
it targets of at least 24 px, and what axe holds to be good practice."""

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
"""What is folded away is examined too."""

FILES = 6
"""Of what can be opened, what is saved and not shown."""

COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe that the theme changes: the dark one changes colours and nothing else."""

ADOPT = """(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

RUN = """async ({type, values}) => {
  const found = await axe.run(document, {
    runOnly: {type, values},
    rules: type === "tag" ? {"target-size": {enabled: true}} : {},
    resultTypes: ["violations"],
  });
  return found.violations.map((one) => [
    one.id,
    one.nodes.map((node) => node.target.join(" ") + ": " + node.failureSummary),
  ]);
}"""


SMALL = """(least) => {
  const pressed = "a, button, summary, select, textarea, input:not([type=hidden]), label.choice";
  const inText = (e) => e.matches("a") && getComputedStyle(e).display === "inline";
  return [...document.querySelectorAll(pressed)]
    .filter((e) => !e.closest(".skip, .sr") && !e.matches("label.choice input"))
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([e, b]) => b.width > 0 && b.height > 0)
    .filter(([e, b]) => Math.min(b.width, b.height) < (inText(e) ? 24 : least))
    .map(([e, b]) => [e.outerHTML.slice(0, 120), Math.round(b.width), Math.round(b.height)]);
}"""
"""What is pressed and is smaller than a thumb."""

WIDE = """(most) => [...document.querySelectorAll("main input, main select, main textarea")]
  .map((e) => [e.name, Math.round(e.getBoundingClientRect().width)])
  .filter(([name, width]) => width > most)"""

FIELD_PX = 640
"""Width of a field at most: some 80 characters, the longest line that is read with ease."""

THUMB_PX = 44
"""Width and height of what is pressed: WCAG 2.5.5, and Apple's and Google's guides say 44 to 48."""

CLIPPED = """() => [...document.querySelectorAll(".nav a, .nav a > span:not(.sr)")]
  .filter((e) => e.getBoundingClientRect().width > 0)
  .filter((e) => {
    const box = e.getBoundingClientRect();
    return box.left < 0 || box.right > innerWidth || e.scrollWidth > e.clientWidth + 1;
  })
  .map((e) => e.textContent.trim())"""
"""Entries of the menu that are not whole inside the window, nobody having scrolled."""


ROWS = """() => new Set([...document.querySelectorAll(".nav a")]
  .map((e) => Math.round(e.getBoundingClientRect().top))).size"""
"""In how many rows the menu stands."""

COVERED = """() => {
  const last = [...document.querySelectorAll("main .page > *")].at(-1).getBoundingClientRect();
  return last.bottom - document.querySelector(".nav").getBoundingClientRect().top;
}"""
"""How far the last of the page reaches below the upper edge of the menu, scrolled to the end."""


def name_of(roles: list[Role]) -> str:
    """The test's id."""
    return roles[0].value if len(roles) == 1 else "every"


def addresses(night: Night) -> Iterator[str]:
    """Every page that somebody signed in can open, with what it understands, and a visit's."""
    for route in walked.pages_to_open():
        for fields in route.examples:
            if "fragment" not in fields:
                query = urlencode(fields)
                yield walked.address_of(route) + (f"?{query}" if query else "")
    with parts_of(night.app).db.read() as conn:
        visit = conn.execute(select(tables.visit.c.id).limit(1)).scalar_one()
        alarm = conn.execute(select(tables.alarm.c.id).order_by(tables.alarm.c.id)).scalars()
        alarms = list(alarm)[-2:]
    yield "/besok/ett?" + urlencode({"besok": visit})
    yield from (f"/larm/{ref}" for ref in alarms)
    yield "/pass/utan-nat"
    yield "/finns-inte"


def home_app() -> Flask:
    """The application that a Pi serves."""
    return create_app(cast(HomePort, Port(sample())))


@pytest.fixture
def pi_url() -> Iterator[str]:
    """The page that the Pi serves, over a home with an alarm and a device that fails."""
    server = make_server("127.0.0.1", 0, home_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(60)
    server.server_close()


def faults_of(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds on the page as it is, by its rules' names."""
    from axe_playwright_python.base import AXE_SCRIPT

    # not as a script of the page: the content security policy would refuse it, rightly
    page.evaluate(AXE_SCRIPT)
    asked = {"type": "tag", "values": RULES}
    return [(rule, nodes) for rule, nodes in page.evaluate(RUN, asked)]


def faults_in_the_dark(page: Any) -> list[tuple[str, list[str]]]:
    """The faults of colour of the same page in its dark theme, which it then leaves."""
    page.emulate_media(color_scheme="dark")
    found = page.evaluate(RUN, {"type": "rule", "values": COLOURS})
    page.emulate_media(color_scheme="light")
    return [(rule, nodes) for rule, nodes in found]


def everything(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    size: dict[str, int],
) -> Any:
    """A page signed in as somebody with every role, while a home rings, a check waits, and another
    home needs a visit."""
    accounts.set_roles(parts_of(night.app), Operator("org1"), "p7", list(Role))
    night.raise_bed_exit()
    night.ask("h3")
    escalate(night)
    page = open_page(size)
    sign_in(page)
    return page


def pages_of(page: Any, live_server: LiveServer, night: Night) -> Iterator[str]:
    """Open one page after the other; yields each address.  Files that are offered are no pages."""
    opened = 0
    for address in addresses(night):
        answer = page.request.head(live_server.url + address)
        if answer.headers.get("content-type", "").startswith("text/html"):
            page.goto(live_server.url + address)
            opened += 1
            yield address
    assert opened > len(walked.pages_to_open()) - FILES


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_on_any_page(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
    size: dict[str, int],
) -> None:
    """No page has a fault that axe knows, folded parts and the sign-in among them; nor one of
    colour in the dark.  On a phone all that is pressed is 44 px both ways; a link inside a sentence
    at least 24."""
    page = open_page(size)
    page.goto(f"{live_server.url}/login")
    found = {"/login": faults_of(page), "/login in the dark": faults_in_the_dark(page)}
    small = {}
    page = everything(open_page, sign_in, night, size)
    for address in pages_of(page, live_server, night):
        page.evaluate(UNFOLD)
        found[address] = faults_of(page)
        found[f"{address} in the dark"] = faults_in_the_dark(page)
        small[address] = page.evaluate(SMALL, THUMB_PX) if size is PHONE else []
    faulty = {address: faults for address, faults in found.items() if faults}
    assert not faulty, json.dumps(faulty, indent=1, ensure_ascii=False)
    assert not any(small.values()), json.dumps(small, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_on_the_pages_of_the_pi(
    open_page: Callable[..., Any], pi_url: str, size: dict[str, int]
) -> None:
    """What the home itself serves: every address that needs nothing more."""
    page = open_page(size)
    rules = home_app().url_map.iter_rules()
    paths = [rule.rule for rule in rules if "GET" in (rule.methods or ()) and not rule.arguments]
    found, examined = {}, 0
    for path in paths:
        answer = page.request.get(pi_url + path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert page.goto(pi_url + path).status == 200
            found[path] = faults_of(page)
            found[f"{path} in the dark"] = faults_in_the_dark(page)
            examined += 1
    assert examined >= 4
    faulty = {path: faults for path, faults in found.items() if faults}
    assert not faulty, json.dumps(faulty, indent=1, ensure_ascii=False)


def test_the_dark_is_dark_and_its_faults_are_seen(
    open_page: Callable[..., Any], pi_url: str
) -> None:
    """The page turns dark under the examination, and light again; letters as dark as what they
    stand on are found, there and nowhere else."""
    page = open_page(DESK)
    page.goto(f"{pi_url}/")
    style = "@media (prefers-color-scheme: dark) { h1, h2 { color: #101010 !important } }"
    page.evaluate(ADOPT, style)
    assert faults_of(page) == []
    assert [rule for rule, _nodes in faults_in_the_dark(page)] == ["color-contrast"]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is False


@pytest.mark.parametrize("roles", [[role] for role in Role] + [list(Role)], ids=name_of)
def test_no_entry_of_the_menu_is_clipped_on_a_phone(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    roles: list[Role],
) -> None:
    """Whoever looks: every page of theirs is in the menu, whole, without scrolling sideways, in two
    rows at the most, also on the narrowest phone (360 px); and the menu lies over nothing that
    cannot be scrolled into view."""
    accounts.set_roles(parts_of(night.app), Operator("org1"), "p7", roles)
    page = open_page({"width": 360, "height": 740})
    sign_in(page)
    assert page.locator(".nav a").count() > 1
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(ROWS) <= 2
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate(COVERED) <= 0


def test_no_field_is_as_wide_as_a_large_screen(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
) -> None:
    """What is written in is at most a line that can be read, also on a wide screen."""
    page = everything(open_page, sign_in, night, {"width": 1920, "height": 1080})
    wide, fields = {}, 0
    for route in walked.pages_to_open():
        if route.path.startswith("/administration"):
            page.goto(live_server.url + walked.address_of(route))
            page.evaluate(UNFOLD)
            fields += page.locator("main input:not([type=hidden])").count()
            wide[route.name] = page.evaluate(WIDE, FIELD_PX)
    assert fields > 10
    assert {name: found for name, found in wide.items() if found} == {}
