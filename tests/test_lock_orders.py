"""The door opens for a valid grant, once; everything else is refused and written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.access import grants
from gateway.access.grants import Action, Grant, Reason
from gateway.clock import ManualClock
from gateway.doors.orders import RECORD_S, LockOrders, OpenOrders
from gateway.envelope import Draft, Event
from gateway.errors import GrantRefused, LogUnwritable
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    AlarmType,
    CheckEscalated,
    CheckVisitAsked,
    CheckVisitSettled,
    Data,
    GrantApproved,
    GrantDeclined,
    GrantRequested,
    GrantRevoked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRefused,
    LockOperationRequested,
    LockOperationStep,
    LockUnknown,
    Refusal,
    Settled,
    Severity,
    Stamp,
    VisitEnded,
)
from gateway.ports import Bolt, Emit, LockResult, LockStatus, OnStep
from gateway.state.home_view import HomeView
from tests.conftest import START

KEY = Ed25519PrivateKey.generate()
GRANT = Grant(
    id="g1",
    home="h1",
    device="door",
    action=Action.UNLOCK,
    person="p7",
    reason=Reason.PLANNED_VISIT,
    ref=None,
    not_before=START,
    expires=START + timedelta(seconds=grants.LIFE_S),
)


class FakeLock:
    """A lock that does what the test says, and counts its turns."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.answer = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
        self.gate: asyncio.Event | None = None
        self.asked: asyncio.Event | None = None
        self.breaks = False
        self.cancels = False
        self.silent = False
        self.wakes: asyncio.Event | None = None
        self.wake_s: float | None = None

    async def run(self, emit: Emit) -> None:
        await asyncio.Event().wait()

    async def status(self) -> LockStatus:
        if self.cancels:
            raise asyncio.CancelledError
        if self.breaks:
            raise ZeroDivisionError("a driver of somebody else")
        if self.silent:
            await asyncio.Event().wait()
        if self.asked is not None:
            await self.asked.wait()
        return LockStatus(self.answer.bolt)

    async def unlock(self, on_step: OnStep, wake_s: float) -> LockResult:
        return await self._turn("unlock", on_step, wake_s)

    async def lock(self, on_step: OnStep, wake_s: float) -> LockResult:
        return await self._turn("lock", on_step, wake_s)

    async def close(self) -> None: ...

    async def _turn(self, action: str, on_step: OnStep, wake_s: float) -> LockResult:
        self.wake_s = wake_s
        if self.wakes is not None:
            on_step(LockOperationStep.WAKING)
            await self.wakes.wait()
        self.turns.append(action)
        on_step(LockOperationStep.TURNING)
        if self.gate is not None:
            await self.gate.wait()
        if self.cancels:
            raise asyncio.CancelledError  # a library's own
        if self.breaks:
            raise ZeroDivisionError("a driver of somebody else")
        return self.answer


