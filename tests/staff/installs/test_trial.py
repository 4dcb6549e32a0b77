"""The trial of a home: ticked by the home's own events and by nothing else, skipped for a reason,
accepted when nothing is left."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    DeviceTold,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    InstallAccepted,
    LockLocked,
    LockUnlocked,
    MatPressed,
    MatReleased,
    PendantPressed,
    PowerLost,
    PowerRestored,
    PreviousRun,
    Severity,
)
from gateway.installs.steps import steps_of
from gateway.installs.trial import TRIAL_S, Trial
from tests.staff.installs.parts import furnish
from tests.staff.parts import EnrolledHome, add_home, add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Right, Role
from web.staff.installs import trial
from web.staff.installs.trial import Fault, Refused

ALL = (
    *("stepped_on bed", "lay_down bed", "stepped_off bed"),
    *("stepped_on floor", "fell floor", "stepped_off floor"),
    *("pressed pendant", "called pendant", "unlocked front", "locked front"),
    *("unplugged", "plugged_in"),
)


def technician(person: str = "p1", *homes: str) -> Actor:
    """Somebody who installs homes."""
    here = frozenset(homes or ("h1",))
    return Actor(person, "Prov", "org1", frozenset({Role.TECHNICIAN}), here, frozenset())


WHO = technician()


def stands(staff: Staff) -> Trial:
    """The home's trial now."""
    with staff.db.read() as conn:
        found = trial.latest(conn, "h1")
    assert found is not None
    return found


def seen(staff: Staff) -> list[str]:
    """What is ticked."""
    return [one.step.key for one in stands(staff).steps if one.seen is not None]


def refusal(act: Any, *args: Any) -> Fault:
    """Why it was refused."""
    with pytest.raises(Refused) as caught:
        act(*args)
    return caught.value.why


def tick(home: EnrolledHome, clock: ManualClock, data: Any, device: str | None = None) -> None:
    """A second later the home tells of something."""
    clock.advance(1)
    if isinstance(data, AlarmType):
        data = AlarmRaised(type=data, severity=Severity.CARE, since=clock.now())
    home.send(Draft(data, device=device))


def play(home: EnrolledHome, clock: ManualClock) -> None:
    """Everything that the home can tell, done once."""
    for data, device in (
        (MatPressed(), "bed"),
        (BedEntered(), None),
        (MatReleased(), "bed"),
        (MatPressed(), "floor"),
        (AlarmType.ON_FLOOR, "floor"),
        (MatReleased(), "floor"),
        (PendantPressed(verified=True), "pendant"),
        (AlarmType.PENDANT, "pendant"),
        (LockUnlocked(), "front"),
        (LockLocked(), "front"),
        (PowerLost(), None),
        (PowerRestored(), None),
    ):
        tick(home, clock, data, device)


