"""The page that the Pi serves: what it shows, in which language, and what it never lets through."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from web.home.app import create_app, overall
from web.home.port import (
    AlarmState,
    Answered,
    CheckState,
    DeviceState,
    DoorState,
    Health,
    HomePort,
    HomeState,
    LinkState,
    Part,
    TestResult,
)
from web.home.words import _TEXTS, Words

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
TEMPLATES = Path(__file__).parents[2] / "web" / "home" / "templates"


def sample() -> HomeState:
    """A home at half past two at night."""
    return HomeState(
        home="h1",
        version="0.1.0",
        timezone="Europe/Stockholm",
        now=NOW,
        started=NOW - timedelta(days=3),
        clock_synced=True,
        log_problem=None,
        link=LinkState(configured=True, up=True, last_ok=NOW - timedelta(seconds=9), backlog=0),
        bed="in",
        bed_since=NOW - timedelta(hours=3),
        devices=(
            DeviceState(
                "bed_mat", "mat_gpio", "sensor", "bed", "bedroom", Health.OK, "on", NOW, None
            ),
            DeviceState(
                "front_door", "lock_nuki", "lock", "front_door", "hall", Health.WARN, "locked",
                NOW - timedelta(hours=9), True,
            ),
            DeviceState(
                "toilet", "bthome", "sensor", "toilet", "bathroom", Health.BAD, "unknown", None,
                None, "the sensor has not been heard since yesterday",
            ),
        ),
        alarms=(
            AlarmState("home:h1/7", "bed_exit", "care", NOW - timedelta(minutes=4), None, False),
        ),
        checks=tuple(CheckState(f"n@{n}", NOW + timedelta(hours=n)) for n in (1, 3, 24)),
    )  # fmt: skip


class FakePort:
    """A port over a given state; counts the self-tests."""

    def __init__(self, state: HomeState) -> None:
        self.now, self.tests = state, 0
        self.typed: list[str] = []
        self.answers = Answered.ACCEPTED
        self.at_door = DoorState()

    def door(self) -> DoorState:
        return self.at_door

    def enter_code(self, typed: str) -> Answered:
        self.typed.append(typed)
        return self.answers

    def state(self) -> HomeState:
        return self.now

    def self_test(self) -> tuple[TestResult, ...]:
        self.tests += 1
        return (
            TestResult(Part.LOG, "", Health.OK, "", 3.2),
            TestResult(Part.CLOCK, "", Health.WARN),
            TestResult(Part.LINK, "", Health.BAD, "no answer"),
            TestResult(Part.DEVICE, "front_door", Health.WARN, "unknown", 25_000.0),
        )


@pytest.fixture
def port() -> FakePort:
    return FakePort(sample())


@pytest.fixture
def page(port: FakePort) -> FlaskClient:
    return create_app(cast(HomePort, port)).test_client()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_state_is_told_in_swedish_with_local_times(page: FlaskClient) -> None:
    """Bed, next check, link, alarm and each device, in the home's own time."""
    seen = text_of(page.get("/").text)
    for words in (
        "Något är fel",
        "I sängen sedan 2026-11-23 23:30",
        "Har lämnat sängen och inte kommit tillbaka sedan 02:26 · Ingen har tagit larmet än",
        "Nästa nattillsyn 03:30",
        "Servern svarar",
        "Ytterdörr front_door · hall Låst sedan 2026-11-23 17:30",
        "Byt batteri snart",
        "the sensor has not been heard since yesterday",
        "Dörren öppnas härifrån bara med en engångskod ur personalens telefon.",
    ):
        assert words in seen


def test_english_by_the_browser_and_by_the_switch(page: FlaskClient) -> None:
    """Accept-Language decides until somebody chose; a language that is not there is Swedish."""
    english = page.get("/", headers={"Accept-Language": "en-GB,en;q=0.9"}).text
    assert 'lang="en"' in english
    assert "Something is wrong" in english
    assert "Något är fel" in page.get("/", headers={"Accept-Language": "fi"}).text
    assert page.get("/language/en").status_code == 303
    assert "Something is wrong" in page.get("/", headers={"Accept-Language": "sv"}).text
    assert page.get("/language/xx").status_code == 404


def test_every_text_is_there_in_both_languages() -> None:
    """No empty text, none left untranslated by oversight, and every key a template names exists."""
    same = {key for key, (sv, en) in _TEXTS.items() if sv == en}
    assert same == {"room.hall"}
    assert all(sv and en for sv, en in _TEXTS.values())
    for template in TEMPLATES.glob("*.html"):
        for key in re.findall(r'w\("([a-z_.]+)"\)', template.read_text()):
            assert key in _TEXTS, (template.name, key)
    for health in Health:
        assert Words("sv")(f"health.{health.value}")
        assert Words("sv")(f"overall.{health.value}")
    assert all(Words("en").part(part) for part in Part)


def test_a_word_that_is_not_known_is_shown_as_it_is() -> None:
    """A new rule's alarm is shown, not hidden."""
    assert Words("sv").word("alarm", "stove_left_on") == "stove left on"


def test_the_glance_is_the_worst_of_what_matters() -> None:
    """Green only when everything works; a fault outweighs a warning."""
    state = sample()
    fine = replace(state, devices=state.devices[:1], alarms=())
    assert overall(fine) is Health.OK
    assert overall(replace(fine, clock_synced=False)) is Health.WARN
    down = replace(fine.link, up=False)
    assert overall(replace(fine, link=down)) is Health.WARN
    assert overall(replace(fine, link=replace(down, configured=False))) is Health.OK
    assert overall(replace(fine, log_problem="full")) is Health.BAD
    assert overall(replace(fine, link=replace(fine.link, problem="key void"))) is Health.BAD
    assert overall(state) is Health.BAD


