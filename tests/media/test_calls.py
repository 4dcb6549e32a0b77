"""Calls of a home with real child processes and a page of aiortc: order, refusals, every end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

from gateway.events import (
    AlarmAcknowledged,
    AlarmOutcome,
    AlarmResolved,
    VoiceAdmitted,
    VoiceBegun,
    VoiceEnd,
    VoiceEnded,
    VoiceExtended,
    VoiceRefusal,
    VoiceRefused,
)
from gateway.media.process import MediaProcess
from gateway.ports import Signal
from tests.media.home_parts import BUSY_S, until
from tests.media.parts import CallHome, Mute, Page, share_of


@pytest.fixture(autouse=True)
def reachable() -> None:
    """Both ends need an address beside the loopback's to find each other."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network address for two ends to meet at")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[CallHome]:
    """A home; at the end no child of it is left."""
    made = CallHome(tmp_path)
    yield made
    await made.calls.close()
    await made.settled()
    assert all(child.process.returncode is not None for child in made.children)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    made = Page()
    yield made
    await made.close()


async def connected(home: CallHome, page: Page, **permit: Any) -> None:
    """A call that goes on."""
    home.order(home.permit(**permit), await page.offer())
    await page.take((await home.said("answered")).sdp)
    await home.said("begun")


def ended(home: CallHome) -> VoiceEnd:
    """Why the one call ended."""
    [one] = home.data(VoiceEnded)
    assert home.done[-1] != "lamp on"
    why: VoiceEnd = one.why
    return why


async def test_nobody_hears_before_record_lamp_and_tone(home: CallHome, page: Page) -> None:
    """In this order: the permit is used up in the log, the lamp, the tone to its end, and only then
    the microphone.  Then both hear each other; while somebody speaks there the home is not heard,
    for its speaker would come back.  At the end the lamp goes dark when nobody hears any more."""
    await connected(home, page)
    await until(lambda: share_of(bytes(page.sound[-48_000:]), 1000) > 0.9)
    page.talking = True
    page.say()
    await until(lambda: share_of(home.played.read_bytes()[-48_000:], 440) > 0.9)
    await until(lambda: not any(page.sound[-9_600:]))
    assert page.left[0] in (29, 30)
    page.say(end=True)
    await home.settled()
    assert ended(home) is VoiceEnd.HUNG_UP
    assert share_of(home.played.read_bytes()[: 2 * 16_000], 880) > 0.9  # the tone came first
    order = ["voice.admitted", "lamp on", "voice.begun", "answered", "begun", "voice.ended"]
    assert [one for one in home.done if one in order] == order
    assert home.done.index("lamp off") > home.done.index("voice.ended")


async def test_a_home_that_cancels_echo_is_heard_all_the_time(tmp_path: Path, page: Page) -> None:
    """Both may speak at once."""
    home = CallHome(tmp_path, echo_cancelled=True)
    await connected(home, page)
    page.talking = True
    page.say()
    await until(lambda: share_of(home.played.read_bytes()[-48_000:], 440) > 0.9)
    assert share_of(bytes(page.sound[-48_000:]), 1000) > 0.9
    await home.calls.close()
    assert ended(home) is VoiceEnd.STOPPED


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"home": "h2"}, VoiceRefusal.OTHER_HOME),
        ({"alarm": "home:h1/99"}, VoiceRefusal.ALARM_CLOSED),
        ({"id": "another"}, VoiceRefusal.FORGED),
    ],
)
async def test_a_permit_that_does_not_hold(
    home: CallHome, changed: dict[str, Any], why: VoiceRefusal
) -> None:
    """No lamp, no tone, no child; the refusal is an event and goes to the page."""
    home.order(home.permit(**changed))
    assert (await home.said("refused")).why == why.value
    assert [one.why for one in home.data(VoiceRefused)] == [why]
    assert (home.children, home.played.exists()) == ([], False)


async def test_a_permit_is_used_once(home: CallHome, page: Page) -> None:
    """A second time, and after a restart, which knows it from the log."""
    await connected(home, page)
    home.order(home.permit(), "")
    assert (await home.said("refused")).why == VoiceRefusal.REPLAYED
    home.calls._admitted.clear()
    home.order(home.permit(), "")
    assert (await home.said("refused")).why == VoiceRefusal.REPLAYED
    assert len(home.children) == 1


async def test_one_at_a_time(home: CallHome, page: Page) -> None:
    """Who comes second is told that somebody speaks; the first goes on."""
    await connected(home, page)
    home.order(home.permit("c2", person="p8"), "")
    assert (await home.said("refused")).why == VoiceRefusal.BUSY
    assert home.calls.busy
    other = Page()
    home.order(home.permit("c3"), await other.offer())  # the same person's page, loaded anew
    await other.take((await home.said("answered")).sdp)
    await home.said("begun")
    assert [(one.call, one.why) for one in home.data(VoiceEnded)] == [("c1", VoiceEnd.HUNG_UP)]
    await other.close()


