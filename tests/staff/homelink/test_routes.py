"""Tokens, enrolment, and the stream down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from gateway.envelope import GENESIS, Draft, verify_next
from gateway.errors import UserError
from gateway.events import HomeClosedWhy, MatPressed, MatReleased, RecordRead, Tap
from gateway.wire import HOME_HEADER, fingerprint, split_code
from tests.staff.homelink.test_ingest import rows
from tests.staff.homelink.test_urgent import WATCHER
from tests.staff.parts import EnrolledHome, add_home, pem_of
from web.staff.care import actions
from web.staff.core.admission import Lane
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.doors import lock_orders
from web.staff.events import append
from web.staff.homelink import enrolment
from web.staff.people import home_life
from web.staff.storage import event_store, tables

EVENTS = "/api/v1/home/events"


def _post(home: EnrolledHome, headers: dict[str, str]) -> Any:
    return home.client.post(EVENTS, json={"events": [], "down_have": 0}, headers=headers)


FORGED: list[tuple[str, Callable[[EnrolledHome], dict[str, str]]]] = [
    ("no_token", lambda home: {}),
    ("no_token", lambda home: {"Authorization": "Basic x"}),
    ("forged", lambda home: {"Authorization": "Bearer x.y.z"}),
    ("forged", lambda home: {"Authorization": "Bearer " + "x" * 5000}),
    ("forged", lambda home: home.headers("POST", EVENTS, key=Ed25519PrivateKey.generate())),
    ("unknown_key", lambda home: home.headers("POST", EVENTS, kid="h99")),
    ("unknown_key", lambda home: home.headers("POST", EVENTS, kid="h1\x00")),
    ("forged", lambda home: home.headers("POST", EVENTS, iss="h99")),
    ("other_request", lambda home: home.headers("GET", EVENTS)),
    ("other_request", lambda home: home.headers("POST", "/api/v1/home/urgent")),
    ("too_long", lambda home: home.headers("POST", EVENTS, exp=time.time() + 600)),
    ("expired", lambda home: home.headers("POST", EVENTS, iat=1000, exp=1050)),
    # within the skew at either end: neither too old nor of the future
    (
        "backwards",
        lambda home: home.headers("POST", EVENTS, iat=time.time() + 20, exp=time.time() - 20),
    ),
    ("backwards", lambda home: home.headers("POST", EVENTS, iat=1000, exp=1000)),
    (
        "not_yet",
        lambda home: home.headers("POST", EVENTS, iat=time.time() + 99, exp=time.time() + 120),
    ),
    ("forged", lambda home: home.headers("POST", EVENTS, iat="x")),
    ("forged", lambda home: home.headers("POST", EVENTS, exp=True)),
]


@pytest.mark.parametrize(("code", "made"), FORGED)
def test_a_request_that_is_not_the_homes_own_is_refused(
    enrolled_home: EnrolledHome, code: str, made: Callable[[EnrolledHome], dict[str, str]]
) -> None:
    """Each is a 401 with the server's time and a word for why."""
    answer = _post(enrolled_home, made(enrolled_home))
    assert (answer.status_code, answer.get_json()["code"]) == (401, code)
    assert abs(answer.get_json()["now_s"] - time.time()) < 60


def test_a_token_needs_ed25519(enrolled_home: EnrolledHome) -> None:
    """The public key is no HMAC secret: another algorithm is refused."""
    claims = {
        "iss": "h1", "iat": time.time(), "exp": time.time() + 9, "htm": "POST", "htu": EVENTS,
        "jti": "1",
    }  # fmt: skip
    token = jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": "h1"})
    answer = _post(enrolled_home, {"Authorization": f"Bearer {token}"})
    assert answer.get_json()["code"] == "forged"
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "h1"})
    answer = _post(enrolled_home, {"Authorization": f"Bearer {unsigned}"})
    assert answer.get_json()["code"] == "forged"


def test_one_home_cannot_speak_for_another(make_home: Callable[[str], EnrolledHome]) -> None:
    """A gateway's key under another home's name is a forgery."""
    one, other = make_home("h1"), make_home("h2")
    headers = one.headers("POST", EVENTS, key=other.key)
    assert _post(one, headers).get_json()["code"] == "forged"


