"""A code typed at the door: it opens once, in its time, for its person; wrong ones lock nobody out.

In both forms: as a server tells them that knows no other (`codes.issued`), and as one does that
does (`codes.given`).  Guessing is in `test_code_guessing`, the phone's proof in `test_phone_proof`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import codes, given_codes
from gateway.doors.code_entry import CodeEntry, EntryOutcome
from gateway.doors.page_identity import PageIdentity
from gateway.envelope import Draft
from gateway.events import (
    CodeGiven,
    CodesGiven,
    CodesIssued,
    CodeTold,
    GrantRevoked,
    LockOperationRefused,
    LockOperationRequested,
    PageOpened,
    Refusal,
)
from gateway.state.home_view import HomeView
from tests.conftest import START
from tests.test_lock_orders import Home

SERVER = Ed25519PrivateKey.generate()
OWN = Ed25519PrivateKey.generate()
KEY = codes.shared_key(SERVER, OWN.public_key(), "h1")
FINGERPRINT = "ab" * 32
PHONES = b"the server's own secret"
HERE = "192.168.1.20"
"""The network address of a caregiver's phone."""


def run_of_page() -> PageIdentity:
    """What a start of the home makes."""
    return PageIdentity(
        fingerprint=FINGERPRINT,
        url="https://tryggve.local:8080",
        run_key=Ed25519PrivateKey.generate(),
        context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )


PAGE = run_of_page()


def told(id_: str, number: int, proof: str, *, key: bytes = KEY, person: str = "p7") -> CodeTold:
    """A code in the first form."""
    bare = CodeTold(
        id=id_,
        number=number,
        device="door",
        not_before=START,
        expires=START + timedelta(hours=12),
        salt="5a" * 16,
        hash="",
    )
    return replace(bare, hash=codes.hash_of(key, "h1", person, bare, proof))


def given(
    id_: str,
    number: int,
    proof: str,
    *,
    server: Ed25519PrivateKey = SERVER,
    page: PageIdentity = PAGE,
    person: str = "p7",
) -> CodeGiven:
    """A code in the second form."""
    key = page.run_key.public_key()
    first = told(id_, number, proof, key=codes.shared_key(server, key, "h1"), person=person)
    bare = CodeGiven(
        id=first.id,
        number=first.number,
        device=first.device,
        not_before=first.not_before,
        expires=first.expires,
        phone_key=given_codes.public_text(given_codes.phone_key(PHONES, id_).public_key()),
        page_key=given_codes.page_key_text(key),
        salt=first.salt,
        hash=first.hash,
        seal="",
    )
    return replace(bare, seal=given_codes.seal(server, "h1", person, bare))


class Door(Home):
    """A home with an entry for codes, and two codes of p7 (`code-a`, `code-b`)."""

    def __init__(self, make: Any = given) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.real_s = 0.0
        self.page = PAGE
        self.make = make
        self.codes = self._entry()
        self.issue(make("code-a", 12, "345678"), make("code-b", 13, "000001"))

    def _entry(self) -> CodeEntry:
        def spawn(work: Coroutine[Any, Any, None]) -> None:
            self.tasks.append(asyncio.ensure_future(work))

        return CodeEntry(
            home="h1",
            lock_orders=self.lock_orders,
            rights=lambda: self.view.rights,
            writer=self,
            key=lambda: OWN,
            server_keys=lambda: {"k1": SERVER.public_key()},
            spawn=spawn,
            page=self.page,
            mono_s=lambda: self.real_s,
        )

    def issue(self, *made: CodeTold | CodeGiven, person: str = "p7", kid: str = "k1") -> None:
        """The server tells of codes of one form."""
        first = tuple(one for one in made if isinstance(one, CodeTold))
        second = tuple(one for one in made if isinstance(one, CodeGiven))
        if first:
            self.decided(CodesIssued(codes=first, kid=kid), person)
        if second:
            self.decided(CodesGiven(codes=second, kid=kid), person)

    async def type(self, text: str, place: str = HERE) -> EntryOutcome:
        """Type it and let the lock turn."""
        answer = await self.codes.enter(text, place)
        if self.tasks:
            await asyncio.gather(*self.tasks)
        return answer.what

    def restart(self) -> None:
        """A new process: everything known comes from the log."""
        self.view = HomeView()
        for event in self.events:
            self.view.apply(event)
        self.lock_orders._admitted.clear()
        self.codes = self._entry()

    def at(self, moment: datetime) -> None:
        self.now = self.clock.at = moment


@pytest.fixture(params=[told, given], ids=["first form", "second form"])
def door(request: pytest.FixtureRequest) -> Door:
    return Door(request.param)


async def test_a_code_opens_and_names_who(door: Door) -> None:
    """Through the same door as a grant: recorded before the lock is told, with its person."""
    assert await door.type("1234 5678") is EntryOutcome.ACCEPTED
    assert door.lock.turns == ["unlock"]
    assert door.told == ["unlock.requested", "unlock.progressed", "lock.unlocked", "unlock.ended"]
    assert {(d.device, d.person) for d in door.drafts} == {("door", "p7")}
    assert isinstance(door.drafts[0].data, LockOperationRequested)
    assert door.drafts[0].data.grant == "code-a"


