"""Looks of a home with real child processes and a page of aiortc: order, refusals, every end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

from gateway import media
from gateway.envelope import Draft, Event
from gateway.events import (
    AlarmOutcome,
    AlarmResolved,
    ConsentSettled,
    LookAdmitted,
    LookBegun,
    LookEnd,
    LookEnded,
    LookExtended,
    LookRefusal,
    LookRefused,
    LookWay,
    LookWhy,
    PictureKind,
)
from gateway.media import process
from gateway.media.process import MediaProcess
from gateway.ports import Form
from gateway.wire import LookOrder
from tests.media.home_parts import BUSY_S, until
from tests.media.look_parts import LookHome, Page, gone_at


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[LookHome]:
    """A home; at the end no child of it is left."""
    made = LookHome(tmp_path)
    yield made
    await made.looks.close()
    await made.settled()
    assert all(child.process.returncode is not None for child in made.children)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    made = Page()
    yield made
    await made.close()


async def seen(home: LookHome, page: Page, within_s: float = 60.0, **permit: Any) -> None:
    """A look that goes on: pictures come."""
    home.order(home.permit(**permit), sdp=await page.offer())
    await page.take((await home.said("answered", within_s)).sdp)
    await home.said("begun", within_s)


async def test_nobody_sees_before_record_lamp_and_shutter(home: LookHome, page: Page) -> None:
    """In this order: the permit is used up in the log, the lamp, the shutter, and only then the
    camera.  The page sees the room and the time left; at the end the camera is closed before the
    shutter, and the lamp goes dark last."""
    await seen(home, page)
    await until(lambda: len(page.frames) > 3)
    await until(lambda: bool(page.told))
    assert (page.frames[-1].width, page.frames[-1].height) == (160, 120)
    assert 28 < page.told[0]["left_s"] <= 30
    assert (page.told[0]["limit_s"], page.told[0]["picture"]) == (30, "edges")
    assert home.view.look is not None
    assert home.view.look.person == "p7"
    page.say(end=True)
    await home.settled()
    assert home.ended() is LookEnd.CLOSED
    wanted = ["look.admitted", "lamp on", "shutter open", "look.begun", "begun", "shutter shut"]
    wanted += ["look.ended", "lamp off"]
    assert [one for one in home.done if one in wanted] == wanted
    [begun], [end] = home.data(LookBegun), home.data(LookEnded)
    assert (begun.why, begun.check, begun.picture) == (LookWhy.CHECK, "night-1", PictureKind.EDGES)
    assert end.pictures >= 3
    assert end.way is LookWay.DIRECT
    assert [word for word, _, _ in home.noted()] == ["opened", "closed"]
    assert home.view.look is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"home": "h2"}, LookRefusal.OTHER_HOME),
        ({"camera": "kitchen"}, LookRefusal.OTHER_CAMERA),
        ({"camera": "other"}, LookRefusal.NO_CAMERA),
        ({"check": "night-9"}, LookRefusal.CHECK_CLOSED),
        ({"why": LookWhy.ALARM, "alarm": "home:h1/99"}, LookRefusal.ALARM_CLOSED),
        ({"id": "another"}, LookRefusal.FORGED),
    ],
)
async def test_a_permit_that_does_not_hold(
    home: LookHome, changed: dict[str, Any], why: LookRefusal
) -> None:
    """No lamp, no shutter, no child; the refusal is an event and goes to the page."""
    home.order(home.permit(**changed), key="k")
    assert (await home.said("refused")).why == why.value
    assert [one.why for one in home.data(LookRefused)] == [why]
    assert (home.children, "lamp on" in home.done) == ([], False)


async def test_without_consent_nobody_looks(home: LookHome) -> None:
    """Not asked, or withdrawn: also because of an alarm; nothing is loaded for it either."""
    home.happened(ConsentSettled(held=False))
    home.say(LookOrder(what="prepare"))
    home.order(home.permit(why=LookWhy.ALARM, alarm=home.alarm), key="k")
    assert (await home.said("refused")).why == LookRefusal.NO_CONSENT
    assert home.children == []


async def test_consent_that_is_withdrawn_ends_it_at_once(home: LookHome, page: Page) -> None:
    """In the middle of it."""
    await seen(home, page)
    began_s = time.monotonic()
    home.happened(ConsentSettled(held=False))
    await home.settled()
    assert home.ended() is LookEnd.CONSENT_WITHDRAWN
    assert time.monotonic() - began_s < BUSY_S


async def test_a_look_ends_with_its_alarm(home: LookHome, page: Page) -> None:
    """Closed, nobody looks because of it."""
    await seen(home, page, why=LookWhy.ALARM, check=None, alarm=home.alarm)
    home.happened(AlarmResolved(alarm=home.alarm, outcome=AlarmOutcome.HELPED), "p7")
    await home.settled()
    assert home.ended() is LookEnd.GROUND_GONE


async def test_a_lamp_that_goes_dark_ends_it(home: LookHome, page: Page) -> None:
    """Its driver failed, or is gone: within a second nobody sees, and it is told why."""
    await seen(home, page)
    dark_s = time.monotonic()
    home.lamp_works = False
    assert (await home.said("ended")).why == LookEnd.LAMP_DARK
    assert time.monotonic() - dark_s < BUSY_S
    await home.settled()
    assert home.ended() is LookEnd.LAMP_DARK


async def test_a_permit_is_used_once(home: LookHome, page: Page) -> None:
    """A second time, and after a restart, which knows it from the log."""
    await seen(home, page)
    home.order(home.permit(), key="k")
    assert (await home.said("refused")).why == LookRefusal.REPLAYED
    home.looks._admitted.clear()
    home.order(home.permit(), key="k")
    assert (await home.said("refused")).why == LookRefusal.REPLAYED
    assert len(home.children) == 1


async def test_two_never_look_at_once(home: LookHome, page: Page) -> None:
    """Who comes second is told that somebody looks; the first goes on, until the same person's page
    is loaded anew."""
    await seen(home, page)
    home.order(home.permit("l2", person="p8"), key="k")
    assert (await home.said("refused")).why == LookRefusal.BUSY
    assert home.looks.busy
    other = Page()
    await seen(home, other, look="l3")
    assert [(one.look, one.why) for one in home.data(LookEnded)] == [("l1", LookEnd.CLOSED)]
    await other.close()


async def test_without_lamp_shutter_or_record_nobody_looks(home: LookHome, page: Page) -> None:
    """Each is told by its name, and the camera was never opened."""
    sdp = await page.offer()

    async def refused(look: str, **more: Any) -> str:
        home.order(home.permit(look), **({"sdp": sdp} | more))
        why: str = (await home.said("refused")).why
        await home.settled()
        return why

    home.lamp_works = False
    assert await refused("l1") == LookRefusal.NO_LIGHT
    home.lamp_works, home.driver.works = True, False
    assert await refused("l2") == LookRefusal.NO_SHUTTER
    home.driver.works, home.disk_works = True, False
    assert await refused("l3") == LookRefusal.NOT_RECORDED
    home.disk_works = True
    assert await refused("l4", sdp="v=0") == LookRefusal.BAD_OFFER
    assert await refused("l5", sdp="") == LookRefusal.BAD_OFFER
    assert await refused("l6", sdp=sdp.replace("VP8", "VP7").replace("H264", "H261")) == (
        LookRefusal.BAD_OFFER
    )
    assert await refused("l7", sdp="", key="no key") == LookRefusal.BAD_OFFER
    home.start = lambda: MediaProcess.start((sys.executable, "-c", "raise SystemExit(1)"))
    assert await refused("l8") == LookRefusal.NO_MEDIA
    assert home.data(LookBegun) == []
    assert home.noted() == []
    assert {one.why for one in home.data(LookEnded)} == {LookEnd.REFUSED}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("missing", LookEnd.CAMERA_MISSING),
        ("busy", LookEnd.CAMERA_BUSY),
        ("breaks", LookEnd.CAMERA_FAILED),
        ("faulty", LookEnd.CAMERA_FAILED),
    ],
)
async def test_a_camera_that_fails(home: LookHome, page: Page, fault: str, why: LookEnd) -> None:
    """It ends by its name, and the end says whether anybody saw a picture."""
    home.driver.fault = fault
    home.order(home.permit(), sdp=await page.offer())
    await page.take((await home.said("answered")).sdp)
    assert (await home.said("ended")).why == why
    await home.settled()
    assert home.ended() is why
    assert bool(home.data(LookEnded)[0].pictures) == (fault in ("breaks", "faulty"))


async def test_h264_goes_through_as_the_camera_made_it(home: LookHome) -> None:
    """Where the page takes it; a key picture comes when the page asks for one."""
    home.driver.forms = (Form.PACKETS, Form.JPEG)
    page = Page("H264")
    await seen(home, page)
    await until(lambda: len(page.frames) > 2)
    assert home.noted()[0][1] == "packets"
    page.say(end=True)
    await home.settled()
    await page.close()


async def test_a_page_that_falls_silent_has_lost_the_look(home: LookHome, page: Page) -> None:
    """A heartbeat of a second: after four without one nobody looks."""
    await seen(home, page)
    began_s = time.monotonic()
    page.fall_silent()
    await home.settled()
    assert home.ended() is LookEnd.VIEWER_LOST
    assert 3 < time.monotonic() - began_s < 8 + BUSY_S


async def test_a_page_that_is_gone_ends_it(home: LookHome, page: Page) -> None:
    """The page's last word by the server, when it is closed."""
    await seen(home, page)
    home.say(LookOrder(what="end", look="l1"))
    await home.settled()
    assert home.ended() is LookEnd.CLOSED


