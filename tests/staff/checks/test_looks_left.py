"""A look that failed is never a done check: it leaves a visit, within a minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from gateway.envelope import Draft
from gateway.events import (
    CheckBy,
    CheckDone,
    CheckEscalated,
    Data,
    DeviceTold,
    Finding,
    HomeDescribed,
    LookBegun,
    Looked,
    LookEnd,
    LookEnded,
    LookPermitted,
    LookRefusal,
    LookRefused,
    LookWay,
    LookWhy,
    PictureKind,
)
from tests.staff.care.test_actions import refusal
from tests.staff.checks.test_claims import CHECK, ONE, ask, row, to_visit
from tests.staff.parts import EnrolledHome, hire
from web.staff.care.actions import Why
from web.staff.checks import claims, following
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.events.projections.rebuild import rebuild_home

LOOK = "look1"


def ended(why: LookEnd, pictures: int | None) -> LookEnded:
    return LookEnded(look=LOOK, why=why, took_s=5.0, pictures=pictures, way=LookWay.DIRECT)


BEGUN = LookBegun(look=LOOK, why=LookWhy.CHECK, check=CHECK, picture=PictureKind.EDGES)
BUSY = LookRefused(look=LOOK, why=LookRefusal.BUSY)


def begin(home: EnrolledHome, staff: Staff) -> None:
    """`p1` has the check and is given a permit to look."""
    hire(home.app, "p1")
    home.send(
        HomeDescribed(
            devices=(DeviceTold(id="eye", driver="camera_virtual", type="camera"),),
            timezone="Europe/Stockholm",
            resident="r-h1",
        )
    )
    ask(home)
    claims.start_check(staff, ONE, "h1", CHECK)
    expires = home.clock.now() + timedelta(seconds=30)
    permitted = LookPermitted(look=LOOK, why=LookWhy.CHECK, check=CHECK, expires=expires)
    with staff.write() as tx:
        append.write(staff, tx, "h1", Draft(permitted, device="eye", person="p1"))


def tell(home: EnrolledHome, *told: Data) -> None:
    home.send(*(Draft(data, device="eye", person="p1") for data in told))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ((BUSY,), "look_refused"),
        ((BEGUN, ended(LookEnd.MEDIA_DIED, 12)), "look_broke_off"),
        ((BEGUN, ended(LookEnd.LIMIT_REACHED, 0)), "look_broke_off"),
        ((BEGUN, ended(LookEnd.RESTARTED, None)), "look_broke_off"),
    ],
    ids=["refused", "broke off", "no picture", "nobody knows"],
)
def test_a_failed_look_is_a_visit_within_a_minute(
    enrolled_home: EnrolledHome, staff: Staff, told: Sequence[Data], why: str
) -> None:
    """Refused, broken off, or without a picture, and nobody tells more: somebody must go there.
    What the home makes of it is the check's one end."""
    begin(enrolled_home, staff)
    tell(enrolled_home, *told)
    enrolled_home.clock.advance(40)
    assert following.look(staff) == 0
    enrolled_home.clock.advance(10)
    assert following.look(staff) == 1
    assert following.look(staff) == 0
    assert (to_visit(staff), row(staff).visit_why) == ([CHECK], why)
    enrolled_home.send(CheckEscalated(check=CHECK, why=why))
    assert to_visit(staff) == [CHECK]


def test_who_calls_instead_answers_it(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """After a broken look there is time to call; through the camera it cannot be answered then."""
    begin(enrolled_home, staff)
    tell(enrolled_home, BEGUN, ended(LookEnd.CAMERA_FAILED, 0))
    args = (staff, ONE, "h1", CHECK, Finding.OK)
    assert refusal(claims.answer_check, *args, Looked.CAMERA).why is Why.NOTHING_SEEN
    claims.answer_check(*args, Looked.PHONE)
    enrolled_home.send(CheckDone(check=CHECK, by=CheckBy.WATCHER))
    enrolled_home.clock.advance(120)
    following.look(staff)
    assert to_visit(staff) == []


def test_a_whole_look_waits_for_its_answer(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The time was up and there were pictures: the claim's own minutes count, and the answer comes
    through the camera."""
    begin(enrolled_home, staff)
    tell(enrolled_home, BEGUN, ended(LookEnd.LIMIT_REACHED, 290))
    enrolled_home.clock.advance(120)
    assert following.look(staff) == 0
    claims.answer_check(staff, ONE, "h1", CHECK, Finding.OK, Looked.CAMERA)
    assert (row(staff).looked, to_visit(staff)) == ("camera", [])


def test_who_called_it_well_without_a_picture_is_not_believed(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Answered while the look was on, and then the home tells that nothing had gone out: the check
    asks for a visit though the home had called it done."""
    begin(enrolled_home, staff)
    tell(enrolled_home, BEGUN)
    claims.answer_check(staff, ONE, "h1", CHECK, Finding.OK, Looked.CAMERA)
    enrolled_home.send(CheckDone(check=CHECK, by=CheckBy.WATCHER))
    assert to_visit(staff) == []
    tell(enrolled_home, ended(LookEnd.CLOSED, 0))
    assert to_visit(staff) == [CHECK]


def test_a_refused_extension_ends_no_look(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """And a second permit for the same look begins no new one; a rebuild comes to the same."""
    begin(enrolled_home, staff)
    enrolled_home.clock.advance(1)
    tell(enrolled_home, BEGUN, BUSY)
    found = row(staff)
    assert (found.look, found.look_by, found.look_state) == (LOOK, "p1", "begun")
    enrolled_home.clock.advance(1)
    tell(enrolled_home, ended(LookEnd.CLOSED, 7))
    before = tuple(row(staff))
    with staff.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert tuple(row(staff)) == before
    assert (row(staff).look_state, row(staff).look_pictures) == ("ended", 7)
