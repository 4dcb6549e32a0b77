"""The fold: live and rebuilt from the log are the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft, Event, from_json, to_json
from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    BedEntered,
    ButtonPressed,
    CheckAnswered,
    CheckAsked,
    CheckDue,
    CheckPlanned,
    CheckVisitAsked,
    ConsentSettled,
    ContactChanged,
    Data,
    DeviceFailed,
    DeviceOffline,
    DeviceOnline,
    DoorClosed,
    DoorOpened,
    Finding,
    GatewayFellBack,
    GatewaySecondPathFailed,
    GatewaySecondPathReady,
    GatewayStarted,
    LockJammed,
    LockLocked,
    LockOperationEnded,
    LockOperationOutcome,
    LockOperationRequested,
    LockUnknown,
    LockUnlocked,
    LogLeftDisk,
    Looked,
    MatDrifted,
    MatFault,
    MatFaulted,
    MatLearned,
    MatLoaded,
    MatPressed,
    MatQuality,
    MatReleased,
    MoistureCleared,
    MoistureDetected,
    MotionDetected,
    Night,
    PendantPressed,
    PlanSet,
    PlanTerms,
    PowerLost,
    PowerRestored,
    PreviousRun,
    ShutterStuck,
    ShutterWanted,
    ShutterWell,
    StandIn,
    StartFile,
    Tap,
    TemperatureMeasured,
    VisitTapped,
)
from gateway.rules import Decision, Rule, RuleSettings, Tick, bind, settings_class
from gateway.rules.fold import STUCK_TICKS, Fold
from tests.rules.conftest import DEVICES, home_of

BEGIN = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def rule(name: str, kinds: set[str], **made: Any) -> Rule:
    """A rule of the test's own; `made` are `start`, `step`, `wake_at`, and `hears` if any."""
    return Rule(name, 1, frozenset(kinds), RuleSettings(), **made)


@dataclass(frozen=True)
class Seen:
    wake: datetime | None = None
    order: tuple[str, ...] = ()


def _remember(state: Seen, event: Event | Tick, name: str) -> Seen:
    word = f"{name} tick" if isinstance(event, Tick) else f"{name} {event.kind}"
    return replace(state, order=(*state.order, word))


def _first_step(state: Seen, event: Event | Tick, _settings: Any) -> tuple[Seen, list[Any]]:
    state = _remember(state, event, "first")
    if isinstance(event, Tick):
        return replace(state, wake=None), [Decision(ContactChanged(on=True))]
    if event.kind == "power.lost":
        return replace(state, wake=event.at + timedelta(minutes=1)), []
    return state, []


def _second_step(state: Seen, event: Event | Tick, _settings: Any) -> tuple[Seen, list[Any]]:
    state = _remember(state, event, "second")
    if isinstance(event, Tick):
        return replace(state, wake=None), [Decision(BedEntered())]
    if event.kind == "power.lost":
        return replace(state, wake=event.at + timedelta(minutes=1)), []
    # what the first rule decided makes the second one's tick needless
    return (replace(state, wake=None) if event.kind == "contact.changed" else state), []


TWO = (
    rule(
        "first",
        {"power.lost"},
        start=lambda _s: Seen(),
        step=_first_step,
        wake_at=lambda state, _s: state.wake,
    ),
    rule(
        "second",
        {"power.lost", "contact.changed"},
        start=lambda _s: Seen(),
        step=_second_step,
        wake_at=lambda state, _s: state.wake,
    ),
)


def test_two_ticks_of_one_moment_are_rebuilt_in_the_order_they_ran() -> None:
    """What one rule's tick decided reaches the next rule before its own tick of the same moment:
    live and in a rebuild alike."""
    live = Sequencer(Fold(TWO), origin="home:h1", boot="b")
    live.number(Draft(PowerLost()), at=BEGIN, mono_s=0.0)
    live.run_due(BEGIN + timedelta(hours=1), 0.0)
    log = [(row.event, row.event.at) for row in live.drain().rows]
    assert [event.kind for event, _ in log] == ["power.lost", "contact.changed"]
    rebuilt = Fold(TWO)
    rebuilt.rebuild(log)
    for name in ("first", "second"):
        assert rebuilt.state_of(name) == live.fold.state_of(name)
    assert live.fold.state_of("second").order == ("second power.lost", "second contact.changed")


