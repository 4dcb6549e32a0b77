"""The phone's proof: it opens as a typed code does, cannot be guessed, and caught it is worth
nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.access import given_codes
from gateway.doors.code_entry import WORD_S, EntryOutcome
from gateway.doors.tries import NUMBER_TRIES
from gateway.events import CodeGiven, GrantRevoked, Refusal
from tests.test_code_entry import FINGERPRINT, HERE, PHONES, Door, given, run_of_page, told


@pytest.fixture
def door() -> Door:
    return Door()


def sign(
    code: CodeGiven,
    word: str,
    *,
    home: str = "h1",
    fingerprint: str = FINGERPRINT,
    secret: bytes = PHONES,
) -> str:
    """As `web/staff/static/js/codes.js` signs it."""
    key = given_codes.phone_key(secret, code.id)
    made = key.sign(given_codes.proof_text(home, code, fingerprint, word), ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(made)
    return f"{r:064x}{s:064x}"


CODE = given("code-a", 12, "345678")


async def prove(door: Door, word: str, signature: str, id_: str = "code-a") -> EntryOutcome:
    answer = await door.codes.prove(id_, word, signature, HERE)
    for task in door.tasks:
        await task
    return answer.what


async def test_a_proof_opens_once(door: Door) -> None:
    """Recorded as a typed code is, by its person; the same digits are used up with it."""
    word = door.codes.word()
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.ACCEPTED
    assert {(d.device, d.person) for d in door.drafts} == {("door", "p7")}
    assert await door.type("12345678") is EntryOutcome.WRONG
    assert door.lock.turns == ["unlock"]


async def test_a_caught_proof_is_worth_nothing(door: Door) -> None:
    """Not a second time, not two minutes later, not at another run, not with another word."""
    word = door.codes.word()
    proof = sign(CODE, word)
    assert await prove(door, word.replace(word[-1], "x"), proof) is EntryOutcome.WRONG
    assert await prove(door, door.codes.word(), proof) is EntryOutcome.WRONG
    door.real_s += WORD_S + 1
    assert await prove(door, word, proof) is EntryOutcome.WRONG
    door.real_s -= WORD_S + 1
    door.restart()
    assert await prove(door, word, proof) is EntryOutcome.WRONG, "the word was another run's"
    word = door.codes.word()
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.ACCEPTED
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.WRONG
    assert (door.lock.turns, door.refusals()) == (["unlock"], [Refusal.REPLAYED])


async def test_a_proof_is_for_one_home_lock_code_and_page(door: Door) -> None:
    """Signed for another, or by another phone, it opens nothing; a code in the first form has no
    phone."""
    word = door.codes.word()
    false = [
        sign(CODE, word, home="h2"),
        sign(CODE, word, fingerprint="cd" * 32),
        sign(CODE, word, secret=b"another server's"),
        sign(replace(CODE, device="terrace"), word),
        sign(given("code-b", 13, "000001"), word),
        "",
        "00" * 64,
        "zz" * 64,
    ]
    for signature in false:
        assert await prove(door, word, signature) is EntryOutcome.WRONG
    assert await prove(door, word, sign(CODE, word), "code-none") is EntryOutcome.WRONG
    first = Door(told)
    word = first.codes.word()
    assert await prove(first, word, sign(CODE, word)) is EntryOutcome.WRONG
    assert (door.lock.turns, first.lock.turns) == ([], [])


async def test_a_proof_opens_whatever_was_guessed(door: Door) -> None:
    """Its number was guessed at until it takes no digits, and thousands of false proofs came: the
    true one opens at once, and nothing was written for the false ones."""
    for n in range(NUMBER_TRIES + 2):
        await door.type(f"12{n:06d}", f"192.168.7.{n}")
    before = len(door.drafts)
    word = door.codes.word()
    for n in range(1000):
        assert await prove(door, word, f"{n:0128x}") is EntryOutcome.WRONG
    assert len(door.drafts) == before
    assert await door.type("12345678") is EntryOutcome.GUESSED
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.ACCEPTED


async def test_a_caught_proof_fills_no_log(door: Door) -> None:
    """Sent a hundred times within its minutes: written some times, and no more."""
    word = door.codes.word()
    for _ in range(100):
        await prove(door, word, sign(CODE, word))
    assert door.lock.turns == ["unlock"]
    assert len(door.refusals()) <= 2 * NUMBER_TRIES


async def test_a_proof_opens_after_a_restart_without_the_server(door: Door) -> None:
    """What it is checked against is on the disk and of no use to a thief: a public key."""
    door.page = run_of_page()
    door.restart()
    word = door.codes.word()
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.ACCEPTED


async def test_a_proof_of_a_revoked_code_is_refused(door: Door) -> None:
    """As its digits are; and without a time nothing opens."""
    door.decided(GrantRevoked(grant="code-a"))
    word = door.codes.word()
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.REFUSED
    door.now = None
    assert await prove(door, word, sign(CODE, word)) is EntryOutcome.NO_CLOCK
    assert door.lock.turns == []
