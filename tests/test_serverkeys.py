"""A new key of the server is trusted when an older one signed it, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.access.grants import sign_key
from gateway.envelope import Event
from gateway.events import Data, ServerKeyAdded, ServerKeyRefused, ServerKeyTrusted
from gateway.link.enrolment import public_key
from gateway.link.server_keys import ServerKeys
from gateway.services.key_offers import KeyOffers, in_a_thread
from tests.conftest import START

FIRST, SECOND, THIRD, THIEF = (Ed25519PrivateKey.generate() for _ in range(4))
UNTIL = START + timedelta(days=1)


def added(new: Ed25519PrivateKey, kid: str, by: Ed25519PrivateKey, by_kid: str) -> ServerKeyAdded:
    pem = new.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    bare = ServerKeyAdded(kid=kid, public_key=pem, signed_by=by_kid, signature="", old_until=UNTIL)
    return replace(bare, signature=sign_key("h1", bare, by))


class Home:
    """What a home trusts; `kept` is what went to its disk."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.keys = ServerKeys(
            "h1",
            {"k1": FIRST.public_key()},
            {},
            read=public_key,
            keep=lambda one: self.kept.append(one.kid),
        )


@pytest.fixture
def home() -> Home:
    return Home()


def test_a_key_that_the_old_one_signed_is_trusted(home: Home) -> None:
    """Both are good until the old one's time, then the new one alone; told twice is told once."""
    rotation = added(SECOND, "k2", FIRST, "k1")
    assert home.keys.offered(rotation) == ServerKeyTrusted(kid="k2")
    assert home.keys.offered(rotation) is None
    assert home.kept == ["k2"]
    assert set(home.keys.good(START)) == {"k1", "k2"}
    assert set(home.keys.good(UNTIL)) == {"k2"}


def test_a_home_that_was_away_for_two_rotations_learns_both(home: Home) -> None:
    """The one in between signed the last, though its own time is over by then."""
    home.keys.offered(added(SECOND, "k2", FIRST, "k1"))
    assert home.keys.offered(added(THIRD, "k3", SECOND, "k2")) == ServerKeyTrusted(kid="k3")
    assert set(home.keys.good(UNTIL)) == {"k3"}


def test_a_replaced_key_signs_no_second_successor(home: Home) -> None:
    """A key that got lost after its time brings nobody in."""
    home.keys.offered(added(SECOND, "k2", FIRST, "k1"))
    assert home.keys.offered(added(THIEF, "k9", FIRST, "k1")) == ServerKeyRefused(kid="k9")


GOOD = added(SECOND, "k2", FIRST, "k1")
FORGED = {
    "another's signature": added(SECOND, "k2", THIEF, "k1"),
    "signed by itself": added(THIEF, "k9", THIEF, "k9"),
    "a longer life for the old key": replace(GOOD, old_until=UNTIL + timedelta(days=99)),
    "another key under the signature": replace(
        GOOD, public_key=added(THIEF, "k2", THIEF, "k1").public_key
    ),
    "another name": replace(GOOD, kid="k3"),
    "another home's": replace(GOOD, signature=sign_key("h2", GOOD, FIRST)),
    "noise for a signature": replace(GOOD, signature="…"),
    "noise for a key": replace(GOOD, public_key="no key"),
    "no signature": replace(GOOD, signature=""),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_rotation_is_refused_and_told(home: Home, forged: ServerKeyAdded) -> None:
    """Nothing is kept, nothing is trusted, and the home says so."""
    assert home.keys.offered(forged) == ServerKeyRefused(kid=forged.kid)
    assert home.kept == []
    assert set(home.keys.good(START)) == {"k1"}


def at_once(do: Callable[[], None]) -> None:
    """A background that is none."""
    do()


def announced(data: ServerKeyAdded, origin: str = "staff:h1") -> Event:
    return Event(
        origin=origin,
        seq=1,
        at=START,
        clock="synced",
        boot="b",
        mono_s=0.0,
        data=data,
        device=None,
        person=None,
        because=None,
    )


def test_a_key_that_could_not_be_kept_is_offered_again() -> None:
    """A full disk costs nothing but a restart: the log announces the key once more."""
    written: list[Data] = []
    full = True

    def keep(_added: ServerKeyAdded) -> None:
        if full:
            raise OSError("no space left")

    keys = ServerKeys("h1", {"k1": FIRST.public_key()}, {}, read=public_key, keep=keep)
    offers = KeyOffers(keys, written.append, at_once)
    event = announced(GOOD)
    offers.apply(event)
    offers.see_live(event)
    assert (written, set(keys.good(START))) == ([], {"k1"})
    full = False
    offers.offer_again()
    offers.offer_again()
    assert (written, set(keys.good(START))) == ([ServerKeyTrusted(kid="k2")], {"k1", "k2"})


def test_a_refusal_is_written_once(home: Home) -> None:
    """Not again at each start; and only the server announces keys."""
    written: list[Data] = []
    offers = KeyOffers(home.keys, written.append, at_once)
    for event in (announced(FORGED["another's signature"]), announced(GOOD, "home:h1")):
        offers.apply(event)
        offers.see_live(event)
    assert written == [ServerKeyRefused(kid="k2")]
    offers.offer_again()
    assert written == [ServerKeyRefused(kid="k2")]
    offers.forget()
    offers.apply(announced(GOOD))
    offers.offer_again()
    assert written[1:] == [ServerKeyTrusted(kid="k2")]


def test_a_home_without_a_server_passes_announcements_over() -> None:
    """Nothing to trust, nothing to write."""
    written: list[Data] = []
    offers = KeyOffers(None, written.append, at_once)
    offers.apply(announced(GOOD))
    offers.see_live(announced(GOOD))
    offers.offer_again()
    assert written == []


def test_a_disk_that_hangs_holds_up_nobody_but_the_new_key() -> None:
    """The home's loop goes on at once; the key is trusted, and that is written, when the disk has
    taken it."""
    written: list[Data] = []
    well = threading.Event()

    def keep(_added: ServerKeyAdded) -> None:
        assert well.wait(60)

    keys = ServerKeys("h1", {"k1": FIRST.public_key()}, {}, read=public_key, keep=keep)
    offers = KeyOffers(keys, written.append, in_a_thread("keys"))
    offers.see_live(announced(GOOD))
    assert (written, set(keys.good(START))) == ([], {"k1"})
    well.set()
    until = time.monotonic() + 60
    while not written:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert (written, set(keys.good(START))) == ([ServerKeyTrusted(kid="k2")], {"k1", "k2"})