class Home:
    """The door of one home, with a log in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(START + timedelta(seconds=1))
        self.lock = FakeLock()
        self.view = HomeView()
        self.open_orders = OpenOrders()
        self.drafts: list[Draft] = []
        self.events: list[Event] = []
        self.now: datetime | None = self.clock.now()
        self.disk_full = False
        self.decisions = 0
        self.lock_orders = LockOrders(
            home="h1",
            devices=["door"],
            lock=lambda _device: self.lock,
            keys=lambda: {"k1": KEY.public_key()},
            history=lambda: self.view,
            writer=self,
            clock=self.clock,
            best_now=lambda: self.now,
        )

    def submit(self, draft: Draft) -> None:
        self._kept(draft)

    async def write(self, draft: Draft, timeout_s: float | None = None) -> Event:
        if self.disk_full:
            raise LogUnwritable("full")
        return self._kept(draft)

    def _kept(self, draft: Draft) -> Event:
        self.drafts.append(draft)
        event = Event(
            origin="home:h1",
            seq=len(self.drafts),
            at=self.clock.now(),
            clock="synced",
            boot="b",
            mono_s=0.0,
            data=draft.data,
            device=draft.device,
            person=draft.person,
        )
        self.events.append(event)
        self.view.apply(event)
        self.open_orders.apply(event)
        self.lock_orders.reconsider()
        return event

    def decided(self, data: Data, person: str | None = None, at: datetime | None = None) -> Event:
        """Something that the server wrote comes down the stream."""
        self.decisions += 1
        event = Event(
            origin="staff:h1",
            seq=self.decisions,
            at=at or self.clock.now(),
            clock="synced",
            boot="s",
            mono_s=0.0,
            data=data,
            device="door",
            person=person,
        )
        self.events.append(event)
        self.view.apply(event)
        self.lock_orders.reconsider()
        return event

    async def order(self, grant: Grant, key: Ed25519PrivateKey = KEY, kid: str = "k1") -> None:
        await self.lock_orders.order(grants.sign(grant, key, kid))

    @property
    def told(self) -> list[str]:
        return [draft.data.KIND for draft in self.drafts]

    def refusals(self) -> list[Refusal]:
        return [d.data.why for d in self.drafts if isinstance(d.data, LockOperationRefused)]


@pytest.fixture
def home() -> Home:
    return Home()


async def test_a_valid_grant_turns_the_lock_once_and_names_who(home: Home) -> None:
    """The request is written before the lock is told; each event names device and person."""
    await home.order(GRANT)
    assert home.lock.turns == ["unlock"]
    assert home.told == [
        "unlock.requested",
        "unlock.progressed",
        "lock.unlocked",
        "unlock.ended",
    ]
    assert {(d.device, d.person) for d in home.drafts} == {("door", "p7")}
    assert home.lock.wake_s == grants.LIFE_S - 1, "it may wake for as long as the grant lives"


BAD: list[tuple[str, Callable[[Grant], Grant], Refusal]] = [
    ("another home", lambda g: replace(g, home="h2"), Refusal.OTHER_HOME),
    ("another device", lambda g: replace(g, device="garage"), Refusal.OTHER_DEVICE),
    ("only to look", lambda g: replace(g, action=Action.LOOK), Refusal.OTHER_ACTION),
    (
        "expired",
        lambda g: replace(g, not_before=START - timedelta(minutes=2), expires=START),
        Refusal.EXPIRED,
    ),
    (
        "not yet",
        lambda g: replace(g, not_before=START + timedelta(seconds=30)),
        Refusal.NOT_YET,
    ),
    (
        "an alarm nobody raised",
        lambda g: replace(g, reason=Reason.ALARM, ref="home:h1/9"),
        Refusal.ALARM_CLOSED,
    ),
    ("an alarm without its name", lambda g: replace(g, reason=Reason.ALARM), Refusal.ALARM_CLOSED),
]


@pytest.mark.parametrize(("change", "why"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
async def test_a_grant_that_does_not_fit_is_refused(
    home: Home, change: Callable[[Grant], Grant], why: Refusal
) -> None:
    """Signed by the server, and still not for here and now: no turn, one refusal, who and why."""
    await home.order(change(GRANT))
    assert home.lock.turns == []
    assert home.refusals() == [why]
    assert home.drafts[0].person == "p7"


def test_a_grant_that_ends_before_it_begins_is_none() -> None:
    """The server makes none, and a home takes none, though its clock be in the gap where such a
    grant has begun (by the skew) and not ended."""
    backwards = replace(
        GRANT, not_before=START + timedelta(seconds=5), expires=START + timedelta(seconds=4)
    )
    with pytest.raises(ValueError, match="ends after it begins"):
        grants.sign(backwards, KEY, "k1")
    record = grants.GrantRecord(used=grants.no, revoked=grants.no, alarm_open=grants.no)
    for now in (START, START + timedelta(seconds=3)):
        with pytest.raises(GrantRefused) as refused:
            grants.judge(backwards, home="h1", devices={"door"}, now=now, record=record)
        assert refused.value.why is Refusal.EXPIRED


@pytest.mark.parametrize("years", [-40, 40])
def test_a_grants_times_are_the_homes_to_judge(years: int) -> None:
    """By its own clock: the library that reads the signature would ask the machine's."""
    at = START.replace(year=START.year + years)
    other = replace(GRANT, not_before=at, expires=at + timedelta(minutes=1))
    assert grants.read(grants.sign(other, KEY, "k1"), {"k1": KEY.public_key()}) == other


