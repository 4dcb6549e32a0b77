"""What a newer home says of a call, a look or what it hears, in a word that this version does not
know: it is taken, moves nothing, and what else it says counts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from tests.media.test_description import OFFER
from tests.staff.care.test_actions import CAREGIVER, actor
from tests.staff.looks import parts as looking
from tests.staff.parts import EnrolledHome
from tests.staff.talk import test_calls as calling
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.looks import sessions
from web.staff.looks.grounds import Wish
from web.staff.storage import tables
from web.staff.storage.look_tables import look_session
from web.staff.talk import calls


def test_a_call_goes_on_over_a_word_that_is_not_known(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Neither is it refused, which a home would say again, nor does it end or begin the call; the
    description that came with it is the page's."""
    stream = enrolled_home.listen(1)
    alarm = calling.furnish(enrolled_home)
    next(stream)
    call = calls.begin(staff, CAREGIVER, alarm, OFFER).id
    told = calling.signal(enrolled_home, call=call, state="ringing", sdp=OFFER)
    assert (told.status_code, told.json) == (200, {"call": call})
    seen = calls.state(staff, CAREGIVER, call)
    assert (seen.state, bool(seen.answer)) == ("asked", True)
    calling.signal(enrolled_home, call=call, state="begun")
    calling.signal(enrolled_home, call=call, state="paused")
    assert calls.state(staff, CAREGIVER, call).state == "begun"
    calling.signal(enrolled_home, call=call, state="ended", why="hung_up")
    assert calls.state(staff, CAREGIVER, call).state == "ended"
    assert calling.signal(enrolled_home, call="c0", state="paused").status_code == 404


@pytest.mark.parametrize("state", ["", "x" * 41, 7, None])
def test_what_is_no_word_is_refused(enrolled_home: EnrolledHome, state: Any) -> None:
    """In one sentence."""
    calling.furnish(enrolled_home)
    said = calling.signal(enrolled_home, call="c0", state=state)
    assert (said.status_code, "state" in said.json["detail"]) == (400, True)


def test_a_state_that_a_newer_worker_kept_is_left_only_for_an_end(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """What the home says meanwhile is no fault of ours, and takes the newer word from nobody."""
    stream = enrolled_home.listen(1)
    alarm = calling.furnish(enrolled_home)
    next(stream)
    call = calls.begin(staff, CAREGIVER, alarm, OFFER).id
    t = tables.media_call
    with staff.db.write() as tx:
        tx.conn.execute(update(t).values(state="paused"))
    assert calling.signal(enrolled_home, call=call, state="begun").status_code == 200
    assert calls.state(staff, CAREGIVER, call).state == "paused"
    assert calling.signal(enrolled_home, call=call, state="ended").status_code == 200
    assert calls.state(staff, CAREGIVER, call).state == "ended"


def test_a_look_goes_on_as_long_as_the_home_says(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Its pictures are taken in a state that a newer worker kept, and the time that is left is the
    home's also beside a word that is not known; it is bounded here."""
    stream = enrolled_home.listen(1)
    alarm = looking.furnish(enrolled_home, staff)
    next(stream)
    look = sessions.begin(
        staff, actor(Role.NIGHT_WATCHER), Wish("h1", alarm=alarm), looking.OFFER, looking.KEY
    ).id
    looking.signal(enrolled_home, look=look, state="begun", left_s=30)

    def until() -> Any:
        with staff.db.read() as conn:
            return conn.execute(select(look_session.c.until)).scalar_one()

    before = until()
    assert looking.signal(enrolled_home, look=look, state="dimmed", left_s=55).status_code == 200
    assert 20 < (until() - before).total_seconds() < 60
    with staff.db.write() as tx:
        tx.conn.execute(update(look_session).values(state="dimmed"))
    assert looking.send_picture(enrolled_home, look, 1, b"sealed").status_code == 200
    looking.signal(enrolled_home, look=look, state="ended", why="limit_reached")
    assert looking.send_picture(enrolled_home, look, 2, b"sealed").status_code == 409
