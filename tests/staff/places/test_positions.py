"""Positions in: who may tell, what is kept, when an alarm is raised and taken back."""

from __future__ import annotations

import base64
import random
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from gateway.clock import ManualClock
from gateway.events import AlarmOutcome, ConsentHow
from tests.staff.parts import add_user
from tests.staff.places.conftest import HOME, MIN, Sole, alarms, kinds
from web.staff.care import actions
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.people.accounts import Refused, Wrong
from web.staff.places import planning, positions_api, tending
from web.staff.places.geometry import Circle, Point, Polygon, moved
from web.staff.places.planning import NewZone
from web.staff.storage import tables
from web.staff.storage.place_tables import outing, position, tracker
from web.staff.visits import visit_actions


def kept(staff: Staff) -> int:
    """Positions in the table."""
    with staff.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(position)).scalar_one())


# --- who may tell ---------------------------------------------------------------------------------


def test_a_token_in_each_form_is_taken_and_a_wrong_one_gets_no_hint(
    sole: Sole, staff: Staff, staff_app: Flask
) -> None:
    """As a bearer, as the password of a basic authorisation; a wrong, a missing and a revoked one
    are answered alike."""
    said = {"_type": "location", "lat": 57.7, "lon": 11.97, "tst": sole.clock.now().timestamp()}
    assert sole.post(said).get_json() == []
    basic = base64.b64encode(f"anybody:{sole.token}".encode()).decode()
    answer = staff_app.test_client().post(
        "/api/v1/positions/owntracks", json=said, headers={"Authorization": f"Basic {basic}"}
    )
    assert answer.status_code == 200
    wrong = [sole.post(said, token=token) for token in ("tgp_x", "", "x" * 5000)]
    wrong.append(staff_app.test_client().post("/api/v1/positions/traccar", json=said))
    assert {one.status_code for one in wrong} == {401}
    assert {one.get_json()["detail"] for one in wrong} == {"The token is wrong or void."}


def test_a_revoked_token_opens_nothing(
    sole: Sole, staff: Staff, planner: Actor, staff_app: Flask
) -> None:
    """At once."""
    with staff.db.read() as conn:
        which = conn.execute(select(tracker.c.id)).scalar_one()
    assert sole.tell(0) == 200
    planning.revoke_tracker(staff, planner, "h1", which)
    assert sole.tell(0) == 401
    assert kept(staff) == 1


def test_the_token_is_kept_hashed(sole: Sole, staff: Staff) -> None:
    """Who reads the database can tell no position."""
    with staff.db.read() as conn:
        row = conn.execute(select(tracker)).one()
    assert sole.token not in repr(row)


def test_what_comes_is_bounded(sole: Sole, staff_app: Flask) -> None:
    """In size, in number, and wrong tokens in number too."""
    assert sole.post(b"x" * (positions_api.BODY_MAX_BYTES + 1)).status_code == 413
    assert sole.post(b"[" * 100_000).status_code == 400
    assert sole.post([1]).status_code == 400
    limits = staff_app.extensions
    limits[positions_api.TOLD_OF].clear()
    statuses = [sole.post({}).status_code for _ in range(positions_api.TOLD_MAX + 1)]
    assert statuses[-1] == 429
    assert set(statuses[:-1]) == {200}
    wrong = [sole.post({}, token="x").status_code for _ in range(positions_api.TRIES + 1)]
    assert wrong[-1] == 429


def test_traccar_may_carry_the_token_in_the_device(sole: Sole, staff: Staff) -> None:
    """It sends one header for all its devices."""
    body = {
        "position": {
            "latitude": HOME.lat,
            "longitude": HOME.lon,
            "fixTime": sole.clock.now().isoformat(),
            "accuracy": 5,
        },
        "device": {"attributes": {"tryggve": sole.token}},
    }
    answer = sole.app.test_client().post("/api/v1/positions/traccar", json=body)
    assert answer.status_code == 200
    assert kept(staff) == 1


def test_what_is_no_position_is_no_fault(sole: Sole, staff: Staff) -> None:
    """A phone that got an error would send it again before anything newer."""
    for said in ({"_type": "waypoints"}, {"_type": "location", "lat": 1}, {"_type": "encrypted"}):
        assert sole.post(said).status_code == 200
    assert kept(staff) == 0


# --- consent --------------------------------------------------------------------------------------


def test_without_consent_nothing_is_taken(
    staff_app: Flask, staff: Staff, planner: Actor, clock: ManualClock
) -> None:
    """A transponder may be prepared before the resident was asked."""
    token = planning.add_tracker(staff, planner, "h1", "r-h1", "Skosulan")
    assert Sole(staff_app, clock, token).tell(0) == 403
    assert kept(staff) == 0