def test_each_step_is_ticked_by_its_own_event(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """A home with a bed, a floor mat, a pendant, a lock and mains has its steps, and a lamp none;
    each is ticked by what the home tells of it, and the acceptance names those events."""
    furnish(enrolled_home)
    begun = trial.begin(staff, WHO, "h1")
    assert [one.step.key for one in stands(staff).steps] == list(ALL)
    assert seen(staff) == []
    play(enrolled_home, clock)
    assert seen(staff) == list(ALL)
    clock.advance(1)
    accepted = trial.accept(staff, technician("p2"), "h1")
    data = accepted.data
    assert isinstance(data, InstallAccepted)
    assert (data.begun, accepted.person, begun.person) == (begun.ref, "p2", "p1")
    assert [one.why for one in data.steps] == [None] * len(ALL)
    with staff.db.read() as conn:
        assert trial.accepted(conn, "h1", accepted.seq) == accepted
        assert trial.accepted(conn, "h1", begun.seq) is None
    assert refusal(trial.accept, staff, WHO, "h1") is Fault.NO_TRIAL


def test_a_clock_that_is_set_back_brings_no_older_trial_back(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """The last one is the one that was begun last, whatever the clock says."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    clock.step(-3600)
    again = trial.begin(staff, WHO, "h1")
    assert stands(staff).begun.ref == again.ref


def test_what_is_another_devices_or_older_ticks_nothing(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """Not another mat, not another alarm, not a run that ended in order, not what was told before
    the trial began, also where it comes late; and nothing that is told after its time."""
    furnish(enrolled_home)
    late = enrolled_home.seal(Draft(MatPressed(), device="bed"))
    clock.advance(5)
    trial.begin(staff, WHO, "h1")
    clock.advance(1)
    assert enrolled_home.post("events", late).status_code == 200
    tick(enrolled_home, clock, MatPressed(), "chair")
    tick(enrolled_home, clock, AlarmType.BED_EXIT, "floor")
    tick(enrolled_home, clock, AlarmType.ON_FLOOR, "bed")
    clean = GatewayStarted(version="1", config_sha256="", previous=PreviousRun.CLEAN)
    tick(enrolled_home, clock, clean)
    tick(enrolled_home, clock, PowerRestored())  # it was never away
    assert seen(staff) == []
    clock.advance(TRIAL_S)
    tick(enrolled_home, clock, MatPressed(), "bed")
    assert seen(staff) == []
    assert refusal(trial.skip, staff, WHO, "h1", "stepped_on bed", "broken", "") is Fault.NO_TRIAL


def test_a_run_that_was_cut_is_a_plug_that_was_pulled(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """A home without a battery cannot tell that its mains goes: its next start does."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    cut = GatewayStarted(version="1", config_sha256="", previous=PreviousRun.CUT)
    tick(enrolled_home, clock, cut)
    assert seen(staff) == ["unplugged", "plugged_in"]


def test_what_came_ahead_of_its_batch_ticks_once(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """The lock's word is there at once, though the batch before it is not; with its batch it is
    the same tick."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    clock.advance(1)
    sent = enrolled_home.send_urgent(LockUnlocked(), device="front")
    assert seen(staff) == ["unlocked front"]
    first = next(one.seen for one in stands(staff).steps if one.seen is not None)
    assert enrolled_home.post("events", sent).status_code == 200
    assert next(one.seen for one in stands(staff).steps if one.seen is not None) == first


def test_a_mat_that_is_wired_the_other_way_ticks_nothing(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """A mat that says that somebody is on it while nobody is, is told of at the beginning; stepping
    on it and off ticks nothing, until it was mended and is tried anew."""
    furnish(enrolled_home)
    tick(enrolled_home, clock, MatPressed(), "floor")
    trial.begin(staff, WHO, "h1")
    turned = [one.step.key for one in stands(staff).steps if one.reversed]
    assert turned == ["stepped_on floor", "fell floor", "stepped_off floor"]
    tick(enrolled_home, clock, MatReleased(), "floor")  # somebody steps on it
    tick(enrolled_home, clock, MatPressed(), "floor")  # and off
    assert seen(staff) == []
    trial.retry(staff, WHO, "h1", "floor")
    assert any(one.reversed for one in stands(staff).steps), "it was not mended"
    tick(enrolled_home, clock, MatReleased(), "floor")
    clock.advance(1)
    trial.retry(staff, WHO, "h1", "floor")
    assert not any(one.reversed for one in stands(staff).steps)
    tick(enrolled_home, clock, MatReleased(), "floor")  # not before it was pressed
    assert seen(staff) == []
    tick(enrolled_home, clock, MatPressed(), "floor")
    assert seen(staff) == ["stepped_on floor"]
    clock.advance(1)
    trial.retry(staff, WHO, "h1", "floor")
    assert seen(staff) == [], "what was seen before it was tried anew counts no more"


def test_what_is_skipped_needs_a_reason(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """One of the list, or one's own in words; what is ticked cannot be skipped, and what is ticked
    afterwards was seen.  Nothing is accepted before all is seen or skipped."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    for why in ("", "unknown", "because"):
        assert refusal(trial.skip, staff, WHO, "h1", "lay_down bed", why, "x") is Fault.NO_REASON
    assert refusal(trial.skip, staff, WHO, "h1", "lay_down bed", "other", "  ") is Fault.NO_WORDS
    assert refusal(trial.skip, staff, WHO, "h1", "lay_down", "broken", "") is Fault.NO_STEP
    tick(enrolled_home, clock, MatPressed(), "bed")
    assert refusal(trial.skip, staff, WHO, "h1", "stepped_on bed", "broken", "") is Fault.NO_STEP
    for key in ALL[1:]:
        clock.advance(1)
        assert refusal(trial.accept, staff, WHO, "h1") is Fault.NOT_ALL
        trial.skip(staff, technician("p2"), "h1", key, "other", f"inte {key}")
    tick(enrolled_home, clock, LockUnlocked(), "front")
    clock.advance(1)
    data = trial.accept(staff, WHO, "h1").data
    assert isinstance(data, InstallAccepted)
    by_key = {f"{one.step} {one.device or ''}".strip(): one for one in data.steps}
    assert by_key["lay_down bed"].why == "other"
    assert by_key["lay_down bed"].seen is None
    assert by_key["unlocked front"].why is None
    assert by_key["unlocked front"].seen is not None
    with staff.db.read() as conn:
        skipped = stands(staff).skips
        assert trial.notes(conn, skipped)[skipped[0].ref] == "inte lay_down bed"


def test_a_trial_begun_anew_forgets_the_one_before(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """What was ticked and skipped in a trial that was left is no part of the next."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    tick(enrolled_home, clock, MatPressed(), "bed")
    trial.skip(staff, WHO, "h1", "lay_down bed", "not_wanted", "")
    clock.advance(1)
    trial.begin(staff, technician("p2"), "h1")
    assert stands(staff).left == len(ALL)


def test_who_may_not_is_refused(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Only who installs, in their own organisation's homes; a home that has told of nothing has no
    trial."""
    assert refusal(trial.begin, staff, WHO, "h1") is Fault.NO_DEVICES
    furnish(enrolled_home)
    add_home(enrolled_home.app, "far", org="org2")
    stranger = add_user(enrolled_home.app, "p9", [Role.TECHNICIAN], org="org2")
    carer = Actor(
        "p3", "Prov", "org1", frozenset({Role.CAREGIVER}), frozenset({"h1"}), frozenset({"h1"})
    )
    for act in (
        lambda who: trial.begin(staff, who, "h1"),
        lambda who: trial.retry(staff, who, "h1", "bed"),
        lambda who: trial.skip(staff, who, "h1", "lay_down bed", "broken", ""),
        lambda who: trial.accept(staff, who, "h1"),
    ):
        assert refusal(act, stranger) is Fault.NO_HOME
        assert refusal(act, carer) is Fault.NO_RIGHT
    assert {role for role in Role if trial_role(role)} == {Role.TECHNICIAN, Role.ADMINISTRATOR}


def trial_role(role: Role) -> bool:
    """Whether this role may install."""
    who = Actor("p", "Prov", "org1", frozenset({role}), frozenset(), frozenset())
    return who.may(Right.ENROLL)


def test_every_sort_of_sensor_has_its_steps() -> None:
    """A door, a detector, a button, a chair and a thermometer are each tried; a battery HAT is the
    plug's."""

    def told(id_: str, driver: str, role: str | None = None) -> list[str]:
        device = DeviceTold(id=id_, driver=driver, type="sensor", role=role)
        return [step.key for step in steps_of([device])][:-2]

    assert told("d", "door_gpio", "front_door") == ["opened d", "closed d"]
    assert told("d", "bthome", "terrace_door") == ["opened d", "closed d"]
    assert told("m", "motion_gpio") == ["moved m"]
    assert told("m", "bthome", "motion") == ["moved m"]
    assert told("b", "button_gpio", "button") == ["answered b"]
    assert told("b", "button_gpio", "pendant") == ["pressed b", "called b"]
    assert told("s", "mat_gpio", "seat") == ["stepped_on s", "stepped_off s"]
    assert told("t", "bthome") == ["heard t"]
    assert told("u", "ups_gpio") == []


def test_a_door_is_tried_open_and_shut(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """In either order: a door may stand open at first."""
    furnish(enrolled_home, DeviceTold(id="door", driver="door_gpio", type="sensor", role="door"))
    trial.begin(staff, WHO, "h1")
    tick(enrolled_home, clock, DoorClosed(), "door")
    tick(enrolled_home, clock, DoorOpened(), "door")
    assert seen(staff) == ["opened door", "closed door"]


def test_a_lock_that_was_only_read_has_not_turned(
    enrolled_home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """What it says first, once it is reached, is how it stood already."""
    furnish(enrolled_home)
    trial.begin(staff, WHO, "h1")
    tick(enrolled_home, clock, LockLocked(), "front")
    assert seen(staff) == []
    tick(enrolled_home, clock, LockUnlocked(), "front")
    assert seen(staff) == ["unlocked front"]
    tick(enrolled_home, clock, LockLocked(), "front")
    assert seen(staff) == ["unlocked front", "locked front"]