async def test_without_lamp_or_tone_or_record_nobody_listens(home: CallHome, page: Page) -> None:
    """Each is told by its name, and the microphone was never opened."""
    sdp = await page.offer()

    async def refused(call: str) -> str:
        home.order(home.permit(call), sdp)
        why: str = (await home.said("refused")).why
        await home.settled()
        return why

    home.lamp_works = False
    assert await refused("c1") == VoiceRefusal.NO_LIGHT
    home.lamp_works = True
    assert home.speaker is not None
    working, home.speaker = home.speaker, Mute(home.speaker)
    assert await refused("c2") == VoiceRefusal.NO_TONE
    home.speaker = None
    assert await refused("c3") == VoiceRefusal.NO_SPEAKER
    home.speaker, home.disk_works = working, False
    assert await refused("c4") == VoiceRefusal.NOT_RECORDED
    home.disk_works = True
    home.order(home.permit("c5"), "v=0")
    assert (await home.said("refused")).why == VoiceRefusal.BAD_OFFER
    home.start = lambda: MediaProcess.start((sys.executable, "-c", "raise SystemExit(1)"))
    assert await refused("c6") == VoiceRefusal.NO_MEDIA
    assert home.data(VoiceBegun) == []
    assert "answered" not in home.done
    assert {one.why for one in home.data(VoiceEnded)} == {VoiceEnd.REFUSED}


async def test_a_call_ends_with_its_alarm(home: CallHome, page: Page) -> None:
    """Taken, it goes on; closed, nobody listens."""
    await connected(home, page)
    home.happened(AlarmAcknowledged(alarm=home.alarm), "p7")
    assert home.calls.busy
    home.happened(AlarmResolved(alarm=home.alarm, outcome=AlarmOutcome.HELPED), "p7")
    await home.settled()
    assert ended(home) is VoiceEnd.ALARM_CLOSED


async def test_a_child_that_dies_is_told(home: CallHome, page: Page) -> None:
    """Killed from outside: the lamp goes dark, and the end has its reason."""
    await connected(home, page)
    home.children[0].kill()
    await home.settled()
    assert ended(home) is VoiceEnd.MEDIA_DIED


async def test_a_child_that_is_stopped_is_killed(home: CallHome, page: Page) -> None:
    """SIGSTOP: it says nothing any more, and is gone within seconds."""
    await connected(home, page)
    began_s = time.monotonic()
    os.kill(home.children[0].process.pid, signal.SIGSTOP)
    await home.settled()
    assert ended(home) is VoiceEnd.MEDIA_STUCK
    assert time.monotonic() - began_s < 12 + BUSY_S


async def test_a_page_that_falls_silent_has_lost_the_call(home: CallHome, page: Page) -> None:
    """A heartbeat of a second: after six without one nobody listens."""
    await connected(home, page)
    await until(lambda: bool(page.left))
    began_s = time.monotonic()
    page.fall_silent()
    await home.settled()
    assert ended(home) is VoiceEnd.VIEWER_LOST
    assert 5 < time.monotonic() - began_s < 12 + BUSY_S


async def test_the_home_ends_it_at_its_limit(home: CallHome, page: Page) -> None:
    """The child by itself, within half a second; once it can be made longer, by a second permit of
    the same person."""
    await connected(home, page, limit_s=6)
    home.order(home.permit(id="x1", call="c1", person="p8", limit_s=9), what="extend")
    home.order(home.permit(id="x2", call="c1", limit_s=1), what="extend")
    home.order(home.permit(id="x3", call="c1", limit_s=9), what="extend")
    await home.settled()
    assert ended(home) is VoiceEnd.LIMIT_REACHED
    assert [one.permit for one in home.data(VoiceExtended)] == ["x2"]
    [end] = home.data(VoiceEnded)
    assert 7.0 <= end.took_s < 8.5 + BUSY_S


LIVES_ON = """
import json, sys, time
say = lambda word: (sys.stdout.write(json.dumps({"say": word}) + "\\n"), sys.stdout.flush())
say("ready"); sys.stdin.readline(); say("answered"); say("begun")
while True: say("alive"); time.sleep(0.2)
"""


async def test_a_child_that_heeds_no_limit_is_killed_by_its_parent(
    home: CallHome, page: Page
) -> None:
    """The third layer: also one that goes on and on is gone at its limit and some."""
    home.calls.kill_after_s = 0.5
    home.start = lambda: MediaProcess.start((sys.executable, "-c", LIVES_ON))
    home.order(home.permit(limit_s=1), await page.offer())
    began_s = time.monotonic()
    await home.said("begun")
    await home.settled()
    assert ended(home) is VoiceEnd.LIMIT_REACHED
    assert time.monotonic() - began_s < 6 + BUSY_S


async def test_what_the_last_run_left_open_is_ended_at_the_start(home: CallHome) -> None:
    """The gateway went down in the middle: nobody knows how long, and it is said so."""
    admitted = VoiceAdmitted(call="c9", permit="c9", alarm=home.alarm, party="staff")  # type: ignore[arg-type]
    home.happened(admitted, "p7")
    home.calls.settle(home.record)
    [end] = home.data(VoiceEnded)
    assert (end.call, end.why, end.took_s) == ("c9", VoiceEnd.RESTARTED, None)
    assert home.record.open_calls == {}


async def test_each_signal_is_a_tone_of_its_own(home: CallHome) -> None:
    """The resident can tell that somebody listens from that an alarm was taken."""
    assert home.speaker is not None
    told = set()
    for word in Signal:
        home.played.unlink(missing_ok=True)
        await home.speaker.play(word)
        raw = home.played.read_bytes()
        assert max(raw) > 0
        told.add(raw)
    assert len(told) == len(Signal)
