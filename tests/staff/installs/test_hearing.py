"""A home tells a technician's page what it hears: asked for by an order that it can verify, shown
to who asked and to nobody else, and kept by nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.access import listen_orders, tokens
from gateway.access.listen_orders import ListenAction, ListenOrder
from gateway.access.tokens import BadToken
from tests.staff.installs.parts import furnish
from tests.staff.installs.test_trial import WHO, refusal, technician
from tests.staff.parts import EnrolledHome, add_home, add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.installs import hearing
from web.staff.installs.trial import Fault
from web.staff.storage import install_tables
from web.staff.storage.tables import metadata

THING = {"address": "AA:00:00:00:00:01", "driver": "bthome", "rssi": -60}


def listening(home: EnrolledHome) -> Iterator[bytes]:
    """The home's stream, past its beginning."""
    stream = home.listen(1)
    next(stream)
    return stream


def order_on(stream: Iterator[bytes], staff: Staff) -> ListenOrder:
    """The next order to listen, as the home reads it."""
    for item in stream:
        if item.startswith(b"event: listen"):
            token = item.decode().split("data: ", 1)[1].strip()
            keys = {staff.keys.kid: staff.keys.private.public_key()}
            return listen_orders.read(token, keys, home="h1", now=staff.clock.now())
    raise AssertionError("the stream ended")


def tell(home: EnrolledHome, hearing_id: str, **more: Any) -> int:
    """The home says what it hears; the answer's status."""
    path = "/api/v1/home/heard"
    body = {"hearing": hearing_id, "state": "hearing", "things": [THING]} | more
    headers = home.headers("POST", path)
    return int(home.client.post(path, json=body, headers=headers).status_code)


def now_heard(staff: Staff) -> hearing.Heard | None:
    """What the page would show."""
    with staff.db.read() as conn:
        return hearing.heard(conn, "h1")


