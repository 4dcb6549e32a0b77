"""A watcher looks into a home: real browser, real server, real gateway, its virtual camera."""

from __future__ import annotations

import argparse
import json
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.demo import town
from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from gateway.events import ConsentHow
from tests.browser.conftest import PHONE
from tests.e2e import turn
from tests.e2e.test_day import sign_in
from tests.e2e.test_voice import (
    HEARS,
    HOME_HZ,
    chromium,
    furnish_voice,
    raised,
    says,
    talk,
    until,
)
from tests.media.home_parts import BUSY_S
from web.staff.cli.parts import staff_parts
from web.staff.core.rights import Actor, Role
from web.staff.people import look_consents
from web.staff.storage import tables
from web.staff.talk.relays import TURN_SECRET

pytest.importorskip("aiortc")

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

ONLY_THE_RELAY = """
const Direct = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Direct {
  constructor(how) {
    super({ ...how, iceTransportPolicy: "relay" });
    (window.peers ??= []).push(this);
  }
};
"""
"""In the page, before its own scripts: no way but over the relay."""

PAIR = """async () => {
  const found = [...(await window.peers.at(-1).getStats()).values()];
  const pair = found.find((one) => one.type === "candidate-pair" && one.nominated);
  return found.find((one) => one.id === pair.localCandidateId).candidateType;
}"""


NO_WEBRTC = "delete window.RTCPeerConnection"

PICTURE_IS_NEW = """async () => {
  const shown = () => {
    const from = [...document.querySelectorAll("[data-look] video, [data-look] canvas")]
      .find((one) => !one.hidden);
    const canvas = new OffscreenCanvas(160, 120);
    const paint = canvas.getContext("2d");
    paint.drawImage(from, 0, 0, 160, 120);
    return paint.getImageData(0, 0, 160, 120).data;
  };
  const differ = (a, b) => a.reduce((sum, value, i) => sum + (Math.abs(value - b[i]) > 12), 0);
  const first = shown();
  const until = Date.now() + 8000;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, 200));
    if (differ(first, shown()) > 5) return new Set(first).size;
  }
  return 0;
}"""
"""In the page: that what is shown moves (the clock on the drawn wall does), and how many shades it
has; 0: it stands still."""


def through(stage: Stage, relay: turn.Relay, secret: str) -> None:
    """Tell the server of the relay, as docs/voice.md says."""
    folder = stage.folder / "staff"
    (folder / "secrets" / TURN_SECRET).write_text(secret)
    (folder / "secrets" / TURN_SECRET).chmod(0o600)
    with (folder / "staff.toml").open("a") as file:
        file.write(f'\n[voice]\nturn_urls = ["{relay.url}"]\n')
    stage.kill_staff()
    stage.start_staff()


def ended(stage: Stage, count: int) -> list[dict[str, Any]]:
    """What the home wrote of the looks that ended, once so many did and its lamp is dark."""

    def told() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(stage.home_log, timeout=60)) as db:
            query = "SELECT body FROM event WHERE json_extract(body, '$.kind') = 'look.ended'"
            return [json.loads(body)["data"] for (body,) in db.execute(query + " ORDER BY row")]

    until(lambda: len(told()) >= count, 40)
    until(lambda: not looking(stage))
    return told()


def looking(stage: Stage) -> bool:
    """Whether the lamp shines, or the shutter is open."""
    assert stage.home is not None
    told = stage.home.do("tell")
    return bool(told["looking"] or told["shutter_open"])


def begin(page: Any) -> None:
    """Press the button, and wait for a picture; again while the home is not connected yet."""
    for _ in range(60):
        page.get_by_test_id("look-begin").click()
        page.locator('[data-test="look"]:is([data-state="live"], [data-state="over"])').wait_for()
        said = page.get_by_test_id("look-say").text_content()
        if "inte anslutet" not in said:
            break
        page.wait_for_timeout(1000)
    assert page.get_by_test_id("look").get_attribute("data-state") == "live", said


def is_over(page: Any) -> str:
    """What the page says at the end."""
    page.locator('[data-test="look"][data-state="over"]').wait_for()
    return str(page.get_by_test_id("look-say").text_content())


def agrees(stage: Stage) -> None:
    """Whoever lives in the demo's home agrees to looks: the home hears of it when it listens."""
    home = town.HOME
    args = argparse.Namespace(config=stage.folder / "staff" / "staff.toml")
    with staff_parts(args) as parts:
        h = tables.home.c
        with parts.db.read() as conn:
            org = conn.execute(select(h.org_id).where(h.id == home.id)).scalar_one()
        here, roles = frozenset({home.id}), frozenset({Role.COORDINATOR})
        who = Actor("p1", "Prov", org, roles, here, here)
        day = parts.clock.now().date()
        how = ConsentHow.SPOKEN
        look_consents.agree(parts, who, home.id, home.resident, day, how)