def _deciding_step(state: Seen, event: Event | Tick, _settings: Any) -> tuple[Seen, list[Any]]:
    state = _remember(state, event, "at once")
    if isinstance(event, Tick):
        return replace(state, wake=None), []
    if event.kind == "power.lost":
        return replace(state, wake=event.at), [Decision(ContactChanged(on=True))]
    return state, []


def test_what_an_event_decided_comes_before_a_tick_that_is_due_at_once() -> None:
    """A rule that decides and asks to be woken in the same moment sees its decision first."""
    rules = [
        rule(
            "at once",
            {"power.lost", "contact.changed"},
            start=lambda _s: Seen(),
            step=_deciding_step,
            wake_at=lambda state, _s: state.wake,
        )
    ]
    live = Sequencer(Fold(rules), origin="home:h1", boot="b")
    live.number(Draft(PowerLost()), at=BEGIN, mono_s=0.0)
    live.number(Draft(PowerLost()), at=BEGIN + timedelta(minutes=1), mono_s=0.0)
    log = [(row.event, row.event.at) for row in live.drain().rows]
    rebuilt = Fold(rules)
    rebuilt.rebuild(log)
    assert rebuilt.state_of("at once") == live.fold.state_of("at once")


def test_what_a_log_of_other_settings_lacks_is_decided_anew() -> None:
    """The log was written with a longer hold: what should have been decided in it by today's
    settings comes within a minute of the rebuild, and is not lost."""
    log = [
        (event(1, BEGIN, MatPressed(), "mat"), BEGIN),
        (event(2, BEGIN + timedelta(minutes=5), PowerLost()), BEGIN + timedelta(minutes=5)),
    ]
    rules = bind({}, home_of("mat"))
    slow = bind({"bed": settings_class("bed").model_validate({"enter_s": 600})}, home_of("mat"))
    as_written = Fold(slow)
    as_written.rebuild(log)
    assert as_written.state_of("bed").tried is None
    rebuilt = Fold(rules)
    rebuilt.rebuild(log)
    assert rebuilt.state_of("bed").occupied is None
    made = [(at, out) for at, out in rebuilt.ticks(BEGIN + timedelta(minutes=5.5)) if out]
    ((at, (out,)),) = made
    assert at == BEGIN + timedelta(minutes=5, seconds=10)
    assert isinstance(out, Draft) and out.data == BedEntered()


def event(seq: int, at: datetime, data: Data, device: str | None = None) -> Event:
    return Event("home:h1", seq, at, "synced", "b", 0.0, data, device)


def test_a_rule_that_breaks_stops_nobody() -> None:
    """It becomes `rule.failed`; its state stays, and the other rules go on."""

    def broken(state: Any, _event: Any, _settings: Any) -> Any:
        raise ZeroDivisionError("no")

    rules = [
        rule("a", {"power.lost"}, start=lambda _s: 7, step=broken, wake_at=lambda _a, _b: None),
        *TWO,
    ]
    live = Sequencer(Fold(rules), origin="home:h1", boot="b")
    live.number(Draft(PowerLost()), at=BEGIN, mono_s=0.0)
    kinds = [row.event.kind for row in live.drain().rows]
    assert kinds == ["power.lost", "rule.failed"]
    assert live.fold.state_of("a") == 7
    assert live.fold.state_of("first").order == ("first power.lost",)


