"""A mail server that asks for TLS and a password, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.ports import free_port
from tests.staff.channels.twin import Twin
from web.staff.channels.contract import Address, Why

SECRET = "a secret of the mail server's"

FAULTS: dict[str, Why | None] = {
    "550 5.1.1 No such user": Why.GONE,
    "550 5.7.1 Not from you": Why.REFUSED,
    "552 5.2.2 Mailbox full": Why.BAD,
    "451 4.3.0 Later": Why.BUSY,
    "421 4.7.0 Too many": Why.BUSY,
    "data 554 5.6.0 No": Why.BAD,
    "data 452 4.3.1 Full": Why.BUSY,
    "late": None,
    "wrong password": Why.REFUSED,
    "stopped": Why.UNREACHABLE,
    "never": Why.UNREACHABLE,
}


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    cert, kept = folder / "mail.pem", folder / "mail.key"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    kept.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, kept


class Mailbox:
    """What the server does with a mail."""

    def __init__(self) -> None:
        self.how = "ok"
        self.mails: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.how[:3].isdigit():
            return self.how
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.how.startswith("data "):
            return self.how.removeprefix("data ")
        if self.how in ("late", "never"):
            await asyncio.sleep(0.1 if self.how == "late" else 3)
        self.mails.append(envelope.content)
        return "250 OK"


@contextmanager
def running(folder: Path) -> Iterator[Twin]:
    """The mail server, listening."""
    cert, key = certified(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    box = Mailbox()

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        right = data.password.decode() == SECRET and box.how != "wrong password"
        return AuthResult(success=right, handled=right)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the server's own, with addresses
    controller.start()
    stopped = []

    def behave(how: str) -> None:
        box.how = how
        if how == "stopped":
            stopped.append(time.monotonic())
            controller.stop()

    yield Twin(
        settings={
            "host": "127.0.0.1",
            "port": controller.port,
            "from": "Tryggve <larm@kommun.example>",
            "user": "larm",
            "ca_file": str(cert),
            "timeout_s": 1.0,
        },
        secrets={"email_password": SECRET},
        address=Address("c3", "nora@kommun.example", person="p7"),
        behave=behave,
        sent=lambda: b"\n".join(box.mails),
    )
    if not stopped:
        controller.stop()
