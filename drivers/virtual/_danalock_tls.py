"""The lock's side of a Danalock session: a TLS 1.2 server of one cipher suite, and its certificate.

Written against RFC 5246, 5288, 5289 and 7627, not against the library that it is to test: ECDHE on
secp256r1, ECDSA, AES-256-GCM, SHA-384, extended master secret, no client certificate.

Not for: carrying records (`_danalock_link`), or anything but the virtual lock: it checks only what
its own client may do wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

VERSION = b"\x03\x03"
HANDSHAKE, CHANGE_CIPHER, ALERT, DATA = 0x16, 0x14, 0x15, 0x17
SUITE = b"\xc0\x2c"
"""ECDHE-ECDSA with AES-256-GCM and SHA-384."""


class Authority:
    """Who signs locks: what the vendor's certificate authority is to real ones."""

    def __init__(self, name: str = "Virtual locks") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), 1)

    @property
    def der(self) -> bytes:
        """Its own certificate: the trust anchor."""
        return self.certificate.public_bytes(Encoding.DER)

    def identity(self, serial: bytes) -> Identity:
        """A key and a certificate for the lock `serial`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial.hex().upper())])
        certificate = self._sign(subject, key.public_key(), int.from_bytes(serial, "big"))
        return Identity(key, certificate.public_bytes(Encoding.DER))

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, number: int
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(number)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .sign(self._key, hashes.SHA256())
        )


class Identity:
    """A lock's private key, and its certificate in DER."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
        self.key = key
        self.certificate = certificate


class TlsServer:
    """One session.  `take` one record, and send what it returns; `opened` is application data."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._ephemeral = ec.generate_private_key(ec.SECP256R1())
        self._said: list[bytes] = []
        self._client_random = b""
        self._random = os.urandom(32)
        self._master = b""
        self._keys: dict[str, bytes] = {}
        self._received = self._sent = 0
        self._sealed = False
        self.ready = False
        self.opened: list[bytes] = []

    def take(self, record: bytes) -> list[bytes]:
        """The records to answer with; an alert when the client did what it may not."""
        kind, body = record[0], record[5:]
        if kind == CHANGE_CIPHER:
            self._sealed = True
            return []
        if kind == ALERT:
            return []
        if self._sealed:
            plain = self._open(kind, body)
            if plain is None:
                return [_record(ALERT, b"\x02\x14")]  # bad_record_mac
            if kind == DATA:
                self.opened.append(plain)
                return []
            body = plain
        return self._handshake(body)

    def seal(self, kind: int, plain: bytes) -> bytes:
        """One encrypted record."""
        number = self._sent.to_bytes(8, "big")
        self._sent += 1
        head = number + bytes([kind]) + VERSION + len(plain).to_bytes(2, "big")
        box = AESGCM(self._keys["own_key"]).encrypt(self._keys["own_iv"] + number, plain, head)
        return _record(kind, number + box)

    def _open(self, kind: int, body: bytes) -> bytes | None:
        number, box = body[:8], body[8:]
        if number != self._received.to_bytes(8, "big"):
            return None
        head = number + bytes([kind]) + VERSION + (len(box) - 16).to_bytes(2, "big")
        try:
            plain = AESGCM(self._keys["key"]).decrypt(self._keys["iv"] + number, box, head)
        except Exception:  # of a stranger's bytes; only that it failed matters
            return None
        self._received += 1
        return plain

    def _handshake(self, message: bytes) -> list[bytes]:
        kind, body = message[0], message[4:]
        if kind == 0x14:
            return self._finish(message, body)
        self._said.append(message)
        if kind == 0x01:
            self._client_random = body[2:34]
            return [_record(HANDSHAKE, said) for said in self._hello()]
        if kind == 0x10:
            self._agree(body[1:])
        return []

    def _hello(self) -> list[bytes]:
        extended = b"\x00\x17\x00\x00"
        hello = VERSION + self._random + b"\x00" + SUITE + b"\x00"
        hello += len(extended).to_bytes(2, "big") + extended
        der = self._identity.certificate
        chain = (len(der) + 3).to_bytes(3, "big") + len(der).to_bytes(3, "big") + der
        point = self._ephemeral.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        params = b"\x03\x00\x17" + bytes([len(point)]) + point
        signed = self._client_random + self._random + params
        signature = self._identity.key.sign(signed, ec.ECDSA(hashes.SHA512()))
        exchange = params + b"\x06\x03" + len(signature).to_bytes(2, "big") + signature
        wish = b"\x01\x40\x00\x02\x06\x03\x00\x00"
        messages = [
            _message(0x02, hello),
            _message(0x0B, chain),
            _message(0x0C, exchange),
            _message(0x0D, wish),
            _message(0x0E, b""),
        ]
        self._said += messages
        return messages

    def _agree(self, point: bytes) -> None:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        secret = self._ephemeral.exchange(ec.ECDH(), theirs)
        self._master = _prf(secret, b"extended master secret", self._transcript(), 48)
        seed = self._random + self._client_random
        block = _prf(self._master, b"key expansion", seed, 72)
        self._keys = {
            "key": block[:32],
            "own_key": block[32:64],
            "iv": block[64:68],
            "own_iv": block[68:72],
        }

    def _finish(self, message: bytes, proof: bytes) -> list[bytes]:
        if proof != _prf(self._master, b"client finished", self._transcript(), 12):
            return [_record(ALERT, b"\x02\x33")]  # decrypt_error
        self._said.append(message)
        own = _prf(self._master, b"server finished", self._transcript(), 12)
        self.ready = True
        return [_record(CHANGE_CIPHER, b"\x01"), self.seal(HANDSHAKE, _message(0x14, own))]

    def _transcript(self) -> bytes:
        return hashlib.sha384(b"".join(self._said)).digest()


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + VERSION + len(body).to_bytes(2, "big") + body


def _prf(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246 section 5, with SHA-384."""
    out, part = b"", label + seed
    while len(out) < length:
        part = hmac.digest(secret, part, "sha384")
        out += hmac.digest(secret, part + label + seed, "sha384")
    return out[:length]
