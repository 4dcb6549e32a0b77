"""Public keys for SSH, as a person gives one: a line of a file `….pub`.

What is not exactly one key of a kind that is good today is refused, and of what is, only kind and
key are kept: no options before it, no words behind it, so that a line can say nothing else where
sshd reads it.  Server, home and root's half of a card (its own copy of this file, run by Debian's
Python) read by the same rules.

Whether a point lies on its curve is not looked at: sshd lets nobody in by one that does not.  Pure,
and nothing but Python's own library.  Not for: who may give one, or for how long.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import StrEnum

LINE_MAX = 3_000
"""Characters: RSA of 16,384 bits has 2,750, and words behind it are short."""

RSA_MIN_BITS = 3072
"""BSI TR-02102-1 and NIST SP 800-57 part 1 for use beyond 2030."""

RSA_MAX_BITS = 16_384
"""What OpenSSH takes (`sshkey.h`)."""

_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
"""Bytes of an uncompressed point of each curve (RFC 5656)."""

ED25519 = "ssh-ed25519"
RSA = "ssh-rsa"
ECDSA = "ecdsa-sha2-"


class KeyWrong(StrEnum):
    """Why a line is no key that is taken."""

    NO_KEY = "no_key"
    """It is not one line with one public key."""
    PRIVATE = "private"
    """It is a private key, which belongs to nobody else."""
    KIND = "kind"
    """Not ed25519, ECDSA or RSA."""
    SHORT = "short"
    """RSA with too few bits."""
    BROKEN = "broken"
    """The key itself is cut or changed."""


@dataclass(frozen=True, slots=True)
class SshKey:
    """One key.  `line` is kind and key, and nothing else; `fingerprint` as `ssh-keygen -l` says
    it."""

    kind: str
    line: str
    fingerprint: str


def read(text: str) -> SshKey | KeyWrong:
    """The key in what a person gave, or what is wrong with it."""
    text = text.strip(" \t\r\n")
    if any(one in text for one in ("PRIVATE KEY", "Private-Lines:")):  # OpenSSH's, PuTTY's
        return KeyWrong.PRIVATE
    if not text or len(text) > LINE_MAX or any(ord(one) < 32 and one != "\t" for one in text):
        return KeyWrong.NO_KEY
    kind, _, rest = text.replace("\t", " ").partition(" ")
    words = rest.split()
    if not words or not kind.isascii():
        return KeyWrong.NO_KEY
    curve = kind.removeprefix(ECDSA)
    if kind not in (ED25519, RSA) and (curve == kind or curve not in _POINTS):
        return KeyWrong.KIND
    try:
        blob = base64.b64decode(words[0], validate=True)
        parts = list(_parts(blob))
    except (ValueError, binascii.Error):
        return KeyWrong.BROKEN
    if base64.b64encode(blob).decode() != words[0] or not parts or parts[0] != kind.encode():
        return KeyWrong.BROKEN
    wrong = _rsa(parts) if kind == RSA else _curve(kind, curve, parts)
    if wrong is not None:
        return wrong
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return SshKey(kind, f"{kind} {words[0]}", f"SHA256:{digest}")


def _parts(blob: bytes) -> list[bytes]:
    """The strings that it is made of (RFC 4251).  Raises `ValueError`: not of whole strings."""
    found: list[bytes] = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length or len(found) == 4:
            raise ValueError("cut, or too long")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _curve(kind: str, curve: str, parts: list[bytes]) -> KeyWrong | None:
    if kind == ED25519:
        return None if len(parts) == 2 and len(parts[1]) == 32 else KeyWrong.BROKEN
    good = len(parts) == 3 and parts[1] == curve.encode() and len(parts[2]) == _POINTS[curve]
    return None if good and parts[2][0] == 4 else KeyWrong.BROKEN


def _rsa(parts: list[bytes]) -> KeyWrong | None:
    if len(parts) != 3:
        return KeyWrong.BROKEN
    e, n = parts[1:]
    for number in (e, n):  # positive, without a zero more than its sign needs (RFC 4251)
        if not number or number[0] > 127 or (number[0] == 0 and (number[1:2] or b"\0")[0] < 128):
            return KeyWrong.BROKEN
    bits = int.from_bytes(n, "big").bit_length()
    if bits > RSA_MAX_BITS or len(e) > 8 or not e[-1] % 2 or e == b"\x01" or not n[-1] % 2:
        return KeyWrong.BROKEN
    return KeyWrong.SHORT if bits < RSA_MIN_BITS else None
