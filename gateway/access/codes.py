"""One-time codes for the door: typed into the page that the Pi serves when the internet is down.

A code is `NNSSSSSS`: two digits that say which code it is, six that prove it.  The server tells the
home in advance a hash of each, never the code.  The hash is keyed with a secret that only the two
have: X25519 between the server's signing key and a key of the home's, which are in no event and no
database.  So whoever reads every event and every table has nothing to try codes against, and
whoever writes a false event has no valid code.  It binds the home, the person, the lock and the
times as well.  A slow hash (scrypt) stands behind it, should a key be lost.

In the first form (`codes.issued`, to homes that wrote no `page.described`) the home's key is the
one on its disk: who copies the disk can try a million hashes.  `gateway.access.given_codes` is the
second form.  Both have the same digits.

Pure: no clock, no chance, no storage.  Not for: who is given codes (the server), how often one may
try (`gateway.doors.code_entry`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway.events import CodeGiven, CodeTold, utc_text

DIGITS = 8
"""Two to say which, six to prove it: as many as a cold hand types without an error."""

PROOF_DIGITS = 6
"""One chance in a million for each try; how many there are: `gateway.doors.tries`."""

NUMBERS = range(10, 100)
"""The first two digits; a home has at most as many live codes."""

LIFE_H = 12
"""Hours a code lives: the longest shift."""

ID_PREFIX = "code-"
"""What the id of a code begins with, among grants."""

SCRYPT_N = 2**12
"""4 MiB and some 12 ms here, about 100 ms on a Pi 3: less than 200 ms at the door (measured in
`tests/bench/doors.py`)."""
SCRYPT_R = 8
_SCRYPT_MAX_BYTES = 2 * 128 * SCRYPT_N * SCRYPT_R


def shared_key(mine: Ed25519PrivateKey, theirs: Ed25519PublicKey, home: str) -> bytes:
    """The secret of the server and this home (32 bytes); both sides come to the same.

    Ed25519 keys are used as X25519 keys, then hashed with the purpose, so that it is good for
    nothing else.  Raises `ValueError` for a key of low order.
    """
    seed = mine.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    # RFC 8032 section 5.1.5: the scalar is the first half of the seed's hash (X25519 clamps it)
    own = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])
    secret = own.exchange(_as_x25519(theirs))
    return hmac.new(secret, b"tryggve door codes 1:" + home.encode(), hashlib.sha256).digest()


_P = 2**255 - 19
"""The field of both curves."""


def _as_x25519(key: Ed25519PublicKey) -> X25519PublicKey:
    """The same point on the other curve: u = (1 + y) / (1 - y) (RFC 7748 section 4.1); held to
    libsodium's in a test."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y == 1:
        raise ValueError("a key that cannot be agreed on")
    u = (1 + y) * pow(1 - y, -1, _P) % _P
    return X25519PublicKey.from_public_bytes(u.to_bytes(32, "little"))


def proof_of(key: bytes, id_: str) -> str:
    """The six digits of the code `id_`, from the server's own secret `key`."""
    digest = hmac.new(key, b"door-code:" + id_.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest, 'big') % 10**PROOF_DIGITS:0{PROOF_DIGITS}d}"


def hash_of(key: bytes, home: str, person: str, code: CodeTold | CodeGiven, proof: str) -> str:
    """The hash of a code (hexadecimal); `code.hash` is not read.  `key` is `shared_key`."""
    bound: Mapping[str, Any] = {
        "home": home,
        "person": person,
        "id": code.id,
        "number": code.number,
        "device": code.device,
        "nbf": utc_text(code.not_before),
        "exp": utc_text(code.expires),
        "proof": proof,
    }
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"))
    keyed = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return hashlib.scrypt(
        keyed,
        salt=bytes.fromhex(code.salt),
        n=SCRYPT_N,
        r=SCRYPT_R,
        p=1,
        maxmem=_SCRYPT_MAX_BYTES,
        dklen=32,
    ).hex()


def fits(key: bytes, home: str, person: str, code: CodeTold | CodeGiven, proof: str) -> bool:
    """Whether `proof` are the six digits that the server meant.  False also for a broken salt."""
    try:
        expected = hash_of(key, home, person, code, proof)
    except ValueError:
        return False
    return hmac.compare_digest(expected, code.hash)


def split(typed: str) -> tuple[int, str] | None:
    """The number and the proof of a code as somebody typed it (spaces and dashes do not matter);
    None when it has not eight digits."""
    plain = "".join(typed.split()).replace("-", "")
    if len(plain) != DIGITS or not (plain.isascii() and plain.isdigit()):
        return None
    return int(plain[:2]), plain[2:]


def written(number: int, proof: str) -> str:
    """A code as it is shown: `1234 5678`."""
    text = f"{number:02d}{proof}"
    return f"{text[:4]} {text[4:]}"
