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
from gateway.app.home import Home
from gateway.clock import ManualClock, SystemClock
from gateway.config import home_file
from gateway.engine.engine import Engine
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader
from gateway.engine.turns import Hooks
from gateway.envelope import GENESIS, Draft, Event, from_json, seal, to_json
from gateway.errors import GrantRefused
from gateway.events import (
    KINDS,
    AlarmRaised,
    AlarmType,
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
    ServerUnread,
    Severity,
    Unknown,
    VisitEnded,
    VisitStarted,
    to_fields,
)
from gateway.rules import DeviceFacts, HomeFacts, bind
from gateway.rules.fold import Fold
from gateway.services.unread_decisions import KINDS_MAX, UnreadDecisions
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
        ("clock.synced", {"offset_s": {"s": 1}}),
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
    assert engine.rebuild() == 8
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


@pytest.mark.parametrize("name", ["night@1", "look-bed_exit@1"])
def test_an_answer_that_is_not_known_is_not_all_is_well(name: str) -> None:
    """Somebody must go there, and the check is not done; also one that a rule asked for."""
    slot = START + timedelta(minutes=1)
    asked = {"check": name, "why": "bed_empty", "answer_by": slot.isoformat(), "attempt": 1}
    answer = {"check": name, "finding": "asleep_elsewhere", "looked": "camera"}
    assert from_json(Writer("staff:h1").write("check.answered", answer)).data.finding is (  # type: ignore[attr-defined]
        Finding.UNKNOWN
    )
    fold = Fold(bind({}, FACTS))
    ours, server = Writer("home:h1"), Writer("staff:h1")
    check = {**asked, "slot": slot.isoformat()}
    due = {"check": name, "slot": slot.isoformat()}
    if name.startswith("night"):  # a rule asks at once, without a plan
        fold.feed(from_json(ours.write("check.planned", {**due, "report_by": slot.isoformat()})))
        fold.feed(from_json(ours.write("check.due", due)))
    fold.feed(from_json(ours.write("check.asked", asked)))
    assert isinstance(from_json(ours.write("check.asked", check)).data, CheckAsked)
    out = fold.feed(from_json(server.write("check.answered", answer, person="p1")))
    (told,) = (item.data for item in out if isinstance(item, Draft))
    assert told == CheckEscalated(check=name, why="not_understood")


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
    wire.CallSignal: {"call": "c", "state": "begun"},
    wire.LookSignal: {"look": "l", "state": "begun"},
    wire.PictureTaken: {"look": "l", "number": 1, "asked_s": 0.5},
    wire.HeardThing: {"address": "AA:BB:CC:DD:EE:FF", "driver": "bthome", "rssi": -60},
    wire.HeardPin: {"pin": 4, "closed": True, "moves": 1},
    wire.Guided: {"device": "door", "what": "pair"},
    wire.HeardSignal: {"hearing": "x", "state": "hearing"},
    wire.Noted: {"call": "c"},
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


def test_the_server_hears_once_a_kind_of_what_the_home_cannot_read() -> None:
    """Codes with a restriction, and a kind that is not known: each told the first time, not again
    after a start."""
    said: list[Data] = []
    unread = UnreadDecisions(said.append)
    server, ours = Writer("staff:h1"), Writer("home:h1")
    codes = {"codes": [], "kid": "k1", "only_at_night": True}
    for _ in range(2):
        for kind, fields in (
            ("codes.issued", codes),
            ("visit.moved", {}),
            ("alarm.acknowledged", {}),
        ):
            unread.see_live(from_json(server.write(kind, fields)))
        unread.see_live(from_json(server.write("absence.ended", {"zz": 1})))
        unread.see_live(from_json(ours.write("toaster.smoked", {})))
    told = [(data.event, data.about) for data in said if isinstance(data, ServerUnread)]
    assert told == [
        ("staff:h1/1", "codes.issued"),
        ("staff:h1/2", "visit.moved"),
        ("staff:h1/3", "alarm.acknowledged"),
    ]
    unread.forget()
    for data in said:
        unread.apply(from_json(ours.write("server.unread", to_fields(data))))
    unread.see_live(from_json(server.write("codes.issued", codes)))
    assert len(said) == 3
    for number in range(KINDS_MAX):
        unread.see_live(from_json(server.write(f"visit.moved{number}", {})))
    assert len(said) == KINDS_MAX


