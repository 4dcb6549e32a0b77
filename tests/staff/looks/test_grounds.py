"""What a look may stand on, each ground by itself, and what is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.access import look_permits
from gateway.events import (
    LOOKING_ROLE,
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    CheckAsked,
    DeviceTold,
    Finding,
    HomeDescribed,
    Looked,
    LookWhy,
)
from tests.staff.care.test_actions import actor
from tests.staff.looks.parts import KEY, OFFER, agree, furnish, order_on
from tests.staff.parts import EnrolledHome, hire
from web.staff.care import actions
from web.staff.care.actions import Refused, Why
from web.staff.checks import claims
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.looks import grounds, sessions
from web.staff.looks.grounds import Ground, Wish

WATCHER, OTHER = actor(Role.NIGHT_WATCHER), actor(Role.NIGHT_WATCHER, person="p2")
CHECK = "n@1"
CAMERA = DeviceTold(id="cam", driver="camera_virtual", type="camera")


def judged(staff: Staff, wish: Wish, who: Actor = WATCHER) -> Ground | Refused:
    """What it stands on, or why it does not."""
    with staff.db.read() as conn:
        try:
            return grounds.judge(conn, who, wish)
        except Refused as error:
            return error


def why_not(staff: Staff, wish: Wish, who: Actor = WATCHER) -> Why:
    found = judged(staff, wish, who)
    assert isinstance(found, Refused)
    return found.why


def ask(home: EnrolledHome, why: str = "bed_empty") -> None:
    by = home.clock.now() + timedelta(minutes=15)
    home.send(CheckAsked(check=CHECK, why=why, answer_by=by))


@pytest.mark.parametrize(
    ("lamps", "is_lit"),
    [
        ((), False),
        ((("indicator", "answer"),), False),
        ((("sensor", LOOKING_ROLE),), False),
        ((("indicator", LOOKING_ROLE),), True),
    ],
)
def test_without_its_lamp_no_camera_is_looked_by(
    enrolled_home: EnrolledHome, staff: Staff, lamps: tuple[tuple[str, str], ...], is_lit: bool
) -> None:
    """Whoever lives there must see that somebody looks."""
    told = [DeviceTold(id=f"l{role}", driver="x", type=kind, role=role) for kind, role in lamps]
    enrolled_home.send(HomeDescribed(devices=(CAMERA, *told), timezone="Europe/Stockholm"))
    agree(staff, "h1")
    found = judged(staff, Wish("h1", why=LookWhy.WORRY, seen=True))
    if is_lit:
        assert found == Ground("h1", "cam", LookWhy.WORRY, None, None, None)
    else:
        assert isinstance(found, Refused)
        assert found.why is Why.NO_CAMERA


def test_an_open_alarm_of_care_is_one(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Not a technical one, and no longer when it is closed: then one is told by whom, and when.
    With a check beside it, it is the alarm."""
    alarm = furnish(enrolled_home, staff)
    found = judged(staff, Wish("h1", check=CHECK, alarm=alarm))
    assert found == Ground("h1", "cam", LookWhy.ALARM, None, alarm, alarm)
    now = enrolled_home.clock.now()
    [technical] = enrolled_home.send(AlarmRaised.usual(AlarmType.CHAIN_BROKEN, now))
    assert why_not(staff, Wish("h1", alarm=technical.ref)) is Why.NO_ALARM
    hire(enrolled_home.app, "p1")
    actions.acknowledge(staff, WATCHER, alarm)
    actions.resolve(staff, WATCHER, alarm, AlarmOutcome.NO_NEED)
    closed = judged(staff, Wish("h1", alarm=alarm))
    assert isinstance(closed, Refused)
    assert closed.why is Why.CLOSED
    assert closed.data["person"] == "p1"
    assert closed.data["at"] is not None


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("camera", LookWhy.CHECK),
        ("recheck", LookWhy.AGAIN),
        ("bed_empty", LookWhy.SENSOR_UNSURE),
    ],
)
def test_a_check_that_one_has_is_one(
    enrolled_home: EnrolledHome, staff: Staff, asked: str, why: LookWhy
) -> None:
    """By what it asks; once it is answered it asks for nothing more."""
    furnish(enrolled_home, staff)
    ask(enrolled_home, asked)
    claims.start_check(staff, WATCHER, "h1", CHECK)
    assert judged(staff, Wish("h1", check=CHECK)) == Ground("h1", "cam", why, CHECK, None, None)
    claims.answer_check(staff, WATCHER, "h1", CHECK, Finding.OK, Looked.PHONE)
    assert why_not(staff, Wish("h1", check=CHECK)) is Why.NOT_ASKED


def test_a_reason_of_one_s_own_takes_no_check_from_anybody(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """At a check that is free, or one's own, or over; not at one that a colleague has."""
    furnish(enrolled_home, staff)
    own = Wish("h1", check=CHECK, why=LookWhy.WORRY, seen=True)
    assert why_not(staff, own) is Why.NO_CHECK
    ask(enrolled_home)
    free = Ground("h1", "cam", LookWhy.WORRY, CHECK, None, None)
    assert judged(staff, own) == judged(staff, own, OTHER) == free
    claims.start_check(staff, WATCHER, "h1", CHECK)
    assert judged(staff, own) == free
    taken = judged(staff, own, OTHER)
    assert isinstance(taken, Refused)
    assert taken.why is Why.NOT_FIRST
    assert taken.data["person"] == "p1"
    assert taken.data["at"] is not None
    claims.answer_check(staff, WATCHER, "h1", CHECK, Finding.OK, Looked.PHONE)
    assert judged(staff, own, OTHER) == free


def test_a_camera_that_is_tried_answers_no_check(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A trial is of the camera alone."""
    furnish(enrolled_home, staff)
    ask(enrolled_home)
    trial: dict[str, Any] = {"why": grounds.TRIAL}
    assert judged(staff, Wish("h1", **trial)) == Ground(
        "h1", "cam", grounds.TRIAL, None, None, None
    )
    assert why_not(staff, Wish("h1", check=CHECK, **trial)) is Why.NO_REASON


def test_a_look_for_a_reason_of_one_s_own_is_made_longer(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """What was chosen and shown when it was begun is not asked for again; its reason stands."""
    furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    look = sessions.begin(staff, WATCHER, Wish("h1", why=LookWhy.WORRY, seen=True), OFFER, KEY).id
    sessions.extend(staff, WATCHER, look)
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    orders = [order_on(stream) for _ in range(2)]
    assert [order.what for order in orders] == ["begin", "extend"]
    first, longer = (look_permits.read(order.permit, keys) for order in orders)
    assert (first.extends, longer.extends) == (False, True)
    assert first.why is longer.why is LookWhy.WORRY
    assert longer.limit_s <= look_permits.LIMIT_MAX_S