def test_a_withdrawn_consent_erases_at_once_and_refuses(
    sole: Sole, staff: Staff, planner: Actor
) -> None:
    """In the same transaction; and a fix of before a new consent stays out."""
    sole.tell(0)
    sole.tell(300, ago=5 * MIN)
    assert planning.withdraw(staff, planner, "h1", "r-h1") == 2
    assert kept(staff) == 0
    assert sole.tell(0) == 403
    assert kinds(staff)[-1] == "consent.withdrawn"
    sole.clock.advance(60)
    again = sole.clock.now().date()
    planning.agree(staff, planner, "h1", "r-h1", again, ConsentHow.WRITTEN)
    assert sole.tell(0, ago=5 * MIN) == 200
    assert kept(staff) == 0
    assert sole.tell(0) == 200
    assert kept(staff) == 1


# --- leaving --------------------------------------------------------------------------------------


def test_leaving_raises_a_care_alarm_since_the_fixs_time(sole: Sole, staff: Staff) -> None:
    """Also where the fix comes a quarter of an hour late; no event has a coordinate."""
    sole.tell(20, ago=30 * MIN)
    sole.tell(400, ago=15 * MIN)
    (alarm,) = alarms(staff)
    assert (alarm.type, alarm.severity) == ("left_zone", "care")
    assert alarm.since == sole.clock.now() - 15 * MIN
    assert kinds(staff) == ["zone.left", "alarm.raised"]
    with staff.db.read() as conn:
        bodies = conn.execute(select(tables.event.c.body)).scalars().all()
    there = moved(HOME, 400, 0)
    said = [str(number)[:7] for point in (HOME, there) for number in (point.lat, point.lon)]
    assert [body for body in bodies if any(number in body for number in said[1:])] == []
    assert not any('"lat"' in body or "57.7" in body for body in bodies)


def test_one_alarm_for_one_trouble(sole: Sole, staff: Staff, planner: Actor) -> None:
    """Further fixes outside, the same again, and a second transponder add nothing."""
    sole.tell(400)
    sole.clock.advance(60)
    sole.tell(500)
    sole.tell(500)
    other = Sole(sole.app, sole.clock, planning.add_tracker(staff, planner, "h1", "r-h1", "Klocka"))
    sole.clock.advance(60)
    other.tell(510)
    assert len(alarms(staff)) == 1
    assert kinds(staff) == ["zone.left", "alarm.raised", "zone.left", "alarm.repeated"]


def test_back_inside_takes_back_an_alarm_that_nobody_took(sole: Sole, staff: Staff) -> None:
    """After fixes that last, by their own times; out again is another alarm."""
    sole.tell(400)
    for _ in range(2):
        sole.clock.advance(150)
        sole.tell(20)
    (alarm,) = alarms(staff)
    assert (alarm.outcome, alarm.reason) == ("cancelled", "back_inside")
    sole.clock.advance(600)
    sole.tell(400)
    assert [one.closed_at is None for one in alarms(staff)] == [False, True]


def test_an_alarm_that_somebody_took_stays_for_them(sole: Sole, staff: Staff) -> None:
    """They may be out there; that the resident is back is told beside it."""
    sole.tell(400)
    actor = add_user(sole.app, "p9", ["caregiver"], homes=["h1"])
    (alarm,) = alarms(staff)
    actions.acknowledge(staff, actor, alarm.id)
    for _ in range(2):
        sole.clock.advance(150)
        sole.tell(20)
    assert alarms(staff)[0].closed_at is None
    assert kinds(staff)[-1] == "zone.returned"
    actions.resolve(staff, actor, alarm.id, AlarmOutcome.NO_NEED)
    sole.clock.advance(600)
    sole.tell(400)
    assert [one.closed_at is None for one in alarms(staff)] == [False, True]


def test_what_is_closed_while_they_are_out_does_not_ring_again(sole: Sole, staff: Staff) -> None:
    """Somebody judged it; the outing goes on until they are back."""
    sole.tell(400)
    actor = add_user(sole.app, "p9", ["caregiver"], homes=["h1"])
    actions.resolve(staff, actor, alarms(staff)[0].id, AlarmOutcome.HELPED)
    for _ in range(3):
        sole.clock.advance(600)
        sole.tell(900)
    assert len(alarms(staff)) == 1