async def test_forged_grants_are_refused(home: Home) -> None:
    """Another key, another key's name, a changed claim, another algorithm, and noise."""
    import base64
    import json

    import jwt

    thief = Ed25519PrivateKey.generate()
    await home.order(GRANT, key=thief)
    await home.order(GRANT, kid="k2")
    head, _, signature = grants.sign(GRANT, KEY, "k1").split(".")
    claims: dict[str, object] = {
        "jti": "g1",
        "aud": "h1",
        "sub": "p1",
        "dev": "door",
        "act": "unlock",
    }
    claims |= {"rsn": "service", "nbf": 0, "exp": 9_999_999_999}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    await home.lock_orders.order(f"{head}.{body}.{signature}")
    unsigned = jwt.encode(claims, key="", algorithm="none", headers={"kid": "k1"})
    await home.lock_orders.order(unsigned)
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()  # nested deeper than Python reads
    for noise in ("", "a.b.c", "…", "x" * 10_000, f"{deep}.{body}.{signature}"):
        await home.lock_orders.order(noise)
    request_token = jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})
    await home.lock_orders.order(request_token)
    assert home.lock.turns == []
    assert home.refusals() == [Refusal.FORGED] * 10


async def test_a_grant_is_used_once(home: Home) -> None:
    """The same grant again is a replay, also while the first is still turning."""
    home.lock.gate = asyncio.Event()
    first = asyncio.create_task(home.order(GRANT))
    await asyncio.sleep(0)
    await home.order(GRANT)
    home.lock.gate.set()
    await first
    await home.order(GRANT)
    assert home.lock.turns == ["unlock"]
    assert home.refusals() == [Refusal.REPLAYED, Refusal.REPLAYED]


async def test_a_grant_that_comes_again_does_not_end_the_turn_that_it_began(home: Home) -> None:
    """Told twice, and the gateway ends in the middle of the turn: after the start the turn is ended
    as unknown all the same."""
    home.lock.gate = asyncio.Event()
    first = asyncio.create_task(home.order(GRANT))
    await asyncio.sleep(0)
    await home.order(GRANT)
    assert list(home.open_orders.open) == ["g1"]
    home.lock.gate.set()
    await first
    assert home.open_orders.open == {}


async def test_two_at_once_turn_once(home: Home) -> None:
    """Two phones, two grants, one lock: the second is told that it is busy."""
    home.lock.gate = asyncio.Event()
    first = asyncio.create_task(home.order(GRANT))
    await asyncio.sleep(0)
    await home.order(replace(GRANT, id="g2"))
    home.lock.gate.set()
    await first
    assert home.lock.turns == ["unlock"]
    assert home.refusals() == [Refusal.BUSY]


async def test_a_revoked_grant_is_refused(home: Home) -> None:
    """What the server took back does not open, whatever its time."""
    home.submit(Draft(GrantRevoked(grant="g1")))
    await home.order(GRANT)
    assert (home.lock.turns, home.refusals()) == ([], [Refusal.REVOKED])


async def test_a_grant_for_an_alarm_dies_with_it(home: Home) -> None:
    """It opens while the alarm is open, and not after."""
    raised = AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=START)
    home.submit(Draft(raised))
    await home.order(replace(GRANT, reason=Reason.ALARM, ref="home:h1/1"))
    assert home.lock.turns == ["unlock"]
    home.submit(Draft(AlarmResolved(alarm="home:h1/1", outcome=AlarmOutcome.HELPED)))
    await home.order(replace(GRANT, id="g2", reason=Reason.ALARM, ref="home:h1/1"))
    assert (home.lock.turns, home.refusals()) == (["unlock"], [Refusal.ALARM_CLOSED])


