"""The page that the Pi serves: what it shows, in which language, and what it never lets through."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from web.home.app import create_app, overall
from web.home.port import (
    Access,
    AlarmState,
    Answered,
    CheckState,
    DeviceState,
    DoorState,
    Health,
    HomePort,
    HomeState,
    InstallState,
    LinkState,
    LookState,
    Part,
    PlanState,
    TestResult,
)
from web.home.words import _TEXTS, Words

PIN = "8642 0135"
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
        self.typed: list[tuple[str, ...]] = []
        self.answers = Answered.ACCEPTED
        self.at_door = DoorState()
        self.taken_back: list[tuple[str, str]] = []
        self.takes_back = True

    def take_back(self, alarm: str, by: str) -> bool:
        self.taken_back.append((alarm, by))
        return self.takes_back

    def door(self) -> DoorState:
        return self.at_door

    def enter_code(self, typed: str, place: str) -> Answered:
        self.typed.append(("door", typed, place))
        return self.answers

    def prove(self, code: str, word: str, signature: str, place: str) -> Answered:
        self.typed.append(("proof", code, word, signature, place))
        return self.answers

    def look(self, typed: str, place: str) -> Answered:
        self.typed.append(("look", typed, place))
        return self.answers

    def enter_pin(self, typed: str, place: str) -> Answered:
        return Answered.ACCEPTED if typed == PIN else Answered.WRONG

    def ledger(self) -> tuple[Access, ...]:
        return ()

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


class FakeInstalls:
    """A home that may be installed by one code; what is asked is noted, and refused for `why`."""

    def __init__(self, code: str = "AAAAA-AAAAA-AAAAAAAA") -> None:
        self.code, self.good, self.why = code, True, ""
        self.shown = InstallState(may=True, may_add=True, devices={})
        self.did: list[tuple[str, ...]] = []

    def enter(self, typed: str, place: str) -> Answered:
        self.did.append(("enter", place))
        return Answered.ACCEPTED if typed == self.code else Answered.WRONG

    def may(self) -> bool:
        return self.good

    def state(self, page: str) -> InstallState:
        return self.shown

    def __getattr__(self, name: str) -> Any:
        def do(*given: Any) -> str:
            self.did.append((name, *map(str, given)))
            return self.why

        return do


@pytest.fixture
def port() -> FakePort:
    return FakePort(sample())


@pytest.fixture
def stranger(port: FakePort) -> FlaskClient:
    """Somebody on the network."""
    return create_app(cast(HomePort, port)).test_client()


@pytest.fixture
def page(stranger: FlaskClient) -> FlaskClient:
    """Who has shown the resident's PIN."""
    return enter(stranger)


def enter(client: FlaskClient) -> FlaskClient:
    """Show the PIN, as the page's form does."""
    assert send(client, "/in", pin=PIN).status_code == 303
    return client


def send(client: FlaskClient, path: str, headers: Any = None, **fields: str) -> Any:
    """Send a form as a browser does from the page itself."""
    token = re.search(r'name="token" value="([^"]+)"', client.get("/door").text)
    assert token is not None
    sent = {"Origin": "https://localhost", **(headers or {})}
    return client.post(path, data={"token": token[1], **fields}, headers=sent)


def test_who_sees_in_now_and_whether_anybody_may(page: FlaskClient, port: FakePort) -> None:
    """The page says it while it is, with what the picture shows; and else that the camera is
    closed, and why."""
    camera = DeviceState(
        "cam", "camera_virtual", "camera", None, "bedroom", Health.OK, "unknown", None
    )
    assert "Kameran" not in text_of(page.get("/").text)
    port.now = replace(port.now, devices=(camera,), alarms=())
    assert "Ingen får se genom den, för samtycke saknas" in text_of(page.get("/").text)
    port.now = replace(port.now, looks_agreed=True)
    assert "Öppnas bara när någon från hemtjänsten ser till dig" in text_of(page.get("/").text)
    port.now = replace(port.now, look=LookState("p7", "bedroom", "edges", NOW))
    seen = text_of(page.get("/").text)
    assert "Någon ser in genom kameran nu Någon från hemtjänsten (p7) Bara konturer" in seen
    assert "Kameran stängs av sig själv inom en minut" in seen
    assert "Stängd" not in seen


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


