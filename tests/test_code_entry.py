"""A code typed at the door: it opens once, in its time, and guessing pauses the entry."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import codes
from gateway.doors.code_entry import CodeEntry, EntryOutcome, pause_of
from gateway.envelope import Draft
from gateway.events import (
    CodesIssued,
    CodesPaused,
    CodeTold,
    GrantRevoked,
    LockOperationRefused,
    LockOperationRequested,
    Refusal,
)
from gateway.state.home_view import HomeView
from tests.conftest import START
from tests.test_lock_orders import Home

SERVER = Ed25519PrivateKey.generate()
OWN = Ed25519PrivateKey.generate()
KEY = codes.shared_key(SERVER, OWN.public_key(), "h1")


def told(id_: str, number: int, proof: str, *, key: bytes = KEY, person: str = "p7") -> CodeTold:
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


class Door(Home):
    """A home with an entry for codes, and two codes of p7."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.codes = self._entry()
        self.issue(told("code-a", 12, "345678"), told("code-b", 13, "000001"))

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
        )

    def issue(self, *made: CodeTold) -> None:
        self.decided(CodesIssued(codes=made, kid="k1"), "p7")

    async def type(self, text: str) -> EntryOutcome:
        answer = await self.codes.enter(text)
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


@pytest.fixture
def door() -> Door:
    return Door()


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
    door.issue(told("code-a", 12, "345678"))
    assert await door.type("12345678") is EntryOutcome.REFUSED
    assert (door.lock.turns, door.refusals()) == ([], [Refusal.NOT_YET])


async def test_a_revoked_code_is_refused(door: Door) -> None:
    """What the server took back while it could does not open."""
    door.decided(GrantRevoked(grant="code-a"))
    assert await door.type("12345678") is EntryOutcome.REFUSED
    assert (door.lock.turns, door.refusals()) == ([], [Refusal.REVOKED])


async def test_five_wrong_codes_pause_the_entry_also_across_a_restart(door: Door) -> None:
    """The right code does not help during a pause; afterwards it does, and the count is new."""
    for n in range(4):
        assert await door.type(f"1200000{n}") is EntryOutcome.WRONG
    door.restart()
    assert await door.type("99999999") is EntryOutcome.PAUSED
    paused = [d.data for d in door.drafts if isinstance(d.data, CodesPaused)]
    assert [p.tries for p in paused] == [5]
    assert await door.type("12345678") is EntryOutcome.PAUSED
    door.restart()
    assert await door.type("12345678") is EntryOutcome.PAUSED
    assert door.lock.turns == []
    door.at(paused[0].until)
    assert await door.type("12345678") is EntryOutcome.ACCEPTED
    assert door.view.rights.tries.wrong == 0


async def test_each_pause_is_twice_as_long_and_a_clock_turned_back_does_not_end_it(
    door: Door,
) -> None:
    """A machine at the keys gets some forty tries a day, of a million."""
    began = door.clock.now()
    for _ in range(2):
        for n in range(5):
            last = await door.codes.enter(f"1200000{n}")
        assert last.until is not None
        door.at(last.until)
    first, second = (d.data.until for d in door.drafts if isinstance(d.data, CodesPaused))
    assert (second - first) == 2 * (first - began)
    door.at(began)
    for n in range(5):
        last = await door.codes.enter(f"1200000{n}")
    assert last.what is EntryOutcome.PAUSED
    tries = replace(door.view.rights.tries, pauses=30)
    assert pause_of(tries) == timedelta(hours=24)


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
    """Whoever writes a false `codes.issued` has no key: another's hash, another's name."""
    thief = codes.shared_key(Ed25519PrivateKey.generate(), OWN.public_key(), "h1")
    door.issue(told("code-x", 20, "111111", key=thief), told("code-y", 21, "222222", person="p9"))
    assert await door.type("20111111") is EntryOutcome.WRONG
    assert await door.type("21222222") is EntryOutcome.WRONG
    stretched = replace(told("code-z", 22, "333333"), expires=START + timedelta(days=900))
    door.issue(stretched)
    assert await door.type("22333333") is EntryOutcome.WRONG
    door.decided(CodesIssued(codes=(told("code-w", 23, "444444"),), kid="k2"), "p7")
    assert await door.type("23444444") is EntryOutcome.WRONG, "a key that is not trusted (any more)"
    assert door.lock.turns == []


async def test_two_at_the_keys_turn_once(door: Door) -> None:
    """The same code typed twice at once: one turn."""
    answers = await asyncio.gather(door.codes.enter("12345678"), door.codes.enter("12345678"))
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
