"""Guessing at the door: whoever has the right is never locked out, whoever has not never gets in.

And a copy of the home's disk tells nobody what to type.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access import codes, given_codes
from gateway.config.secrets import FileSecrets
from gateway.doors.code_entry import EntryOutcome
from gateway.doors.page_identity import open_identity
from gateway.doors.tries import NUMBER_TRIES, PLACE_TRIES, PLACES_MAX, Places
from gateway.envelope import to_json
from gateway.events import CodeGiven, CodesPaused, LockOperationRefused
from tests.conftest import START
from tests.test_code_entry import HERE, OWN, PAGE, SERVER, Door, given, run_of_page, told

NEIGHBOUR = "192.168.1.66"


@pytest.fixture
def door() -> Door:
    return Door()


def told_staff(door: Door) -> list[CodesPaused]:
    return [d.data for d in door.drafts if isinstance(d.data, CodesPaused)]


@pytest.mark.parametrize("number", [12, 55], ids=["the very same number", "another number"])
@pytest.mark.parametrize("place", [HERE, NEIGHBOUR], ids=["from here", "from the neighbour's"])
async def test_five_wrong_codes_do_not_lock_out_the_right_one(
    door: Door, number: int, place: str
) -> None:
    """Also a sixth and a seventh, also from the address that typed them, also after a restart; the
    staff are told at the fifth."""
    for n in range(PLACE_TRIES - 1):
        assert await door.type(f"{number}00000{n}", place) is EntryOutcome.WRONG
    assert told_staff(door) == []
    for n in range(4, 7):
        assert await door.type(f"{number}00000{n}", place) is EntryOutcome.PAUSED
    assert [paused.tries for paused in told_staff(door)] == [PLACE_TRIES], "told once"
    assert await door.type("12345678") is EntryOutcome.ACCEPTED
    door.restart()
    assert await door.type("13000001") is EntryOutcome.ACCEPTED
    assert door.lock.turns == ["unlock", "unlock"]


async def test_one_machine_uses_up_no_number_for_the_others(door: Door) -> None:
    """A neighbour types hundreds of codes of every live number: who comes from elsewhere opens."""
    for n in range(100):
        for number in (12, 13):
            await door.type(f"{number}{n:06d}" if n != 1 else f"{number}999999", NEIGHBOUR)
    assert door.lock.turns == []
    assert await door.type("12345678") is EntryOutcome.ACCEPTED


async def test_guessing_is_bounded_for_every_number_from_everywhere(door: Door) -> None:
    """From as many addresses as one likes, over restarts, for as long as the code lives: a number
    is judged twenty times, and then opens by the phone's proof only.  So with N codes alive the
    chance is N × 20 in a million."""
    judged = 0
    for n in range(300):
        if n % 50 == 49:
            door.restart()
        slow = n % 2
        place = NEIGHBOUR if slow else f"192.168.7.{n % 250}"
        answer = await door.type(f"12{n:06d}", place)
        judged += answer is not EntryOutcome.GUESSED
    assert judged == 2 * NUMBER_TRIES
    refused = [d for d in door.drafts if isinstance(d.data, LockOperationRefused)]
    assert len(refused) == judged, "each that was judged is on the disk, and no more"
    assert await door.type("12345678") is EntryOutcome.GUESSED
    assert await door.type("13000001") is EntryOutcome.ACCEPTED, "the next code is not its"
    assert judged * 90 / 10**codes.PROOF_DIGITS < 0.002, "with every number given out"


async def test_a_number_that_nobody_has_answers_as_one_that_somebody_has(door: Door) -> None:
    """So the answers do not tell which numbers are alive."""
    for number in (12, 77):
        answers = [
            await door.type(f"{number}{n:06d}", f"192.168.{number}.{n}")
            for n in range(NUMBER_TRIES + 1)
        ]
        assert answers == [EntryOutcome.WRONG] * NUMBER_TRIES + [EntryOutcome.GUESSED]


async def test_a_new_code_of_a_number_is_not_its_predecessors(door: Door) -> None:
    """Tries are forgotten with the life of the code that they were for; a clock that was turned
    back forgets none."""
    for n in range(NUMBER_TRIES):
        await door.type(f"12{n:06d}", f"192.168.7.{n}")
    door.at(START - timedelta(days=2))
    assert await door.type("12345678") is EntryOutcome.GUESSED
    door.at(START + timedelta(hours=13))
    later = replace(given("code-n", 12, "345678"), expires=START + timedelta(hours=24))
    sealed = replace(later, hash=_hash(later, "345678"), seal="")
    door.issue(replace(sealed, seal=given_codes.seal(SERVER, "h1", "p7", sealed)))
    assert await door.type("12345678") is EntryOutcome.ACCEPTED


def _hash(code: CodeGiven, proof: str) -> str:
    shared = codes.shared_key(SERVER, PAGE.run_key.public_key(), "h1")
    return codes.hash_of(shared, "h1", "p7", code, proof)


def test_a_place_is_slowed_for_a_while_and_forgiven_after_a_right_one() -> None:
    """Five within a quarter of an hour; the oldest place is forgotten when there are too many."""
    now = [0.0]
    places = Places(lambda: now[0])
    for n in range(PLACE_TRIES):
        assert not places.is_slowed("a")
        assert places.wrong("a") == n + 1
        now[0] += 1
    assert places.is_slowed("a")
    assert not places.is_slowed("b")
    now[0] = 15 * 60 - 1
    assert places.is_slowed("a")
    now[0] += PLACE_TRIES
    assert not places.is_slowed("a")
    for _ in range(PLACE_TRIES):
        places.wrong("a")
    places.right("a")
    assert not places.is_slowed("a")
    for _ in range(PLACE_TRIES):
        places.wrong("a")
    for n in range(PLACES_MAX):
        places.wrong(f"other {n}")
    assert not places.is_slowed("a")


# --- a stolen card --------------------------------------------------------------------------------


def fitting(door: Door, candidates: range) -> list[int]:
    """The codes that a thief cannot rule out who has every file of the home: its events, its own
    key, the server's public key, the certificate and its key.  What was in memory is gone."""
    disk = json.dumps([to_json(event) for event in door.events])
    assert door.page.run_key.private_bytes_raw().hex() not in disk
    (known,) = (one for one in door.view.rights.codes.values() if one.code.number == 12)
    assert known.code.hash in disk
    public = SERVER.public_key()
    keys = [
        codes.shared_key(OWN, public, "h1"),
        codes.shared_key(run_of_page().run_key, public, "h1"),  # a start of the stolen card
        bytes(32),
    ]
    return [
        n
        for n in candidates
        if any(codes.fits(key, "h1", "p7", known.code, f"{n:06d}") for key in keys)
    ]