def test_a_code_works_once(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A used code, and an older one after a new was made, do not enroll."""
    first = enrolment.new_code(staff.db, staff.keys, "h1").code
    second = enrolment.new_code(staff.db, staff.keys, "h1").code
    assert split_code(second)[1] == fingerprint(staff.keys.public_raw)

    def enroll(code: str) -> Any:
        key = pem_of(Ed25519PrivateKey.generate())
        body = {"code": split_code(code)[0], "public_key": key, "version": "1"}
        return enrolled_home.client.post("/api/v1/home/enroll", json=body)

    assert enroll(first).status_code == 403
    assert enroll(second).get_json()["origin"] == "home:h1~2"
    answer = enroll(second)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "bad_code")
    gone = _post(enrolled_home, enrolled_home.headers("POST", EVENTS))
    assert gone.status_code == 401, "the older gateway's key is void"
    assert len(rows(staff, tables.event, kind="home.enrolled")) == 2


def test_a_gateway_that_the_home_had_is_told_what_it_is_now(
    make_home: Callable[[str], EnrolledHome], staff: Staff
) -> None:
    """Replaced by a new card, or ended with the home: its own word for each, for whoever stands
    before it; a key that the home never had is a forgery as before, and so is another home's."""
    home, other = make_home("h1"), make_home("h2")
    old, home.key = home.key, Ed25519PrivateKey.generate()
    home.enroll()

    def told(**by: Any) -> str:
        return str(_post(home, home.headers("POST", EVENTS, **by)).get_json()["code"])

    assert told(key=old) == "replaced"
    assert told(key=old, iss="h2", kid="h2") == "forged"
    assert told(key=other.key) == "forged"
    home_life.close(staff, Operator("org1"), "h1", HomeClosedWhy.MOVED)
    assert [told(), told(key=old)] == ["ended", "ended"]
    assert told(key=other.key) == "unknown_key"


def test_a_gateway_whose_answer_was_lost_is_answered_again(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The phone's network went between the server's yes and the Pi: the same key with the same code
    gets the same answer, however often, and nothing is done twice; not once another gateway has the
    home, and not after the code's time."""
    code = enrolment.new_code(staff.db, staff.keys, "h1").code
    one, other = (pem_of(Ed25519PrivateKey.generate()) for _ in range(2))

    def enroll(key: str, code: str = code) -> Any:
        body = {"code": split_code(code)[0], "public_key": key, "version": "1"}
        return enrolled_home.client.post("/api/v1/home/enroll", json=body)

    first = enroll(one).get_json()
    assert first["origin"] == "home:h1~2"
    for _ in range(11):  # it is no guess
        assert enroll(one).get_json() == first
    assert len(rows(staff, tables.event, kind="home.enrolled")) == 2
    assert len(rows(staff, tables.gateway_key)) == 2
    assert enroll(other).status_code == 403
    assert enroll(one).get_json() == first
    newer = enrolment.new_code(staff.db, staff.keys, "h1").code
    assert enroll(one).get_json() == first, "nothing has the home in its place yet"
    assert enroll(other, newer).get_json()["origin"] == "home:h1~3"
    assert enroll(one).status_code == 403
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with staff.db.write() as tx:
        times = {"created_at": long_ago, "expires_at": long_ago + timedelta(days=1)}
        tx.conn.execute(tables.enrol_code.update().values(times))
    assert enroll(other, newer).status_code == 403


def test_a_gateway_that_asks_twice_at_once_is_answered_twice(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The second comes while the first, whose answer it has given up, is worked for: it waits, and
    gets the same answer."""
    if not staff.db.postgres:
        pytest.skip("SQLite has one writer")
    code = split_code(enrolment.new_code(staff.db, staff.keys, "h1").code)[0]
    key = pem_of(Ed25519PrivateKey.generate())
    body = {"code": code, "public_key": key, "version": "1"}
    answers: list[Any] = []

    def enroll() -> None:
        client = enrolled_home.app.test_client()
        answers.append(client.post("/api/v1/home/enroll", json=body).get_json())

    threads = [threading.Thread(target=enroll) for _ in range(2)]
    waits = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    with staff.db.write() as tx:
        event_store.lock_home(tx.conn, "h1")
        for thread in threads:
            thread.start()
        until_s = time.monotonic() + 60
        with staff.db.read() as conn:
            while conn.execute(waits).scalar_one() < len(threads):
                assert time.monotonic() < until_s, "they wait for nobody"
                time.sleep(0.02)
    for thread in threads:
        thread.join(60)
    assert answers[0] == answers[1]
    assert answers[0]["origin"] == "home:h1~2"
    assert len(rows(staff, tables.event, kind="home.enrolled")) == 2


def test_a_used_code_is_no_way_to_ask_for_ever(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Whoever kept one asks with other keys as often as with a wrong code; the gateway that used it
    is answered all the same."""
    code = enrolment.new_code(staff.db, staff.keys, "h1").code[:11]
    assert _enrol(enrolled_home, code, "192.0.2.1") == 200
    mine, enrolled_home.key = enrolled_home.key, Ed25519PrivateKey.generate()
    asked = [_enrol(enrolled_home, code, "192.0.2.1") for _ in range(11)]
    assert asked == [403] * 10 + [429]
    enrolled_home.key = mine
    assert _enrol(enrolled_home, code, "192.0.2.1") == 200


def test_codes_cannot_be_guessed(enrolled_home: EnrolledHome) -> None:
    """After ten wrong codes from one address the answer is to wait."""
    body = {"code": "AAAAA-AAAAA", "public_key": pem_of(enrolled_home.key), "version": "1"}
    codes = [
        enrolled_home.client.post("/api/v1/home/enroll", json=body).status_code for _ in range(11)
    ]
    assert codes == [403] * 10 + [429]


def test_an_old_code_does_not_work(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """A code ends by itself."""
    made = enrolment.new_code(staff.db, staff.keys, "h1")
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with staff.db.write() as tx:
        times = {"created_at": long_ago, "expires_at": long_ago + timedelta(days=1)}
        tx.conn.execute(tables.enrol_code.update().values(times))
    body = {
        "code": made.code[:11],
        "public_key": pem_of(enrolled_home.key),
        "version": "1",
    }
    assert enrolled_home.client.post("/api/v1/home/enroll", json=body).status_code == 403


def test_a_code_of_another_home_is_not_used_up(
    make_home: Callable[[str], EnrolledHome], staff: Staff
) -> None:
    """A technician types the code of another home, or of another organisation's: refused, the
    gateway that is there goes on, and the code still does where it belongs; a gateway whose file
    names no home is whatever its code says."""
    one, other = make_home("h1"), make_home("h2")
    add_home(one.app, "far", org="org2")
    key = pem_of(Ed25519PrivateKey.generate())

    def enroll(code: str, claims: str) -> Any:
        body = {"code": split_code(code)[0], "public_key": key, "version": "1"}
        headers = {HOME_HEADER: claims} if claims else {}
        return one.client.post("/api/v1/home/enroll", json=body, headers=headers)

    for home in ("h2", "far"):
        code = enrolment.new_code(staff.db, staff.keys, home).code
        answer = enroll(code, "h1")
        assert (answer.status_code, answer.get_json()["code"]) == (409, "other_home")
        if home == "h2":
            assert _post(other, other.headers("POST", EVENTS)).status_code == 200
        assert enroll(code, home).get_json()["home"] == home
    code = enrolment.new_code(staff.db, staff.keys, "h1").code
    assert enroll(code, "").get_json()["home"] == "h1"


def test_a_code_that_ends_before_it_begins_takes_nobody_in(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """None is made, and one that a wrong clock left in the table is not taken."""
    with pytest.raises(UserError, match="ends before it begins"):
        enrolment.new_code(staff.db, staff.keys, "h1", life=timedelta(hours=-1))
    made = enrolment.new_code(staff.db, staff.keys, "h1")
    with staff.db.write() as tx:
        later = datetime.now(UTC) + timedelta(days=2)
        tx.conn.execute(tables.enrol_code.update().values(created_at=later))
    assert _enrol(enrolled_home, made.code[:11], "192.0.2.1") == 403


def _enrol(home: EnrolledHome, code: str, address: str) -> int:
    body = {"code": code, "public_key": pem_of(home.key), "version": "1"}
    answer = home.client.post(
        "/api/v1/home/enroll", json=body, environ_base={"REMOTE_ADDR": address}
    )
    return int(answer.status_code)


def test_strangers_keep_no_technician_from_enrolling(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """However many of them try wrong codes, from wherever; also from the technician's own network,
    whose wrong codes are refused by then."""
    for number in range(30):
        address = f"198.51.100.{number}"
        statuses = [_enrol(enrolled_home, "AAAAA-AAAAA", address) for _ in range(11)]
        assert statuses == [403] * 10 + [429]
    for number in range(20):
        _enrol(enrolled_home, "AAAAA-AAAAA", f"2001:db8:1:2::{number}")
    assert _enrol(enrolled_home, "AAAAA-AAAAA", "2001:db8:1:2:ffff::1") == 429, (
        "one site, one limit"
    )
    for address in ("203.0.113.7", "2001:db8:1:2::99", "198.51.100.3"):
        code = enrolment.new_code(staff.db, staff.keys, "h1").code[:11]
        assert _enrol(enrolled_home, code, address) == 200


def test_a_key_that_is_none_is_refused(enrolled_home: EnrolledHome) -> None:
    """Bad input at enrolment is a sentence."""
    for body, code in (
        ({"code": "A", "public_key": "no key", "version": "1"}, "bad_key"),
        ({"code": "A", "public_key": "x"}, "bad_request"),
        ({"code": "A", "public_key": "x", "version": "1", "newer": 1}, "bad_key"),
        ([], "bad_request"),
    ):
        answer = enrolled_home.client.post("/api/v1/home/enroll", json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (400, code)


# --- the stream


def read_decided(stream: Any, count: int) -> list[dict[str, Any]]:
    """The next `count` decided events of a stream."""
    found: list[dict[str, Any]] = []
    for raw in stream:
        text = raw.decode()
        if text.startswith("event: decided"):
            head, _, data = text.partition("data: ")
            obj = json.loads(data)
            assert f"id: {obj['seq']}\n" in head
            found.append(obj)
        if len(found) == count:
            break
    return found


def test_the_stream_has_everything_in_order(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """From the first event on, chained; what is decided while it is open comes too; and a home that
    comes back gets exactly what it lacks."""
    actions.tap(staff, WATCHER, "h1", Tap.ARRIVE)
    stream = enrolled_home.listen(0)
    first = read_decided(stream, 2)
    actions.tap(staff, WATCHER, "h1", Tap.LEAVE)
    more = read_decided(stream, 1)
    previous = GENESIS
    for number, obj in enumerate(first + more, start=1):
        previous = verify_next(obj, origin="staff:h1", seq=number, previous=previous)
    again = read_decided(enrolled_home.listen(2), 1)
    assert again == more


def test_a_home_with_a_new_log_is_not_shown_old_taps_again(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Its log was set aside and knows of no decision: the stream goes on after the last one that
    the home ever confirmed, and a batch that says "none" does not take that back."""
    actions.tap(staff, WATCHER, "h1", Tap.ARRIVE)
    enrolled_home.down_have = 2
    enrolled_home.send(MatPressed(), device="bed")
    enrolled_home.down_have = 0
    enrolled_home.send(MatReleased(), device="bed")
    actions.tap(staff, WATCHER, "h1", Tap.LEAVE)
    (told,) = read_decided(enrolled_home.listen(0), 1)
    assert (told["seq"], told["data"]["tap"]) == (3, "leave")


def test_a_long_absence_is_caught_up(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """More than one read's worth of decisions comes without a gap."""
    with staff.write() as tx:
        for _ in range(450):
            append.write(staff, tx, "h1", Draft(RecordRead(what="x")))
    got = read_decided(enrolled_home.listen(0), 451)
    assert [obj["seq"] for obj in got] == list(range(1, 452))


def test_a_home_that_knows_more_than_the_server_is_told(enrolled_home: EnrolledHome) -> None:
    """An old backup of the server is noticed, never papered over."""
    path = "/api/v1/home/stream"
    for value, status in (("99", 409), ("x", 400), ("9" * 30, 400)):
        headers = enrolled_home.headers("GET", path) | {"Last-Event-ID": value}
        assert enrolled_home.client.get(path, headers=headers).status_code == status


def test_a_second_stream_of_a_home_ends_the_first(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The gateway came back on a new connection: the old one ends, and an order goes out once."""
    old = enrolled_home.listen(0)
    read_decided(old, 1)
    new = enrolled_home.listen(1)
    assert next(new) == b": hello\n\n"
    rest: list[bytes] = []
    thread = threading.Thread(target=lambda: rest.extend(old))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert rest == []
    assert staff.broker.counts() == (0, 1)


def test_what_a_home_lacks_comes_with_the_opening(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """A thousand that begin to listen take one turn each, not a second one to be told."""
    actions.tap(staff, WATCHER, "h1", Tap.ARRIVE)
    stream = enrolled_home.listen(0)
    assert next(stream) == b": hello\n\n"
    turns = staff.admission.turns
    with ExitStack() as others:
        for _ in range(turns.limits.at_once[Lane.STREAM]):
            others.enter_context(turns.turn(Lane.STREAM))
        assert len(read_decided(stream, 2)) == 2


def test_no_order_waits_behind_those_that_begin_to_listen(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """So many begin that a stream's turn to read on does not come: a door's order goes out all the
    same."""
    enrolled_home.describe()
    with staff.write() as tx:
        for _ in range(event_store.DECIDED_MAX):
            append.write(staff, tx, "h1", Draft(RecordRead(what="x")))
    stream = enrolled_home.listen(0)
    assert next(stream) == b": hello\n\n"
    turns = staff.admission.turns
    with ExitStack() as others:
        for _ in range(turns.limits.at_once[Lane.STREAM]):
            others.enter_context(turns.turn(Lane.STREAM))
        read_decided(stream, event_store.DECIDED_MAX)
        lock_orders.order_turn(staff, WATCHER, "h1", "front")
        told = [next(stream) for _ in range(3)]
    kinds = [raw.partition(b"\n")[0] for raw in told]
    assert b"event: turn" in kinds, told
