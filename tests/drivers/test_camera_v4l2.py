"""USB cameras: what PyAV gives, in the forms of a look; and cameras that are not there, are taken,
hang, or are pulled out.

FFmpeg's own test picture stands in for a camera; V4L2 itself answers only where it says no.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers import camera_v4l2
from drivers.pictures import by_av, newest
from drivers.pictures.jpeg import JpegEncoder
from drivers.pictures.newest import Newest, PumpedEye
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import JPEG_MAX_BYTES, Form, Shot
from tests.drivers.cameras import light_of
from tests.drivers.parts import Heard, driver_context

av = pytest.importorskip("av", reason="PyAV comes with the extra `voice`")


def opened(picture: str, form: Form, **settings: Any) -> Any:
    return camera_v4l2.open_eye({"system": "test", "picture": picture, **settings}, form)


@pytest.mark.parametrize("form", [Form.FRAMES, Form.JPEG])
@pytest.mark.parametrize(
    ("picture", "size"),
    [("normal", (640, 480)), ("edges", (256, 192)), ("thermal", (160, 120)), ("depth", (160, 120))],
)
def test_every_picture_in_every_form(picture: str, size: tuple[int, int], form: Form) -> None:
    """In the size that is promised, small enough for a slow line, and one second not as the
    next."""
    eye = opened(picture, form)
    shots = [eye.read() for _ in range(4)]
    eye.close()
    for shot in shots:
        assert light_of(shot)[1:] == size
        assert len(shot.data) <= JPEG_MAX_BYTES or form is Form.FRAMES
    assert len({shot.data for shot in shots}) > 1


def test_a_large_picture_is_made_smaller() -> None:
    """More than 640 dots are no use to whoever looks; the shape stays."""
    eye = opened("normal", Form.FRAMES, width=1280, height=720)
    assert light_of(eye.read())[1:] == (640, 360)
    eye.close()


def test_levels_are_those_of_a_video() -> None:
    """White and black of a camera's file come out as 235 and 16, and of a file made here as white
    and black again."""
    for level, wanted in ((16, 16), (235, 235)):
        planes = bytes((level,)) * (64 * 48) + bytes((128,)) * (64 * 24)
        file = JpegEncoder(64, 48).encode(planes)
        frame = av.CodecContext.create("mjpeg", "r").decode(av.Packet(file))[0]
        made, wide, tall = by_av.drawn(frame, "normal", 0)
        assert (wide, tall) == (64, 48)
        assert abs(made[64 * 24 + 32] - wanted) <= 1
        again = by_av.Jpegs().of(by_av.frame_of(made, wide, tall))
        light = light_of(Shot(Form.JPEG, again, 64, 48))[0]
        assert abs(light[64 * 24 + 32] - wanted) <= 2


# --- files as the camera makes them


def motion_jpeg(folder: Path, *files: bytes) -> Any:
    """An input that gives files as a webcam does."""
    (folder / "camera.mjpeg").write_bytes(b"".join(files))
    return by_av.open_input(str(folder / "camera.mjpeg"), "mjpeg", {"framerate": "10"})


def test_a_cameras_own_files_go_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, without being made anew; one that is too large for the relay is made smaller."""
    monkeypatch.setattr(by_av, "EVERY_S", 0.0)
    files = [
        JpegEncoder(64, 48).encode(bytes((level,)) * (64 * 48 * 3 // 2)) for level in (40, 90, 140)
    ]
    given = motion_jpeg(tmp_path, *files)
    shots = list(by_av.shots(given, "normal", Form.JPEG))
    assert [shot.data for shot in shots] == files
    monkeypatch.setattr(by_av, "JPEG_MAX_BYTES", len(files[0]) - 1)
    given = motion_jpeg(tmp_path, *files)
    made = [shot.data for shot in by_av.shots(given, "normal", Form.JPEG)]
    assert len(made) == 3
    assert not {*made} & {*files}


def test_a_file_never_leaves_where_outlines_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the camera makes files itself, only what was drawn here is given."""
    monkeypatch.setattr(by_av, "EVERY_S", 0.0)
    file = JpegEncoder(64, 48).encode(bytes((90,)) * (64 * 48 * 3 // 2))
    shots = list(by_av.shots(motion_jpeg(tmp_path, file, file), "edges", Form.JPEG))
    assert len(shots) == 2
    for shot in shots:
        assert (shot.width, shot.height) == (256, 192)
        assert file not in shot.data


# --- what goes wrong


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    """Missing, or no camera at all: one sentence each, and no look."""
    for device in (tmp_path / "video0", Path("/dev/null"), tmp_path):
        with pytest.raises(DeviceUnavailable, match=str(device)):
            camera_v4l2.open_eye({"device": str(device)}, Form.FRAMES)


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.EBUSY, DeviceRefused, "another program has"),
        (errno.ENODEV, DeviceUnavailable, "there is no camera"),
        (errno.ENOENT, DeviceUnavailable, "there is no camera"),
        (errno.EACCES, DeviceUnavailable, "may not be opened"),
        (errno.EIO, DeviceUnavailable, "failed"),
        (errno.ENOTTY, DeviceUnavailable, "failed"),
    ],
)
def test_what_the_kernel_says(number: int, error: type[Exception], words: str) -> None:
    """Each errno of V4L2 as PyAV raises it is one of our errors; a camera that another program has
    is told apart from one that is not there."""
    with pytest.raises(av.FFmpegError) as raised:
        av.error.err_check(-number, "/dev/video0")
    meant = by_av.device_error("/dev/video0", raised.value)
    assert type(meant) is error
    assert words in meant.text
    if isinstance(meant, DeviceRefused):
        assert meant.why == "busy"


def test_without_pyav_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, as everywhere."""
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DeviceUnavailable, match="pip install"):
        camera_v4l2.open_eye({"device": "/dev/video0"}, Form.FRAMES)


def test_pulled_out_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before is shown, then the look ends; the camera is given back."""
    monkeypatch.setattr(by_av, "EVERY_S", 0.0)
    file = JpegEncoder(64, 48).encode(bytes((90,)) * (64 * 48 * 3 // 2))
    gave_back = threading.Event()
    given = motion_jpeg(tmp_path, file)
    eye = PumpedEye(by_av.shots(given, "normal", Form.FRAMES), gave_back.set)
    assert eye.read().width == 64
    with pytest.raises(DeviceUnavailable, match="no more pictures"):
        eye.read()
    assert gave_back.wait(60)


def test_a_camera_that_hangs(tmp_path: Path) -> None:
    """It gives a picture, then nothing, while the kernel lets nobody out: whoever looks hears of it
    in time, and may close it."""
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)

    def hangs() -> Iterator[Shot]:
        yield Shot(Form.FRAMES, b"", 2, 2)
        os.read(held, 1)

    frames = Newest(silent_s=60.0)
    eye = PumpedEye(hangs(), lambda: None, frames)
    assert eye.read().width == 2
    frames._silent_s = 0.05
    began_s = time.monotonic()
    with pytest.raises(DeviceUnavailable, match="gives no pictures"):
        eye.read()
    assert time.monotonic() - began_s < 20
    os.write(held, b"x")
    eye.close()
    os.close(held)


def test_a_camera_that_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time-out it is given up; should it open after all, it is given back."""
    opens, gave_back = threading.Event(), threading.Event()
    with pytest.raises(DeviceUnavailable, match="did not open"):
        newest.in_time(lambda: opens.wait(60), lambda _late: gave_back.set(), within_s=0.02)
    opens.set()
    assert gave_back.wait(60)


def test_only_the_newest_picture_waits() -> None:
    """Whoever comes late sees what is now, not what was; packets come in order, and where too many
    wait all are left out up to the next key picture."""
    frames = Newest(silent_s=0.01)
    for number in range(5):
        frames.put(Shot(Form.FRAMES, bytes((number,)), 2, 2))
    assert frames.read().data == b"\x04"
    packets = Newest(every=True, silent_s=0.01)
    for number in range(newest.PACKETS_MAX + 3):
        packets.put(Shot(Form.PACKETS, bytes((number,)), 2, 2, key=number == 0))
    with pytest.raises(DeviceUnavailable):
        packets.read()
    packets.put(Shot(Form.PACKETS, b"key", 2, 2, key=True))
    packets.put(Shot(Form.PACKETS, b"next", 2, 2, key=False))
    assert [packets.read().data for _ in range(2)] == [b"key", b"next"]


async def test_the_gateway_looks_for_it_and_does_not_open_it(tmp_path: Path) -> None:
    """A device file that is none of the kernel's is no camera: the driver fails, and says so."""
    (tmp_path / "video0").write_text("")
    config = camera_v4l2.Config(device=tmp_path / "video0")
    driver = camera_v4l2.Driver(config, driver_context("eye"))
    heard = Heard()
    with pytest.raises(DeviceUnavailable, match="there is no camera"):
        await driver.run(heard)
    assert heard.data == []


def test_what_is_asked_of_the_kernel() -> None:
    """MJPG of a webcam, 16 bits of grey of a thermal sensor, unless the home says otherwise."""
    asked = {
        picture: camera_v4l2.source(camera_v4l2.Config(picture=picture))[2]["input_format"]
        for picture in ("edges", "normal", "thermal", "depth")
    }
    assert list(asked.values()) == ["mjpeg", "mjpeg", "gray16le", "gray16le"]
    name, form, options = camera_v4l2.source(
        camera_v4l2.Config(format="gray", width=320, height=240)
    )
    assert (name, form) == ("/dev/video0", "v4l2")
    assert options == {"video_size": "320x240", "framerate": "10", "input_format": "gray"}