def test_which_plan_holds_and_whether_anybody_may_look_is_told() -> None:
    """The file's, the staff's with its number, a paused night; and who agreed."""
    told = []
    for plan in (PlanState(), PlanState(3, looks_agreed=True), PlanState(4, paused=True)):
        state = replace(sample(), plan=plan, checks=() if plan.paused else sample().checks)
        page = enter(create_app(cast(HomePort, FakePort(state))).test_client())
        told.append(text_of(page.get("/").text))
    assert "Enligt hemmets egen fil Kameratillsyn Inget samtycke: ingen får se in" in told[0]
    assert "Enligt personalens plan (3) Kameratillsyn De som bor här har samtyckt" in told[1]
    assert "Pausad i natt Enligt personalens plan (4)" in told[2]


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
    assert same == {"room.hall", "ledger.minutes"}
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


@pytest.mark.parametrize("word", ["replaced", "ended"])
def test_a_gateway_that_was_put_away_says_so_and_what_to_do(
    page: FlaskClient, port: FakePort, word: str
) -> None:
    """Instead of a server that does not answer, and of what the program says of it in English; the
    self-test sends nobody to the router."""
    said = Words("sv")(f"link.{word}")
    assert "ny kod" in said and "Dra ur" in said
    away = replace(port.now.link, up=False, problem="the staff server said no (401)", put_away=word)
    port.now = replace(port.now, link=away)
    shown = html.unescape(page.get("/").text)
    assert said in shown and "said no" not in shown
    assert Words("sv")("link.down") not in shown
    send(page, "/test")
    tested = html.unescape(page.get("/test").text)
    assert said in tested and "Kontrollera internet" not in tested


def test_a_log_in_memory_is_told() -> None:
    """Who stands before the unit reads that its card is to be changed, and since when."""
    since = NOW - timedelta(hours=1)
    told = replace(sample(), log_problem="full", in_memory_since=since)
    page = enter(create_app(cast(HomePort, FakePort(told))).test_client()).get("/").text
    assert re.search(r"Skriver i minnet, byt kort <span[^>]*>sedan [^<]*01[.:]30", page)


def test_a_log_on_the_disk_is_told_as_written(page: FlaskClient) -> None:
    """Nothing of memory where there is none of it."""
    assert "Skriver i minnet" not in page.get("/").text


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
    assert send(page, "/test").status_code == 303
    send(page, "/test")
    assert port.tests == 1
    seen = text_of(page.get("/test").text)
    for words in (
        "Lagring 3 ms",
        "Kontrollera internet: kabel, router, mobilt bredband.",
        "Enhet front_door Okänt 25000 ms",
        "Sover låset, rör vid handtaget",
    ):
        assert words in seen


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


def test_few_things_act_and_everything_else_reads(port: FakePort) -> None:
    """The self-test, the entry, the two ways to open the door, and taking an alarm back; nothing
    else takes a form, but for who installs the home."""

    def acting(**more: Any) -> set[str]:
        rules = create_app(cast(HomePort, port), **more).url_map.iter_rules()
        return {one.rule for one in rules if (one.methods or set()) - {"GET", "HEAD", "OPTIONS"}}

    usual = {"/alarm", "/test", "/door", "/door/phone", "/in", "/in/install", "/out"}
    assert acting() == usual
    assert acting(installs=FakeInstalls()) == {*usual, "/install", "/install/near"}


# --- the door -------------------------------------------------------------------------------------


