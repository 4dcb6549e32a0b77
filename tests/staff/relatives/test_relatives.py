"""Relatives: invited with consent, told what was agreed and nothing else, for as long as it is."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    ConsentHow,
    Stamp,
    VisitEnded,
    VisitStarted,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, hire, sign_in
from tests.staff.walked import WALKED
from web.staff import pages
from web.staff.channels.contract import Address, Health, Incoming, Message, Outcome, Proof, Why
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.people.accounts import Refused, Wrong
from web.staff.relatives import inviting, visiting
from web.staff.relatives.inviting import Agreed, Invited
from web.staff.relatives.telling import NEWS_FOR, TRIES_MAX, Teller, gather
from web.staff.storage import tables
from web.staff.storage.place_tables import consent
from web.staff.storage.plan_tables import absence
from web.staff.storage.relative_tables import relative, relative_message

MIN = timedelta(minutes=1)
ALL = Agreed(arrived=True, departed=True, absence=True, notes_absence=True)
ASKED = date(2026, 11, 22)


class Phone:
    """A channel that keeps what it is given, and answers as it is told to."""

    name = "sms"
    proof = Proof.DELIVERED
    delivered_within_s: float | None = None

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.outcome = Outcome(Proof.SENT)

    def send(self, message: Message, to: Address) -> Outcome:
        """Keep it."""
        self.sent.append((to.value, message.said or ""))
        self.ids.append(message.id)
        return self.outcome

    def check(self) -> Health:
        """It works."""
        return Health(ok=True)

    def incoming(
        self,
        headers: Mapping[str, str],
        form: Mapping[str, str],
        body: bytes,
    ) -> Incoming:
        """Nobody writes."""
        return Incoming()

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def boss(make_user: Callable[..., Actor]) -> Actor:
    """The coordinator."""
    return make_user("p-plan", ["coordinator"])


def invite(
    staff: Staff,
    boss: Actor,
    agreed: Agreed = ALL,
    *,
    home: str = "h1",
    name: str = "Prov Dotter",
    to: str = "070-123 45 67",
) -> str:
    """Invite a relative who is told by SMS; returns the link's token."""
    invited = Invited(name, agreed, "sms" if to else "", to)
    return inviting.invite(
        staff, boss, home, f"r-{home}", invited, asked_on=ASKED, how=ConsentHow.SPOKEN
    )


def enter(app: Flask, token: str) -> FlaskClient:
    """A browser that used the link."""
    client = app.test_client()
    page = client.get(f"/anhorig/{token}").get_data(as_text=True)
    form = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer = client.post(f"/anhorig/{token}", data={"csrf_token": form})
    assert answer.status_code == 303, answer.status_code
    return client


def visit(home: EnrolledHome, *, ago: timedelta = MIN, lasted: timedelta | None = None) -> None:
    """A visit that began so long ago, and lasted so long (None: goes on)."""
    hire(home.app, "p7")
    since = home.clock.now() - ago
    [begun] = home.send(Draft(VisitStarted(since=since, source=Stamp.TAP), person="p7"))
    if lasted is not None:
        home.send(VisitEnded(visit=begun.ref, until=since + lasted, source=Stamp.TAP))


def rows(page: str) -> list[str]:
    """What stands on a relative's page."""
    return re.findall(r'data-test="row-(\w+)"', page)


# --- the link -------------------------------------------------------------------------------------


def test_a_link_works_once_and_for_days(staff_app: Flask, staff: Staff, boss: Actor) -> None:
    """Opening it uses nothing up (mail programs look at links); its button does; then, or when it
    is old, it opens nothing and says what to do.  It is kept hashed."""
    token = invite(staff, boss)
    with staff.db.read() as conn:
        assert token not in repr(conn.execute(select(relative)).all())
    for _ in range(2):
        assert "Öppna" in staff_app.test_client().get(f"/anhorig/{token}").get_data(as_text=True)
    client = enter(staff_app, token)
    assert "Prov Boende" in text_of(client, "/anhorig")
    again = staff_app.test_client()
    assert again.get(f"/anhorig/{token}").status_code == 410
    assert again.get("/anhorig").status_code == 401
    with staff.db.read() as conn:
        who = conn.execute(select(relative.c.id)).scalar_one()
    late = inviting.new_link(staff, boss, "h1", who)
    form = again.get(f"/anhorig/{late}").get_data(as_text=True)
    token = form.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    staff.clock.advance(inviting.LINK_FOR.total_seconds() + 1)  # type: ignore[attr-defined]
    assert again.post(f"/anhorig/{late}", data={"csrf_token": token}).status_code == 410
    assert again.get(f"/anhorig/{late}").status_code == 410


