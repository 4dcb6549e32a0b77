"""The panel to look into a home, with a home of the test's own that sends sealed pictures.

Not for: a real home with its camera (`tests/e2e/test_look.py`).
"""

from __future__ import annotations

import base64
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.events import LookBegun, LookWhy, PictureKind
from gateway.wire import LookOrder
from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.night import Night
from tests.staff.looks import parts
from tests.staff.parts import EnrolledHome, add_user, parts_of

av = pytest.importorskip("av")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[..., Any]
SignIn = Callable[..., None]


def jpeg(number: int) -> bytes:
    """A grey picture, another shade each time."""
    frame = av.VideoFrame(320, 240, "yuvj420p")
    for plane, shade in zip(frame.planes, (60 + number * 20 % 160, 128, 128), strict=True):
        plane.update(bytes([shade]) * plane.buffer_size)
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = 320, 240, "yuvj420p"
    codec.time_base = Fraction(1, 10)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in codec.encode(frame))


class SealingHome:
    """A home that answers with its key and hands sealed pictures over, while it is told to."""

    def __init__(self, home: EnrolledHome) -> None:
        self.home = home
        self.orders: list[LookOrder] = []
        self.sending = threading.Event()
        self.limit_s = 30.0
        self.answers = True
        self._gone = threading.Event()
        stream = home.listen()
        next(stream)
        self._listener = threading.Thread(target=self._listen, args=(stream,), daemon=True)
        self._listener.start()

    def _listen(self, stream: Any) -> None:
        for raw in stream:
            text = raw.decode()
            if not text.startswith("event: look"):
                continue
            order = LookOrder.model_validate_json(text.partition("data: ")[2])
            self.orders.append(order)
            if order.what == "begin" and self.answers:
                threading.Thread(target=self._send, args=(order,), daemon=True).start()
            elif order.what == "extend":
                self.limit_s = 60.0
                parts.signal(self.home, look=order.look, state="extended", left_s=50.0)
            elif order.what == "end":
                self._gone.set()

    def _send(self, order: LookOrder) -> None:
        self._gone.clear()
        self.limit_s, began_s = 30.0, time.monotonic()
        mine = ec.generate_private_key(ec.SECP256R1())
        point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        raw = base64.urlsafe_b64decode(order.key + "=")
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        info = f"tryggve-look|{order.look}|{order.key}|{key}".encode()
        shared = mine.exchange(ec.ECDH(), theirs)
        opened = HKDF(hashes.SHA256(), 32, None, info).derive(shared)
        parts.signal(self.home, look=order.look, state="relaying", key=key)
        for number in range(1, 300):
            if self._gone.wait(0.25) or not self.sending.wait(60):
                return
            left_s = self.limit_s - (time.monotonic() - began_s)
            plain = struct.pack("!II", int(left_s * 1000), int(self.limit_s * 1000)) + jpeg(number)
            nonce, about = number.to_bytes(12, "big"), f"{order.look}|{number}".encode()
            sealed = AESGCM(opened).encrypt(nonce, plain, about)
            parts.send_picture(self.home, order.look, number, sealed)
            if number == 1:
                self.home.send(
                    LookBegun(look=order.look, why=LookWhy.ALARM, picture=PictureKind.SILHOUETTE)
                )
                parts.signal(self.home, look=order.look, state="begun", left_s=left_s)

    def ends(self, why: str) -> None:
        """The home ends it."""
        self._gone.set()
        parts.signal(self.home, look=self.orders[-1].look, state="ended", why=why)


@pytest.fixture
def sealing(night: Night) -> Iterator[SealingHome]:
    """The home `h1`, which sends pictures."""
    home = night.homes["h1"]
    parts.furnish(home, parts_of(night.app))
    made = SealingHome(home)
    made.sending.set()
    yield made
    made._gone.set()


def test_a_look_from_click_to_end(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, sealing: SealingHome
) -> None:
    """A picture, and the time left as the home counts it; covered when none came for two seconds,
    in words; 30 s more, once; ended by the home's word, and nothing of the picture is left."""
    from playwright.sync_api import expect

    page = open_page(PHONE)
    sign_in(page)
    alarm = night.raise_bed_exit()
    page.goto(f"{live_server.url}/larm/{alarm}")
    page.get_by_test_id("look-begin").click()
    look = page.get_by_test_id("look")
    expect(look).to_have_attribute("data-state", "live")
    assert sealing.orders[0].what == "prepare"
    expect(page.get_by_test_id("look-say")).to_contain_text("Du ser hemmet nu")
    expect(page.get_by_test_id("look-cover")).to_be_hidden()
    expect(page.get_by_test_id("look-left")).to_have_text(re.compile("^2[0-9]$|^30$"))
    expect(page.get_by_test_id("look-kind")).to_contain_text("Siluett, räknad i hemmet")
    page.get_by_test_id("look-longer").click()
    expect(page.get_by_test_id("look-left")).to_have_text(re.compile("^[56][0-9]$"))
    expect(page.get_by_test_id("look-longer")).to_be_hidden()

    sealing.sending.clear()
    expect(look).to_have_attribute("data-state", "frozen")
    expect(page.get_by_test_id("look-cover")).to_contain_text("Bilden står still")
    sealing.sending.set()
    expect(look).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("look-cover")).to_be_hidden()

    sealing.ends("limit_reached")
    expect(look).to_have_attribute("data-state", "over")
    expect(page.get_by_test_id("look-say")).to_contain_text("Tiden är ute. Hemmet stängde kameran.")
    expect(page.locator(".look-picture")).to_be_hidden()
    assert page.evaluate("document.querySelector('[data-canvas]').width") == 0


def test_who_comes_second_sees_who_looks(
    open_page: Open, sign_in: SignIn, night: Night, live_server: LiveServer, sealing: SealingHome
) -> None:
    """One wins; the other is told who, and sees no picture.  A home that never answers (of a
    version without looks) is said to be silent, and the check is not done."""
    from playwright.sync_api import expect

    add_user(night.app, "p8", ["night_watcher"], homes=["h1"])
    alarm = night.raise_bed_exit()
    first, second = open_page(DESK), open_page(PHONE)
    for page, person in ((first, "p7"), (second, "p8")):
        sign_in(page, person)
        page.goto(f"{live_server.url}/larm/{alarm}")
    first.get_by_test_id("look-begin").press("Enter")
    expect(first.get_by_test_id("look")).to_have_attribute("data-state", "live")
    second.get_by_test_id("look-begin").click()
    said = second.get_by_test_id("look-say")
    expect(said).to_contain_text("Prov p7 ser redan genom kameran")
    expect(said).to_contain_text("Ingen bild visades, så tillsynen är inte gjord.")
    first.keyboard.press("Escape")
    expect(first.get_by_test_id("look-say")).to_contain_text("Du avslutade")

    sealing.answers = False
    second.get_by_test_id("look-begin").click()
    expect(second.get_by_test_id("look")).to_have_attribute("data-state", "asking")
    expect(said).to_contain_text("Hemmet svarade inte.")
    assert sealing.orders[-1].what in ("begin", "end")