def test_a_code_is_handed_on_and_answered_in_words(stranger: FlaskClient, port: FakePort) -> None:
    """With where it came from, whatever a header says; each answer has its words and its status;
    the digits are never shown again."""
    forwarded = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
    for what in Answered:
        port.answers = what
        answer = send(stranger, "/door", forwarded, code="12345678")
        assert answer.status_code == {
            Answered.ACCEPTED: 303,
            Answered.PAUSED: 429,
            Answered.GUESSED: 429,
            Answered.NO_CLOCK: 503,
            Answered.NOT_RECORDED: 503,
        }.get(what, 422)
        text = answer.text
        assert "12345678" not in text
        if what is not Answered.ACCEPTED:
            assert _TEXTS[f"door.answer.{what.value}"][0] in text
    assert port.typed == [("door", "12345678", "127.0.0.1")] * len(Answered)


def test_a_phones_proof_is_handed_on(stranger: FlaskClient, port: FakePort) -> None:
    """The page names the phone's own page and the word; what is too long or lacks a part is not
    judged."""
    port.at_door = DoorState(None, "https://staff.example/pass/utan-nat", "12-ab-cd")
    seen = stranger.get("/door").text
    assert 'href="https://staff.example/pass/utan-nat#dorr=12-ab-cd"' in seen
    proof = {"id": "code-a", "word": "12-ab-cd", "signature": "0f" * 64}
    assert send(stranger, "/door/phone", **proof).status_code == 303
    assert port.typed == [("proof", *proof.values(), "127.0.0.1")]
    for bad in ({**proof, "word": ""}, {**proof, "signature": "0" * 201}):
        assert send(stranger, "/door/phone", **bad).status_code == 422
    assert len(port.typed) == 1
    port.at_door = DoorState()
    assert 'id="proof"' not in stranger.get("/door").text, "a home without a server has no phones"


def test_the_steps_are_shown_to_who_opened(stranger: FlaskClient, port: FakePort) -> None:
    """Waking asks for the handle; a stranger is not told that the door opens now."""
    steps = ("requested", "waking", "connecting", "turning", "asking", "done", "failed", "unknown")
    for step in steps:
        port.at_door = DoorState(step)
        assert _TEXTS[f"door.step.{step}"][0] not in stranger.get("/door").text
    assert send(stranger, "/door", code="12345678").status_code == 303
    for step in steps:
        port.at_door = DoorState(step)
        assert _TEXTS[f"door.step.{step}"][0] in stranger.get("/door").text
    port.at_door = DoorState("waking")
    assert "Ta i handtaget" in stranger.get("/door").text


def test_what_comes_from_outside_is_escaped(page: FlaskClient, port: FakePort) -> None:
    """A device's error text is text."""
    bad = replace(port.now.devices[2], problem="<script>alert(1)</script>")
    port.now = replace(port.now, devices=(bad,))
    assert "<script>alert" not in page.get("/").text


def test_an_alarm_is_taken_back_by_who_may(port: FakePort) -> None:
    """The resident their own press, staff on the spot what the home raised; who came in says which
    it is, and what the home refuses is told."""
    pressed = AlarmState("home:h1/4", "pendant", "care", NOW, None, False, ("wearer",))
    fell = AlarmState("home:h1/5", "on_floor", "care", NOW, None, False, ("caregiver",))
    port.now = replace(port.now, alarms=(pressed, fell))
    made = create_app(cast(HomePort, port))
    carer = made.test_client()
    assert send(carer, "/in", code="1234 5678").status_code == 303
    html = carer.get("/").text
    assert ('value="home:h1/4"' in html, 'value="home:h1/5"' in html) == (False, True)
    assert send(carer, "/alarm", alarm="home:h1/5").status_code == 303
    assert port.taken_back == [("home:h1/5", "caregiver")]
    port.takes_back = False
    answer = send(carer, "/alarm", alarm="home:h1/5")
    assert (answer.status_code, "kunde inte tas tillbaka" in answer.text) == (409, True)
    send(made.test_client(), "/alarm", alarm="home:h1/5")  # a stranger
    assert len(port.taken_back) == 2
    html = enter(made.test_client()).get("/").text
    assert ('value="home:h1/4"' in html, 'value="home:h1/5"' in html) == (True, False)
