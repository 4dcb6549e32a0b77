"""Codes for the door: both sides agree on a secret, and a hash binds who, where and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl import bindings

from gateway.access import codes
from gateway.events import CodeTold
from tests.conftest import START

SERVER = Ed25519PrivateKey.generate()
HOME = Ed25519PrivateKey.generate()
KEY = codes.shared_key(SERVER, HOME.public_key(), "h1")
BARE = CodeTold(
    id="code-a",
    number=12,
    device="door",
    not_before=START,
    expires=START + timedelta(hours=12),
    salt="00" * 16,
    hash="",
)
TOLD = replace(BARE, hash=codes.hash_of(KEY, "h1", "p7", BARE, "345678"))


def test_both_sides_agree_and_nobody_else_does() -> None:
    """The server from its key and the home's public half, the home the other way round."""
    assert codes.shared_key(HOME, SERVER.public_key(), "h1") == KEY
    assert codes.shared_key(HOME, SERVER.public_key(), "h2") != KEY
    thief = Ed25519PrivateKey.generate()
    assert codes.shared_key(thief, SERVER.public_key(), "h1") != KEY
    assert codes.shared_key(thief, HOME.public_key(), "h1") != KEY


def test_the_map_between_the_curves_is_libsodiums() -> None:
    """Our two lines of arithmetic give what the well-known library gives."""
    for _ in range(20):
        public = Ed25519PrivateKey.generate().public_key()
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        ours = codes._as_x25519(public).public_bytes(Encoding.Raw, PublicFormat.Raw)
        assert ours == bindings.crypto_sign_ed25519_pk_to_curve25519(raw)


def test_a_point_of_low_order_is_refused() -> None:
    """It would make the secret a public number."""
    identity = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    with pytest.raises(ValueError, match="agreed"):
        codes.shared_key(HOME, identity, "h1")


def test_the_right_digits_fit_and_wrong_ones_do_not() -> None:
    """One digit off is as wrong as all."""
    assert codes.fits(KEY, "h1", "p7", TOLD, "345678")
    for wrong in ("345679", "000000", "34567", "3456780", ""):
        assert not codes.fits(KEY, "h1", "p7", TOLD, wrong)


@pytest.mark.parametrize(
    "altered",
    [
        replace(TOLD, id="code-b"),
        replace(TOLD, number=13),
        replace(TOLD, device="garage"),
        replace(TOLD, not_before=START - timedelta(days=1)),
        replace(TOLD, expires=START + timedelta(days=30)),
        replace(TOLD, salt="11" * 16),
        replace(TOLD, salt="no hexadecimal"),
        replace(TOLD, hash=""),
    ],
)
def test_whoever_alters_the_event_has_no_code(altered: CodeTold) -> None:
    """Each field is bound: later times, another lock, another code do not fit any more."""
    assert not codes.fits(KEY, "h1", "p7", altered, "345678")
    assert not codes.fits(KEY, "h2", "p7", TOLD, "345678")
    assert not codes.fits(KEY, "h1", "p8", TOLD, "345678")


def test_a_code_is_read_as_people_type_it() -> None:
    """Spaces and dashes do not matter; anything but eight digits is no code."""
    assert codes.split("1234 5678") == (12, "345678")
    assert codes.split(" 12-34-56-78 ") == (12, "345678")
    assert codes.written(12, "345678") == "1234 5678"
    for none in ("", "1234567", "123456789", "1234567x", "١٢٣٤٥٦٧٨"):
        assert codes.split(none) is None


def test_the_digits_follow_from_the_servers_secret_alone() -> None:
    """The same code shown again is the same; another id or key gives others, spread evenly."""
    assert codes.proof_of(b"k", "code-a") == codes.proof_of(b"k", "code-a")
    made = {codes.proof_of(b"k", f"code-{n}") for n in range(200)}
    assert len(made) > 190
    assert all(len(proof) == codes.PROOF_DIGITS and proof.isdigit() for proof in made)
    assert codes.proof_of(b"other", "code-a") != codes.proof_of(b"k", "code-a")