def test_a_rule_that_broke_gets_its_wake_back_from_an_event_it_does_not_hear() -> None:
    """As from any event of its kinds: an alarm that was due must not wait for its own device."""
    breaks = iter([True, False])

    def step(state: Seen, event: Event | Tick, _settings: Any) -> tuple[Seen, list[Any]]:
        if isinstance(event, Tick):
            if next(breaks):
                raise ZeroDivisionError("no")
            return replace(state, wake=None), [Decision(BedEntered())]
        return _remember(state, event, "picky"), []

    picky = rule(
        "picky",
        {"mat.pressed"},
        start=lambda _s: Seen(wake=BEGIN),
        step=step,
        wake_at=lambda state, _s: state.wake,
        hears=lambda _kind, device, _s: device == "mine",
    )
    live = Sequencer(Fold([picky]), origin="home:h1", boot="b")

    def pressed(after_s: float) -> list[str]:
        at = BEGIN + timedelta(seconds=after_s)
        live.number(Draft(MatPressed(), device="other"), at=at, mono_s=0.0)
        return [row.event.kind for row in live.drain().rows]

    assert pressed(-2) == ["mat.pressed"]
    assert live.fold.state_of("picky").order == ()
    assert pressed(1) == ["rule.failed", "mat.pressed"]
    assert pressed(2) == ["bed.entered", "mat.pressed"]
    assert live.fold.state_of("picky").order == ("picky mat.pressed",)
    assert pressed(3) == ["mat.pressed"]
    assert live.fold.state_of("picky").order == ("picky mat.pressed",)


def test_a_rule_that_never_moves_on_is_stopped() -> None:
    """A wake that stays in the past ends in `rule.failed`, not in an endless turn."""

    def same(state: Any, _event: Any, _settings: Any) -> Any:
        return state, []

    stuck = rule("stuck", set(), start=lambda _s: 0, step=same, wake_at=lambda _a, _b: BEGIN)
    fold = Fold([stuck])
    made = [out for _, outs in fold.ticks(BEGIN) for out in outs]
    assert [out.data.KIND for out in made if isinstance(out, Draft)] == ["rule.failed"]
    assert fold.wake is None
    assert STUCK_TICKS < 10_000


# --- any story, cut anywhere ----------------------------------------------------------------------

RULES = bind(
    {
        "relock": settings_class("relock").model_validate({"relock_s": {"front_door": 120}}),
        "lock_open": settings_class("lock_open").model_validate({"minutes": 15}),
    },
    home_of(*(device.id for device in DEVICES)),
)

_device = st.sampled_from(["mat", "mat2"])
_any = st.sampled_from(["mat", "mat2", "motion", "door"])
_person = st.sampled_from(["p1", "p2"])
_grant = st.sampled_from(["g1", "g2", "g3"])
_check = st.sampled_from(["night@a", "night@b"])
_started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)

LEARNED: dict[str, Any] = {
    "quality": MatQuality.POOR,
    "nights": 9,
    "gaps": 30,
    "gap_p50_s": 5.0,
    "gap_p95_s": 300.0,
    "gap_p99_s": 1200.0,
    "on_share_pct": 40.0,
    "counts": (10, 5, 5, 5, 0, 0, 5, 0, 0),
}

DRIFT: dict[str, Any] = {"drift_pct": st.just(8.2), "limit_pct": st.just(10.0)}

