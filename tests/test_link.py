"""The link: every way to fail is one of two errors, and TLS is judged as it should be."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.errors import LinkDown, LinkRefused
from gateway.link import answers, enrolment
from gateway.link import https as module
from gateway.link.https import GapError, Link, ServerTime, body_of, down, refusal
from gateway.wire import EnrollRequest, EventBatch
from tests.wireserver import WireServer

KEY = Ed25519PrivateKey.generate()
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def certificate(folder: Path, begins: dt.datetime, ends: dt.datetime) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, private


def serve_tls(folder: Path, begins: dt.datetime, ends: dt.datetime) -> tuple[WireServer, Path]:
    cert, private = certificate(folder, begins, ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, private)
    return WireServer(key=KEY.public_key(), tls=context).start(), cert


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer(key=KEY.public_key()).start()
    yield running
    running.stop()


def every(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from every(child)


def test_every_error_of_the_http_library_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mapping is complete: whatever urllib3, TLS or the system raise becomes `LinkDown`."""
    kinds = [*every(urllib3.exceptions.HTTPError), OSError, TimeoutError, ssl.SSLError]
    assert len(kinds) > 25
    for kind in kinds:
        # without what each constructor wants, and a text that does not need it
        plain = {"__init__": lambda self: None, "__str__": lambda self: "told"}
        error = type(kind.__name__, (kind,), plain)()

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(module.Lane, "_once", fail)
        with pytest.raises(LinkDown):
            Link("https://staff.example", "h1", KEY).lane().events([], 0)


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (500, None, LinkDown),
        (502, None, LinkDown),
        (503, "busy", LinkDown),
        (408, None, LinkDown),
        (429, "too_many", LinkDown),
        (302, None, LinkDown),
        (404, None, LinkDown),
        (404, "no_such_home", LinkRefused),
        (400, "bad_event", LinkRefused),
        (401, "clock", LinkRefused),
        (403, "key_void", LinkRefused),
        (413, None, LinkRefused),
        (422, "bad_event", LinkRefused),
        (409, "gap", GapError),
        (409, "chain", GapError),
    ],
)
def test_what_an_answer_means(status: int, code: str | None, wanted: type) -> None:
    """What passes by itself is `LinkDown`; a no is `LinkRefused`, with its status and code."""
    body = {"code": code, "detail": "x", "now_s": 1.0} if code else {}
    if status == 409:
        body["have"] = 7
    got = refusal(status, json.dumps(body).encode())
    assert type(got) is wanted
    if isinstance(got, LinkRefused):
        assert (got.status, got.code) == (status, code or f"http_{status}")
    if isinstance(got, GapError):
        assert got.have == 7


def test_a_batch_is_what_the_wire_says() -> None:
    """The body made of texts is an `EventBatch`."""
    batch = EventBatch.model_validate_json(body_of(['{"seq":1,"x":"å"}'.encode(), b'{"seq":2}'], 5))
    assert [event["seq"] for event in batch.events] == [1, 2]
    assert batch.down_have == 5
    assert EventBatch.model_validate_json(body_of([], 0)).events == []