def test_a_stolen_card_does_not_tell_which_code_is_right(door: Door) -> None:
    """With everything that the disk has, the right proof fits no better than the others: the hash
    is keyed with what was in memory only.  In the first form, which servers before `codes.given`
    use, it does: the test's thief finds what can be found."""
    around = range(345_670, 345_690)
    assert fitting(door, around) == []
    assert fitting(Door(told), around) == [345_678]


def test_the_runs_key_is_on_no_disk(tmp_path: Path) -> None:
    """A start writes the certificate and its key, once, and nothing of the run's key; the next
    start has the same certificate and another run's key."""
    secrets = FileSecrets.from_environment(tmp_path, {})
    first = open_identity(tmp_path, secrets, "127.0.0.1", 8080)
    again = open_identity(tmp_path, secrets, "127.0.0.1", 8080)
    assert first.fingerprint == again.fingerprint
    assert first.described().page_key != again.described().page_key
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) == {"page.pem", "page_key"}
    for one in (first, again):
        raw = one.run_key.private_bytes_raw()
        forms = (raw, raw.hex().encode(), base64.b64encode(raw))
        assert not any(form in content for form in forms for content in files.values())


async def test_the_digits_end_with_the_run_and_are_told_again(door: Door) -> None:
    """After a restart the digits open nothing until the server has told them for the new run; the
    ids stay, so a code that was used stays used."""
    await door.type("13000001")
    door.page = run_of_page()
    door.restart()
    assert await door.type("12345678") is EntryOutcome.WRONG
    door.issue(
        given("code-a", 12, "345678", page=door.page), given("code-b", 13, "000001", page=door.page)
    )
    assert await door.type("12345678") is EntryOutcome.ACCEPTED
    assert await door.type("13000001") is EntryOutcome.WRONG
    assert door.lock.turns == ["unlock", "unlock"]