_input = st.one_of(
    st.tuples(st.sampled_from([MatPressed(), MatReleased()]), _device, st.none()),
    st.tuples(st.sampled_from([MatPressed(), MatReleased()]), _device, st.none()),
    st.tuples(st.sampled_from([MatFaulted(fault=f) for f in MatFault]), _device, st.none()),
    st.tuples(
        st.sampled_from(
            [
                DeviceOffline(reason="silent"),
                DeviceOffline(reason="radio"),
                DeviceOnline(),
                DeviceFailed(error="x", text="x", retry_s=1.0),
            ]
        ),
        _any,
        st.none(),
    ),
    st.tuples(
        st.sampled_from([LockUnknown(), LockLocked(), LockJammed(), LockUnlocked()]),
        st.just("door"),
        st.none(),
    ),
    st.tuples(st.sampled_from([DoorOpened(), DoorClosed()]), st.just("front"), st.none()),
    st.tuples(st.sampled_from([MatPressed(), MatReleased()]), st.just("floor"), st.none()),
    st.tuples(
        st.builds(MatLoaded, cells=st.integers(0, 4), of=st.just(4)), st.just("floor"), st.none()
    ),
    st.tuples(
        st.builds(ContactChanged, on=st.booleans()), st.sampled_from(["seat", "toilet"]), st.none()
    ),
    st.tuples(st.just(MotionDetected()), st.just("motion"), st.none()),
    st.tuples(st.just(ButtonPressed()), st.just("button"), st.none()),
    st.tuples(st.just(PendantPressed(verified=False)), st.just("pendant"), st.none()),
    st.tuples(st.sampled_from([MoistureDetected(), MoistureCleared()]), st.just("wet"), st.none()),
    st.tuples(
        st.sampled_from([TemperatureMeasured(celsius=c) for c in (12.0, 20.0, 35.0)]),
        st.just("air"),
        st.none(),
    ),
    st.tuples(st.sampled_from([PowerLost(), PowerRestored()]), st.none(), st.none()),
    st.tuples(st.just(MatLearned(**LEARNED)), _device, st.none()),
    st.tuples(st.builds(MatDrifted, near=st.booleans(), **DRIFT), _device, st.none()),
    st.tuples(st.builds(CheckDue, check=_check, slot=st.just(BEGIN)), st.none(), st.none()),
    st.tuples(
        st.builds(
            CheckAnswered,
            check=_check,
            finding=st.sampled_from(Finding),
            looked=st.just(Looked.PHONE),
        ),
        st.none(),
        _person,
    ),
    st.tuples(
        st.builds(CheckVisitAsked, check=_check, why=st.just("look_broke_off")),
        st.none(),
        st.none(),
    ),
    st.tuples(
        st.builds(
            LockOperationRequested,
            grant=_grant,
            action=st.sampled_from(["unlock", "lock"]),
            reason=st.sampled_from(["planned_visit", "service"]),
        ),
        st.just("door"),
        _person,
    ),
    st.tuples(
        st.builds(
            LockOperationEnded,
            grant=_grant,
            outcome=st.sampled_from(LockOperationOutcome),
            why=st.sampled_from([None, "asleep", "jammed"]),
        ),
        st.just("door"),
        _person,
    ),
    st.tuples(st.builds(VisitTapped, tap=st.sampled_from(Tap)), st.none(), _person),
    st.tuples(st.sampled_from([AbsenceStarted(), AbsenceEnded(), _started]), st.none(), st.none()),
)
_wait_s = st.one_of(
    st.sampled_from([0, 1, 10, 60, 300, 900]), st.integers(0, 4000), st.integers(0, 90_000)
)
_one = st.tuples(_wait_s, _input).map(lambda told: [told])
_stay = st.tuples(st.integers(5, 4000), st.integers(200, 2000), _device).map(
    lambda stay: [
        (1, (MatPressed(), stay[2], None)),
        (stay[0], (MatReleased(), stay[2], None)),
        (stay[1], (PowerLost(), None, None)),
    ]
)
_turned = st.tuples(
    st.integers(5, 200), st.integers(60, 40_000), _grant, st.sampled_from(LockOperationOutcome)
).map(
    lambda turned: [
        (
            1,
            (
                LockOperationRequested(grant=turned[2], action="unlock", reason="alarm"),
                "door",
                "p1",
            ),
        ),
        (1, (LockUnlocked(), "door", "p1")),
        (
            turned[0],
            (LockOperationEnded(grant=turned[2], outcome=turned[3], why="no_answer"), "door", "p1"),
        ),
        (turned[1], (PowerLost(), None, None)),
    ]
)


def _told(*steps: tuple[int, Data, str | None]) -> list[Any]:
    return [(wait_s, (data, device, None)) for wait_s, data, device in steps]


