"""A caregiver speaks with a home: real browser, real server, real gateway, sound both ways."""

from __future__ import annotations

import array
import math
import socket
import sqlite3
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.stage import Stage
from gateway.demo.town import HOME
from tests.browser.conftest import PHONE, launch
from tests.e2e.test_day import sign_in

pytest.importorskip("aiortc")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

RATE = 48_000
HOME_HZ, PAGE_HZ = 1000, 440
"""What the home's microphone hears, and what the caregiver's does."""

MEDIA = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


def sine(hertz: int, seconds: float = 1.0) -> bytes:
    """Raw sound; whole periods, so that it can be repeated without a crack."""
    count = int(RATE * seconds)
    return array.array(
        "h", (int(9000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(count))
    ).tobytes()


def loudness(raw: bytes, hertz: int) -> float:
    """How much of a piece of sound is of this frequency, 0 to 1 (Goertzel)."""
    samples = array.array("h", raw[: len(raw) - len(raw) % 2])
    power = sum(s * s for s in samples) or 1
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    strength = last * last + before * before - turn * last * before
    return 2 * strength / (len(samples) * power)


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


def begin(stage: Stage, browser: Any) -> Any:
    """Sign in, raise an alarm by the pendant, and open the page to talk."""
    page = browser.new_context(viewport=PHONE, locale="sv-SE").new_page()
    page.set_default_timeout(30_000)
    assert stage.home is not None
    stage.home.do("pendant")
    sign_in(page, stage, stage.account("caregiver"))
    alarm = until(lambda: alarm_of(stage))
    page.goto(f"{stage.url}/tala?larm={alarm}")
    return page


def until(found: Callable[[], Any], within_s: float = 20.0) -> Any:
    """What `found` finds, as soon as it does."""
    end_s = time.monotonic() + within_s
    while True:
        got = found()
        if got or time.monotonic() > end_s:
            assert got
            return got
        time.sleep(0.05)


def rows(stage: Stage, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(stage.database, timeout=10)) as db:
        return db.execute(query).fetchall()


def alarm_of(stage: Stage) -> str | None:
    found = rows(stage, "SELECT id FROM alarm WHERE closed_at IS NULL AND type = 'pendant'")
    return found[0][0] if found else None


def told(stage: Stage, kind: str) -> list[str]:
    """The bodies of the events of a kind that the server has."""
    return [body for (body,) in rows(stage, f"SELECT body FROM event WHERE kind = '{kind}'")]


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
    held, the page's in the home; the time left is the home's; who listened and how long stands in
    both ledgers."""
    stage = set_stage(home=False)
    played = furnish_voice(stage)
    stage.start_home("--still", "--awake")
    assert stage.home is not None
    with chromium(tmp_path) as browser:
        page = begin(stage, browser)
        page.get_by_test_id("talk-begin").click()
        page.locator('[data-test="talk"][data-state="live"]').wait_for()
        assert stage.home.do("tell")["listening"] is True
        assert page.evaluate(HEARS, {"hertz": HOME_HZ}) == pytest.approx(HOME_HZ, abs=20)
        assert page.get_by_test_id("talk-left").text_content().startswith(("9:", "10:"))
        assert page.get_by_test_id("talk-mic").text_content() == "Din mikrofon är avstängd"
        quiet = loudness(played.read_bytes()[-RATE:], PAGE_HZ)
        hold = page.get_by_test_id("talk-hold")
        hold.dispatch_event("pointerdown")
        assert page.get_by_test_id("talk-mic").text_content() == "Du hörs i hemmet"
        page.wait_for_timeout(1500)
        heard = loudness(played.read_bytes()[-RATE:], PAGE_HZ)
        hold.dispatch_event("pointerup")
        assert (quiet < 0.1, heard > 0.8) == (True, True), (quiet, heard)
        page.get_by_test_id("talk-end").click()
        [ended] = until(lambda: told(stage, "voice.ended"))
        assert '"why":"hung_up"' in ended
        until(lambda: stage.home.do("tell")["listening"] is False)
        page.locator('[data-test="talk"][data-state="over"]').wait_for()
    [begun] = told(stage, "voice.begun")
    assert '"person":' in begun
    assert HOME.id in begun
