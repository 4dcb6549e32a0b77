"""The keys of those who sign: a private one with a passphrase, and the public one that others get.

Ed25519 and nothing else.  Not for: which keys a list is signed by (`listed`).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import SSlibKey

from gateway.errors import UserError
from tools.release.files import read_within, write_new

PASSPHRASE_MIN, PASSPHRASE_MAX = 12, 1000
"""Bytes; the library takes no more than 1023."""

KEY_MAX_BYTES = 10_000
"""A key's file has some 300."""

SHORT = 16
"""Signs of a key's number that people compare: 64 bits."""


def make_key(file: Path, passphrase: bytes) -> SSlibKey:
    """A new key: `file`, readable by its owner and with the passphrase, and `file.pub`.  Raises
    `UserError`, `OSError`, and then there is neither."""
    public = file.with_name(f"{file.name}.pub")
    for one in (file, public):
        if one.exists() or one.is_symlink():
            raise UserError(f"{one} is there already.")
    if not PASSPHRASE_MIN <= len(passphrase) <= PASSPHRASE_MAX:
        raise UserError(f"a passphrase has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} characters.")
    key = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(passphrase)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    told = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_new(file, private, 0o600)
    try:
        write_new(public, told, 0o644)
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise
    return SSlibKey.from_crypto(key.public_key())


def private_key(file: Path, passphrase: bytes) -> Ed25519PrivateKey:
    """Raises `UserError`, `OSError`."""
    data = read_within(file, KEY_MAX_BYTES, "a key")
    try:
        key = load_pem_private_key(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"{file} is no key that this passphrase opens.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{file} is no key of ours.")
    return key


def public_key(file: Path) -> SSlibKey:
    """Raises `UserError`, `OSError`."""
    data = read_within(file, KEY_MAX_BYTES, "a key")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UserError(f"{file} is no public key.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{file} is no public key of ours.")
    return SSlibKey.from_crypto(key)


def short(keyid: str) -> str:
    """A key's number as people compare it."""
    return ascii(keyid[:SHORT])[1:-1]