_CHATTER = [
    step for _ in range(12) for step in ((4, MatPressed(), "mat"), (3, MatReleased(), "mat"))
]
_ABOUT = [(100, MotionDetected(), "motion")] * 9
_TURNED = [
    *((1, MatPressed(), "mat"), *_ABOUT, (600, MatReleased(), "mat")),
    *((30_000, MatPressed(), "mat"), *_ABOUT, (30_000, PowerLost(), None)),
]
LATE = BEGIN + timedelta(days=30)
_IN_VAIN = [
    step
    for name in ("1a", "1b", "2a", "2b", "3a", "3b")
    for step in (
        (
            1 if name.endswith("b") else 86_400,
            CheckAsked(check=f"look-bed_exit@{name}", why="all_silent", answer_by=LATE),
            None,
        ),
        (0, CheckAnswered(check=f"look-bed_exit@{name}", finding=Finding.OK,
                          looked=Looked.PHONE), None),
    )
]  # fmt: skip
TALES = [
    _told((1, MatPressed(), "mat"), (4000, MatReleased(), "mat"), (60, DoorOpened(), "front")),
    _told(*_CHATTER, (4000, PowerLost(), None)),
    _told((1, ContactChanged(on=True), "toilet"), (8000, PowerLost(), None)),
    _told((1, MotionDetected(), "motion"), (90_000, PowerLost(), None)),
    _told((1, DoorOpened(), "front"), (5000, DoorClosed(), "front")),
    _told(
        (1, PendantPressed(verified=True), "pendant"),
        (1, MoistureDetected(), "wet"),
        (1, TemperatureMeasured(celsius=35.0), "air"),
        (1, MatPressed(), "floor"),
        (9000, PowerLost(), None),
    ),
    _told((1, MotionDetected(), "motion"), (80_000, PowerLost(), None)),
    _told(*_TURNED),
    _told((1, DoorClosed(), "front"), (9, DoorOpened(), "front"), (80_000, PowerLost(), None)),
    _told((1, ContactChanged(on=True), "seat"), (60, ContactChanged(on=False), "seat")),
    _told(
        (1, MatDrifted(near=True, drift_pct=8.2, limit_pct=10.0), "mat"),
        (150_000, PowerLost(), None),
    ),
    _told((1, CheckDue(check="night@a", slot=BEGIN), None)),
    _told(
        (1, PlanSet(number=1, terms=PlanTerms(times=("02:00",), nights=(Night.MON,))), None),
        (1, PlanSet(number=2, terms=PlanTerms(recheck_min=-1)), None),
        (1, ConsentSettled(held=True), None),
        (300_000, CheckDue(check="night@p", slot=BEGIN), None),
    ),
    _told((1, DeviceOffline(reason="radio"), "pendant"), (90, DeviceOnline(), "pendant")),
    _told(
        (1, ShutterStuck(wanted=ShutterWanted.SHUT), "eye"),
        (1, ShutterStuck(wanted=ShutterWanted.OPEN), "eye"),
        (60, ShutterWell(), "eye"),
    ),
    _told((1, LogLeftDisk(why="full", continues="home:h1"), None)),
    _told(
        (
            1,
            GatewayFellBack(what=StartFile.HOME_FILE, stand_in=StandIn.COPY, said="it is empty"),
            None,
        )
    ),
    _told(
        (1, GatewaySecondPathFailed(why="no_modem"), None),
        (1, CheckPlanned(check="n@9", slot=BEGIN, report_by=BEGIN + timedelta(days=90)), None),
        (9, GatewaySecondPathReady(), None),
    ),
    _told(
        (1, CheckPlanned(check="n@8", slot=BEGIN, report_by=BEGIN + timedelta(hours=1)), None),
        (9000, PowerLost(), None),
    ),
    _told(*_IN_VAIN, (80_000, PowerLost(), None)),
    _told(
        (1, MatLearned(**{**LEARNED, "quality": MatQuality.GOOD}), "mat"),
        (1, MatLearned(**{**LEARNED, "quality": MatQuality.GOOD}), "mat2"),
        (1, MatPressed(), "mat"),
        (4000, MatReleased(), "mat"),
        (4000, PowerLost(), None),
    ),
]
"""What chance alone would rarely tell: out of bed and out of the door, a mat that loses a sleeper,
long in the bathroom, a radio that falls silent, a door that stands open, all that needs one event
and time, a modem that is gone and back, a check that nobody rang, a day without a sign, a mat and a
door the wrong way round, a seat that is sat on, a mat that wanders, one that calls in vain, and one
that is known to be good."""
_tale = st.sampled_from(TALES)
_story = st.lists(st.one_of(_one, _one, _one, _stay, _turned, _tale), min_size=1, max_size=40).map(
    lambda chunks: [told for chunk in chunks for told in chunk]
)


