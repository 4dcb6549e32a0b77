"""Looking into a home, at the server: who may, what reaches the home, and that two never do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from gateway.access import look_permits
from gateway.envelope import Draft
from gateway.events import (
    AlarmOutcome,
    AlarmRaised,
    AlarmType,
    CheckAsked,
    LookBegun,
    LookEnd,
    LookEnded,
    LookPermitted,
    LookWhy,
    PictureKind,
)
from gateway.wire import SDP_MAX_BYTES
from tests.staff.care.test_actions import actor, refusal
from tests.staff.homelink.test_ingest import rows
from tests.staff.looks.parts import (
    KEY,
    OFFER,
    agree,
    furnish,
    order_on,
    send_picture,
    signal,
)
from tests.staff.parts import EnrolledHome, add_home, add_user
from web.staff.audit import access_export, access_log
from web.staff.care import actions
from web.staff.care.actions import Why
from web.staff.checks import claims
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.looks import sessions
from web.staff.looks.grounds import Wish
from web.staff.storage import tables
from web.staff.storage.look_tables import look_session

WATCHER = actor(Role.NIGHT_WATCHER)


def begun(staff: Staff, wish: Wish, who: Any = WATCHER) -> str:
    return sessions.begin(staff, who, wish, OFFER, KEY).id


def test_an_offer_goes_to_the_home_with_a_permit(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The home can verify by itself who, by which camera, what for and how long; that somebody
    asked is an event; the answer comes back to that person's page and to nobody else's; one
    extension, and no second one."""
    alarm = furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    sessions.prepare(staff, WATCHER, "h1")
    assert order_on(stream).what == "prepare"
    look = begun(staff, Wish("h1", alarm=alarm))
    order = order_on(stream)
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    permit = look_permits.read(order.permit, keys)
    assert (permit.home, permit.person, permit.camera) == ("h1", "p1", "cam")
    assert (permit.why, permit.alarm, permit.check) == (LookWhy.ALARM, alarm, None)
    assert (permit.look, permit.id, permit.limit_s) == (look, look, look_permits.LIMIT_S)
    assert permit.expires - permit.not_before == timedelta(seconds=look_permits.LIFE_S)
    assert (order.what, order.look, order.key) == ("begin", look, KEY)
    assert "a=ice-ufrag:Eo9w" in order.sdp
    [told] = [one for one in rows(staff, tables.event) if one.kind == LookPermitted.KIND]
    assert (told.person, told.home_id, told.device) == ("p1", "h1", "cam")
    assert signal(enrolled_home, look=look, state="answered", sdp=OFFER).status_code == 200
    seen = sessions.state(staff, WATCHER, look)
    assert (seen.state, seen.over, "a=ice-ufrag:Eo9w" in seen.answer) == ("answered", False, True)
    other = actor(Role.NIGHT_WATCHER, person="p2")
    for act in (sessions.state, sessions.end, sessions.extend):
        assert refusal(act, staff, other, look).why is Why.NO_LOOK
    ways = [OFFER.split("\r\n")[10][2:], "candidate:1 1 udp 1 127.0.0.1 22 typ host"]
    sessions.add_ways(staff, WATCHER, look, ways)
    assert len(order_on(stream).candidates) == 1
    sessions.extend(staff, WATCHER, look)
    longer = look_permits.read(order_on(stream).permit, keys)
    assert (longer.look, longer.extends, longer.camera) == (look, True, "cam")
    assert refusal(sessions.extend, staff, WATCHER, look).why is Why.EXTENDED
    sessions.go_over(staff, WATCHER, look, KEY)
    assert (order_on(stream).what, refusal(sessions.go_over, staff, WATCHER, look, "x").why) == (
        "relay",
        Why.BAD_OFFER,
    )
    sessions.end(staff, WATCHER, look)
    assert order_on(stream).what == "end"
    assert sessions.state(staff, WATCHER, look).over
    assert begun(staff, Wish("h1", alarm=alarm), other)  # at once