async def test_a_home_that_does_not_know_the_time_does_not_open(home: Home) -> None:
    """A grant's window cannot be judged without a clock."""
    home.now = None
    await home.order(GRANT)
    home.decided(GrantRevoked(grant="another"))  # the server's last word says when it was, not now
    await home.order(replace(GRANT, id="g2"))
    assert (home.lock.turns, home.refusals()) == ([], [Refusal.CLOCK_UNCERTAIN] * 2)


async def test_no_turn_without_its_record(home: Home) -> None:
    """When the log cannot be written the lock is not told."""
    home.disk_full = True
    await home.order(GRANT)
    assert (home.lock.turns, home.refusals()) == ([], [Refusal.NOT_RECORDED])
    home.disk_full = False
    await home.order(GRANT)  # what waits for the disk may be written yet: it is used up
    assert (home.lock.turns, home.refusals()[1:]) == ([], [Refusal.REPLAYED])


async def test_a_request_that_is_recorded_too_late_has_an_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes it after all: nobody turns, and nobody is taken to turn from then on."""
    write = home.write

    async def late(draft: Draft, timeout_s: float | None = None) -> Event:
        await write(draft, timeout_s)
        assert timeout_s == RECORD_S, "who stands at the door does not wait for a disk that hangs"
        raise LogUnwritable("late")

    monkeypatch.setattr(home, "write", late)
    await home.order(GRANT)
    assert home.told == ["unlock.requested", "unlock.refused", "unlock.ended"]
    assert (home.lock.turns, home.open_orders.open) == ([], {})
    ended = home.drafts[-1].data
    assert isinstance(ended, LockOperationEnded)
    assert (ended.outcome, ended.why) == (LockOperationOutcome.FAILED, "not_recorded")


@pytest.mark.parametrize(
    ("answer", "bolt"),
    [
        (LockResult(LockOperationOutcome.FAILED, Bolt.JAMMED, "jammed"), "lock.jammed"),
        (LockResult(LockOperationOutcome.UNKNOWN, Bolt.UNKNOWN, "no_answer"), "lock.unknown"),
        (LockResult(LockOperationOutcome.FAILED, Bolt.UNKNOWN, "asleep"), "lock.unknown"),
    ],
)
async def test_a_lock_that_does_not_turn_is_told_as_it_is(
    home: Home, answer: LockResult, bolt: str
) -> None:
    """Jammed, silent, asleep: the bolt's state is what the lock said, never a guess, and nothing is
    sent twice."""
    home.lock.answer = answer
    await home.order(GRANT)
    ended = home.drafts[-1].data
    assert isinstance(ended, LockOperationEnded)
    assert (ended.outcome, ended.why) == (answer.outcome, answer.why)
    assert bolt in home.told
    [unanswered] = [
        data.unanswered for draft in home.drafts if isinstance(data := draft.data, LockUnknown)
    ] or [False]
    assert unanswered is (answer.why == "asleep")
    assert home.lock.turns == ["unlock"]


@pytest.mark.parametrize("how", ["breaks", "cancels"])
async def test_a_driver_that_breaks_leaves_the_bolt_unknown(home: Home, how: str) -> None:
    """An error of a driver is no answer of the lock, and a library that cancels its own call is no
    end of the home: the order has its end all the same."""
    setattr(home.lock, how, True)
    await home.order(GRANT)
    ended = home.drafts[-1].data
    assert isinstance(ended, LockOperationEnded)
    assert ended.outcome is LockOperationOutcome.UNKNOWN
    assert "lock.unknown" in home.told


async def test_a_turn_cut_by_a_restart_is_ended_and_never_repeated(home: Home) -> None:
    """After a start the open request is ended as unknown and the lock is asked; nothing turns."""
    left = OpenOrders()
    requested: Data = LockOperationRequested(grant="g0", action="unlock", reason="planned_visit")
    home.submit(Draft(requested, device="door", person="p7"))
    left.open = dict(home.open_orders.open)
    await home.lock_orders.settle(left)
    assert home.told == ["unlock.requested", "unlock.ended", "lock.unlocked"]
    ended = home.drafts[1].data
    assert isinstance(ended, LockOperationEnded)
    assert (ended.outcome, ended.why) == (LockOperationOutcome.UNKNOWN, "restarted")
    assert (home.drafts[1].device, home.drafts[1].person) == ("door", "p7")
    assert home.lock.turns == []
    await home.order(replace(GRANT, id="g0"))
    assert home.refusals() == [Refusal.REPLAYED], "it was used up before the restart"


async def test_a_right_that_ends_while_the_lock_wakes_ends_the_turn(home: Home) -> None:
    """Revoked while waking: the lock is never told, and its bolt is where it was."""
    home.lock.wakes = asyncio.Event()
    turn = asyncio.create_task(home.order(GRANT))
    for _ in range(3):
        await asyncio.sleep(0)
    home.decided(GrantRevoked(grant="g1"))
    await turn
    ended = home.drafts[-1].data
    assert isinstance(ended, LockOperationEnded)
    assert (ended.outcome, ended.why) == (LockOperationOutcome.FAILED, "revoked")
    assert home.lock.turns == []
    assert not any(kind.startswith("lock.") for kind in home.told)


async def test_an_alarm_resolved_while_the_lock_wakes_ends_the_turn(home: Home) -> None:
    """The grant dies with its alarm at any time before the lock is told."""
    home.submit(Draft(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=START)))
    home.lock.wakes = asyncio.Event()
    turn = asyncio.create_task(home.order(replace(GRANT, reason=Reason.ALARM, ref="home:h1/1")))
    for _ in range(3):
        await asyncio.sleep(0)
    home.decided(AlarmResolved(alarm="home:h1/1", outcome=AlarmOutcome.HELPED))
    await turn
    ended = home.drafts[-1].data
    assert isinstance(ended, LockOperationEnded)
    assert (ended.why, home.lock.turns) == ("alarm_closed", [])


async def test_a_turn_that_the_lock_was_told_of_is_not_taken_back(home: Home) -> None:
    """Then nobody would know where the bolt is: it goes on, and its end is told."""
    home.lock.gate = asyncio.Event()
    turn = asyncio.create_task(home.order(GRANT))
    for _ in range(3):
        await asyncio.sleep(0)
    home.decided(GrantRevoked(grant="g1"))
    home.lock.gate.set()
    await turn
    assert home.told[-2:] == ["lock.unlocked", "unlock.ended"]


async def test_a_grant_for_a_checks_visit_dies_with_it(home: Home) -> None:
    """Escalated: somebody must go there, and may open; when the visit is made, no more."""
    grant = replace(GRANT, reason=Reason.CHECK, ref="night@x")
    await home.order(grant)
    assert home.refusals() == [Refusal.CHECK_CLOSED], "nothing asks for a visit"
    home.submit(Draft(CheckEscalated(check="night@x", why="no_answer")))
    await home.order(replace(grant, id="g2"))
    assert home.lock.turns == ["unlock"]
    ended = VisitEnded(visit="home:h1/9", until=home.clock.now(), source=Stamp.TAP)
    home.submit(Draft(ended))
    await home.order(replace(grant, id="g3"))
    assert home.refusals()[1:] == [Refusal.CHECK_CLOSED]


async def test_what_the_server_left_to_a_visit_opens_the_door(home: Home) -> None:
    """Before the home has said a word of it; not any more when somebody told that none is
    needed."""
    grant = replace(GRANT, reason=Reason.CHECK, ref="night@x")
    home.decided(CheckVisitAsked(check="night@x", why="look_broke_off"))
    await home.order(grant)
    assert home.lock.turns == ["unlock"]
    home.decided(CheckVisitSettled(check="night@x", why=Settled.CALLED))
    await home.order(replace(grant, id="g2"))
    assert home.refusals() == [Refusal.CHECK_CLOSED]


async def test_service_needs_a_second_persons_approval(home: Home) -> None:
    """Not the technician's own, not another's, not for another lock, not after its time."""
    grant = replace(GRANT, person="tech", reason=Reason.SERVICE, ref=None)
    await home.order(grant)
    asked = home.decided(GrantRequested(action="unlock"), "tech")
    until = home.clock.now() + timedelta(minutes=15)
    own = home.decided(GrantApproved(request=asked.ref, until=until), "tech")
    await home.order(replace(grant, id="g2", ref=own.ref))
    await home.order(replace(grant, id="g3", ref=asked.ref))
    good = home.decided(GrantApproved(request=asked.ref, until=until), "boss")
    await home.order(replace(grant, id="g4", person="p7", ref=good.ref))
    assert (home.refusals(), home.lock.turns) == ([Refusal.NOT_APPROVED] * 4, [])
    await home.order(replace(grant, id="g5", ref=good.ref))
    assert home.lock.turns == ["unlock"]
    late = until + timedelta(seconds=1)
    home.now = late
    home.decided(GrantRequested(action="unlock"), "tech", at=late)
    later = replace(grant, id="g6", ref=good.ref, expires=late + timedelta(seconds=60))
    await home.order(later)
    assert home.refusals()[4:] == [Refusal.NOT_APPROVED]


async def test_an_approval_that_was_taken_back_opens_nothing(home: Home) -> None:
    """A no after the yes ends it, and a yes after the no to the same request is none."""
    grant = replace(GRANT, person="tech", reason=Reason.SERVICE)
    asked = home.decided(GrantRequested(action="unlock"), "tech")
    until = home.clock.now() + timedelta(minutes=15)
    good = home.decided(GrantApproved(request=asked.ref, until=until), "boss")
    home.decided(GrantDeclined(request=asked.ref), "boss")
    await home.order(replace(grant, id="g2", ref=good.ref))
    again = home.decided(GrantApproved(request=asked.ref, until=until), "boss")
    await home.order(replace(grant, id="g3", ref=again.ref))
    assert (home.refusals(), home.lock.turns) == ([Refusal.NOT_APPROVED] * 2, [])


async def test_a_clock_turned_back_makes_no_grant_good_again(home: Home) -> None:
    """What the server wrote since is not in the future; and what was refused is used up."""
    home.now = START + timedelta(seconds=grants.LIFE_S + 1)
    await home.order(GRANT)
    home.now = START + timedelta(seconds=1)
    await home.order(GRANT)
    home.decided(GrantRequested(action="unlock"), at=START + timedelta(hours=1))
    await home.order(replace(GRANT, id="g2"))
    assert home.lock.turns == []
    assert home.refusals() == [Refusal.EXPIRED, Refusal.REPLAYED, Refusal.EXPIRED]


async def test_the_home_shuts_by_itself_and_never_while_somebody_turns(home: Home) -> None:
    """A relock is a lock command with its record, nobody's; beside a turn it is nothing."""
    home.lock.gate = asyncio.Event()
    turn = asyncio.create_task(home.order(GRANT))
    for _ in range(3):
        await asyncio.sleep(0)
    await home.lock_orders.relock("door")
    home.lock.gate.set()
    await turn
    assert home.lock.turns == ["unlock"]
    home.lock.answer = LockResult(LockOperationOutcome.DONE, Bolt.LOCKED)
    home.lock.gate.clear()
    shutting = asyncio.create_task(home.lock_orders.relock("door"))
    for _ in range(3):
        await asyncio.sleep(0)
    await home.order(replace(GRANT, id="g2"))
    home.lock.gate.set()
    await shutting
    assert (home.lock.turns, home.refusals()) == (["unlock", "lock"], [Refusal.BUSY])
    (asked,) = [d for d in home.drafts if getattr(d.data, "reason", "") == "relock"]
    assert (asked.person, asked.device) == (None, "door")
    assert home.told[-2:] == ["lock.locked", "unlock.ended"]
    await home.lock_orders.relock("garage")
    assert home.lock.turns == ["unlock", "lock"]
