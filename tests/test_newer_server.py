"""A home that is older than its server, or than what it once ran itself: what the server decided
and what stands in its own log, from a newer version, is read as far as it can be.  It turns no
lock by what it does not understand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from gateway import wire
from gateway.access import grants
from gateway.clock import ManualClock
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.engine.turns import Hooks
from gateway.envelope import GENESIS, Draft, Event, from_json, seal, to_json
from gateway.errors import GrantRefused
from gateway.events import (
    KINDS,
    By,
    CheckAsked,
    CheckEscalated,
    Data,
    Finding,
    GrantRequested,
    LockOperationRequested,
    MatLearned,
    MatQuality,
    PreviousRun,
    Refusal,
    RuleFailed,
    Severity,
    Unknown,
)
from gateway.rules import DeviceFacts, HomeFacts, bind
from gateway.rules.fold import Fold
from gateway.state.home_view import HomeView
from tests import versions
from tests.versions import Newer

START = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)

FACTS = HomeFacts(
    "h1",
    "Europe/Stockholm",
    devices={
        "bed": DeviceFacts("bed", "mat_gpio", "sensor", "bed"),
        "front": DeviceFacts("front", "lock_nuki", "lock", "front_door"),
        "hall": DeviceFacts("hall", "motion_gpio", "sensor", "motion", "hall"),
    },
)
CASES = versions.all_newer()


class Writer:
    """A home or a server of a newer version: it numbers and seals what another could write."""

    def __init__(self, origin: str) -> None:
        self.origin, self.seq, self.previous = origin, 0, GENESIS

    def write(
        self, kind: str, fields: Any, *, device: str | None = "bed", person: str | None = None
    ) -> dict[str, Any]:
        self.seq += 1
        event, _, self.previous = seal(
            Draft(Unknown(kind, fields), device=device, person=person),
            origin=self.origin,
            seq=self.seq,
            at=START + timedelta(seconds=self.seq),
            clock="synced",
            boot="b1",
            mono_s=float(self.seq),
            previous=self.previous,
        )
        return to_json(event)


def folded(objs: Iterable[dict[str, Any]]) -> tuple[HomeView, Fold, list[str]]:
    """The home after these events: its view, its rules, and which of these broke."""
    view, fold, broken = HomeView(), Fold(bind({}, FACTS)), []
    for obj in objs:
        event = from_json(obj)
        view.apply(event)
        out = fold.feed(event)
        broken += [item.data for item in out if isinstance(item, Draft)]
    return view, fold, [data.rule for data in broken if isinstance(data, RuleFailed)]


# --- everything -----------------------------------------------------------------------------------


def test_no_rule_breaks_on_what_a_newer_version_wrote() -> None:
    """Every kind with everything that may be new in it, in the home's own log or from the server,
    for a mat and for a lock."""
    ours, server = Writer("home:h1"), Writer("staff:h1")
    objs = []
    for one in CASES:
        writer = server if KINDS[one.kind].BY is By.SERVER else ours
        for device in ("bed", "front"):
            objs.append(writer.write(one.kind, one.fields, device=device, person="p1"))
    _, fold, broken = folded(objs)
    assert broken == []
    for _, out in fold.ticks(START + timedelta(hours=3)):
        assert not [one for one in out if isinstance(getattr(one, "data", None), RuleFailed)]


def _plain_and_newer(cls: type[Data]) -> tuple[dict[str, Any], Newer]:
    return versions.whole(cls), next(iter(versions.newer_of(cls)))


def test_a_field_more_changes_nothing_in_the_home() -> None:
    """Its view and each rule's state are the same as without it; what gives a right is not
    read."""
    plain: list[dict[str, Any]] = []
    newer: list[dict[str, Any]] = []
    for field_more, objs in ((False, plain), (True, newer)):
        ours, server = Writer("home:h1"), Writer("staff:h1")
        for cls in KINDS.values():
            if cls.STRICT:
                continue
            writer = server if cls.BY is By.SERVER else ours
            known, more = _plain_and_newer(cls)
            objs.append(writer.write(cls.KIND, more.fields if field_more else known, person="p1"))
    (one, fold, _), (other, fold_2, _) = folded(plain), folded(newer)
    assert other.rights == one.rights
    for name in ("devices", "alarms", "visits", "checks", "bed", "mains", "away", "timezone"):
        assert getattr(other, name) == getattr(one, name), name
    for rule in bind({}, FACTS):
        assert fold_2.state_of(rule.name) == fold.state_of(rule.name), rule.name


def test_a_home_that_went_back_knows_its_own_log(tmp_path: Path) -> None:
    """What a newer version of itself wrote: who lies in bed, what is open, which grants are used
    up; the log is whole and goes on."""
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    engine = _engine(log, HomeView())
    writer = Writer("home:h1")
    turn = {"grant": "g1", "action": "unlock", "reason": "service", "by_way_of": "phone"}
    for kind, fields in (
        ("gateway.started", {"version": "9", "config_sha256": "x", "previous": "swapped", "zz": 1}),
        ("clock.synced", {"offset_s": 0.0, "source": "gps"}),
        ("bed.entered", {"sure_pct": 98}),
        ("alarm.raised", {"type": "pendant", "severity": "grave", "since": versions.AT, "zz": 1}),
        ("unlock.requested", turn),
        ("mat.learned", {**versions.whole(MatLearned), "quality": "drowsy", "counts": [1, 2]}),
    ):
        obj = writer.write(kind, fields)
        engine.submit(Draft(Unknown(obj["kind"], obj["data"]), device="bed"))
    asyncio.run(_through(engine))
    log.close()
    again = EventLog.open(tmp_path / "events.sqlite", "home:h1")
    view = HomeView()
    engine = _engine(again, view)
    assert engine.rebuild() == 7
    again.close()
    assert view.bed.occupied is True
    assert [alarm.severity for alarm in view.alarms.values()] == [Severity.CARE]
    assert view.used("g1")
    assert engine._sequencer.fold.state_of("bed").learned == {"bed": MatQuality.UNKNOWN}


def _engine(log: EventLog, view: HomeView) -> Engine:
    def reopen(why: str) -> Any:
        raise AssertionError(why)

    return Engine(
        eventlog=log,
        reopen=reopen,
        rules=bind({}, FACTS),
        clock=ManualClock(START),
        boot="b1",
        down_origin="staff:h1",
        hooks=Hooks(on_rebuild=lambda: view.apply),
    )


async def _through(engine: Engine) -> None:
    """Until what waits is on the disk."""
    task = asyncio.create_task(engine.run())
    await engine.write(Draft(Unknown("gateway.stopped", {"reason": "back"})), timeout_s=20)
    task.cancel()


# --- the server's decisions -----------------------------------------------------------------------


def test_what_a_newer_server_decided_is_kept_as_it_came(tmp_path: Path) -> None:
    """Every kind with everything that may be new in it: the home takes it, in its chain, byte for
    byte."""
    server = Writer("staff:h1")
    decided = [
        server.write(one.kind, one.fields, person="p1")
        for one in CASES
        if KINDS[one.kind].BY is not By.HOME
    ]
    log = EventLog.open(tmp_path / "events.sqlite", "home:h1")

    async def take() -> None:
        engine = _engine(log, HomeView())
        task = asyncio.create_task(engine.run())
        await engine.receive(decided, timeout_s=60)
        assert engine.down_have == len(decided)
        task.cancel()

    asyncio.run(take())
    log.close()
    stored = [obj for obj in LogReader(log.path).events() if obj["origin"] == "staff:h1"]
    assert stored == decided


def test_an_answer_that_is_not_known_is_not_all_is_well() -> None:
    """Somebody must go there, and the check is not done."""
    slot = START + timedelta(minutes=1)
    asked = {"check": "night@1", "why": "bed_empty", "answer_by": slot.isoformat(), "attempt": 1}
    answer = {"check": "night@1", "finding": "asleep_elsewhere", "looked": "camera"}
    assert from_json(Writer("staff:h1").write("check.answered", answer)).data.finding is (  # type: ignore[attr-defined]
        Finding.UNKNOWN
    )
    fold = Fold(bind({}, FACTS))
    ours, server = Writer("home:h1"), Writer("staff:h1")
    check = {**asked, "slot": slot.isoformat()}
    due = {"check": "night@1", "slot": slot.isoformat()}
    fold.feed(from_json(ours.write("check.planned", {**due, "report_by": slot.isoformat()})))
    fold.feed(from_json(ours.write("check.due", due)))
    fold.feed(from_json(ours.write("check.asked", asked)))
    assert isinstance(from_json(ours.write("check.asked", check)).data, CheckAsked)
    out = fold.feed(from_json(server.write("check.answered", answer, person="p1")))
    (told,) = (item.data for item in out if isinstance(item, Draft))
    assert told == CheckEscalated(check="night@1", why="not_understood")


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"only_at_night": True}])
def test_an_approval_with_a_restriction_is_none(more: dict[str, Any]) -> None:
    """The home does not know what it must not do; without it the approval is good."""
    server = Writer("staff:h1")
    asked = server.write(
        "grant.requested", {"action": "unlock", "zz": 1}, device="front", person="t1"
    )
    assert isinstance(from_json(asked).data, GrantRequested)
    until = {"request": "staff:h1/1", "until": (START + timedelta(hours=1)).isoformat()}
    yes = server.write("grant.approved", {**until, **more}, device="front", person="p1")
    view, _, _ = folded([asked, yes])
    assert view.approved("staff:h1/2", "t1", "front") is (not more)


def test_what_takes_a_right_away_counts_whatever_is_new_in_it() -> None:
    """Revoked, declined, used: never forgotten for a field more."""
    server, ours = Writer("staff:h1"), Writer("home:h1")
    asked = server.write("grant.requested", {"action": "unlock"}, device="front", person="t1")
    until = {"request": "staff:h1/1", "until": (START + timedelta(hours=1)).isoformat()}
    yes = server.write("grant.approved", until, device="front", person="p1")
    no = server.write("grant.refused", {"request": "staff:h1/1", "why": "late"}, person="p1")
    revoked = server.write("grant.revoked", {"grant": "g2", "why": "lost phone"})
    used = ours.write("unlock.requested", {"grant": "g3", "action": 7, "zz": 1}, device="front")
    assert isinstance(from_json(used).data, LockOperationRequested)
    view, _, _ = folded([asked, yes, no, revoked, used])
    assert not view.approved("staff:h1/2", "t1", "front")
    assert view.revoked("g2")
    assert view.used("g3")


KEY = Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"only": "once"}, {}),
        ({"act": "unlatch"}, {}),
        ({"rsn": "delivery"}, {}),
        ({}, {"restrict": "night"}),
    ],
)
def test_a_grant_that_says_more_than_is_known_opens_nothing(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    """The server signed it, so the home can say which and for whom, and that it does not
    understand."""
    known: dict[str, Any] = {"jti": "g1", "aud": "h1", "sub": "p1", "dev": "front", "act": "unlock"}
    known |= {"rsn": "service", "ref": "staff:h1/1", "nbf": 0, "exp": 9_999_999_999}

    def signed(more: dict[str, Any], head: dict[str, Any]) -> str:
        head = {"kid": "k1", "typ": "tryggve-grant", **head}
        return jwt.encode({**known, **more}, KEY, algorithm="EdDSA", headers=head)

    keys = {"k1": KEY.public_key()}
    assert grants.read(signed({}, {}), keys).id == "g1"
    with pytest.raises(GrantRefused) as refused:
        grants.read(signed(claims, header), keys)
    error = refused.value
    assert (error.why, error.grant, error.person) == (Refusal.NOT_UNDERSTOOD, "g1", "p1")


# --- the link's own messages ----------------------------------------------------------------------

MESSAGES: dict[type[Any], dict[str, Any]] = {
    wire.EventBatch: {"events": [], "down_have": 0},
    wire.Have: {"have": 1},
    wire.Problem: {"code": "c", "detail": "d", "now_s": 1.0},
    wire.GapProblem: {"code": "c", "detail": "d", "now_s": 1.0, "have": 1},
    wire.EnrollRequest: {"code": "c", "public_key": "k", "version": "1"},
    wire.ServerKey: {"kid": "k", "public_key": "p"},
    wire.EnrollAnswer: {"home": "h1", "origin": "home:h1", "keys": []},
    wire.TurnOrder: {"grant": "g"},
}


def test_every_message_of_the_link_may_say_more() -> None:
    """A field that only the other side knows is passed over; not in an order to turn a lock."""
    models = {
        value
        for value in vars(wire).values()
        if isinstance(value, type) and issubclass(value, wire._Model) and value is not wire._Model
    }
    assert models == set(MESSAGES)
    for model, known in MESSAGES.items():
        text = json.dumps({**known, "zz_new": {"a": 1}})
        if model is wire.TurnOrder:
            with pytest.raises(ValidationError):
                model.model_validate_json(text)
        else:
            assert model.model_validate_json(text) == model.model_validate(known)


def test_the_run_before_that_ended_in_a_new_way_did_not_end_in_order() -> None:
    """What is known of a clean stop is not taken for granted."""
    fields = {"version": "9", "config_sha256": "x", "previous": "swapped"}
    event: Event = from_json(Writer("home:h1").write("gateway.started", fields))
    assert event.data.previous is PreviousRun.UNKNOWN  # type: ignore[attr-defined]