def test_a_link_that_is_down_says_what_it_means(page: FlaskClient, port: FakePort) -> None:
    """Whoever stands in the home learns that it goes on by itself, and what waits."""
    link = LinkState(configured=True, up=False, last_ok=None, backlog=123)
    port.now = replace(port.now, link=link)
    seen = text_of(page.get("/").text)
    assert "Hemmet arbetar vidare på egen hand" in seen
    assert "Väntar på att skickas 123" in seen
    assert "Inget sedan starten" in seen
    port.now = replace(port.now, link=replace(link, configured=False))
    assert "Larm når ingen" in text_of(page.get("/").text)


def test_the_self_test_runs_on_demand_and_says_what_to_do(
    page: FlaskClient, port: FakePort
) -> None:
    """Looking runs nothing; the button runs it once; a restless finger does not run it again."""
    assert "har inte körts" in page.get("/test").text
    assert port.tests == 0
    assert page.post("/test").status_code == 303
    page.post("/test")
    assert port.tests == 1
    seen = text_of(page.get("/test").text)
    for words in (
        "Lagring 3 ms",
        "Kontrollera internet: kabel, router, mobilt bredband.",
        "Enhet front_door Vet inte 25000 ms",
        "Sover låset, rör vid handtaget",
    ):
        assert words in seen


def test_another_site_cannot_start_a_self_test(page: FlaskClient, port: FakePort) -> None:
    """A form on somebody else's page would wear the lock's battery."""
    answer = page.post("/test", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, port.tests) == (403, 0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
def test_a_foreign_name_for_this_address_is_refused(page: FlaskClient, host: str) -> None:
    """DNS rebinding: a site that points its name here reads nothing."""
    assert page.get("/state.json", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80", "tryggve.local"])
def test_the_homes_own_names_are_served(page: FlaskClient, host: str) -> None:
    """By address, by the machine's name, by mDNS."""
    assert page.get("/", headers={"Host": host}).status_code == 200


def test_the_state_as_json(page: FlaskClient) -> None:
    """The same state for programs: times as in events, health as words."""
    got = page.get("/state.json").json
    assert got is not None
    assert got["now"] == "2026-11-24T01:30:00.000Z"
    assert got["devices"][1]["health"] == "warn"
    assert got["link"]["backlog"] == 0
    assert got["checks"][0]["slot"] == "2026-11-24T02:30:00.000Z"


def test_no_inline_script_and_no_foreign_source(page: FlaskClient) -> None:
    """The policy forbids them, and the pages have none."""
    for path in ("/", "/test"):
        answer = page.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
        assert not re.search(r"\son\w+=|style=", answer.text)
        assert not re.search(r'(?:src|href|action)="(?!/)', answer.text)


def test_two_things_act_and_everything_else_reads(port: FakePort) -> None:
    """The self-test, and the entry for a code."""
    rules = create_app(cast(HomePort, port)).url_map.iter_rules()
    acting = {rule.rule for rule in rules if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}}
    assert acting == {"/test", "/door"}


# --- the door -------------------------------------------------------------------------------------


def typed(page: FlaskClient, code: str, **more: Any) -> Any:
    """Send the form as the page does."""
    token = re.search(r'name="token" value="([^"]+)"', page.get("/door").text)
    assert token is not None
    return page.post("/door", data={"token": token[1], "code": code}, **more)


def test_a_code_is_handed_on_and_answered_in_words(page: FlaskClient, port: FakePort) -> None:
    """Each answer has its words and its status; the digits are never shown again."""
    for what in Answered:
        port.answers = what
        answer = typed(page, "12345678")
        assert answer.status_code == {
            Answered.ACCEPTED: 200,
            Answered.PAUSED: 429,
            Answered.NO_CLOCK: 503,
            Answered.NOT_RECORDED: 503,
        }.get(what, 422)
        text = answer.text
        assert "12345678" not in text
        if what is not Answered.ACCEPTED:
            assert _TEXTS[f"door.answer.{what.value}"][0] in text
    assert port.typed == ["12345678"] * len(Answered)


def test_the_steps_are_shown(page: FlaskClient, port: FakePort) -> None:
    """Waking asks for the handle; a pause says until when."""
    steps = ("requested", "waking", "connecting", "turning", "asking", "done", "failed", "unknown")
    for step in steps:
        port.at_door = DoorState(step)
        assert _TEXTS[f"door.step.{step}"][0] in page.get("/door").text
    port.at_door = DoorState("waking", NOW)
    text = page.get("/door").text
    assert "Ta i handtaget" in text
    assert "Spärrat till" in text


def test_another_sites_form_is_refused(page: FlaskClient, port: FakePort) -> None:
    """Without the token, with another's, from elsewhere, or under a foreign name: nothing is
    tried, so nobody can pause the entry from afar."""
    assert page.post("/door", data={"code": "12345678"}).status_code == 403
    page.get("/door")
    wrong = page.post("/door", data={"code": "12345678", "token": "x"})
    assert wrong.status_code == 403
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
    ):
        assert typed(page, "12345678", headers=headers).status_code == 403
    assert port.typed == []
    assert typed(page, "1" * 5000).status_code == 422
    assert port.typed == []
    cookie = page.get("/door").headers["Set-Cookie"]
    assert "SameSite=Strict" in cookie
    assert "HttpOnly" in cookie


def test_what_comes_from_outside_is_escaped(page: FlaskClient, port: FakePort) -> None:
    """A device's error text is text."""
    bad = replace(port.now.devices[2], problem="<script>alert(1)</script>")
    port.now = replace(port.now, devices=(bad,))
    assert "<script>alert" not in page.get("/").text
