"""The Pi's own camera, by a picamera2 that stands in for it."""

from __future__ import annotations

import sys

import pytest

from drivers import camera_pi
from drivers.pictures import newest
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.ports import Form
from tests.drivers import picamera
from tests.drivers.cameras import light_of, pi_board
from tests.drivers.parts import Heard, driver_context

PI_5 = "Raspberry Pi 5 Model B Rev 1.0"


@pytest.mark.parametrize(
    ("model", "encodes"),
    [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", True),
        ("Raspberry Pi 4 Model B Rev 1.4", True),
        ("Raspberry Pi Zero 2 W Rev 1.0", True),
        ("Raspberry Pi 400 Rev 1.0", True),
        ("Raspberry Pi Compute Module 4 Rev 1.1", True),
        (PI_5, False),
        ("Raspberry Pi 500 Rev 1.0", False),
        ("Raspberry Pi Compute Module 5 Rev 1.0", False),
        ("something else", False),
    ],
)
def test_packets_where_the_board_has_an_encoder(model: str, encodes: bool) -> None:
    """By the board's own word; outlines are made of frames on every board."""
    with pi_board(model):
        config = camera_pi.Config(picture="normal")
        forms = camera_pi.Driver(config, driver_context("eye")).place().forms
        assert (forms[0] is Form.PACKETS) is encodes
        assert Form.JPEG in forms
        outlined = camera_pi.Driver(camera_pi.Config(), driver_context("eye")).place()
        assert outlined.forms == (Form.FRAMES, Form.JPEG)


def test_a_board_that_does_not_say_what_it_is() -> None:
    """Frames: they go on every board."""
    with pi_board():
        camera_pi.MODEL_FILE.unlink()
        assert not camera_pi.encodes()


@pytest.mark.parametrize(
    ("receiver", "there"), [("unicam-image", True), ("rp1-cfe-csi2_ch0", True)]
)
def test_a_sensor_that_the_kernel_found(receiver: str, there: bool) -> None:
    """Looked for by the receiver's name, on old boards and new."""
    with pi_board(receiver=receiver):
        assert camera_pi.is_there() is there


async def test_a_cable_that_is_not_in() -> None:
    """Only the encoder's own devices are there: no camera, and it says what to look at."""
    with pi_board(receiver="bcm2835-codec-decode"):
        heard = Heard()
        with pytest.raises(DeviceUnavailable, match="ribbon cable"):
            await camera_pi.Driver(camera_pi.Config(), driver_context("eye")).run(heard)
        assert heard.data == []


def test_the_encoder_is_told_what_a_page_needs() -> None:
    """Constrained baseline, SPS and PPS repeated, a key picture each second; its packets come in
    order, and closing gives encoder and camera back."""
    with pi_board() as made:
        eye = camera_pi.open_eye({"picture": "normal"}, Form.PACKETS)
        camera = made.made[0]
        assert camera.encoder.options == {
            "repeat": True,
            "iperiod": 10,
            "profile": "constrained baseline",
        }
        assert camera.configured["main"] == {"size": (640, 480), "format": "YUV420"}
        for _ in range(3):
            camera.output.outputframe(picamera.DELTA, False, 0, None, False)
        shots = [eye.read() for _ in range(4)]
        assert [shot.key for shot in shots] == [True, False, False, False]
        assert [shot.data for shot in shots] == [picamera.KEY, *[picamera.DELTA] * 3]
        eye.close()
        assert not camera.open
        assert camera.output is None


def test_packets_that_nobody_takes_are_bounded() -> None:
    """A page that stopped costs no memory; the next thing it gets is a key picture."""
    with pi_board() as made:
        eye = camera_pi.open_eye({"picture": "normal"}, Form.PACKETS)
        for _ in range(10 * newest.PACKETS_MAX):
            made.made[0].output.outputframe(picamera.DELTA, False)
        made.made[0].output.outputframe(picamera.KEY, True)
        assert eye.read().key
        eye.close()


@pytest.mark.parametrize("form", [Form.FRAMES, Form.JPEG])
def test_outlines_of_frames(form: Form) -> None:
    """A room whose upper half is dark: one line between the halves, and no more."""
    with pi_board(PI_5) as made:
        eye = camera_pi.open_eye({"picture": "edges"}, form)
        light, wide, tall = light_of(eye.read())
        eye.close()
        assert (wide, tall) == (256, 192)
        column = [light[row * wide + 100] > 120 for row in range(tall)]
        assert any(column[88:104])
        assert not any([*column[:80], *column[112:180]])
        assert not made.made[0].open


@pytest.mark.parametrize(
    ("fault", "error"),
    [(IndexError("list index out of range"), DeviceUnavailable), (RuntimeError(), DeviceRefused)],
)
def test_a_camera_that_cannot_be_had(fault: Exception, error: type[Exception]) -> None:
    """There is none, or another program has it."""
    with pi_board() as made:
        made.fault = fault
        with pytest.raises(error):
            camera_pi.open_eye({}, Form.FRAMES)


def test_without_picamera2_it_says_what_to_install() -> None:
    """One sentence, as everywhere."""
    assert "picamera2" not in sys.modules
    with pytest.raises(DeviceUnavailable, match="python3-picamera2"):
        camera_pi.open_eye({}, Form.FRAMES)


def test_a_camera_that_does_not_start_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed half way holds the camera for nobody."""

    def refuse(*_: object) -> None:
        raise ValueError("no such size")

    with pi_board() as made:
        monkeypatch.setattr(made, "configure", refuse)
        with pytest.raises(DeviceUnavailable, match="does not start"):
            camera_pi.open_eye({}, Form.FRAMES)
        assert not made.made[0].open
