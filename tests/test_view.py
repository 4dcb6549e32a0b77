"""The home as it is now: `gateway.state.home_view`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.access.tokens import SKEW_S
from gateway.envelope import GENESIS, Draft, Event, seal
from gateway.events import (
    AbsenceEnded,
    AbsenceStarted,
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmOutcome,
    AlarmRaised,
    AlarmResolved,
    BatteryLow,
    BatteryOk,
    BedEntered,
    BedLeft,
    ButtonPressed,
    CheckAnswered,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    CheckPlanned,
    ClockSynced,
    ContactChanged,
    ContactFault,
    ContactFaulted,
    Data,
    DeviceFailed,
    DeviceHeard,
    DeviceOffline,
    DeviceOnline,
    DeviceTold,
    Finding,
    GatewayStarted,
    GrantIssued,
    GrantRevoked,
    HomeDescribed,
    LockAsleep,
    LockAwake,
    LockLocked,
    LockOperationRequested,
    LockUnknown,
    LockUnreachable,
    Looked,
    MatFault,
    MatFaulted,
    MatPressed,
    MatReleased,
    MoistureCleared,
    PendantPressed,
    PowerLost,
    PowerRestored,
    PreviousRun,
    Severity,
    Stamp,
    TemperatureMeasured,
    Unknown,
    VisitCorrected,
    VisitEnded,
    VisitOverdue,
    VisitStarted,
    alarm_type,
)
from gateway.ports import Bolt, Level
from gateway.state.home_view import CLOSED_CHECKS, LAST_EVENTS, Health, HomeView

BEGIN = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)

DESCRIBED = HomeDescribed(
    devices=(
        DeviceTold(id="mat", driver="mat_gpio", type="sensor", role="bed", room="sovrum"),
        DeviceTold(id="door", driver="lock_nuki", type="lock", role="front_door"),
    ),
    timezone="Europe/Stockholm",
)


@dataclass
class Told:
    """A view and the events it was shown, a minute apart."""

    view: HomeView = field(default_factory=HomeView)
    log: list[Event] = field(default_factory=list)

    def say(
        self,
        data: Data,
        device: str | None = None,
        person: str | None = None,
        at: datetime | None = None,
    ) -> Event:
        seq = len(self.log) + 1
        event, _, _ = seal(
            Draft(data, device=device, person=person),
            origin="home:h1",
            seq=seq,
            at=at or BEGIN + timedelta(minutes=seq),
            clock="synced",
            boot="b",
            mono_s=0.0,
            previous=GENESIS,
        )
        self.log.append(event)
        self.view.apply(event)
        return event


def used(grant: str) -> LockOperationRequested:
    return LockOperationRequested(grant=grant, action="unlock", reason="planned_visit")


def test_a_used_grant_is_never_new_again() -> None:
    """Used stays used: after its expiry, after a thousand others, and after a clock that was years
    ahead and came back."""
    told = Told()
    issued = GrantIssued(
        grant="g1",
        action="unlock",
        reason="planned_visit",
        reason_ref=None,
        expires=BEGIN + timedelta(seconds=120 + SKEW_S),
    )
    told.say(issued, "door", "p1")
    assert not told.view.used("g1")
    told.say(used("g1"), "door", "p1")
    assert told.view.used("g1")
    told.say(ClockSynced(offset_s=0.0), at=BEGIN + timedelta(days=9000))
    told.say(ClockSynced(offset_s=-1.0), at=BEGIN)
    for number in range(1000):
        told.say(used(f"other{number}"), "door", "p1")
    assert told.view.used("g1")
    assert not told.view.used("g2")


def test_revoked_grants() -> None:
    """Revoked before it was used, and known or not: revoked."""
    told = Told()
    told.say(GrantRevoked(grant="g1"))
    assert told.view.revoked("g1")
    assert not told.view.revoked("g2")


def raised(alarm: str = "bed_exit") -> AlarmRaised:
    return AlarmRaised(type=alarm_type(alarm), severity=Severity.CARE, since=BEGIN)


def test_an_alarm_is_open_until_a_person_or_its_cause_ends_it() -> None:
    """Acknowledged is shown; resolved and cancelled close; the first to acknowledge
    stands."""
    told = Told()
    one, two = told.say(raised(), "mat"), told.say(raised("device_down"), "mat")
    told.say(AlarmAcknowledged(alarm=one.ref), person="p1")
    told.say(AlarmAcknowledged(alarm=one.ref), person="p2")
    (shown, _) = told.view.snapshot().alarms
    assert (shown.acknowledged_by, shown.device) == ("p1", "mat")
    assert told.view.alarm_open(one.ref)
    told.say(AlarmResolved(alarm=one.ref, outcome=AlarmOutcome.HELPED), person="p1")
    assert not told.view.alarm_open(one.ref)
    told.say(AlarmCancelled(alarm=two.ref, reason="recovered"))
    assert told.view.snapshot().alarms == ()
    told.say(AlarmAcknowledged(alarm=two.ref), person="p2")
    assert not told.view.alarm_open(two.ref)


def test_the_return_to_bed_is_seen_beside_the_alarm() -> None:
    """Back in bed: the open exit alarm says since when; out again: it says so no more."""
    told = Told()
    told.say(raised())
    told.say(raised("device_down"))
    back = told.say(BedEntered())
    assert [alarm.returned_at for alarm in told.view.alarms.values()] == [back.at, None]
    told.say(BedLeft(empty_since=back.at))
    assert [alarm.returned_at for alarm in told.view.alarms.values()] == [None, None]


def test_a_contact_fault_ends_with_a_reading_or_online() -> None:
    """A pendant that cannot be proved is faulted, also when it is pressed; proved or online it is
    well.  Signs of life keep the level."""
    told = Told()
    told.say(DESCRIBED)

    def device() -> tuple[Health, Level, str | None]:
        shown = told.view.devices["mat"]
        return shown.health, shown.level, shown.why

    well = (Health.ONLINE, Level.UNKNOWN, None)
    for end in (PendantPressed(verified=True), DeviceOnline(), ButtonPressed()):
        told.say(ContactFaulted(fault=ContactFault.UNPROVEN), "mat")
        told.say(PendantPressed(verified=False), "mat")
        told.say(DeviceHeard(), "mat")
        assert device() == (Health.FAULTED, Level.UNKNOWN, "unproven")
        told.say(end, "mat")
        assert device() == well
    told.say(MoistureCleared(), "mat")
    told.say(TemperatureMeasured(celsius=20.0), "mat")
    assert device() == (Health.ONLINE, Level.OFF, None)
    told.say(MatFaulted(fault=MatFault.STUCK), "mat")
    told.say(DeviceOnline(), "mat")
    assert device() == (Health.FAULTED, Level.UNKNOWN, "stuck")


def test_a_device_is_what_it_said_last() -> None:
    """Readings, faults and signs of life: what is known, and what is not any more."""
    told = Told()
    told.say(DESCRIBED)

    def mat() -> tuple[Health, Level, str | None]:
        shown = told.view.devices["mat"]
        return shown.health, shown.level, shown.why

    assert mat() == (Health.UNKNOWN, Level.UNKNOWN, None)
    told.say(MatPressed(), "mat")
    assert mat() == (Health.ONLINE, Level.ON, None)
    told.say(MatFaulted(fault=MatFault.CUT), "mat")
    assert mat() == (Health.FAULTED, Level.UNKNOWN, "cut")
    told.say(DeviceOnline(), "mat")
    assert mat() == (Health.FAULTED, Level.UNKNOWN, "cut")
    told.say(MatReleased(), "mat")
    assert mat() == (Health.ONLINE, Level.OFF, None)
    told.say(DeviceOffline(reason="silent"), "mat")
    assert mat() == (Health.OFFLINE, Level.UNKNOWN, "silent")
    told.say(DeviceOnline(), "mat")
    assert mat() == (Health.ONLINE, Level.UNKNOWN, None)
    told.say(DeviceFailed(error="DeviceUnavailable", text="x", retry_s=1.0), "mat")
    assert mat() == (Health.FAILED, Level.UNKNOWN, "DeviceUnavailable")
    told.say(ContactChanged(on=True), "mat")
    told.say(MatFaulted(fault=MatFault.STUCK), "mat")
    told.say(MatPressed(), "mat")
    assert mat() == (Health.FAULTED, Level.UNKNOWN, "stuck")
    assert told.view.devices["mat"].role == "bed"


def test_the_bolt_is_what_the_lock_said_or_unknown() -> None:
    """Silence is unknown, never locked; asleep is neither."""
    told = Told()
    told.say(DESCRIBED)
    seen = []
    for data in (
        LockLocked(),
        LockAsleep(),
        LockAwake(),
        LockUnreachable(),
        LockLocked(),
        LockUnknown(),
        LockLocked(),
        DeviceOffline(reason="silent"),
    ):
        told.say(data, "door")
        seen.append(told.view.devices["door"].bolt)
        assert told.view.devices["door"].asleep == isinstance(data, LockAsleep)
    locked, unknown = Bolt.LOCKED, Bolt.UNKNOWN
    assert seen == [locked, locked, locked, unknown, locked, unknown, locked, unknown]


def test_batteries() -> None:
    """Low and in order, with the level when it was told."""
    told = Told()
    told.say(BatteryLow(level_pct=12), "door")
    assert (told.view.devices["door"].battery_low, told.view.devices["door"].battery_pct) == (
        True,
        12,
    )
    told.say(BatteryOk(), "door")
    assert told.view.devices["door"].battery_low is False


def test_a_bed_without_a_mat_to_trust_is_unknown() -> None:
    """The last decision stands while a mat can be trusted, and is not shown while none can."""
    told = Told()
    told.say(DESCRIBED)
    told.say(MatPressed(), "mat")
    told.say(BedEntered())
    assert told.view.bed.occupied is True
    told.say(MatFaulted(fault=MatFault.CUT), "mat")
    assert told.view.bed.occupied is None
    told.say(MatReleased(), "mat")
    left = told.say(BedLeft(empty_since=BEGIN))
    assert (told.view.bed.occupied, told.view.bed.since) == (False, left.at)


def test_a_start_makes_old_readings_unknown_and_keeps_what_is_open() -> None:
    """Nobody watched while the gateway was off; alarms, visits and used grants stay."""
    told = Told()
    told.say(DESCRIBED)
    told.say(MatPressed(), "mat")
    told.say(LockLocked(), "door")
    told.say(used("g1"), "door", "p1")
    alarm = told.say(raised())
    started = GatewayStarted(version="1", config_sha256="0", previous=PreviousRun.CUT)
    told.say(started)
    shown = told.view.snapshot()
    assert {device.level for device in shown.devices} == {Level.UNKNOWN}
    assert {device.bolt for device in shown.devices} == {Bolt.UNKNOWN}
    assert told.view.alarm_open(alarm.ref)
    assert told.view.used("g1")


def test_a_device_that_left_the_configuration_is_not_shown() -> None:
    """What the home consists of is what it told last."""
    told = Told()
    told.say(MatPressed(), "old_mat")
    told.say(MatPressed(), "mat")
    told.say(DESCRIBED)
    assert [device.id for device in told.view.snapshot().devices] == ["mat", "door"]
    assert told.view.devices["mat"].level is Level.ON


def test_visits_are_open_until_they_end_or_are_corrected() -> None:
    """Two at once; overdue is shown; a corrected departure closes, a corrected arrival does not."""
    told = Told()
    one = told.say(VisitStarted(since=BEGIN, source=Stamp.UNLOCK), person="p1")
    two = told.say(VisitStarted(since=BEGIN, source=Stamp.TAP), person="p2")
    told.say(VisitOverdue(visit=one.ref), person="p1")
    told.say(VisitCorrected(visit=two.ref, since=BEGIN))
    shown = told.view.snapshot().visits
    assert [(visit.person, visit.overdue) for visit in shown] == [("p1", True), ("p2", False)]
    told.say(VisitCorrected(visit=one.ref, until=BEGIN))
    told.say(VisitEnded(visit=two.ref, until=BEGIN, source=Stamp.TAP), person="p2")
    assert told.view.snapshot().visits == ()


def test_checks_say_where_they_are_and_old_ones_go() -> None:
    """The last word about a check, its slot kept; closed stays closed; the oldest are forgotten."""
    told = Told()
    slot = BEGIN + timedelta(hours=1)
    told.say(CheckPlanned(check="c", slot=slot, report_by=slot))
    told.say(CheckDue(check="c", slot=slot))
    told.say(CheckAsked(check="c", why="bed_empty", answer_by=slot, attempt=1))
    (asked,) = told.view.snapshot().checks
    assert (asked.state, asked.why, asked.slot, asked.answer_by) == (
        "asked",
        "bed_empty",
        slot,
        slot,
    )
    told.say(CheckDone(check="c", by=CheckBy.WATCHER))
    told.say(CheckAnswered(check="c", finding=Finding.HELP, looked=Looked.PHONE))
    assert told.view.checks["c"].state == "done"
    for number in range(CLOSED_CHECKS + 5):
        told.say(CheckDone(check=f"c{number}", by=CheckBy.SENSOR))
    assert len(told.view.checks) == CLOSED_CHECKS
    assert "c" not in told.view.checks


def test_power_and_absence() -> None:
    """Mains unknown until told; away until the end that was said, or an end by itself."""
    told = Told()
    assert told.view.snapshot().mains is None
    told.say(PowerLost())
    assert told.view.snapshot().mains is False
    told.say(PowerRestored())
    assert told.view.snapshot().mains is True
    told.say(AbsenceStarted())
    assert told.view.snapshot().away
    told.say(AbsenceEnded())
    assert not told.view.snapshot().away
    told.say(AbsenceStarted(until=BEGIN + timedelta(minutes=60)))
    assert told.view.snapshot().away
    told.say(PowerLost(), at=BEGIN + timedelta(minutes=61))
    assert not told.view.snapshot().away


def test_the_last_events_are_kept_unknown_kinds_too() -> None:
    """A bounded tail, newest last."""
    told = Told()
    for _ in range(LAST_EVENTS):
        told.say(MatPressed(), "mat")
    last = told.say(Unknown("lamp.lit", {"a": 1}), "lamp")
    shown = told.view.snapshot().last
    assert len(shown) == LAST_EVENTS
    assert shown[-1] == last
    assert "lamp" not in told.view.devices
