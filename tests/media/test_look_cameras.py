"""Looks by the real drivers of cameras, through the real child: what is seen is what is there, and
the flap is open for just as long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

from drivers import camera_v4l2, camera_virtual
from drivers.pictures.bedroom import Shows
from drivers.virtual import VirtualShutter
from drivers.virtual.bedroom_seen import seen
from gateway.events import LookEnd, LookEnded, LookWay
from gateway.ports import JPEG_MAX_BYTES, Form, Shot
from gateway.wire import LookOrder
from tests.drivers.cameras import FLAP, flap_board
from tests.drivers.parts import driver_context
from tests.media.home_parts import until
from tests.media.look_parts import BlindPage, LookHome, Page


class Room:
    """A home with a drawn bedroom behind a flap; whoever lives there is where `tell` says."""

    def __init__(self, home: LookHome, folder: Path, board: Any, flap: VirtualShutter) -> None:
        self.home, self.flap, self._scene = home, flap, folder / "scene"
        self._board = board
        self.tell(Shows.BED)

    def tell(self, shows: Shows) -> None:
        fresh = self._scene.with_suffix(".new")
        fresh.write_text(json.dumps({"shows": shows}))
        fresh.replace(self._scene)

    async def have(self, module: Any, **settings: Any) -> None:
        """The camera, shut as its driver leaves it at a start."""
        if module is camera_virtual:
            settings["scene"] = str(self._scene)
        context = driver_context("camera", pin_factory=self._board.factory)
        driver = module.Driver(module.Config(**FLAP, **settings), context)
        self.home.driver = driver
        await driver.shut()
        assert not self.flap.is_open


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    home = LookHome(tmp_path)
    with flap_board() as (board, flap):
        yield Room(home, tmp_path, board, flap)
        await home.looks.close()
        await home.settled()
        await home.driver.close()
    assert all(child.process.returncode is not None for child in home.children)


def light_of(frame: Any) -> Shot:
    """A decoded frame of the page's as a shot."""
    plane = frame.reformat(format="yuv420p").planes[0]
    data, step = bytes(plane), plane.line_size
    rows = [data[row * step : row * step + frame.width] for row in range(frame.height)]
    return Shot(Form.FRAMES, b"".join(rows), frame.width, frame.height)


@pytest.mark.parametrize("picture", ["normal", "edges"])
async def test_whoever_looks_sees_where_the_resident_is(room: Room, picture: str) -> None:
    """In bed; and on the floor, when the resident falls in the middle of the look.  The flap is
    open for as long as that, and shut when it is over."""
    await room.have(camera_virtual, picture=picture)
    home, page = room.home, Page()
    home.order(home.permit(), sdp=await page.offer())
    await page.take((await home.said("answered")).sdp)
    await home.said("begun")
    await until(lambda: bool(page.frames) and seen(light_of(page.frames[-1])) is Shows.BED)
    assert room.flap.is_open
    room.tell(Shows.FLOOR)
    await until(lambda: seen(light_of(page.frames[-1])) is Shows.FLOOR)
    await until(lambda: bool(page.told))
    assert page.told[-1]["picture"] == picture
    page.say(end=True)
    await home.said("ended")
    await home.settled()
    await page.close()
    assert not room.flap.is_open
    [end] = home.data(LookEnded)
    assert (end.why, end.way) == (LookEnd.CLOSED, LookWay.DIRECT)


@pytest.mark.parametrize("module", [camera_virtual, camera_v4l2])
async def test_the_blind_relay_carries_a_real_picture(room: Room, module: Any) -> None:
    """A file that any browser shows, small enough for the line; of the drawn bedroom it is seen
    where the resident is."""
    settings = {"system": "test"} if module is camera_v4l2 else {}
    await room.have(module, picture="normal", **settings)
    home, page = room.home, BlindPage()
    home.order(home.permit(), sdp="", key=page.key)
    key = (await home.said("relaying")).key
    await until(lambda: len(home.taken) >= 2)
    assert room.flap.is_open
    for number, sealed in home.taken[:2]:
        picture = page.open(key, number, sealed)[2]
        assert len(picture) <= JPEG_MAX_BYTES
        size = (512, 384) if module is camera_virtual else (640, 480)
        shot = Shot(Form.JPEG, picture, *size)
        if module is camera_virtual:
            assert seen(shot) is Shows.BED
        else:
            assert picture.startswith(b"\xff\xd8\xff")
    home.say(LookOrder(what="end", look="l1"))
    await home.said("ended")
    await home.settled()
    assert not room.flap.is_open
    assert home.data(LookEnded)[0].way is LookWay.RELAY


async def test_a_scene_that_breaks_ends_the_look(room: Room, tmp_path: Path) -> None:
    """A camera that cannot tell what is there shows nothing: no last picture stands for now."""
    await room.have(camera_virtual)
    home, page = room.home, BlindPage()
    home.order(home.permit(), sdp="", key=page.key)
    await home.said("begun")
    (tmp_path / "scene").unlink()
    assert (await home.said("ended")).why == LookEnd.CAMERA_FAILED
    await home.settled()
    assert not room.flap.is_open


async def test_a_flap_that_does_not_open_refuses_the_look(room: Room) -> None:
    """Before the camera is opened; and one that does not shut afterwards changes nothing of how the
    look ended."""
    await room.have(camera_virtual)
    home, page = room.home, BlindPage()
    room.flap.stuck = True
    home.order(home.permit(), sdp="", key=page.key)
    assert (await home.said("refused")).why == "no_shutter"
    await home.settled()
    assert home.taken == []
    room.flap.stuck = False
    home.order(home.permit("l2"), sdp="", key=BlindPage("l2").key)
    await until(lambda: len(home.taken) >= 1)
    room.flap.stuck = True
    home.say(LookOrder(what="end", look="l2"))
    await asyncio.wait_for(home.settled(), 60)
    ended = home.data(LookEnded)
    assert [one.why for one in ended][-1] is LookEnd.CLOSED
    assert room.flap.is_open
    room.flap.stuck = False