async def test_a_code_works_once_also_across_a_restart(door: Door) -> None:
    """The same digits again are a refused try with a name; so they are after a restart."""
    await door.type("12345678")
    assert await door.type("12345678") is EntryOutcome.WRONG
    door.restart()
    assert await door.type("12345678") is EntryOutcome.WRONG
    assert door.lock.turns == ["unlock"]
    assert door.refusals() == [Refusal.REPLAYED, Refusal.REPLAYED]


async def test_a_code_of_yesterday_is_refused(door: Door) -> None:
    """Right digits after their time open nothing, and count as a try."""
    door.at(START + timedelta(hours=12))
    assert await door.type("12345678") is EntryOutcome.WRONG
    assert (door.lock.turns, door.refusals()) == ([], [Refusal.EXPIRED])


async def test_a_clock_turned_back_revives_no_code(door: Door) -> None:
    """The home was sure once that it is later: its own log says so, also after a restart."""
    door.at(START + timedelta(hours=13))
    door.submit(Draft(GrantRevoked(grant="another")))
    door.at(START + timedelta(hours=1))
    assert await door.type("12345678") is EntryOutcome.WRONG
    door.restart()
    assert await door.type("13000001") is EntryOutcome.WRONG
    assert door.lock.turns == []


async def test_a_code_before_its_time_is_refused(door: Door) -> None:
    """A shift's codes are good for the shift."""
    door.view = HomeView()
    door.at(START - timedelta(hours=2))
    door.issue(door.make("code-a", 12, "345678"))
    assert await door.type("12345678") is EntryOutcome.REFUSED
    assert (door.lock.turns, door.refusals()) == ([], [Refusal.NOT_YET])


async def test_a_revoked_code_is_refused(door: Door) -> None:
    """What the server took back while it could does not open."""
    door.decided(GrantRevoked(grant="code-a"))
    assert await door.type("12345678") is EntryOutcome.REFUSED
    assert (door.lock.turns, door.refusals()) == ([], [Refusal.REVOKED])


async def test_a_slip_of_the_finger_in_length_is_no_try(door: Door) -> None:
    """Seven digits can open nothing: nothing is counted, nothing is written."""
    for typed in ("", "1234567", "123456789", "abcdefgh"):
        assert await door.type(typed) is EntryOutcome.MALFORMED
    assert door.drafts == []


async def test_without_a_time_or_a_log_nothing_opens(door: Door) -> None:
    """A code cannot be judged without a clock, nor used without its record."""
    door.now = None
    assert await door.type("12345678") is EntryOutcome.NO_CLOCK
    door.now = door.clock.now()
    door.disk_full = True
    assert await door.type("00000000") is EntryOutcome.NOT_RECORDED
    await door.type("12345678")
    assert door.lock.turns == []


async def test_codes_that_the_server_did_not_make_open_nothing(door: Door) -> None:
    """Whoever writes a false list has no key: another's hash, another's name, a longer time, a key
    that is not trusted (any more), another phone."""
    thief = Ed25519PrivateKey.generate()
    stolen = codes.shared_key(thief, OWN.public_key(), "h1")
    false: list[CodeTold | CodeGiven] = [
        told("code-x", 20, "111111", key=stolen),
        given("code-x", 20, "111111", server=thief),
        told("code-y", 20, "111111", person="p9"),
        given("code-y", 20, "111111", person="p9"),
        replace(told("code-z", 20, "111111"), expires=START + timedelta(days=900)),
        replace(given("code-z", 20, "111111"), expires=START + timedelta(days=900)),
        replace(given("code-q", 20, "111111"), phone_key="00" * 64),
    ]
    for one in false:
        door.issue(one)
        assert await door.type("20111111", f"from {one!r}") is EntryOutcome.WRONG, one
    door.issue(door.make("code-w", 23, "444444"), kid="k2")
    assert await door.type("23444444") is EntryOutcome.WRONG
    assert door.lock.turns == []


async def test_two_at_the_keys_turn_once(door: Door) -> None:
    """The same code typed twice at once: one turn."""
    answers = await asyncio.gather(
        door.codes.enter("12345678", HERE), door.codes.enter("12345678", "192.168.1.21")
    )
    await asyncio.gather(*door.tasks)
    assert [a.what for a in answers] == [EntryOutcome.ACCEPTED, EntryOutcome.WRONG]
    assert door.lock.turns == ["unlock"]


async def test_no_digits_stand_in_any_event(door: Door) -> None:
    """What was typed, right or wrong, is written nowhere."""
    await door.type("12345678")
    await door.type("98765432")
    text = repr(door.drafts) + repr(door.view.rights)
    assert "345678" not in text
    assert "765432" not in text
    assert any(isinstance(d.data, LockOperationRefused) for d in door.drafts)


async def test_a_code_may_open_the_page_instead(door: Door) -> None:
    """It is used up by that, names who, and turns nothing; in its time only, and not when it was
    taken back."""
    assert (await door.codes.look("12345678", HERE)).what is EntryOutcome.ACCEPTED
    assert [(type(d.data), d.person) for d in door.drafts] == [(PageOpened, "p7")]
    for again in (door.codes.look, door.codes.enter):
        assert (await again("12345678", HERE)).what is EntryOutcome.WRONG
    door.restart()
    assert await door.type("12345678") is EntryOutcome.WRONG
    door.decided(GrantRevoked(grant="code-b"))
    assert (await door.codes.look("13000001", HERE)).what is EntryOutcome.REFUSED
    assert door.lock.turns == []
