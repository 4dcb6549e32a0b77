"""The staff server that a card's home goes to in `make image-proof`: this checkout's own, with a
home, behind TLS, as the machine in QEMU sees it.

Not for: a server in use (docs/install.md).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tools.deb.locked import BuildError
from tools.deb.targets import ROOT
from tools.image.shell import run

HOST = "10.0.2.2"
"""This machine as QEMU's own network shows it (its user mode)."""

HOME = "hem-12"
READY_S = 120
CODE = re.compile(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{8}")


class Server:
    """One that runs.  `url` is what the home is told; `authority` the file that says whom to
    believe; `on_home` is called once, at the home's first word."""

    def __init__(self, folder: Path, port: int, tls_port: int, listen: str = "127.0.0.1") -> None:
        self.url = f"https://{HOST}:{tls_port}"
        self.authority = folder / "tryggve-ca.pem"
        self.on_home: Callable[[], None] | None = None
        self._port, self._tls_port = port, tls_port
        self._config = folder / "staff.toml"
        self._folder, self._listen = folder, listen

    def say(self, *words: str) -> str:
        """`tryggve staff …`; what it printed."""
        program = [sys.executable, "-m", "gateway.cli", "staff", *words]
        return run([*program, "--config", str(self._config)])

    def code(self) -> str:
        """A new one for the home."""
        found = CODE.search(self.say("enroll-code", HOME))
        if found is None:
            raise BuildError("the server gave no code")
        return found[0]

    def holds(self) -> str:
        """What it says of the home's log: empty, nothing good."""
        said = self.say("check")
        match = re.search(rf"^home:{HOME}\b.*holds.*$", said, re.MULTILINE)
        return match[0] if match else ""

    @contextmanager
    def going(self) -> Iterator[None]:
        """Made, and serving meanwhile."""
        self.say(
            *("init", "--public-url", self.url, "--no-second-factor"),
            *("--database", f"sqlite:///{self._folder}/staff.db"),
        )
        self.say("home", "add", HOME, "--label", "Hem 12", "--org", "norra", "--org-name", "Norra")
        program = [sys.executable, "-m", "gateway.cli", "staff", "run"]
        log = (self._folder / "staff.log").open("ab")
        process = subprocess.Popen(
            [*program, "--config", str(self._config), "--port", str(self._port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        front = threading.Thread(target=lambda: asyncio.run(self._front()), daemon=True)
        try:
            self._ready(process)
            front.start()
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            log.close()

    def _ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=5)
                return
            time.sleep(0.5)
        raise BuildError("the staff server does not start:\n" + self._said())

    def _said(self) -> str:
        return (self._folder / "staff.log").read_text(errors="replace")[-1500:]

    # --- TLS in front

    async def _front(self) -> None:
        certificate = certify(self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = await asyncio.start_server(self._carry, self._listen, self._tls_port, ssl=context)
        await server.serve_forever()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called, self.on_home = self.on_home, None
        if called is not None:
            called()
        try:
            theirs = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        ways = ((reader, theirs[1]), (theirs[0], writer))
        await asyncio.gather(*(_pump(*way) for way in ways))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, ssl.SSLError):
        writer.close()


def certify(authority: Path) -> Path:
    """A certificate for `HOST` that vouches for itself; with its key in a file beside `authority`,
    which is what others are given."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tryggve, a proof of a card")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    authority.write_bytes(pem)
    both = authority.with_name("server.pem")
    both.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return both


def free_port() -> int:
    """One that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(folder: Path, listen: str = "127.0.0.1") -> Iterator[Server]:
    """A server that runs, with its data in `folder`."""
    server = Server(folder, free_port(), free_port(), listen)
    certify(server.authority)
    with server.going():
        yield server