def test_an_outing_that_was_over_when_it_was_seen_does_not_ring(sole: Sole, staff: Staff) -> None:
    """The newest came first: who is at home again is told of, and nobody is sent."""
    for east, ago in ((20, 5), (20, 8), (400, 20), (20, 40)):
        sole.tell(east, ago=ago * MIN)
    assert [alarm.reason for alarm in alarms(staff)] in ([], ["back_inside"])
    assert kinds(staff)[-1] == "zone.returned"
    with staff.db.read() as conn:
        (row,) = conn.execute(select(outing)).all()
    assert (row.left_at, row.until) == (sole.clock.now() - 20 * MIN, sole.clock.now() - 8 * MIN)


def test_late_fixes_show_that_nobody_left(sole: Sole, staff: Staff) -> None:
    """Three poor fixes across the edge, and then the sure one that was made between them."""
    for ago in (3, 2, 0):
        sole.tell(220, ago=ago * MIN, acc=60)
    assert len(alarms(staff)) == 1
    sole.tell(20, ago=1 * MIN)
    (alarm,) = alarms(staff)
    assert (alarm.outcome, alarm.reason) == ("cancelled", "not_left")


@pytest.mark.parametrize("seed", range(4))
def test_the_order_in_which_fixes_come_changes_nothing_that_lasts(
    sole: Sole, staff: Staff, seed: int
) -> None:
    """Shuffled and repeated: the same outings stand in the end, and the alarm is open if and only
    if the resident is out."""
    chance = random.Random(seed)
    sole.clock.advance(3600)
    track = [(20 if n < 8 or 14 < n < 20 else 400, (24 - n) * 3 * MIN) for n in range(25)]
    arrived = [*track, *chance.sample(track, 8)]
    chance.shuffle(arrived)
    for east, ago in arrived:
        assert sole.tell(east, ago=ago) == 200
    with staff.db.read() as conn:
        o = outing.c
        query = select(o.left_at, o.until).where(o.ended.is_distinct_from("never"))
        rows = conn.execute(query.order_by(o.left_at)).all()
    now = sole.clock.now()
    assert [tuple(row) for row in rows] == [
        (now - 48 * MIN, now - 27 * MIN),
        (now - 12 * MIN, None),
    ]
    assert [one.id for one in alarms(staff) if one.closed_at is None] != []
    assert len([one for one in alarms(staff) if one.closed_at is None]) == 1
    assert kept(staff) == 25


def test_the_future_and_what_is_older_than_is_kept_are_set_aside(sole: Sole, staff: Staff) -> None:
    """A receiver whose clock is wrong neither calls anybody nor hides anybody."""
    sole.clock.advance(5 * 86_400)
    assert sole.tell(400, ago=-10 * MIN) == 200
    assert sole.tell(400, ago=timedelta(days=4)) == 200
    assert (kept(staff), alarms(staff)) == (0, [])
    assert sole.tell(20, ago=-1 * MIN) == 200
    assert kept(staff) == 1


def test_of_two_fixes_of_one_time_the_better_counts(sole: Sole, staff: Staff) -> None:
    """Whichever comes first."""
    sole.tell(20, acc=100)
    sole.tell(400, acc=10)
    sole.tell(20, acc=90)
    assert kept(staff) == 1
    assert len(alarms(staff)) == 1


def test_who_is_away_with_everybodys_knowledge_raises_nothing(
    sole: Sole, staff: Staff, planner: Actor
) -> None:
    """The absence that is noted for rules and checks holds for zones too."""
    visit_actions.note_absence(staff, planner, "h1", sole.clock.now(), None)
    sole.clock.advance(600)
    sole.tell(30_000)
    assert alarms(staff) == []
    with staff.db.read() as conn:
        from web.staff.storage.plan_tables import absence

        number = conn.execute(select(absence.c.id)).scalar_one()
    visit_actions.end_absence(staff, planner, "h1", number)
    sole.clock.advance(600)
    sole.tell(30_000)
    assert len(alarms(staff)) == 1


def test_a_rebuild_keeps_what_is_known(sole: Sole, staff: Staff) -> None:
    """The alarm is folded from its event; what stands beside it is not touched."""
    sole.tell(400)
    before = alarms(staff)
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert alarms(staff) == before
    sole.clock.advance(60)
    sole.tell(500)
    assert len(alarms(staff)) == 1


# --- transponders ---------------------------------------------------------------------------------


def test_a_low_battery_is_told_once_and_ends_when_it_is_charged(sole: Sole, staff: Staff) -> None:
    """A technician's; a fix that comes late tells of a battery that was."""
    sole.tell(0, batt=50)
    sole.tell(0, batt=5, ago=5 * MIN)
    assert alarms(staff) == []
    for level in (19, 15, 30):
        sole.clock.advance(60)
        sole.tell(0, batt=level)
    (alarm,) = alarms(staff)
    assert (alarm.type, alarm.severity, alarm.closed_at) == ("tracker_battery", "technical", None)
    sole.clock.advance(60)
    sole.tell(0, batt=90)
    assert alarms(staff)[0].reason == "charged"