async def test_the_home_ends_it_at_its_limit(home: LookHome, page: Page) -> None:
    """The child by itself, within half a second; once it can be made longer, by a second permit of
    the same person; and the page is told the time left."""
    await seen(home, page, limit_s=4)
    for id_, changed in (("x1", {"person": "p8"}), ("x2", {}), ("x3", {})):
        home.order(home.permit(id=id_, look="l1", limit_s=1, **changed), what="extend")
    assert 1.0 < (await home.said("extended")).left_s <= 5
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED
    assert [one.permit for one in home.data(LookExtended)] == ["x2"]
    (_, _, opened_s), (_, _, closed_s) = home.noted()
    assert 4.0 < closed_s - opened_s < 5.5 + BUSY_S
    assert 5.0 <= home.data(LookEnded)[0].took_s < 5.5 + BUSY_S


async def test_what_is_told_to_end_is_not_made_longer(
    home: LookHome, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consent is withdrawn while the log keeps a second permit: a child that obeys nothing is
    killed at once, as without it."""
    monkeypatch.setattr(process, "SILENT_S", 3 * BUSY_S)  # before which nobody counts it as stuck
    await seen(home, page, limit_s=20)
    write = home.write

    async def withdrawn(draft: Draft, timeout_s: float | None = None) -> Event:
        os.kill(home.children[0].process.pid, signal.SIGSTOP)
        home.happened(ConsentSettled(held=False))
        return await write(draft, timeout_s)

    monkeypatch.setattr(home, "write", withdrawn)
    began_s = time.monotonic()
    home.order(home.permit(id="x2", look="l1", limit_s=30), what="extend")
    await home.settled()
    assert home.ended() is LookEnd.CONSENT_WITHDRAWN
    assert time.monotonic() - began_s < BUSY_S


@pytest.mark.parametrize("by_the_server", [False, True])
async def test_a_page_that_counts_down_to_the_limit_did_not_end_it(
    home: LookHome, page: Page, by_the_server: bool
) -> None:
    """Whichever of the two comes first at the limit, the log says that it was reached."""
    await seen(home, page, limit_s=1)
    running = home.looks._running
    assert running is not None
    await until(lambda: home.looks._left_s(running) < 0.4)
    if by_the_server:
        home.say(LookOrder(what="end", look="l1"))
    else:
        page.say(end=True)
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED


async def test_the_wall_clock_ends_nothing_and_keeps_nothing_open(
    home: LookHome, page: Page
) -> None:
    """Set an hour on or back in the middle: a look is as long as it is; nothing that counts its
    seconds reads that clock."""
    await seen(home, page, limit_s=3)
    assert home.now is not None
    home.now += timedelta(hours=1)
    home.looks.reconsider()
    assert home.looks.busy
    home.now -= timedelta(hours=2)
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED
    assert 2.9 < home.data(LookEnded)[0].took_s <= 3.5 + BUSY_S
    wall = ("time.time(", "datetime.now", ".utcnow", "perf_counter", "CLOCK_REALTIME")
    for source in Path(media.__file__).parent.glob("*.py"):
        assert not [word for word in wall if word in source.read_text()], source.name


async def test_a_child_that_is_stopped_is_killed_at_its_limit(home: LookHome, page: Page) -> None:
    """SIGSTOP: it can end nothing by itself, and is gone half a second after its limit."""
    await seen(home, page, limit_s=3)
    os.kill(home.children[0].process.pid, signal.SIGSTOP)
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED
    assert home.data(LookEnded)[0].took_s <= 3.5 + BUSY_S


HANGS = """
import runpy, sys, time
from gateway.media import sight
class Hangs(sight.Look):
    def see_picture(self):
        super().see_picture()
        time.sleep(60)
sight.Look = Hangs
runpy.run_module("gateway.media.child", run_name="__main__")
"""


async def test_a_child_whose_loop_hangs_ends_itself(home: LookHome, page: Page) -> None:
    """Whatever its loop does, at its limit and before the parent must."""
    home.looks.kill_after_s = 3 * BUSY_S
    home.start = lambda: MediaProcess.start((sys.executable, "-c", HANGS))
    home.order(home.permit(limit_s=1), sdp=await page.offer())
    await page.take((await home.said("answered")).sdp)
    await home.settled()
    [end] = home.data(LookEnded)
    assert end.why is LookEnd.LIMIT_REACHED
    assert end.took_s <= 1.5 + BUSY_S


async def test_a_driver_that_does_not_let_go_of_the_camera(home: LookHome, page: Page) -> None:
    """Its process ends all the same, at the limit and before the parent must; the log has the end
    that it was, with the pictures that were seen."""
    home.looks.kill_after_s = 3 * BUSY_S
    home.driver.fault = "clings"
    await seen(home, page, limit_s=3)
    await home.settled()
    [end] = home.data(LookEnded)
    assert (end.why, end.way) == (LookEnd.LIMIT_REACHED, LookWay.DIRECT)
    assert end.pictures > 3
    assert end.took_s <= 3.5 + BUSY_S
    assert [word for word, _, _ in home.noted()] == ["opened"]


async def test_a_gateway_that_hangs_keeps_no_camera_open(home: LookHome, page: Page) -> None:
    """Nor does a process that is stopped as well: the kernel ends it at its limit."""
    await seen(home, page, limit_s=3)
    child = home.children[0].process.pid
    os.kill(child, signal.SIGSTOP)
    gone_s = gone_at(child)  # in the loop's thread: nothing of the gateway runs meanwhile
    opened_s = home.noted()[0][2]
    assert 2.9 <= gone_s - opened_s <= 3.5 + BUSY_S
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED


async def test_a_child_that_dies_is_told(home: LookHome, page: Page) -> None:
    """Killed from outside: the shutter is shut, and the end has its reason."""
    await seen(home, page)
    home.children[0].kill()
    await home.settled()
    assert home.ended() is LookEnd.MEDIA_DIED
    assert home.data(LookEnded)[0].pictures >= 1


async def test_the_gateway_stops(home: LookHome, page: Page) -> None:
    """Nobody looks from there on."""
    await seen(home, page)
    await home.looks.close()
    assert home.ended() is LookEnd.STOPPED


async def test_what_the_last_run_left_open_is_ended_at_the_start(home: LookHome) -> None:
    """The gateway went down in the middle: nobody knows how long, and it is said so, with camera
    and person."""
    admitted = LookAdmitted(look="l9", permit="l9", why=LookWhy.CHECK, check="night-1")
    home.happened(admitted, "p7", "camera")
    home.looks.settle(home.record)
    [end] = home.data(LookEnded)
    assert (end.look, end.why, end.took_s) == ("l9", LookEnd.RESTARTED, None)
    assert (home.events[-1].person, home.events[-1].device) == ("p7", "camera")
    assert home.record.open_looks == {}


async def test_a_child_is_ready_before_somebody_looks(home: LookHome, page: Page) -> None:
    """Asked to be, once: the look takes that one, and nothing was lit or opened for it."""
    home.say(LookOrder(what="prepare"))
    home.say(LookOrder(what="prepare"))
    await until(lambda: len(home.children) == 1)
    assert "lamp on" not in home.done
    await seen(home, page)
    assert len(home.children) == 1
    home.say(LookOrder(what="prepare"))
    page.say(end=True)
    await home.settled()
    assert len(home.children) == 1


async def test_a_child_that_was_ready_in_vain_is_let_go(
    home: LookHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute, and when the gateway stops."""
    monkeypatch.setattr("gateway.media.looks.READY_FOR_S", 0.05)
    home.say(LookOrder(what="prepare"))
    await until(lambda: len(home.children) == 1)
    await until(lambda: home.children[0].process.returncode is not None)
    monkeypatch.setattr("gateway.media.looks.READY_FOR_S", 60)
    home.say(LookOrder(what="prepare"))
    await until(lambda: len(home.children) == 2)
    await home.looks.close()
    assert home.children[1].process.returncode is not None


async def test_ways_that_point_where_they_must_not_are_not_followed(
    home: LookHome, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page adds later is judged as its offer is, in the home too."""
    told: list[dict[str, Any]] = []
    await seen(home, page)
    process = home.children[0]
    monkeypatch.setattr(process, "tell", told.append)
    ways = tuple(
        f"candidate:1 1 udp 2122260223 {where} typ host"
        for where in ("127.0.0.1 9000", "169.254.1.1 9000", "10.0.0.9 22", "pc.local 9000")
    )
    good = "candidate:1 1 udp 2122260223 10.0.0.9 51234 typ host"
    home.say(LookOrder(what="candidates", look="l2", candidates=(good,)))
    home.say(LookOrder(what="candidates", look="l1", candidates=(*ways, good)))
    await until(lambda: bool(told))
    assert told == [{"do": "candidates", "candidates": [good]}]


async def test_what_the_page_says_before_the_child_is_there_waits_for_it(
    home: LookHome, page: Page
) -> None:
    """Its ways come right after its offer, and must not be what the child begins with."""
    good = "candidate:1 1 udp 2122260223 10.0.0.9 51234 typ host"
    home.order(home.permit(), sdp=await page.offer())
    await until(lambda: bool(home.children))
    home.say(LookOrder(what="candidates", look="l1", candidates=(good,)))
    await page.take((await home.said("answered")).sdp)
    await home.said("begun")


async def test_an_order_for_no_look_does_nothing(home: LookHome) -> None:
    """What comes late, or for another one."""
    for what in ("end", "candidates", "relay"):
        home.say(LookOrder(what=what, look="l1"))
    home.order(home.permit(id="x1"), what="extend")
    await asyncio.sleep(0)
    assert home.data(LookEnded) == []
