"""HTTPS at the Pi: one port, its own certificate, and plain HTTP takes nothing."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gateway.app import page_server
from gateway.app.page_server import PageServer
from gateway.config.secrets import FileSecrets
from gateway.doors.page_identity import CERTIFICATE, PageIdentity, open_identity
from gateway.errors import SecretError
from tests.home.test_page import FakePort, sample
from web.home.app import create_app
from web.home.guard import is_local_name
from web.home.port import HomePort

WAIT_S = 60


class Served:
    """The page, served as a home serves it."""

    def __init__(self, folder: Path) -> None:
        self.port = FakePort(sample())
        listening = socket.create_server(("127.0.0.1", 0))
        self.number = int(listening.getsockname()[1])
        secrets = FileSecrets.from_environment(folder, {})
        self.identity: PageIdentity = open_identity(folder, secrets, "127.0.0.1", self.number)
        self.server = PageServer(
            create_app(cast(HomePort, self.port)),
            listening,
            self.identity.context,
            is_local_name,
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        self.trust = ssl.create_default_context(cafile=folder / CERTIFICATE)

    def https(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.number, timeout=WAIT_S, context=self.trust
        )

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.number), timeout=WAIT_S)

    def say(self, text: str) -> str:
        """Send bytes over plain TCP; all that comes back."""
        with self.raw() as line:
            line.sendall(text.encode())
            with line.makefile("rb") as answer:
                return answer.read().decode()

    def close(self) -> None:
        self.server.close()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def test_the_page_is_served_by_the_key_that_the_server_is_told(served: Served) -> None:
    """Its certificate is the one whose fingerprint goes to the server, good for its names, and who
    trusts that one alone is served."""
    line = served.https()
    line.connect()
    assert isinstance(line.sock, ssl.SSLSocket)
    certificate = line.sock.getpeercert(binary_form=True)
    assert certificate is not None
    assert hashlib.sha256(certificate).hexdigest() == served.identity.described().fingerprint
    assert served.identity.described().url == f"https://127.0.0.1:{served.number}"
    line.request("GET", "/door")
    answer = line.getresponse()
    assert (answer.status, b"/door/phone" in answer.read()) == (200, False)
    assert answer.headers["Strict-Transport-Security"] is None, "nobody could get past the warning"
    line.close()


def test_plain_http_leads_to_https_and_takes_no_code(served: Served) -> None:
    """Looking is sent on; a form is refused, not sent on, and what it brought reaches nobody."""
    told = served.say("GET /door?a=1 HTTP/1.1\r\nHost: tryggve.local:8080\r\n\r\n")
    assert told.startswith("HTTP/1.1 307 ")
    assert "\r\nLocation: https://tryggve.local:8080/door\r\n" in told
    form = "code=12345678"
    for path in ("/door", "/in", "/door/phone", "/"):
        told = served.say(
            f"POST {path} HTTP/1.1\r\nHost: tryggve.local\r\nContent-Length: {len(form)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
        )
        assert told.startswith("HTTP/1.1 403 ")
        assert "Location" not in told
    assert served.say("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").startswith("HTTP/1.1 403 ")
    injected = "GET /%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: tryggve.local\r\n\r\n"
    assert "\nSet-Cookie" not in served.say(injected)
    assert served.port.typed == []


@pytest.mark.parametrize(
    "text",
    [
        "NONSENSE\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
        "GET / HTTP/1.1\r\nX: " + "y" * 20_000 + "\r\n\r\n",
        "\x16\x03\x01 no TLS at all",
        "\r\n\r\n",
        "",
    ],
)
def test_nonsense_ends_its_own_connection_and_no_other(served: Served, text: str) -> None:
    """Whatever comes, the next one is served."""
    with served.raw() as line:
        line.sendall(text.encode("latin-1"))
        line.shutdown(socket.SHUT_WR)
        line.recv(100)
    line2 = served.https()
    line2.request("GET", "/door")
    assert line2.getresponse().status == 200
    line2.close()


def test_a_request_that_is_too_large_is_refused(served: Served) -> None:
    """By its announced length, before it is read."""
    line = served.https()
    line.request("POST", "/door", headers={"Content-Length": "100000"})
    assert line.getresponse().status == 413
    line.close()


def test_one_machine_does_not_take_every_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens lines and says nothing is cut after a while, and has a share only."""
    silent = [served.raw() for _ in range(page_server.CONNECTIONS_OF_ONE_MAX)]
    with served.raw() as one_more:
        assert one_more.recv(1) == b"", "closed at once"
    for line in silent:
        line.close()
    until = time.monotonic() + WAIT_S
    while served.server._open:
        assert time.monotonic() < until
        time.sleep(0.01)
    again = served.https()
    again.request("GET", "/door")
    assert again.getresponse().status == 200
    again.close()
    monkeypatch.setattr(page_server, "REQUEST_S", 0.05)
    with served.raw() as line:
        assert line.recv(1) == b"", "said nothing for too long"


def test_a_certificate_without_its_key_is_one_sentence(tmp_path: Path) -> None:
    """What to do is said; a key that others can read is refused."""
    secrets = FileSecrets.from_environment(tmp_path, {})
    open_identity(tmp_path, secrets, "127.0.0.1", 8080)
    other = tmp_path / "other"
    other.mkdir()
    open_identity(other, FileSecrets.from_environment(other, {}), "127.0.0.1", 8080)
    (tmp_path / CERTIFICATE).write_bytes((other / CERTIFICATE).read_bytes())
    with pytest.raises(SecretError, match="do not belong together; delete both"):
        open_identity(tmp_path, secrets, "127.0.0.1", 8080)
    secrets.path("page_key").chmod(0o644)
    with pytest.raises(SecretError, match="can be read by others"):
        open_identity(tmp_path, secrets, "127.0.0.1", 8080)
