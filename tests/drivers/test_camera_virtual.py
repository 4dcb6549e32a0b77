"""The drawn bedroom: it shows truly where whoever lives there is."""

from __future__ import annotations

import json
import lzma
import time
from pathlib import Path
from typing import Any

import pytest

from drivers import camera_virtual
from drivers.pictures.bedroom import ASSET, CLOCK, HEIGHT, MARK_BYTES, WIDTH, Shows, layers
from drivers.virtual.bedroom_seen import seen
from gateway.errors import DeviceUnavailable
from gateway.ports import Form
from tests.drivers.draw_bedroom import drawing_mark


def eye(form: Form = Form.FRAMES, now_s: float = 1_000.0, **settings: Any) -> Any:
    config = camera_virtual.Config(**settings)
    return camera_virtual.DrawnEye(config, form, lambda: now_s)


def tell(file: Path, shows: str, **more: Any) -> None:
    file.write_text(json.dumps({"shows": shows} | more))


@pytest.mark.parametrize("picture", ["normal", "edges"])
@pytest.mark.parametrize("form", [Form.FRAMES, Form.JPEG])
def test_it_shows_what_the_scene_says(tmp_path: Path, picture: str, form: Form) -> None:
    """In bed, on the floor, away, and from one to the other while somebody looks."""
    scene = tmp_path / "scene"
    tell(scene, "away")
    opened = eye(form, picture=picture, scene=str(scene))
    for shows in (Shows.AWAY, Shows.BED, Shows.FLOOR, Shows.BED, Shows.AWAY):
        tell(scene, shows)
        assert seen(opened.read()) is shows


def test_without_a_scene_nobody_is_there() -> None:
    """A room that nobody is said to be in is empty."""
    assert seen(eye(picture="normal").read()) is Shows.AWAY


UNREADABLE = (
    *("", "{}", "[]", '"bed"', '{"shows": "sofa"}', '{"shows": "bed", "ahead_s": "x"}'),
    None,
)


@pytest.mark.parametrize("scene", UNREADABLE)
def test_a_scene_that_cannot_be_read_is_no_empty_bed(tmp_path: Path, scene: str | None) -> None:
    """Nothing is shown rather than a guess."""
    file = tmp_path / "scene"
    if scene is not None:
        file.write_text(scene)
    with pytest.raises(DeviceUnavailable, match="cannot be read"):
        camera_virtual.open_eye({"picture": "normal", "scene": str(file)}, Form.FRAMES)


@pytest.mark.parametrize("picture", ["normal", "edges"])
def test_no_two_seconds_look_alike(picture: str) -> None:
    """The clock goes, so that a picture that stands still is seen to."""
    opened = eye(Form.FRAMES, picture=picture)
    shots = {opened.look(1_000.0 + second).data for second in range(8)}
    assert len(shots) == 8


def test_the_clock_tells_the_homes_time(tmp_path: Path) -> None:
    """At three the short hand points to the right, at nine to the left."""
    scene = tmp_path / "scene"
    dark = {}
    for hour in (3, 9):
        tell(scene, "away", ahead_s=hour * 3600.0)
        light = eye(now_s=0.0, picture="normal", scene=str(scene)).read().data
        row = light[CLOCK[1] * WIDTH : (CLOCK[1] + 1) * WIDTH]
        dark[hour] = row[CLOCK[0] - 9] < 90, row[CLOCK[0] + 9] < 90
    assert dark == {3: (False, True), 9: (True, False)}


def test_ten_pictures_a_second() -> None:
    """It keeps its own pace, and a reader who came late is not flooded with what was missed."""
    assert camera_virtual.EVERY_S == 0.1
    began_s = time.monotonic()
    opened = eye()
    for late_s in (0.0, 60.0):
        opened._next_s -= late_s
        for _ in range(4):
            opened.read()
        least_s = 3 * camera_virtual.EVERY_S
        assert time.monotonic() - began_s >= least_s
        began_s = time.monotonic()


def test_the_drawing_is_whole() -> None:
    """Every layer is there, in its size, and each differs from the others; they are of the drawing
    as it is (else `python -m tests.drivers.draw_bedroom`)."""
    assert lzma.decompress(ASSET.read_bytes())[:MARK_BYTES] == drawing_mark()
    drawn = layers()
    assert {len(planes) for planes in drawn.values()} == {WIDTH * HEIGHT * 3 // 2}
    assert len(set(drawn.values())) == len(drawn) == 4