def test_a_silent_transponder_is_told_once_and_ends_when_it_is_heard(
    sole: Sole, staff: Staff
) -> None:
    """Technical; whatever it says then counts as a word."""
    sole.tell(0)
    sole.clock.advance(planning.SILENT_AFTER_H * 3600)
    tending.look(staff)
    assert alarms(staff) == []
    sole.clock.advance(60)
    tending.look(staff)
    tending.look(staff)
    (alarm,) = alarms(staff)
    assert (alarm.type, alarm.severity) == ("tracker_silent", "technical")
    sole.post({"_type": "lwt"})
    assert alarms(staff)[0].reason == "recovered"


def test_nothing_is_expected_of_a_transponder_without_consent(
    sole: Sole, staff: Staff, planner: Actor
) -> None:
    """Its alarms are taken back when the consent is, and no new one comes."""
    sole.tell(0, batt=5)
    sole.clock.advance(13 * 3600)
    tending.look(staff)
    planning.withdraw(staff, planner, "h1", "r-h1")
    assert [alarm.reason for alarm in alarms(staff)] == ["stopped", "stopped"]
    sole.clock.advance(86_400)
    tending.look(staff)
    assert len(alarms(staff)) == 2


# --- how long -------------------------------------------------------------------------------------


def test_positions_are_erased_after_the_days_of_the_organisation(
    sole: Sole, staff: Staff, planner: Actor
) -> None:
    """By the watch's step; a setting out of bounds is refused."""
    sole.tell(0)
    planning.set_retain_days(staff, planner, 2)
    sole.clock.advance(86_400)
    sole.tell(0)
    assert tending.erase(staff) == 0
    sole.clock.advance(86_400 + 60)
    assert tending.erase(staff) == 1
    assert kept(staff) == 1
    for days in (0, 31):
        with pytest.raises(Refused) as caught:
            planning.set_retain_days(staff, planner, days)
        assert caught.value.why is Wrong.OUT_OF_RANGE


def test_the_watch_erases(sole: Sole, staff: Staff, staff_app: Flask) -> None:
    """It is one of its steps."""
    sole.tell(0)
    sole.clock.advance(10 * 86_400)
    watch = staff_app.extensions["tryggve.watch"]
    watch.look()
    assert watch.failing == {}
    assert kept(staff) == 0


# --- what may be set ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        Circle(HOME, 5),
        Circle(HOME, 60_000),
        Circle(Point(0, 0), 200),
        Polygon((HOME, moved(HOME, 10, 0))),
        Polygon((HOME, moved(HOME, 100, 0), moved(HOME, 0, 100), moved(HOME, 100, 100))),
        Polygon((HOME, moved(HOME, 100, 0), Point(10, 10))),
    ],
    ids=["small", "large", "nowhere", "line", "crossed", "far"],
)
def test_a_zone_that_cannot_be_meant_is_refused(staff: Staff, planner: Actor, shape: Any) -> None:
    """Nobody could stay in it, or everybody would."""
    with pytest.raises(Refused) as caught:
        planning.draw(staff, planner, "h1", "r-h1", NewZone("x", shape))
    assert caught.value.why is Wrong.OUT_OF_RANGE


def test_only_who_plans_places_sets_them_and_only_at_home(
    staff: Staff, planner: Actor, make_user: Any
) -> None:
    """Roles and walls."""
    carer = make_user("p5", ["caregiver"], homes=["h1"])
    stranger = add_user_of(staff, make_user)
    new = NewZone("x", Circle(HOME, 200))
    for actor, why in ((carer, Wrong.NO_RIGHT), (stranger, Wrong.NOT_FOUND)):
        with pytest.raises(Refused) as caught:
            planning.draw(staff, actor, "h1", "r-h1", new)
        assert caught.value.why is why
        with pytest.raises(Refused) as caught:
            planning.add_tracker(staff, actor, "h1", "r-h1", "x")
        assert caught.value.why is why
    with pytest.raises(Refused) as caught:
        planning.draw(staff, planner, "h1", "r-elsewhere", new)
    assert caught.value.why is Wrong.NOT_FOUND


def add_user_of(staff: Staff, make_user: Any) -> Actor:
    """A coordinator of another organisation."""
    with staff.db.write() as tx:
        tx.conn.execute(tables.organisation.insert().values(id="org2", name="x"))
    actor: Actor = make_user("p6", ["coordinator"], org="org2")
    return actor