def test_nobody_there_is_down() -> None:
    """A refused connection, at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # held, so that nobody else answers there
        with pytest.raises(LinkDown, match="no answer from the staff server"):
            Link(f"http://127.0.0.1:{port}", "h1", KEY).lane().events([], 0)


def test_a_server_that_hangs_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the request and never answers: the time-out holds, and it is not asked twice."""
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(module.Lane._request, "__kwdefaults__", {"answer_s": 0.2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(silent.accept()[0]), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(LinkDown, match="ReadTimeoutError"):
            Link(f"http://127.0.0.1:{silent.getsockname()[1]}", "h1", KEY).lane().events([], 0)
        assert time.monotonic() - began < 20, "what an answer has otherwise"
        thread.join(60)
        taken[0].close()


ENDLESS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"4000\r\n" + b" " * 0x4000 + b"\r\n",
)
PACKED = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n",
    gzip.compress(b" " * 30_000_000) + b"\0" * 4000,
)
SLOW = (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ")


@pytest.mark.parametrize(
    ("said", "why"), [(ENDLESS, "too long"), (PACKED, "too long"), (SLOW, "too slow")]
)
@pytest.mark.parametrize("asked", ["events", "enroll", "signal"])
def test_an_answer_has_an_end(
    said: tuple[bytes, bytes], why: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless, packed to a thousandth, or byte by byte: nothing of it is kept, no lane hangs."""
    if why == "too slow":  # else a busy machine is too
        monkeypatch.setattr(answers, "WHOLE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def answer() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                line.recv(65_536)
                line.sendall(said[0])
                until = time.monotonic() + 60
                while time.monotonic() < until:
                    line.sendall(said[1])
                    time.sleep(0.01)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(LinkDown, match=why):
            if asked == "events":
                Link(url, "h1", KEY).lane().events([], 0)
            elif asked == "signal":
                Link(url, "h1", KEY).lane().post("/call", b"{}", {})
            else:
                asks = EnrollRequest(code="A" * 11, public_key="x", version="1")
                enrolment._ask(url, asks, None, "h1")
        assert time.monotonic() - begun < 50, "it ends by itself, not when the other end does"
        thread.join(70)


def test_a_kept_connection_that_was_closed_is_replaced(server: WireServer) -> None:
    """The server closes between two requests: the second goes through all the same."""
    lane = Link(server.url, "h1", KEY).lane()
    assert lane.events([], 0) == 0
    server.stop()
    server.start()
    assert lane.events([], 0) == 0
    lane.close()


def test_one_connection_is_kept(server: WireServer) -> None:
    """Ten requests, one connection: a handshake for each would cost the Pi and the battery."""
    lane = Link(server.url, "h1", KEY).lane()
    ports: set[int] = set()
    server.faults.append(lambda r: bool(ports.add(r.handler.client_address[1])))  # type: ignore[func-returns-value]
    for _ in range(10):
        lane.events([], 0)
    lane.close()
    assert len(ports) == 1


def test_a_captive_portal_is_neither_a_receipt_nor_a_stream(server: WireServer) -> None:
    """It answers 200 to everything: the home waits for its own server, and says so."""
    server.faults.append(lambda r: r.answer(200, "<html>Log in to the hotel</html>"))
    lane = Link(server.url, "h1", KEY).lane()
    with pytest.raises(LinkDown, match="what answers is not our server"):
        lane.events([], 0)
    with pytest.raises(LinkDown, match="what answers the stream is not our server"):
        lane.stream(0)
    lane.close()


def test_tls_needs_the_right_authority(tmp_path: Path) -> None:
    """A certificate that nobody trusted signed is refused; with the configured authority it is
    taken."""
    server, cert = serve_tls(tmp_path, NOW - DAY, NOW + DAY)
    try:
        with pytest.raises(LinkDown, match="SSLError"):
            Link(server.url, "h1", KEY).lane().events([], 0)
        lane = Link(server.url, "h1", KEY, ca_file=cert).lane()
        assert lane.events([], 0) == 0
        lane.close()
    finally:
        server.stop()


@pytest.mark.parametrize("days", [-2, 2], ids=["expired", "not valid yet"])
def test_a_clock_that_is_not_sure_does_not_judge_dates(tmp_path: Path, days: int) -> None:
    """Sure of the time, the home refuses such a certificate; booted with a wrong clock it must not
    fall silent for it, but name and signer still hold."""
    begins = NOW + days * DAY
    server, cert = serve_tls(tmp_path, begins, begins + DAY)
    sure = [True]
    link = Link(server.url, "h1", KEY, ca_file=cert, clock_sure=lambda: sure[0])
    lane = link.lane()
    try:
        with pytest.raises(LinkDown, match="SSLError"):
            lane.events([], 0)
        sure[0] = False
        assert lane.events([], 0) == 0
        stranger = Link(server.url, "h1", KEY, clock_sure=lambda: False)
        with pytest.raises(LinkDown, match="SSLError"):
            stranger.lane().events([], 0)
        sure[0] = True  # the clock was set: dates are judged again, also on a kept connection
        with pytest.raises(LinkDown, match="SSLError"):
            lane.events([], 0)
    finally:
        lane.close()
        server.stop()


def test_a_missing_authority_file_is_down(tmp_path: Path) -> None:
    """It is told, and tried again: somebody may put it there."""
    link = Link("https://127.0.0.1:1", "h1", KEY, ca_file=tmp_path / "no.pem")
    with pytest.raises(LinkDown, match=r"no\.pem cannot be used"):
        link.lane().events([], 0)


def test_the_servers_time_outlives_a_change_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learnt once, it follows the monotonic clock: setting our clock does not move it."""
    news: list[float] = []
    known = ServerTime(news.append)
    assert known.offset_s is None
    here, since_s = time.time(), time.monotonic()
    with monkeypatch.context() as patch:  # they stand: a machine may for seconds
        patch.setattr("time.time", lambda: here)
        patch.setattr("time.monotonic", lambda: since_s)
        known.learn(here + 100)
        known.learn(here + 100.4)  # within the second that `Date` has
        assert news == [pytest.approx(100)]
        patch.setattr("time.time", lambda: here + 5000)
        patch.setattr("time.monotonic", lambda: since_s + 2)
        assert known.now_s() == pytest.approx(here + 102, abs=0.5)
        assert known.offset_s == pytest.approx(-4898, abs=0.5)


@pytest.mark.parametrize("said", [float("inf"), float("nan"), 1e18, -1e18, 0.0])
def test_what_can_be_no_time_is_not_learnt(said: float) -> None:
    """A server that breaks in its answer, once: the next request is dated as before, and the home
    knows the time as before."""
    news: list[float] = []
    known = ServerTime(news.append)
    known.learn(said)
    assert known.offset_s is None
    here = time.time()
    known.learn(here + 100)
    known.learn(said)
    assert news == [pytest.approx(100, abs=20)]
    assert int(known.now_s()) == pytest.approx(here + 100, abs=20)


def test_down_names_its_cause() -> None:
    """The text tells a technician what the library said."""
    assert down(OSError("x"), "no answer").data["cause"] == "OSError"