def test_who_may_not_look_into_a_home(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Without the role, the assignment, a camera with its lamp, consent, a ground, and a home that
    listens: nobody, and the home hears nothing of it."""
    enrolled_home.describe()
    [technical] = enrolled_home.send(AlarmRaised.usual(AlarmType.DEVICE_DOWN, staff.clock.now()))

    def why(wish: Wish, who: Any = WATCHER, sdp: str = OFFER, key: str = KEY) -> Why:
        return refusal(sessions.begin, staff, who, wish, sdp, key).why

    own = Wish("h1", why=LookWhy.WORRY, seen=True)
    assert why(own) is Why.NO_CAMERA
    alarm = furnish(enrolled_home, staff)
    assert why(own) is Why.NOT_CONNECTED
    stream = enrolled_home.listen(1)
    next(stream)
    assert why(own, actor(Role.COORDINATOR)) is Why.NO_ROLE
    assert why(own, actor(Role.TECHNICIAN)) is Why.NO_ROLE
    assert why(own, actor(Role.NIGHT_WATCHER, assigned=frozenset())) is Why.NOT_ASSIGNED
    assert why(Wish("h1", alarm=alarm), actor(Role.CAREGIVER, assigned=frozenset())) is (
        Why.NOT_ASSIGNED
    )
    assert why(Wish("h2", why=LookWhy.WORRY, seen=True)) is Why.NO_HOME
    assert why(Wish("h1")) is Why.NO_REASON
    assert why(Wish("h1", check="n@1", why=LookWhy.TEST, seen=True)) is Why.NO_REASON
    assert why(Wish("h1", why=LookWhy.TEST), actor(Role.TECHNICIAN)) is Why.NO_ROLE
    assert why(Wish("h1", why=LookWhy.WORRY)) is Why.NOT_SEEN
    assert why(Wish("h1", camera="front", why=LookWhy.WORRY, seen=True)) is Why.NO_CAMERA
    assert why(Wish("h1", alarm=technical.ref)) is Why.NO_ALARM
    assert why(Wish("h1", alarm="home:h1/99")) is Why.NO_ALARM
    assert why(Wish("h1", check="n@1")) is Why.NO_CHECK
    for sdp, key in (
        ("v=0", KEY),
        (OFFER.replace("video", "audio"), KEY),
        (OFFER + "a=x:" + "y" * SDP_MAX_BYTES, KEY),
        (OFFER, "x" * 87),
        ("", ""),
    ):
        assert why(own, sdp=sdp, key=key) is Why.BAD_OFFER
    agree(staff, "h1", held=False)
    assert why(own) is Why.NO_CONSENT
    assert why(Wish("h1", why=LookWhy.TEST)) is Why.NO_CONSENT
    agree(staff, "h1")
    look = begun(staff, Wish("h1", alarm=alarm))
    assert order_on(stream).look == look  # the first that the home hears
    actions.resolve(staff, WATCHER, alarm, AlarmOutcome.HELPED)
    assert refusal(sessions.extend, staff, WATCHER, look).why is Why.CLOSED
    assert why(Wish("h1", alarm=alarm)) is Why.CLOSED


def test_a_look_for_a_check_is_its_own_watchers(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Who has taken the check looks, another sees who has it; what it is for is what the check asks
    for; a check that waits for nobody gives no ground."""
    furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    by = staff.clock.now() + timedelta(minutes=5)
    enrolled_home.send(CheckAsked(check="n@1", why="bed_empty", answer_by=by))
    other = actor(Role.NIGHT_WATCHER, person="p2")
    wish = Wish("h1", check="n@1")
    assert refusal(sessions.begin, staff, WATCHER, wish, OFFER, KEY).why is Why.NOT_TAKEN
    claims.start_check(staff, WATCHER, "h1", "n@1")
    taken = refusal(sessions.begin, staff, other, wish, OFFER, KEY)
    assert (taken.why, taken.data["person"]) == (Why.NOT_FIRST, "p1")
    own = Wish("h1", check="n@1", why=LookWhy.WORRY, seen=True)
    assert refusal(sessions.begin, staff, other, own, OFFER, KEY).why is Why.NOT_FIRST
    begun(staff, wish)
    keys = {staff.keys.kid: staff.keys.private.public_key()}
    permit = look_permits.read(order_on(stream).permit, keys)
    assert (permit.why, permit.check) == (LookWhy.SENSOR_UNSURE, "n@1")


def test_two_never_look_at_once(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """One wins, the other sees who; a page that was loaded anew replaces its own look; a look that
    the home says nothing more of is over at the server's own time."""
    furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    own = Wish("h1", why=LookWhy.ASKED, seen=True)
    first = begun(staff, own)
    other = actor(Role.NIGHT_WATCHER, person="p2")
    late = refusal(sessions.begin, staff, other, own, OFFER, KEY)
    assert (late.why, late.data["person"]) == (Why.LOOKING, "p1")
    second = begun(staff, own)
    assert sessions.state(staff, WATCHER, first).over
    assert not sessions.state(staff, WATCHER, second).over
    with staff.db.read() as conn:
        assert sessions.running(conn, ["h1"])["h1"].look == second
    signal(enrolled_home, look=second, state="begun", left_s=30.0)
    with staff.db.read() as conn:
        until = sessions.running(conn, ["h1"])["h1"].until
    assert until - datetime.now(UTC) < timedelta(seconds=36)
    _has_passed(staff, second)
    seen = sessions.state(staff, WATCHER, second)
    assert (seen.state, seen.over) == ("begun", True)
    assert refusal(sessions.extend, staff, WATCHER, second).why is Why.NO_LOOK
    assert begun(staff, own, other)
    with staff.write() as tx:
        sessions.end_all(tx, "h1")
    assert [order_on(stream).what for _ in range(4)] == ["begin", "begin", "begin", "end"]


def _has_passed(staff: Staff, look: str) -> None:
    """Its time is out."""
    with staff.db.write() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        mine = look_session.c.id == look
        tx.conn.execute(update(look_session).where(mine).values(until=past))


def test_a_look_only_goes_forward(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A signal that comes late changes nothing; one of no look, of another home's look, or that is
    no description, is one sentence; no picture is taken of a look that is over."""
    furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    look = begun(staff, Wish("h1", why=LookWhy.WORRY, seen=True))
    for state, then in (("begun", "begun"), ("answered", "begun"), ("extended", "begun")):
        signal(enrolled_home, look=look, state=state, left_s=30.0)
        assert sessions.state(staff, WATCHER, look).state == then
    assert signal(enrolled_home, look="l0", state="ended").status_code == 404
    assert signal(enrolled_home, look=look, state="answered", sdp="v=0").status_code == 400
    assert signal(enrolled_home, look=look, state="").status_code == 400
    assert signal(enrolled_home, look=look, state="ended", sdp="x" * 30_000).status_code == 413
    add_home(enrolled_home.app, "h2")
    other = EnrolledHome(enrolled_home.app, enrolled_home.client, "h2", enrolled_home.clock)
    other.enroll()
    assert signal(other, look=look, state="refused", why="busy").status_code == 404
    assert send_picture(other, look, 1, b"x").status_code == 404
    signal(enrolled_home, look=look, state="ended", why="limit_reached")
    signal(enrolled_home, look=look, state="refused", why="busy")
    signal(enrolled_home, look=look, state="relaying", key=KEY)
    seen = sessions.state(staff, WATCHER, look)
    assert (seen.state, seen.why, seen.key, seen.over) == ("ended", "limit_reached", "", True)
    assert send_picture(enrolled_home, look, 1, b"x").status_code == 409


def test_a_sealed_picture_is_held_for_its_page_alone(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The newest of a look and no other, for who looks and nobody else, bounded, and gone with the
    look; nothing of it is in the database."""
    furnish(enrolled_home, staff)
    stream = enrolled_home.listen(1)
    next(stream)
    look = sessions.begin(staff, WATCHER, Wish("h1", why=LookWhy.WORRY, seen=True), "", KEY).id
    assert send_picture(enrolled_home, look, 1, b"early").status_code == 409
    signal(enrolled_home, look=look, state="relaying", key=KEY)
    assert sessions.state(staff, WATCHER, look).key == KEY
    sealed = b"only the page can open this " * 1000
    for number in (1, 2):
        taken = send_picture(enrolled_home, look, number, sealed + bytes([number]))
        assert (taken.status_code, taken.json["number"]) == (200, number)
    assert taken.json["asked_s"] < 60
    assert sessions.picture(staff, WATCHER, look, 0) == (2, sealed + b"\2")
    assert refusal(
        sessions.picture, staff, actor(Role.NIGHT_WATCHER, person="p2"), look, 0
    ).why is (Why.NO_LOOK)
    for said, body, status in (
        (2, b"again", 409),
        (0, b"x", 400),
        (10**7, b"x", 400),
        ("two", b"x", 400),
        (3, b"", 400),
        (3, b"x" * 200_000, 413),
    ):
        assert send_picture(enrolled_home, look, said, body).status_code == status, said
    assert staff.pictures.held() == len(sealed) + 1
    signal(enrolled_home, look=look, state="ended", why="closed")
    assert staff.pictures.held() == 0
    over = sessions.picture(staff, WATCHER, look, 2)
    assert isinstance(over, sessions.LookState)
    assert over.over
    assert sealed[:28] not in _all_of_the_database(staff)


def _all_of_the_database(staff: Staff) -> bytes:
    with staff.db.read() as conn:
        dump = conn.connection.driver_connection
        assert dump is not None
        return "".join(dump.iterdump()).encode()


def test_a_look_stands_in_the_access_log(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Who, when, by which camera, why, how long, and how it ended, also in the file; one that goes
    on has no end yet."""
    furnish(enrolled_home, staff)
    add_user(enrolled_home.app, "p1", ["night_watcher"], homes=["h1"])
    begun_ = LookBegun(look="l1", why=LookWhy.WORRY, picture=PictureKind.EDGES)
    enrolled_home.send(Draft(begun_, device="cam", person="p1"))
    now = staff.clock.now()
    span = (["h1"], now - timedelta(hours=1), now + timedelta(hours=1))
    with staff.db.read() as conn:
        [row] = access_log.read(conn, *span, action=LookBegun.KIND)
    assert (row.person, row.device, row.why) == ("p1", "cam", "worry")
    assert (row.took_s, row.outcome) == (None, None)
    ended = LookEnded(look="l1", why=LookEnd.VIEWER_LOST, took_s=12.3, pictures=3)
    enrolled_home.send(Draft(ended, device="cam", person="p1"))
    with staff.db.read() as conn:
        [row] = access_log.read(conn, *span, action=LookBegun.KIND)
    assert (row.took_s, row.outcome) == (12.3, "viewer_lost")
    line = access_export.to_csv([row], "org1").decode().splitlines()[1]
    assert ";".join(line.replace(",", ";").split(";")[-4:]).startswith("worry;viewer_lost;")