def withdrawn(stage: Stage) -> None:
    """A coordinator says on the page of consents that the resident agrees no longer."""
    account = stage.account("coordinator")
    planner = StaffClient(stage.url, account.email, account.password)
    home = town.HOME
    planner.post(f"/hem/{home.id}/samtycke", do="withdraw", resident=home.resident)


def at_the_alarm(stage: Stage, browser: Any, script: str = "") -> Any:
    """Signed in, at the page of an open alarm; `script` runs in it first."""
    page = browser.new_context(viewport=PHONE, locale="sv-SE").new_page()
    if script:
        page.add_init_script(script)
    page.set_default_timeout(60_000)
    sign_in(page, stage, stage.account("night_watcher"))
    page.goto(f"{stage.url}/larm/{raised(stage)}")
    return page


def test_a_watcher_sees_into_a_home(set_stage: Callable[..., Stage], tmp_path: Path) -> None:
    """The lamp shines, the shutter opens, a picture that moves, the time left as the home counts
    it; a look and a call by a relay, which are all that it carries and that it cannot read; a look
    sealed past the server, also when the direct way is cut in the middle; ended by the button, by
    the closed tab, by consent that is withdrawn on its page, and by the home itself with the server
    dead in the middle.  Each stands in the home's log with how it ended."""
    secret = secrets.token_hex(16)
    with turn.relay(tmp_path, secret) as relay, turn.looking_on(relay.ports) as seen:
        stage = set_stage(home=False)
        agrees(stage)
        furnish_voice(stage)
        through(stage, relay, secret)
        stage.start_home("--still", "--awake")
        with chromium(tmp_path) as browser:
            page = at_the_alarm(stage, browser, ONLY_THE_RELAY)
            alarm = page.url
            _by_the_relay(stage, page)
            sealed_only(seen, b"left_s")

            page.goto(alarm)
            begin(page)
            page.close(run_before_unload=True)
            assert ended(stage, 2)[1]["why"] in ("closed", "viewer_lost")

            context = page.context
            page = context.new_page()
            page.add_init_script(NO_WEBRTC)
            page.goto(alarm)
            begin(page)
            assert page.evaluate(PICTURE_IS_NEW) > 2
            page.get_by_test_id("look-end").click()
            told = ended(stage, 3)[2]
            assert (told["why"], told["way"]) == ("closed", "relay")

            page = context.new_page()
            page.add_init_script(ONLY_THE_RELAY)
            page.goto(alarm)
            _goes_on_without_its_way(page, relay)
            withdrawn(stage)
            assert "samtycket har tagits tillbaka" in is_over(page)
            told = ended(stage, 4)[3]
            assert (told["why"], told["way"]) == ("consent_withdrawn", "relay")
            agrees(stage)

            page = context.new_page()
            page.goto(alarm)
            begin(page)
            stage.kill_staff()
            assert page.evaluate(PICTURE_IS_NEW) > 2
            told = ended(stage, 5)[4]
            assert (told["why"], told["way"]) == ("limit_reached", "direct")
            assert 29.0 <= told["took_s"] <= 30.6 + BUSY_S
            assert is_over(page).startswith(("Bilden bröts.", "Tiden är ute."))


def _goes_on_without_its_way(page: Any, relay: turn.Relay) -> None:
    """The only way between browser and home is cut in the middle of a look."""
    begin(page)
    relay.process.kill()
    page.locator("[data-look] canvas:not([hidden])").wait_for()
    page.locator('[data-test="look"][data-state="live"]').wait_for()
    assert page.evaluate(PICTURE_IS_NEW) > 2


def _by_the_relay(stage: Stage, page: Any) -> None:
    begin(page)
    assert looking(stage)
    assert page.evaluate(PICTURE_IS_NEW) > 2
    assert page.evaluate(PAIR) == "relay"
    left = page.get_by_test_id("look-left")
    assert 1 <= int(until(lambda: left.inner_text().strip("–"))) <= 30
    page.get_by_test_id("look-end").click()
    assert is_over(page) == "Du avslutade kameratillsynen. Kameran är avstängd."
    assert ended(stage, 1)[0]["why"] == "closed"
    page.goto(f"{stage.url}/tala?larm={page.url.rpartition('/larm/')[2]}")
    talk(page)
    assert page.evaluate(HEARS, {"hertz": HOME_HZ}) == pytest.approx(HOME_HZ, abs=20)
    assert page.evaluate(PAIR) == "relay"
    page.get_by_test_id("talk-end").click()
    says(page, "over")


def sealed_only(seen: turn.Seen, word: bytes) -> None:
    """Nothing but the three, and what they carry is even."""
    kinds = seen.kinds()
    assert set(kinds) == {"stun", "dtls", "srtp"}, kinds
    assert kinds["srtp"] > 50
    assert turn.evenness(seen.media()) > 7.9
    assert not any(word in one for one in seen.datagrams)
