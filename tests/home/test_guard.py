"""The guard of the Pi's page: a stranger learns nothing, and no other site sends a form."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.home.test_page import PIN, FakePort, enter, sample, send
from web.home.app import OPEN, create_app
from web.home.guard import is_local_name
from web.home.port import Access, Answered, HomePort
from web.home.sessions import COOKIE, SESSIONS_MAX, Sessions

TELLING = (
    "hem-12",
    "0.1.0",
    "I sängen",
    "lämnat sängen",
    "Låst",
    "front_door",
    "2026-11",
    "p7",
    "nattillsyn",
)
"""What would say something of the home or the one who lives there."""


class Port(FakePort):
    """A home in which somebody was."""

    def ledger(self) -> tuple[Access, ...]:
        now = sample().now
        return (Access("home:h1/9", now, "visit.started", "p7", "unlock"),)


class World:
    """The page with a clock that is handed in."""

    def __init__(self) -> None:
        self.port = Port(replace(sample(), home="hem-12"))
        self.real_s = 0.0
        self.app: Flask = create_app(cast(HomePort, self.port), Sessions(lambda: self.real_s))
        self.client: FlaskClient = self.app.test_client()

    def is_in(self, client: FlaskClient | None = None) -> bool:
        return (client or self.client).get("/state.json").status_code == 200


@pytest.fixture
def world() -> World:
    return World()


def test_a_stranger_learns_that_it_is_tryggve_and_no_more(world: World) -> None:
    """Whatever address is asked for: nothing of the bed, the alarms, the lock, who was here, the
    home's id or its version; every address that is not known to be harmless is closed."""
    asked = 0
    for rule in world.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        answer = world.client.get(rule.rule.replace("<code>", "sv"))
        asked += 1
        assert not any(word in answer.text for word in TELLING), rule.rule
        if rule.endpoint not in OPEN | {"home"}:
            assert answer.status_code in (303, 401), rule.rule
    assert asked >= 6
    assert world.client.get("/state.json").json == {"error": "a code or a PIN first"}
    assert "Din PIN-kod" in world.client.get("/").text
    assert send(world.client, "/test").status_code == 303
    assert world.port.tests == 0
    seen = enter(world.client).get("/").text + world.client.get("/ledger").text
    assert all(word in seen for word in TELLING), "and this is what was not told"


def test_a_wrong_pin_or_code_shows_nothing(world: World) -> None:
    """In words, with its status; a PIN is no code and a code no PIN."""
    assert send(world.client, "/in", pin="1234 5678").status_code == 422
    world.port.answers = Answered.GUESSED
    answer = send(world.client, "/in", code="12345678")
    assert (answer.status_code, "Någon har gissat" in answer.text) == (429, True)
    assert send(world.client, "/in", code="1" * 21).status_code == 422
    assert send(world.client, "/in").status_code == 422
    assert world.port.typed == [("look", "12345678", "127.0.0.1")]
    assert not world.is_in()
    world.port.answers = Answered.ACCEPTED
    assert send(world.client, "/in", code="12345678").status_code == 303
    assert world.is_in()


def test_sessions_are_short_few_and_end_when_told(world: World) -> None:
    """A quarter of an hour after a code, an hour after the PIN, whatever is done meanwhile; the
    oldest ends for a new one; leaving ends it, also for a copy of the cookie."""
    assert send(world.client, "/door", code="12345678").status_code == 303
    assert world.is_in()
    world.real_s += 15 * 60
    assert not world.is_in()
    enter(world.client)
    world.real_s += 3600 - 1
    assert world.is_in()
    world.real_s += 1
    assert not world.is_in()
    others = [world.app.test_client() for _ in range(SESSIONS_MAX + 1)]
    for one in others:
        enter(one)
    assert [world.is_in(one) for one in others] == [False] + [True] * SESSIONS_MAX
    last = others[-1]
    copy = last.get_cookie(COOKIE)
    assert copy is not None
    assert send(last, "/out").status_code == 303
    last.set_cookie(COOKIE, copy.value, secure=True)
    assert not world.is_in(last)
    last.set_cookie(COOKIE, "made up", secure=True)
    assert not world.is_in(last)


def test_cookies_are_for_this_page_only(world: World) -> None:
    """No script reads them, no other site's link brings them along, none goes over plain HTTP, and
    no neighbouring host can set them (`__Host-`)."""
    set_by = [world.client.get("/door"), send(world.client, "/in", pin=PIN)]
    cookies = [line for answer in set_by for line in answer.headers.getlist("Set-Cookie")]
    assert {cookie.split("=")[0] for cookie in cookies} == {"__Host-form", "__Host-session"}
    for cookie in cookies:
        for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert word in cookie
        assert "Domain" not in cookie


ELSEWHERE: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost"},
    {"Origin": "https://localhost:444"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Host": "evil.example", "Origin": "https://evil.example"},
]


@pytest.mark.parametrize("path", ["/door", "/door/phone", "/in", "/out", "/test"])
def test_no_form_of_another_site_is_taken(world: World, path: str) -> None:
    """From elsewhere, without saying where from, under a foreign name, without the token, with
    another's: nothing is tried, shown or ended."""
    enter(world.client)
    fields = {"code": "12345678", "id": "a", "word": "b", "signature": "c", "pin": PIN}
    for headers in ELSEWHERE:
        assert send(world.client, path, headers, **fields).status_code == 403, headers
    token = _token(world.client)
    ours = {"Origin": "https://localhost"}
    sent = {**fields, "token": token}
    assert world.client.post(path, data=sent).status_code == 403, "no Origin at all"
    assert world.client.post(path, data=fields, headers=ours).status_code == 403
    other = world.app.test_client()
    assert world.client.post(path, data={**fields, "token": _token(other)}, headers=ours)
    assert other.post(path, data=sent, headers=ours).status_code == 403
    assert (world.port.typed, world.port.tests, world.is_in()) == ([], 0, True)
    assert send(world.client, path, **fields).status_code == 303, "the page's own form is taken"


def _token(client: FlaskClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/door").text)
    assert found is not None
    return found[1]


def test_a_form_has_a_size(world: World) -> None:
    """More than any form of the page has is not read."""
    assert send(world.client, "/door", code="1" * 20_000).status_code == 413
    assert send(world.client, "/door", code="1" * 5000).status_code == 422
    assert world.port.typed == []


FOREIGN = (
    *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "tryggve.local.evil.example"),
    *("evil.local@evil.example", "a b", "tryggve.local:99999999", "tryggve.local/evil", "[::1"),
)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_name_for_this_address_is_refused(world: World, host: str) -> None:
    """DNS rebinding: a site that points its name here reads nothing, also in a browser that has a
    session."""
    enter(world.client)
    for path in ("/", "/state.json", "/ledger", "/door", "/static/home.js"):
        assert world.client.get(path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80", "tryggve.local"])
def test_the_homes_own_names_are_served(world: World, host: str) -> None:
    """By address, by the machine's name, by mDNS."""
    assert world.client.get("/", headers={"Host": host}).status_code == 200


def test_no_name_is_no_name() -> None:
    """A request that does not say to whom it goes goes to nobody."""
    hosts: list[Any] = ["", ":8080", ".", "évil"]
    assert [host for host in hosts if is_local_name(host)] == []
