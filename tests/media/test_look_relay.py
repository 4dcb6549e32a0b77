"""The blind relay: pictures that the server carries and cannot read, where nothing else goes."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from gateway.events import LookBegun, LookEnd, LookEnded, LookWay
from gateway.media.process import MediaProcess
from gateway.ports import Form
from gateway.wire import PICTURE_MAX_BYTES, LookOrder
from tests.media.home_parts import BUSY_S, until
from tests.media.look_faults import cut
from tests.media.look_parts import BlindPage, LookHome, Page

needs_aiortc = pytest.mark.skipif(
    importlib.util.find_spec("aiortc") is None, reason="the extra `voice` is not installed"
)

WITHOUT = """
import runpy, sys
sys.modules["aiortc"] = None
runpy.run_module("gateway.media.child", run_name="__main__")
"""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[LookHome]:
    """A home in which aiortc is not installed."""
    made = LookHome(tmp_path)
    made.start = lambda: MediaProcess.start((sys.executable, "-c", WITHOUT))
    yield made
    await made.looks.close()
    await made.settled()
    assert all(child.process.returncode is not None for child in made.children)


async def relayed(home: LookHome, page: BlindPage, count: int = 2) -> str:
    """The home's key, once some pictures came."""
    key: str = (await home.said("relaying")).key
    await home.said("begun")
    await until(lambda: len(home.taken) >= count)
    return key


async def test_a_home_without_video_can_be_looked_into(home: LookHome) -> None:
    """With the same permit, lamp, shutter and limit: each picture opens with the page's key, its
    number, and the time left as the home counts it; nobody else's key, no other number, no other
    look opens it."""
    page = BlindPage()
    home.order(home.permit(), sdp="", key=page.key)
    key = await relayed(home, page)
    (first, sealed), (second, other) = home.taken[:2]
    assert (first, second) == (1, 2)
    left_s, limit_s, jpeg = page.open(key, 1, sealed)
    assert (limit_s, jpeg.startswith(b"\xff\xd8 picture")) == (30, True)
    assert 30 - BUSY_S < left_s <= 30
    assert page.open(key, 2, other)[0] < left_s
    for stranger, number in ((BlindPage(), 1), (page, 2)):
        with pytest.raises(InvalidTag):
            stranger.open(key, number, sealed)
    page._look = "l2"
    with pytest.raises(InvalidTag):
        page.open(key, 1, sealed)
    assert b"picture" not in sealed
    assert len(sealed) < PICTURE_MAX_BYTES
    home.say(LookOrder(what="end", look="l1"))
    await home.settled()
    assert home.ended() is LookEnd.CLOSED
    [end] = home.data(LookEnded)
    assert (end.way, end.pictures >= 2) == (LookWay.RELAY, True)
    assert [(word, form) for word, form, _ in home.noted()] == [
        ("opened", "jpeg"),
        ("closed", "jpeg"),
    ]


async def test_the_limit_holds_over_the_relay(home: LookHome) -> None:
    """The child ends it by itself."""
    home.order(home.permit(limit_s=1), sdp="", key=BlindPage().key)
    await home.said("ended")
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED
    assert 0.9 < home.data(LookEnded)[0].took_s <= 1.5 + BUSY_S


async def test_a_page_that_asks_for_no_more_pictures_has_lost_the_look(home: LookHome) -> None:
    """As the server tells it with each picture; and a server that takes none is the same."""
    home.looks.beat_within_s = -2.0  # and what a slow line may add
    home.asked_s = 5.0
    home.order(home.permit(), sdp="", key=BlindPage().key)
    await home.said("ended")
    await home.settled()
    assert home.ended() is LookEnd.VIEWER_LOST
    home.asked_s = None
    home.order(home.permit("l2"), sdp="", key=BlindPage("l2").key)
    await home.said("ended")
    await home.settled()
    assert [one.why for one in home.data(LookEnded)] == 2 * [LookEnd.VIEWER_LOST]
    assert home.data(LookEnded)[1].pictures == 0


@needs_aiortc
async def test_where_no_way_is_found_the_relay_takes_over(home: LookHome) -> None:
    """By itself, with the page's key; the camera was not opened before."""
    home.start, home.looks.find_s = MediaProcess.start, 0.5
    page, blind = Page(), BlindPage()
    home.order(home.permit(), sdp=await page.offer(), key=blind.key)
    key = await relayed(home, blind)
    assert blind.open(key, *home.taken[0])[1] == 30
    assert [form for _, form, _ in home.noted()] == ["jpeg"]
    await home.looks.close()
    await page.close()


@needs_aiortc
async def test_without_a_key_no_way_is_the_end(
    home: LookHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by its name; nobody saw anything, and the camera was never open."""
    monkeypatch.setattr("gateway.media.looks.FIND_ALONE_S", 0.5)
    home.start = MediaProcess.start
    page = Page()
    home.order(home.permit(), sdp=await page.offer())
    await home.said("ended")
    await home.settled()
    assert home.ended() is LookEnd.ICE_TIMEOUT
    assert (home.data(LookBegun), home.noted()) == ([], [])
    assert home.data(LookEnded)[0].took_s == 0
    await page.close()


@needs_aiortc
async def test_a_page_whose_way_is_lost_may_go_over(home: LookHome) -> None:
    """In the middle of a look, within the same seconds: the camera is opened anew for it."""
    home.start = MediaProcess.start
    page, blind = Page(), BlindPage()
    home.order(home.permit(limit_s=8), sdp=await page.offer())
    await page.take((await home.said("answered")).sdp)
    await home.said("begun")
    cut(page)
    home.say(LookOrder(what="relay", look="l1", key=blind.key))
    key = (await home.said("relaying")).key
    await until(lambda: bool(home.taken))
    assert blind.open(key, *home.taken[0])[0] < 8
    await home.settled()
    assert home.ended() is LookEnd.LIMIT_REACHED
    [end] = home.data(LookEnded)
    assert (end.way, end.took_s <= 8.5 + BUSY_S) == (LookWay.RELAY, True)
    assert [(word, form) for word, form, _ in home.noted()] == [
        ("opened", "frames"),
        ("closed", "frames"),
        ("opened", "jpeg"),
        ("closed", "jpeg"),
    ]
    await page.close()


async def test_what_the_parent_has_of_a_picture_is_sealed(home: LookHome) -> None:
    """It hands on what it cannot read; one that is too large for the server goes nowhere."""
    home.driver.forms = (Form.JPEG,)
    blind = BlindPage()
    home.order(home.permit(), sdp="", key=blind.key)
    await relayed(home, blind)
    assert not any(b"picture" in sealed for _, sealed in home.taken)
    running = home.looks._running
    assert running is not None
    before = len(home.taken)
    await home.looks._hand_over(running, {"number": 999, "sealed": "A" * 4 * PICTURE_MAX_BYTES})
    await home.looks._hand_over(running, {"number": 998, "sealed": "no base64!"})
    assert not {998, 999} & {number for number, _ in home.taken}
    assert len(home.taken) >= before
    await asyncio.sleep(0)