def _tell(sequencer: Sequencer, told: list[Any], at: datetime) -> tuple[list[Event], datetime]:
    """What is written when `told` happens from `at` on, and when it ends."""
    for wait_s, (data, device, person) in told:
        at += timedelta(seconds=wait_s)
        sequencer.number(Draft(data, device=device, person=person), at=at, mono_s=0.0)
    return [row.event for row in sequencer.drain().rows], at


@settings(max_examples=120, deadline=None)
@given(_story, st.data())
def test_rebuilt_is_live_wherever_it_is_cut(story: list[Any], data: st.DataObject) -> None:
    """For any story, cut after any input: the fold rebuilt from the log on disk has the states of
    the live one, and goes on with the same decisions, byte for byte."""
    cut = data.draw(st.integers(0, len(story)))
    live = Sequencer(Fold(RULES), origin="home:h1", boot="b")
    before, at = _tell(live, story[:cut], BEGIN)
    rebuilt = Fold(RULES)
    rebuilt.rebuild((read, read.at) for read in (from_json(to_json(event)) for event in before))
    for each in RULES:
        assert rebuilt.state_of(each.name) == live.fold.state_of(each.name)
    again = Sequencer(rebuilt, origin="home:h1", boot="b", seq=live.seq, head=live.head)
    after, end = _tell(live, story[cut:], at)
    assert _tell(again, story[cut:], at) == (after, end)
    for sequencer in (live, again):
        sequencer.run_due(end + timedelta(days=2), 0.0)
    assert [row.body for row in again.drain().rows] == [row.body for row in live.drain().rows]


@settings(max_examples=60, deadline=None)
@given(_story)
def test_what_a_rule_does_not_hear_means_nothing_to_it(story: list[Any]) -> None:
    """For any story: rules that are shown every event of their kinds decide the same, byte for
    byte, and end in the same states as those that are shown what they hear."""
    picky = [each for each in RULES if each.hears is not None]
    assert any(
        not each.hears(kind, device.id, each.settings)
        for each in picky
        for kind in each.kinds
        for device in DEVICES
        if each.hears is not None
    )
    heard = Sequencer(Fold(RULES), origin="home:h1", boot="b")
    shown = Sequencer(
        Fold([replace(each, hears=None) for each in RULES]), origin="home:h1", boot="b"
    )
    assert _tell(heard, story, BEGIN) == _tell(shown, story, BEGIN)
    for each in RULES:
        assert heard.fold.state_of(each.name) == shown.fold.state_of(each.name)


def test_the_story_property_reaches_every_rule() -> None:
    """The inputs above make every rule decide something: the property is about all of them."""
    decided: set[str] = set()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(_story)
    def collect(story: list[Any]) -> None:
        live = Sequencer(Fold(RULES), origin="home:h1", boot="b")
        made, _ = _tell(live, story, BEGIN)
        decided.update(event.because.rule for event in made if event.because is not None)

    for tale in TALES:
        collect.hypothesis.inner_test(  # type: ignore[attr-defined]
            [*tale, (9000, (PowerRestored(), None, None))]
        )
    collect()
    assert decided == {each.name for each in RULES}


def test_state_of_a_rule_that_is_not_there() -> None:
    """Asking for a rule that does not run is an error, not an empty answer."""
    with pytest.raises(KeyError):
        Fold(RULES).state_of("nonsense")