def test_what_a_newer_home_calls_otherwise_does_no_harm_in_the_rules() -> None:
    """A fault of a mat that is not known is a fault for certain."""
    ours = Writer("home:h1")
    fold = Fold(bind({}, FACTS))
    out = fold.feed(from_json(ours.write("mat.faulted", {"fault": "soaked", "count": 1})))
    assert [one.data for one in out if isinstance(one, Draft)] == []
    ticks = (one for _, made in fold.ticks(START + timedelta(minutes=5)) for one in made)
    told = next(one.data for one in ticks if isinstance(one, Draft))
    assert isinstance(told, AlarmRaised)
    assert told.type is AlarmType.DEVICE_DOWN


def test_a_tap_that_is_not_known_makes_no_visit_and_ends_none() -> None:
    """Neither arrival nor departure; those that are known do, before and after it."""
    ours, server, fold = Writer("home:h1"), Writer("staff:h1"), Fold(bind({}, FACTS))

    def tapped(tap: str) -> list[type[Data]]:
        out = fold.feed(from_json(server.write("visit.tapped", {"tap": tap}, person="p1")))
        return [type(one.data) for one in out if isinstance(one, Draft)]

    assert tapped("pause") == []
    assert tapped("arrive") == [VisitStarted]
    since = {"since": (START + timedelta(seconds=1)).isoformat(), "source": "tap"}
    fold.feed(from_json(ours.write("visit.started", since, person="p1")))
    assert tapped("pause") == []
    assert tapped("leave") == [VisitEnded]


def test_counts_of_other_classes_are_not_counted() -> None:
    """What a mat learned in another version's classes holds, but for the counts: the next night is
    judged all the same."""
    ours = Writer("home:h1")
    fold = Fold([rule for rule in bind({}, FACTS) if rule.name == "mat_quality"])
    learned = {**versions.whole(MatLearned), "counts": [3, 2]}
    for kind, fields in (("mat.learned", learned), ("bed.entered", {}), ("mat.pressed", {})):
        assert fold.feed(from_json(ours.write(kind, fields))) == []
    out = [one for _, made in fold.ticks(START + timedelta(days=1)) for one in made]
    told = [one.data for one in out if isinstance(one, Draft)]
    assert told
    assert not [data for data in told if isinstance(data, RuleFailed)]


async def test_a_running_home_tells_of_it(tmp_path: Path) -> None:
    """What the stream brought and the home cannot read is kept, and told in its own log."""
    toml = b'[home]\nid = "h1"\n[web]\nenabled = false\n'
    home = Home(
        home_file.parse(toml, tmp_path / "home.toml"), state_dir=tmp_path, clock=SystemClock()
    )
    told: asyncio.Future[Data] = asyncio.get_running_loop().create_future()

    def see(event: Event) -> None:
        if event.kind == "home.described":
            described.set()
        if isinstance(event.data, ServerUnread):
            told.set_result(event.data)

    described = asyncio.Event()
    home.watchers.append(see)
    running = asyncio.create_task(home.run())
    async with asyncio.timeout(60):
        await described.wait()
        await home.engine.receive([Writer("staff:h1").write("visit.moved", {"to": "noon"})])
        assert await told == ServerUnread(event="staff:h1/1", about="visit.moved")
        home.stop()
        await running


def test_a_thing_of_another_form_hides_no_other() -> None:
    """What a newer home hears while it is installed: each that can be read is shown, as many as
    there is room for, and a guide to something that is not known is none."""
    thing = {"address": "AA:BB:CC:DD:EE:FF", "driver": "bthome", "rssi": -60}
    odd = [{**thing, "rssi": {"dbm": -60}}, {**thing, "address": "x" * 40}, 7, {}]
    pins = [{"pin": 4, "closed": True, "moves": 1}, {"pin": "A4", "closed": 2, "moves": 1}]
    said = {
        "hearing": "x",
        "state": "hearing",
        "things": [*odd, *[thing] * 40],
        "pins": pins,
        "guided": {"device": "door", "what": "teach"},
    }
    heard = wire.HeardSignal.model_validate(said)
    assert heard.things == (wire.HeardThing.model_validate(thing),) * wire.THINGS_MAX
    assert [pin.pin for pin in heard.pins] == [4]
    assert heard.guided is None
    again = wire.HeardSignal.model_validate_json(heard.model_dump_json())
    assert again == heard