def test_leaving_ends_the_browser(staff_app: Flask, staff: Staff, boss: Actor) -> None:
    """And only that one."""
    client = enter(staff_app, invite(staff, boss))
    page = text_of(client, "/anhorig")
    form = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    assert client.post("/anhorig/ut", data={"csrf_token": form}).status_code == 303
    left = client.get("/anhorig?ut=1")
    assert left.status_code == 401
    assert "Du är utloggad." in left.get_data(as_text=True)
    assert "Du är utloggad." not in client.get("/anhorig").get_data(as_text=True)


# --- what is seen ---------------------------------------------------------------------------------


def test_a_relative_sees_what_was_agreed_and_nothing_else(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """Arrived, not left; no alarm, no name of staff; nothing of before it was agreed."""
    visit(home, ago=90 * MIN, lasted=10 * MIN)
    client = enter(staff_app, invite(staff, boss, Agreed(arrived=True)))
    home.clock.advance(3600)
    visit(home, ago=20 * MIN, lasted=5 * MIN)
    now = home.clock.now()
    home.send(AlarmRaised.usual(AlarmType.ON_FLOOR, now))
    page = text_of(client, "/anhorig")
    assert rows(page) == ["arrived"]
    assert "22:40" in page
    for word in ("Prov p7", "golvet", "larm gick", "Händelser", "/nu", "Provgatan"):
        assert word not in page
    assert 'data-test="form-absence"' not in page


def test_each_reading_stands_in_the_access_log_by_name(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """As that of a relative."""
    client = enter(staff_app, invite(staff, boss))
    text_of(client, "/anhorig")
    reader = staff_app.test_client()
    sign_in(reader, "p-plan")
    log = text_of(reader, "/atkomst")
    assert "Prov Dotter" in log
    assert "anhörigsidan" in log


def test_several_relatives_and_several_residents(
    staff_app: Flask, staff: Staff, boss: Actor
) -> None:
    """One person with two residents is one; two of one resident are two; each sees their own."""
    add_home(staff_app, "h2", label="Lgh 2")
    with staff.db.write() as tx:
        r = tables.resident.c
        tx.conn.execute(update(tables.resident).where(r.id == "r-h2").values(name="Prov Moster"))
    both = Actor(**{f: getattr(boss, f) for f in ("person", "name", "org", "roles", "assigned")},
                 homes=frozenset({"h1", "h2"}))  # fmt: skip
    invite(staff, both)
    daughter = enter(staff_app, invite(staff, both, home="h2"))
    son = enter(staff_app, invite(staff, both, name="Prov Son", to="+46701234568"))
    assert text_of(daughter, "/anhorig").count('data-test="card"') == 2
    assert text_of(son, "/anhorig").count('data-test="card"') == 1
    assert "Prov Moster" not in text_of(son, "/anhorig")
    with pytest.raises(Refused) as caught:
        invite(staff, both)
    assert caught.value.why is Wrong.EXISTS


def test_a_relatives_browser_opens_no_page_of_staff_and_nothing_of_another_home(
    staff_app: Flask, staff: Staff, boss: Actor, make_home: Callable[[str], EnrolledHome]
) -> None:
    """Every route, read and written, with every id of another home of the same organisation: no
    word of it comes out, no row of it changes, and no page of staff opens."""
    other = make_home("h2")
    other.describe()
    now = other.clock.now()
    (alarm,) = other.send(AlarmRaised.usual(AlarmType.PENDANT, now))
    with staff.db.write() as tx:
        h, r = tables.home, tables.resident
        named = {"label": "Bofinkbo", "address": "Bofinkgatan"}
        tx.conn.execute(update(h).where(h.c.id == "h2").values(**named))
        tx.conn.execute(update(r).where(r.c.id == "r-h2").values(name="Bofink Boende"))
        tx.conn.execute(update(tables.user).values(name="Bofink Anställd"))
    client = enter(staff_app, invite(staff, boss))
    page = text_of(client, "/anhorig")
    form = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    ids = {"home": "h2", "hem": "h2", "alarm": alarm.ref, "resident": "r-h2", "person": "p-plan",
           "relative": "rel-x", "since": "2026-12-01T10:00", "link": "x"}  # fmt: skip
    before = _rows_of(staff, "h2")
    adapter = staff_app.url_map.bind("localhost")
    tried = 0
    for rule in sorted(staff_app.url_map.iter_rules(), key=lambda one: one.endpoint):
        values = {name: ids.get(name, "x") for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            address = str(adapter.build(rule.endpoint, values, method=method))
            fields = dict((WALKED.get(rule.endpoint) or ({},))[0]) | ids | {"csrf_token": form}
            kind: dict[str, Any] = {"query_string" if method == "GET" else "data": fields}
            if rule.endpoint == "pages.relative_leave":
                continue
            answer = client.open(address, method=method, **kind)
            tried += 1
            assert "ofink" not in answer.get_data(as_text=True), rule
            staffs = rule.endpoint.startswith("pages.") and rule.endpoint not in OURS
            if staffs and method == "GET":
                assert answer.status_code in (302, 303, 401, 404), (rule, answer.status_code)
    assert tried > 80
    assert _rows_of(staff, "h2") == before
    assert client.get("/anhorig").status_code == 200


OURS = {f"pages.{route.name}" for route in pages.discover() if route.public}
"""Pages that ask nobody to sign in."""


def _rows_of(staff: Staff, home: str) -> dict[str, list[str]]:
    found = {}
    with staff.db.read() as conn:
        for table in tables.metadata.sorted_tables:
            if "home_id" in table.c and table.name not in ("home_link", "home_stream"):
                query = select(table).where(table.c.home_id == home)
                found[table.name] = sorted(repr(row) for row in conn.execute(query).all())
    return found


# --- absence --------------------------------------------------------------------------------------


def test_a_relative_registers_an_absence_where_that_was_agreed(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """In the home's own time, by the function that the coordinator uses; a time that cannot be is
    told; who may not, and another's resident, are not found."""
    client = enter(staff_app, invite(staff, boss))
    page = text_of(client, "/anhorig")
    form = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    def send(**fields: str) -> int:
        data = {"csrf_token": form, "resident": "r-h1"} | fields
        return int(client.post("/anhorig/franvaro", data=data).status_code)

    assert send(since="2026-11-24T12:00", until="2026-11-26T12:00") == 303
    with staff.db.read() as conn:
        row = conn.execute(select(absence)).one()
        who = conn.execute(select(relative.c.id)).scalar_one()
    assert row.since == datetime.fromisoformat("2026-11-24T11:00:00+00:00")
    assert row.noted_by == who
    assert rows(text_of(client, "/anhorig")) == ["away"]
    assert send(since="i morgon") == 422
    assert send(since="2026-11-24T12:00", until="2026-11-23T12:00") == 409
    assert send(since="2030-11-24T12:00") == 409
    assert send(since="2026-11-24T12:00", resident="r-elsewhere") == 404
    for _ in range(visiting.ABSENCES_MAX):
        last = send(since="2026-11-24T12:00")
    assert last == 409
    with staff.db.read() as conn:
        assert len(conn.execute(select(absence)).all()) == visiting.ABSENCES_MAX
    other = enter(staff_app, invite(staff, boss, Agreed(arrived=True), name="Son", to=""))
    page = text_of(other, "/anhorig")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    data = {"csrf_token": token, "resident": "r-h1", "since": "2026-11-24T12:00"}
    assert other.post("/anhorig/franvaro", data=data).status_code == 404


# --- being told -----------------------------------------------------------------------------------


def test_arrived_left_and_absence_are_told_once_without_a_name(
    staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """By the channel, to the number as channels write it; two who are there at once are one."""
    phone = Phone()
    teller = Teller(staff, {"sms": phone})
    invite(staff, boss)
    teller.look()
    home.clock.advance(600)
    visit(home, ago=5 * MIN)
    visit(home, ago=4 * MIN, lasted=2 * MIN)
    for _ in range(2):
        teller.look()
    assert phone.sent == [("+46701234567", "Hemtjänsten kom 22:05. /anhorig")]
    with staff.db.read() as conn:
        first = conn.execute(
            select(tables.visit.c.id).where(tables.visit.c.until.is_(None))
        ).scalar_one()
    home.clock.advance(600)
    now = home.clock.now()
    home.send(VisitEnded(visit=first, until=now - MIN, source=Stamp.TAP))
    from web.staff.visits import visit_actions

    visit_actions.note_absence(staff, boss, "h1", now + 60 * MIN, None)
    teller.look()
    assert [said for _, said in phone.sent[1:]] == [
        "Hemtjänsten gick 22:19. /anhorig",
        "En frånvaro är inlagd. /anhorig",
    ]
    assert not any("Prov" in said for _, said in phone.sent)


def test_only_what_was_agreed_is_told_and_no_old_news(
    staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """A home that was cut off tells of yesterday's visit: that stands on the page."""
    phone = Phone()
    teller = Teller(staff, {"sms": phone})
    invite(staff, boss, Agreed(departed=True))
    home.clock.advance(3 * 3600)
    visit(home, ago=NEWS_FOR + 30 * MIN, lasted=10 * MIN)
    visit(home, ago=10 * MIN, lasted=5 * MIN)
    teller.look()
    assert [said for _, said in phone.sent] == ["Hemtjänsten gick 00:55. /anhorig"]


def test_a_provider_that_fails_is_asked_again_and_not_for_ever(
    staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """With the same id, so that one message is shown; what cannot help is not tried again."""
    phone = Phone()
    phone.outcome = Outcome(None, Why.BUSY, again_s=1)
    teller = Teller(staff, {"sms": phone})
    invite(staff, boss)
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10))
    for _ in range(TRIES_MAX + 3):
        teller.look()
        teller.look()
        home.clock.advance(61)
    assert len(phone.sent) == TRIES_MAX
    assert len(set(phone.ids)) == 1
    with staff.db.read() as conn:
        assert conn.execute(select(relative_message.c.ended)).scalar_one() == "busy"


def test_without_a_channel_nothing_waits_for_ever(
    staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """The page tells; the row says why."""
    invite(staff, boss)
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10))
    Teller(staff, {}).look()
    with staff.db.read() as conn:
        assert conn.execute(select(relative_message.c.ended)).scalar_one() == "no_channel"


# --- the end --------------------------------------------------------------------------------------


def test_a_withdrawn_consent_ends_everything_at_once(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """The open browser, what waits to be told, the name: with the next request, and the next
    look."""
    phone = Phone()
    client = enter(staff_app, invite(staff, boss))
    with staff.db.read() as conn:
        who = conn.execute(select(relative.c.id)).scalar_one()
    home.clock.advance(60)
    visit(home, ago=timedelta(seconds=10))
    gather(staff)
    inviting.end(staff, boss, "h1", who, "r-h1")
    assert client.get("/anhorig").status_code == 401
    Teller(staff, {"sms": phone}).look()
    assert phone.sent == []
    with staff.db.read() as conn:
        assert conn.execute(select(relative)).all() == []
        assert conn.execute(select(relative_message)).all() == []
        row = conn.execute(select(consent)).one()
        kinds = set(conn.execute(select(tables.event.c.kind)).scalars())
        bodies = conn.execute(select(tables.event.c.body)).scalars().all()
    assert (row.withdrawn_by, row.asked_on, row.how) == ("p-plan", "2026-11-22", "spoken")
    assert {"consent.given", "consent.withdrawn"} <= kinds
    assert not any("Dotter" in body or "+4670" in body for body in bodies)


def test_what_is_erased_is_not_left_in_the_file(
    staff_app: Flask, staff: Staff, boss: Actor, home: EnrolledHome
) -> None:
    """Name and number are in no page of the database that was let go, nor in its log of changes:
    whoever finds the disk reads them no more."""
    file = Path(str(staff.db.url.database))
    for number in range(5):
        invite(staff, boss, name=f"Prov Dotter {number} {'x' * 60}", to=f"070123456{number}")
    with staff.db.read() as conn:
        ids = list(conn.execute(select(relative.c.id)).scalars())
    for one in ids:
        inviting.end(staff, boss, "h1", one, "r-h1")
    with sqlite3.connect(file) as db:  # as the server does by itself, now and then and at its end
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))
    assert left.count(b"Prov Dotter") == left.count(b"+46701234") == 0
    assert b"consent.withdrawn" in left


# --- inviting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invited", "why"),
    [
        (Invited("", ALL), Wrong.EMPTY),
        (Invited("x", Agreed()), Wrong.EMPTY),
        (Invited("x" * 200, ALL), Wrong.TOO_LONG),
        (Invited("x", ALL, "sms", "12"), Wrong.BAD_ADDRESS),
        (Invited("x", ALL, "email", "hemma"), Wrong.BAD_ADDRESS),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(
    staff: Staff, boss: Actor, invited: Invited, why: Wrong
) -> None:
    """And nothing of it is kept."""
    with pytest.raises(Refused) as caught:
        inviting.invite(staff, boss, "h1", "r-h1", invited, asked_on=ASKED, how=ConsentHow.WRITTEN)
    assert caught.value.why is why
    with staff.db.read() as conn:
        assert conn.execute(select(relative)).all() == []
        assert conn.execute(select(consent)).all() == []


def test_only_a_coordinator_of_the_home_invites(
    staff_app: Flask, staff: Staff, boss: Actor, clock: ManualClock
) -> None:
    """Neither who cares there, nor another organisation's coordinator, nor for another's
    resident."""
    carer = add_user(staff_app, "p5", ["caregiver"], homes=["h1"])
    add_home(staff_app, "h9", org="org2")
    stranger = add_user(staff_app, "p6", ["coordinator"], org="org2")
    invited = Invited("x", ALL)
    for actor, home, resident, why in (
        (carer, "h1", "r-h1", Wrong.NO_RIGHT),
        (stranger, "h1", "r-h1", Wrong.NOT_FOUND),
        (boss, "h1", "r-h9", Wrong.NOT_FOUND),
        (boss, "h9", "r-h9", Wrong.NOT_FOUND),
    ):
        with pytest.raises(Refused) as caught:
            inviting.invite(
                staff, actor, home, resident, invited, asked_on=ASKED, how=ConsentHow.SPOKEN
            )
        assert caught.value.why is why


def test_the_coordinators_page_invites_and_ends(
    staff_app: Flask, staff: Staff, boss: Actor
) -> None:
    """The link is shown once; what was agreed, and how they are told, stands on the page."""
    client = staff_app.test_client()
    sign_in(client, "p-plan")
    fields = {"do": "invite", "resident": "r-h1", "name": "Prov Dotter", "arrived": "1",
              "channel": "email", "address": "dotter@prov.example", "asked_on": "2026-11-22",
              "how": "spoken"}  # fmt: skip
    answer = post(client, "/hem/h1/anhoriga", **fields).get_data(as_text=True)
    token = re.findall(r"/anhorig/([\w-]{32})", answer)[0]
    page = text_of(client, "/hem/h1/anhoriga")
    assert token not in page
    assert "när personal kommer" in page
    assert "dotter@prov.example" in page
    assert "Länken är inte använd än" in page
    enter(staff_app, token)
    assert post(client, "/hem/h1/anhoriga", **fields).status_code == 409
    who = re.findall(r'name="relative" value="([^"]+)"', page)[0]
    done = post(client, "/hem/h1/anhoriga", do="end", relative=who, resident="r-h1")
    assert done.status_code == 200
    assert "Ingen anhörig är inbjuden" in text_of(client, "/hem/h1/anhoriga")
