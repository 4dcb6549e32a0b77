"""The server's own keys: one signs grants, one keys the hashes of codes and addresses.

The private part is a secret file; the public parts are in `server_key`, so that homes enrolled
before a change of key can be told of the new one.  Not for: the homes' keys (`gateway_key`).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import insert, select

from gateway.clock import Clock
from gateway.errors import SecretError
from web.staff.core.secret_files import CODE_KEY, SIGNING_KEY, SecretFiles
from web.staff.storage import tables
from web.staff.storage.database import Database


@dataclass(frozen=True)
class Keys:
    """`private` signs grants; `kid` names it; `public_pem` and `public_raw` are its other half."""

    private: Ed25519PrivateKey
    kid: str
    public_pem: str
    public_raw: bytes
    code_key: bytes

    def hash_code(self, secret: str) -> str:
        """The keyed hash that is kept of an enrolment code's secret part."""
        return hmac.new(self.code_key, b"code:" + secret.encode(), hashlib.sha256).hexdigest()

    def hash_address(self, address: str) -> str:
        """Groups tries from one address without keeping the address."""
        return hmac.new(self.code_key, b"address:" + address.encode(), hashlib.sha256).hexdigest()

    def hash_account(self, account: str) -> str:
        """Groups tries for one account, or for an address that is none, without keeping it."""
        return hmac.new(self.code_key, b"account:" + account.encode(), hashlib.sha256).hexdigest()


def load_keys(secrets: SecretFiles) -> Keys:
    """Read the keys.  Raises `SecretError`."""
    pem = secrets.read(SIGNING_KEY)
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(secrets) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _no_key(secrets)
    return keys_from(pem, secrets.read(CODE_KEY).encode())


def keys_from(pem: str, code_key: bytes) -> Keys:
    """The keys around a private key in PEM form.  Raises `ValueError` for anything else."""
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("the signing key is not Ed25519")
    public = private.public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Keys(
        private=private,
        kid=hashlib.sha256(raw).hexdigest()[:16],
        public_pem=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        public_raw=raw,
        code_key=code_key,
    )


def _no_key(secrets: SecretFiles) -> SecretError:
    path = secrets.folder / SIGNING_KEY
    return SecretError(
        f"{path}: this is no Ed25519 key in PEM form; restore it from your backup, or remove the "
        "file, run `tryggve staff init` and enroll every home anew.",
        file=str(path),
    )


def register_key(database: Database, keys: Keys, clock: Clock) -> None:
    """Note the present key's public part, once."""
    t = tables.server_key
    with database.read() as conn:
        if conn.execute(select(t.c.kid).where(t.c.kid == keys.kid)).first() is not None:
            return
    with database.write() as tx:
        if tx.conn.execute(select(t.c.kid).where(t.c.kid == keys.kid)).first() is None:
            tx.conn.execute(
                insert(t).values(kid=keys.kid, public_key=keys.public_pem, created_at=clock.now())
            )