def test_a_home_is_asked_and_tells_until_the_page_is_closed(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The order says for whom and which hearing; what is told is shown; the home's end, or the
    page's, leaves nothing behind."""
    stream = listening(enrolled_home)
    hearing.begin(staff, WHO, "h1")
    order = order_on(stream, staff)
    assert (order.action, order.person, order.home) == (ListenAction.BEGIN, "p1", "h1")
    assert order.expires - order.not_before == timedelta(seconds=listen_orders.LIFE_S)
    found = now_heard(staff)
    assert found is not None
    assert (found.signal, found.too_old) == (None, False)
    assert tell(enrolled_home, order.hearing) == 200
    found = now_heard(staff)
    assert found is not None
    assert found.signal is not None
    assert found.signal.things[0].address == THING["address"]
    hearing.go_on(staff, WHO, "h1")
    assert order_on(stream, staff).action is ListenAction.GO_ON
    assert tell(enrolled_home, order.hearing, state="ended", things=[]) == 200
    assert now_heard(staff) is None
    assert tell(enrolled_home, order.hearing) == 404
    hearing.begin(staff, WHO, "h1")
    begun = order_on(stream, staff).hearing
    hearing.end(staff, WHO, "h1")
    assert order_on(stream, staff).action is ListenAction.END
    assert tell(enrolled_home, begun) == 404
    with staff.db.read() as conn:
        assert conn.execute(select(install_tables.hearing)).all() == []


def test_a_home_that_does_not_listen_or_does_not_know_it_is_said(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Nothing waits for a home that is away; one that was reached and never tells is too old."""
    assert refusal(hearing.begin, staff, WHO, "h1") is Fault.NOT_CONNECTED
    assert now_heard(staff) is None
    _stream = listening(enrolled_home)
    hearing.begin(staff, WHO, "h1")
    long_ago = datetime.now(UTC) - 2 * hearing.TOO_OLD
    with staff.write() as tx:
        tx.conn.execute(update(install_tables.hearing).values(made_at=long_ago))
    found = now_heard(staff)
    assert found is not None
    assert found.too_old


def test_a_home_that_goes_silent_is_said_and_asked_anew(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """It lost its power in the middle: what it told is old; the page's next word asks it anew under
    the same name, and what it tells then is news.  One that goes on needs no asking."""
    stream = listening(enrolled_home)
    hearing.begin(staff, WHO, "h1")
    begun = order_on(stream, staff).hearing
    assert tell(enrolled_home, begun) == 200
    found = now_heard(staff)
    assert found is not None
    assert not found.silent
    long_ago = datetime.now(UTC) - 2 * hearing.SILENT
    with staff.write() as tx:
        tx.conn.execute(update(install_tables.hearing).values(told_at=long_ago))
    found = now_heard(staff)
    assert found is not None
    assert found.silent
    hearing.go_on(staff, WHO, "h1")
    order = order_on(stream, staff)
    assert (order.action, order.hearing) == (ListenAction.BEGIN, begun)
    assert tell(enrolled_home, begun) == 200
    found = now_heard(staff)
    assert found is not None
    assert not found.silent
    hearing.go_on(staff, WHO, "h1")
    assert order_on(stream, staff).action is ListenAction.GO_ON


def test_one_at_a_time_and_for_who_asked(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """Another technician takes over, and the first page says that it hears no more; another
    organisation's, and care staff, are refused; another home's word is passed over; what nobody
    looks at any more is gone, though the home never said so."""
    stream = listening(enrolled_home)
    hearing.begin(staff, WHO, "h1")
    first = order_on(stream, staff).hearing
    other = technician("p2")
    hearing.begin(staff, other, "h1")
    second = order_on(stream, staff).hearing
    assert first != second
    assert tell(enrolled_home, first) == 404
    for act in (hearing.go_on, hearing.end):
        assert refusal(act, staff, WHO, "h1") is Fault.NOT_HEARING
    assert refusal(hearing.answer, staff, WHO, "h1", 1, "x") is Fault.NOT_HEARING
    add_home(enrolled_home.app, "far", org="org2")
    stranger = add_user(enrolled_home.app, "p9", [Role.TECHNICIAN], org="org2")
    carer = Actor(
        "p3", "Prov", "org1", frozenset({Role.CAREGIVER}), frozenset({"h1"}), frozenset({"h1"})
    )
    for act in (hearing.begin, hearing.go_on, hearing.end):
        assert refusal(act, staff, stranger, "h1") is Fault.NO_HOME
        assert refusal(act, staff, carer, "h1") is Fault.NO_RIGHT
    far = EnrolledHome(enrolled_home.app, enrolled_home.client, "far", enrolled_home.clock)
    far.enroll()
    assert tell(far, second) == 404
    hearing.look(staff)
    assert now_heard(staff) is not None
    with staff.write() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        tx.conn.execute(update(install_tables.hearing).values(until=past))
    hearing.look(staff)
    with staff.db.read() as conn:
        assert conn.execute(select(install_tables.hearing)).all() == []


def test_a_pin_travels_with_its_order_and_is_kept_nowhere(
    enrolled_home: EnrolledHome, staff: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    """A device that the home has is paired, and what is answered reaches the home once: no table
    and no log line has it, nor does the order when it is printed."""
    furnish(enrolled_home)
    stream = listening(enrolled_home)
    with caplog.at_level(logging.DEBUG):
        hearing.begin(staff, WHO, "h1")
        begun = order_on(stream, staff).hearing
        pair = ListenAction.PAIR
        assert refusal(hearing.guide, staff, WHO, "h1", pair, "cellar") is Fault.NO_DEVICE
        hearing.guide(staff, WHO, "h1", pair, "front")
        order = order_on(stream, staff)
        assert (order.action, order.device, order.hearing) == (pair, "front", begun)
        hearing.answer(staff, WHO, "h1", 3, " pin-471147 ")
        order = order_on(stream, staff)
    assert (order.action, order.question, order.text) == (ListenAction.ANSWER, 3, "pin-471147")
    assert "471147" not in repr(order)
    assert "471147" not in caplog.text
    with staff.db.read() as conn:
        for table in metadata.sorted_tables:
            rows = json.dumps([list(map(str, row)) for row in conn.execute(select(table))])
            assert "471147" not in rows, table.name


def test_an_order_holds_for_its_home_and_its_seconds(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """One for another home, an old one, one that another key signed, and one that says more than
    this version knows are not obeyed."""
    now = staff.clock.now()
    good = ListenOrder(
        id="1",
        home="h1",
        hearing="x",
        action=ListenAction.PAIR,
        person="p1",
        not_before=now,
        expires=now + timedelta(seconds=20),
        device="front",
    )
    token = listen_orders.sign(good, staff.keys.private, staff.keys.kid)
    keys = {staff.keys.kid: staff.keys.private.public_key()}

    def read(**changed: Any) -> ListenOrder:
        given: dict[str, Any] = {"token": token, "keys": keys, "home": "h1", "now": now}
        return listen_orders.read(**{**given, **changed})

    assert read() == good
    later, before = now + timedelta(seconds=20), now - timedelta(seconds=60)
    wrongs: list[dict[str, Any]] = [
        *({"home": "far"}, {"now": later}, {"now": before}, {"now": None}, {"keys": {}}),
        {"token": token[:-4] + "AAAA"},
    ]
    for wrong in wrongs:
        with pytest.raises(BadToken):
            read(**wrong)
    more = tokens.sign(
        listen_orders.TYP,
        {"jti": "1", "aud": "h1", "sub": "p", "ses": "x", "act": "pair", "only": "at noon"},
        staff.keys.private,
        staff.keys.kid,
        (now, now + timedelta(seconds=20)),
    )
    with pytest.raises(BadToken):
        read(token=more)
