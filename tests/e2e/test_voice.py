"""A caregiver speaks with a home: real browser, real server, real gateway, sound both ways."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.speakerphone import tone
from gateway.demo.stage import Stage
from gateway.ports import Signal
from gateway.state.ledger import read_ledger
from tests.browser.conftest import PHONE, launch
from tests.e2e.test_day import sign_in

pytest.importorskip("aiortc")

from tests.media.parts import RATE, share_of, sine

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

HOME_HZ, PAGE_HZ = 1000, 440
"""What the home's microphone hears, and what the caregiver's does."""

MEDIA = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


@pytest.fixture
def reachable() -> None:
    """Both ends need an address beside the loopback's to find each other."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network address for two ends to meet at")


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """A browser whose microphone hears `PAGE_HZ`."""
    with wave.open(str(folder / "page.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sine(PAGE_HZ, 10))
    heard = f"--use-file-for-fake-audio-capture={folder / 'page.wav'}"
    with launch(*MEDIA, heard) as started:
        yield started


def furnish_voice(stage: Stage, **more: str) -> Path:
    """The home hears `HOME_HZ`; what is played there is in the file."""
    played = stage.folder / "played.raw"
    (stage.folder / "mic.raw").write_bytes(sine(HOME_HZ))
    toml = stage.folder / "home.toml"
    settings = {"microphone": str(stage.folder / "mic.raw"), **more}
    lines = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    text = toml.read_text()
    assert 'playback = "/dev/null"\n' in text
    toml.write_text(text.replace('playback = "/dev/null"\n', f'playback = "{played}"\n{lines}'))
    return played


def begin(stage: Stage, browser: Any, script: str = "") -> Any:
    """Sign in, have the pendant pressed, and open the page to talk; `script` runs in it first."""
    page = browser.new_context(viewport=PHONE, locale="sv-SE").new_page()
    if script:
        page.add_init_script(script)
    page.set_default_timeout(60_000)
    sign_in(page, stage, stage.account("caregiver"))
    page.goto(f"{stage.url}/tala?larm={raised(stage)}")
    return page


def raised(stage: Stage) -> str:
    """The pendant is pressed; the alarm of it, when the server has it."""
    assert stage.home is not None
    stage.home.do("pendant")
    alarm: str = until(lambda: alarm_of(stage))
    return alarm


def until(found: Callable[[], Any], within_s: float = 60.0) -> Any:
    """What `found` finds, as soon as it does."""
    end_s = time.monotonic() + within_s
    while True:
        got = found()
        if got or time.monotonic() > end_s:
            assert got
            return got
        time.sleep(0.05)


def alarm_of(stage: Stage) -> str | None:
    """The open pendant alarm at the server."""
    with closing(sqlite3.connect(stage.database, timeout=60)) as db:
        query = "SELECT id FROM alarm WHERE closed_at IS NULL AND type = 'pendant'"
        found = db.execute(query).fetchone()
        return found[0] if found else None


HEARS = """async ({hertz}) => {
  const stream = document.querySelector("[data-sound]").srcObject;
  const context = new AudioContext();
  const meter = context.createAnalyser();
  meter.fftSize = 8192;
  context.createMediaStreamSource(stream).connect(meter);
  const bins = new Float32Array(meter.frequencyBinCount);
  const until = Date.now() + 8000;
  let loudest = 0;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, 200));
    meter.getFloatFrequencyData(bins);
    const top = bins.indexOf(Math.max(...bins));
    loudest = top * context.sampleRate / meter.fftSize;
    if (bins[top] > -60 && Math.abs(loudest - hertz) < 20) return loudest;
  }
  return loudest;
}"""
"""In the page: the loudest frequency that comes out of the call."""


def test_a_caregiver_speaks_with_a_home_and_hears_it(
    set_stage: Callable[..., Stage], tmp_path: Path, reachable: None
) -> None:
    """Light and tone first; then the home's sound is heard in the page and, while the button is
    held, the page's in the home; the time left is the home's.  The page closed, the alarm closed,
    the server dead in the middle: each ends as it should, and who listened, and how long, stands in
    the resident's ledger, whatever became of the call."""
    stage = set_stage(home=False)
    played = furnish_voice(stage)
    stage.start_home("--still", "--awake")
    with chromium(tmp_path) as browser:
        page = begin(stage, browser)
        assert played.read_bytes().startswith(tone(Signal.RAISED))  # the home has the alarm
        talk(page)
        assert listening(stage)
        _both_hear_each_other(page, played)
        page.get_by_test_id("talk-end").click()
        says(page, "over")
        assert ends(stage, 1) == ["hung_up"]

        talk(page)
        alarm, person = page.url, page.context
        page.close(run_before_unload=True)
        assert ends(stage, 2)[1:] in (["hung_up"], ["viewer_lost"])

        page = person.new_page()
        page.goto(alarm)
        talk(page)
        _the_home_ends_it_with_the_alarm(stage, page)

        page.goto(f"{stage.url}/tala?larm={raised(stage)}")
        talk(page)
        stage.kill_staff()
        page.wait_for_timeout(500)
        assert page.evaluate(HEARS, {"hertz": HOME_HZ}) == pytest.approx(HOME_HZ, abs=20)
        page.get_by_test_id("talk-end").click()
        assert ends(stage, 4)[3:] == ["hung_up"]
    ledger = read_ledger(stage.home_log, datetime(2026, 1, 1, tzinfo=UTC))
    listened = [row for row in ledger if row.action == "voice.begun"]
    assert (len(listened), len({row.person for row in listened})) == (4, 1)
    assert all(row.person and row.took_s and row.took_s > 0 for row in listened)


def talk(page: Any) -> None:
    """Press Tala, and wait until the home is heard; again while it is not connected yet."""
    for _ in range(60):
        page.get_by_test_id("talk-begin").click()
        page.locator('[data-test="talk"]:is([data-state="live"], [data-state="over"])').wait_for()
        said = page.get_by_test_id("talk-say").text_content()
        if "inte anslutet" not in said:
            break
        page.wait_for_timeout(1000)
    assert page.get_by_test_id("talk").get_attribute("data-state") == "live", said


def says(page: Any, state: str) -> None:
    page.locator(f'[data-test="talk"][data-state="{state}"]').wait_for()


def listening(stage: Stage) -> bool:
    """Whether the lamp shines."""
    assert stage.home is not None
    return bool(stage.home.do("tell")["listening"])


def ends(stage: Stage, count: int) -> list[str]:
    """Why the calls ended so far, once so many stand in the home's log and the lamp is dark."""

    def whys() -> list[str]:
        with closing(sqlite3.connect(stage.home_log, timeout=60)) as db:
            query = "SELECT body FROM event WHERE json_extract(body, '$.kind') = 'voice.ended'"
            return [
                json.loads(body)["data"]["why"] for (body,) in db.execute(query + " ORDER BY row")
            ]

    until(lambda: len(whys()) >= count, 30)
    until(lambda: not listening(stage))
    return whys()


def _both_hear_each_other(page: Any, played: Path) -> None:
    assert page.evaluate(HEARS, {"hertz": HOME_HZ}) == pytest.approx(HOME_HZ, abs=20)
    assert page.get_by_test_id("talk-left").text_content().startswith(("9:", "10:"))
    assert page.get_by_test_id("talk-mic").text_content() == "Din mikrofon är avstängd"
    quiet = share_of(played.read_bytes()[-RATE:], PAGE_HZ)
    hold = page.get_by_test_id("talk-hold")
    hold.dispatch_event("pointerdown")
    assert page.get_by_test_id("talk-mic").text_content() == "Du hörs i hemmet"
    until(lambda: share_of(played.read_bytes()[-RATE:], PAGE_HZ) > 0.8)
    hold.dispatch_event("pointerup")
    assert page.get_by_test_id("talk-mic").text_content() == "Din mikrofon är avstängd"
    until(lambda: share_of(played.read_bytes()[-RATE // 2 :], PAGE_HZ) < 0.1)
    assert quiet < 0.1


def _the_home_ends_it_with_the_alarm(stage: Stage, page: Any) -> None:
    page.evaluate(
        """async (alarm) => {
          const form = new FormData();
          form.set("csrf_token", document.querySelector("[name=csrf_token]").value);
          form.set("alarm", alarm);
          form.set("outcome", "helped");
          await fetch("/larm/avsluta", {method: "POST", body: form});
        }""",
        alarm_of(stage),
    )
    says(page, "over")
    words = "Samtalet avslutades av hemmet: larmet är avslutat."
    assert page.get_by_test_id("talk-say").text_content() == words
    assert ends(stage, 3)[2:] == ["alarm_closed"]
