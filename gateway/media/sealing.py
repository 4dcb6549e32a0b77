"""Pictures that only the page can open, for the relay by the staff server, which stays blind.

Page and home each make a key for this look alone (ECDH on P-256); what both reckon from them seals
each picture (AES-GCM) with its number and the time left, so that none can be changed, told twice,
or taken for one of another look.  A server that means ill could hand out keys of its own, for it
serves the page: docs/night-checks.md says so.

    key on the wire   base64url of the uncompressed point, without padding
    sealing key       HKDF-SHA-256 of the shared secret, no salt,
                      info `tryggve-look|<look>|<page's key>|<home's key>`
    picture n         nonce: n in 12 bytes, big endian; along: `<look>|n`;
                      inside: milliseconds left, milliseconds of the limit (4 bytes each), JPEG

Not for: how it gets to the server (`gateway.link`).
"""

from __future__ import annotations

import base64
import binascii
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_HEAD = struct.Struct(">II")
_CURVE = ec.SECP256R1()


class BadKey(ValueError):
    """What came is no public key."""


class Sealer:
    """The home's end of one look.  Raises `BadKey` for a page's key that is none."""

    def __init__(self, look: str, page_key: str) -> None:
        mine = ec.generate_private_key(_CURVE)
        self.key = _text(mine.public_key())
        self._look = look
        secret = mine.exchange(ec.ECDH(), _point(page_key))
        self._aes = AESGCM(sealing_key(secret, look, page_key, self.key))

    def seal(self, number: int, jpeg: bytes, left_s: float, limit_s: float) -> bytes:
        """Picture `number`, which must be higher than each before."""
        head = _HEAD.pack(_ms(left_s), _ms(limit_s))
        return self._aes.encrypt(nonce(number), head + jpeg, along(self._look, number))


def sealing_key(secret: bytes, look: str, page_key: str, home_key: str) -> bytes:
    """What both ends reckon from their shared secret."""
    info = f"tryggve-look|{look}|{page_key}|{home_key}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)


def nonce(number: int) -> bytes:
    """Of a picture: no number is used twice with a key."""
    return number.to_bytes(12, "big")


def along(look: str, number: int) -> bytes:
    """What is said openly with a picture, and sealed with it."""
    return f"{look}|{number}".encode()


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _text(key: ec.EllipticCurvePublicKey) -> str:
    raw = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _point(text: str) -> ec.EllipticCurvePublicKey:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)
    except (ValueError, binascii.Error) as error:  # UnicodeEncodeError is a ValueError
        raise BadKey("this is no public key of the page") from error
