"""One-time codes of the second form: a copy of the home's disk tells nobody what to type.

A code is one person's, one lock's, and works once.  There are two ways to show it:

- The phone signs.  It holds a private key (P-256, which every browser's WebCrypto has), the home
  the public half.  What is signed names the home, the lock, the code, the key of the page that it
  is meant for, and a word that the home made a moment ago (`proof_text`).  So a caught proof is
  worth nothing at another home or page, nothing a minute later, and nothing a second time; nobody
  can guess one, so none is counted.
- Somebody types `NNSSSSSS` (`gateway.access.codes`).  The hash of the six digits is keyed with a
  secret of the server's key and of a key that the home makes at each start and keeps in memory
  only (`page.described`).  On the disk is a hash without its key: every one of the million proofs
  fits as well as any other.  It ends with the run; the server then tells the codes again.

The server signs the whole (`seal`): who writes a false list opens nothing, not even with the home's
own key in hand.

Pure: no clock, no chance, no storage.  Not for: who is given codes (the server), or how often one
may try (`gateway.doors.code_entry`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import fields

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access import codes
from gateway.events import CodeGiven, utc_text

COORDINATE_BYTES = 32
"""Of a point or a signature's half on P-256."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SP 800-186 section 3.2.1.3)."""


def phone_key(key: bytes, id_: str) -> ec.EllipticCurvePrivateKey:
    """The phone's private key of the code `id_`, from the server's own secret `key`.

    64 bytes are reduced, so that no number is noticeably likelier (FIPS 186-5 A.2.1 asks 48)."""
    digest = hmac.new(key, b"door-phone:" + id_.encode(), hashlib.sha512).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def public_text(key: ec.EllipticCurvePublicKey) -> str:
    """A phone's public key as an event has it."""
    point = key.public_numbers()
    return f"{point.x:064x}{point.y:064x}"


def page_key_text(key: Ed25519PublicKey) -> str:
    """A run's public key as an event has it."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def page_key_from(text: str) -> Ed25519PublicKey:
    """The same read back.  Raises `ValueError`."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


# --- the seal -------------------------------------------------------------------------------------


def seal(key: Ed25519PrivateKey, home: str, person: str, code: CodeGiven) -> str:
    """The server's signature over a code; `code.seal` is not read."""
    return key.sign(_sealed_text(home, person, code)).hex()


def is_sealed(key: Ed25519PublicKey, home: str, person: str, code: CodeGiven) -> bool:
    """Whether the server made this code for this person."""
    try:
        key.verify(bytes.fromhex(code.seal), _sealed_text(home, person, code))
    except (InvalidSignature, ValueError):
        return False
    return True


def _sealed_text(home: str, person: str, code: CodeGiven) -> bytes:
    bound = {field.name: getattr(code, field.name) for field in fields(code)} | {
        "seal": "tryggve door code 2",  # the same key signs grants: this is for nothing else
        "home": home,
        "person": person,
        "not_before": utc_text(code.not_before),
        "expires": utc_text(code.expires),
    }
    return json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()


# --- the phone's proof ----------------------------------------------------------------------------


def proof_text(home: str, code: CodeGiven, fingerprint: str, word: str) -> bytes:
    """What the phone signs (`web/staff/static/js/codes.js` writes the same).  `fingerprint` is that
    of the page's certificate, `word` what the home made for this once."""
    return "\n".join(("tryggve door 2", home, code.device, code.id, fingerprint, word)).encode()


def is_proof(code: CodeGiven, text: bytes, signature: str) -> bool:
    """Whether the phone that holds `code` signed `text`; `signature` is r and s in hexadecimal, as
    WebCrypto gives them."""
    size = 2 * COORDINATE_BYTES
    try:
        point, pair = bytes.fromhex(code.phone_key), bytes.fromhex(signature)
        if len(point) != size or len(pair) != size:
            return False
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
        r, s = (int.from_bytes(half, "big") for half in (pair[:32], pair[32:]))
        key.verify(encode_dss_signature(r, s), text, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


# --- the digits -----------------------------------------------------------------------------------


def fits(
    page: Ed25519PrivateKey, server: Ed25519PublicKey, home: str, person: str, code: CodeGiven,
    proof: str,
) -> bool:  # fmt: skip
    """Whether `proof` are the six digits, in the run of `page`."""
    if code.page_key != page_key_text(page.public_key()):
        return False
    shared = codes.shared_key(page, server, home)
    return codes.fits(shared, home, person, code, proof)
