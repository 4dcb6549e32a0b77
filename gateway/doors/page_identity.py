"""By what the page that the Pi serves is known: its certificate, and the key of this run.

The certificate is the home's own (no authority vouches for a name in a home's network), made once
and kept, so that a browser that took it once warns again only of another one.  Its fingerprint goes
to the server (`page.described`), and from there into the phones, which sign for this page only.

The run's key is in memory and nowhere else: codes are told with it (`gateway.access.given_codes`),
so what stands on the disk does not tell which digits are right.

Not for: serving (`gateway.app.page_server`).
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access.given_codes import page_key_text
from gateway.config.secrets import FileSecrets, write_durably
from gateway.errors import SecretError
from gateway.events import PageDescribed

TLS_KEY = "page_key"
"""The secret that is the certificate's key, a PEM."""

CERTIFICATE = "page.pem"
"""The certificate's file in the state folder."""

NAME = "tryggve.local"
"""What docs/install.md has the Pi called."""

FROM, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
"""The certificate's time: a Pi that starts for the first time may not know what day it is, and one
that ended would teach people to click warnings away.  No browser bounds a private certificate's."""


@dataclass(frozen=True, slots=True)
class PageIdentity:
    """`fingerprint` is SHA-256 of the certificate in hexadecimal, `url` where the page is found,
    `run_key` this run's key, `context` what a server needs for TLS."""

    fingerprint: str
    url: str
    run_key: Ed25519PrivateKey
    context: ssl.SSLContext

    def described(self) -> PageDescribed:
        """What the server is told."""
        return PageDescribed(
            url=self.url,
            fingerprint=self.fingerprint,
            page_key=page_key_text(self.run_key.public_key()),
        )


def open_identity(state_dir: Path, secrets: FileSecrets, host: str, port: int) -> PageIdentity:
    """The identity of the page that listens at `host` and `port`; the certificate is made at the
    first start.  Raises `SecretError` or `OSError` when it cannot be read or kept."""
    path = state_dir / CERTIFICATE
    if not (path.is_file() and secrets.has(TLS_KEY)):
        key, certificate = make_certificate(socket.gethostname())
        secrets.write(TLS_KEY, key)
        write_durably(path, certificate.encode(), 0o644)
    secrets.read(TLS_KEY)  # others must not be able to
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path, secrets.path(TLS_KEY))
        der = ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise SecretError(
            f"{path} and {secrets.path(TLS_KEY)} do not belong together; delete both, and the "
            "page's certificate is made anew.",
            name=TLS_KEY,
        ) from error
    return PageIdentity(
        fingerprint=hashlib.sha256(der).hexdigest(),
        url=_url(host, port),
        run_key=Ed25519PrivateKey.generate(),
        context=context,
    )


def make_certificate(hostname: str) -> tuple[str, str]:
    """A new key and a certificate for it, as PEM."""
    # imported here: once in a home's life
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = dict.fromkeys((NAME, f"{hostname}.local", hostname, "localhost"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *(x509.DNSName(one) for one in names if one.isascii()),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.IPAddress(ipaddress.ip_address("::1")),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode(), certificate.public_bytes(Encoding.PEM).decode()


def _url(host: str, port: int) -> str:
    """Where a phone finds the page: by the machine's name, unless it listens on one address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"https://{host}:{port}"
    if address.is_unspecified:
        return f"https://{socket.gethostname()}.local:{port}"
    return f"https://[{address}]:{port}" if address.version == 6 else f"https://{address}:{port}"
