"""The pages *Larmkedjor* and *Jour*: made, changed, refused, and what would happen at an hour."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.clock import ManualClock
from tests.staff.ladders.hand import Hand
from tests.staff.ladders.provider import HttpChannel, Provider
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from web.staff import channels
from web.staff.core.context import Staff
from web.staff.ladders import provider_routes
from web.staff.people import before
from web.staff.storage import tables
from web.staff.storage.admin_tables import change_before
from web.staff.storage.ladder_tables import ladder, rota, rota_shift


@pytest.fixture
def boss(staff_app: Flask, client: FlaskClient) -> FlaskClient:
    """A coordinator, signed in, on a server that can push."""
    staff_app.extensions[channels.EXTENSION]["push"] = HttpChannel("push", Provider())
    add_user(staff_app, "boss", ["coordinator"])
    sign_in(client, "boss")
    return client


@pytest.fixture
def people(staff_app: Flask, staff: Staff) -> Hand:
    """Somebody who is reached, and somebody who is not."""
    dispatcher = staff_app.extensions[provider_routes.EXTENSION]
    hand = Hand(staff_app, staff, staff.clock, None, dispatcher)  # type: ignore[arg-type]
    hand.person("p1", "push:ok-1")
    hand.person("p2")
    return hand


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def send(client: FlaskClient, path: str, **fields: object) -> str:
    """Send a form as our script does; returns the sentence."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/jour").text)
    assert token is not None
    data = {"csrf_token": token[1], **fields}
    answer = client.post(path, data=data, headers={"Accept": "application/json"})
    return str(answer.get_json()["text"])


def test_a_ladder_is_made_and_foreseen(boss: FlaskClient, people: Hand) -> None:
    """Monday night: who would be reached, in order and by what; by day nobody, and the holes of the
    week say so."""
    assert people is not None
    night = {"name": "Natt", "day": list("0123456"), "from": "21:00", "until": "07:00"}
    steps = {"step-1": ["person:p2", "person:p1", ""], "timeout-1": "60", "step-2": "assigned"}
    assert send(boss, "/larmkedjor", **night, **steps) == "Larmkedjan är sparad."
    page = text(boss, "/larmkedjor?nar=2026-11-24T02:00")
    assert "Natt 21:00–07:00" in page
    assert "Prov p2, Prov p1 väntar 1 min" in page
    assert "Prov p1 (notis), Prov p2 (har ingen larmväg) väntar 1 min" in page
    page = text(boss, "/larmkedjor?nar=2026-11-24T12:00")
    assert "Prov p1 (notis) väntar 2 min" in page, "who works in the home"


def test_a_ladder_is_put_back(boss: FlaskClient, people: Hand, staff: Staff) -> None:
    """From *Ändringar* and from its own page: as it was before it was changed, gone after it was
    made, there again after it was taken away; but not one that reaches nobody any more."""
    step = {"day": list("0123456"), "step-1": "person:p1", "timeout-1": "60"}

    def rows() -> list[tuple[str, str]]:
        with staff.db.read() as conn:
            query = select(ladder.c.id, ladder.c.name)
            return [(row.id, row.name) for row in conn.execute(query)]

    def undone(path: str = "/administration/andringar") -> str:
        page = boss.get(path).text
        change = re.search(r'data-test="step".*?name="change" value="(\w+)"', page, re.DOTALL)
        assert change is not None
        back = "ladders" if path == "/larmkedjor" else ""
        return send(boss, "/administration/andringar", change=change[1], back=back)

    send(boss, "/larmkedjor", name="Natt", **step)
    made = rows()
    send(boss, "/larmkedjor", ladder=made[0][0], name="Dag", **step)
    assert undone() == "Ångrat."
    assert rows() == made
    send(boss, "/larmkedjor/andra", do="remove", ladder=made[0][0])
    assert rows() == []
    assert "Natt" in text(boss, "/larmkedjor") and "tillbaka" in text(boss, "/larmkedjor")
    assert undone("/larmkedjor") == "Ångrat."
    assert rows() == made
    assert undone() == "Ångrat.", "what was put back can be put back"
    assert rows() == []
    with staff.db.write() as tx:
        tx.conn.execute(tables.user.update().where(tables.user.c.person_id == "p1"), {"active": 0})
    assert undone() != "Ångrat."
    assert rows() == []


def test_how_long_the_way_may_be(boss: FlaskClient, people: Hand, staff: Staff) -> None:
    """Minutes within bounds, shown again; what was remembered by a version that had no such field
    is put back all the same."""
    step = {"name": "Natt", "day": list("0123456"), "step-1": "person:p1", "timeout-1": "60"}
    for wrong in ("0", "10081", "-5", "9" * 400, "snart"):
        said = send(boss, "/larmkedjor", arrive=wrong, **step)
        assert said.startswith(("Välj minst en dag", "Sidan förstod inte")), wrong
    assert send(boss, "/larmkedjor", arrive="45", **step) == "Larmkedjan är sparad."
    with staff.db.read() as conn:
        (made,) = conn.execute(select(ladder.c.id, ladder.c.arrive_min)).all()
    assert made.arrive_min == 45
    assert 'value="45"' in boss.get(f"/larmkedjor/en?kedja={made.id}").text
    send(boss, "/larmkedjor", ladder=made.id, arrive="", **step)
    with staff.db.write() as tx:
        for row in tx.conn.execute(select(change_before)).all():
            values = {
                name: json.dumps({k: v for k, v in json.loads(text).items() if k != "arrive_min"})
                for name, text in (("before", row.before), ("after", row.after))
            }
            tx.conn.execute(change_before.update().where(change_before.c.id == row.id), values)
    page = boss.get("/administration/andringar").text
    change = re.search(r'data-test="step".*?name="change" value="(\w+)"', page, re.DOTALL)
    assert change is not None
    assert send(boss, "/administration/andringar", change=change[1], back="") == "Ångrat."


def test_the_order_is_put_back(
    boss: FlaskClient, people: Hand, staff: Staff, staff_app: Flask, clock: ManualClock
) -> None:
    """Earlier and later, each an event with who and why; the last move is put back, with what was
    made or taken away since left as it is; not when somebody moved one since, not by another
    organisation, and not after a week."""
    assert people is not None
    step = {"day": "0", "step-1": "person:p1"}
    for name in ("Ett", "Två", "Tre"):
        send(boss, "/larmkedjor", name=name, **step)

    def order() -> list[str]:
        with staff.db.read() as conn:
            query = select(ladder.c.name).order_by(ladder.c.place)
            return list(conn.execute(query).scalars())

    def move(name: str, do: str) -> None:
        with staff.db.read() as conn:
            one = conn.execute(select(ladder.c.id).where(ladder.c.name == name)).scalar_one()
        assert send(boss, "/larmkedjor/andra", do=do, ladder=one) == "Sparat."

    def offered(client: FlaskClient = boss) -> str | None:
        page = client.get("/larmkedjor").text
        found = re.search(r'data-ladder="order".*?name="change" value="(\w+)"', page, re.DOTALL)
        return None if found is None else found[1]

    def undone(change: str | None, client: FlaskClient = boss) -> bool:
        assert change is not None
        return send(client, "/administration/andringar", change=change) == "Ångrat."

    move("Ett", "earlier")
    move("Tre", "later")
    assert offered() is None, "the first is no earlier, the last no later"
    move("Tre", "earlier")
    stale = offered()
    move("Ett", "later")
    assert order() == ["Tre", "Ett", "Två"]
    assert not undone(stale)
    assert undone(offered())
    assert order() == ["Ett", "Tre", "Två"]
    send(boss, "/larmkedjor", name="Fyra", **step)
    move("Fyra", "remove")
    send(boss, "/larmkedjor", name="Fem", **step)
    move("Två", "remove")
    assert undone(offered()), "what was put back can be put back"
    assert order() == ["Tre", "Ett", "Fem"]
    with staff.db.read() as conn:
        e = tables.event.c
        query = select(e.person, e.body).where(e.kind == "ladder.order_changed").order_by(e.seq)
        told = [(row.person, json.loads(row.body)["data"]) for row in conn.execute(query)]
    assert [person for person, _ in told] == ["boss"] * 4
    assert [said["why"] for _, said in told] == ["earlier", "later", "put_back", "put_back"]
    assert [len(said["order"]) for _, said in told] == [3] * 4
    page = text(boss, "/administration/andringar")
    assert "Larmkedjornas ordning ändrad: en kedja frågas tidigare Prov boss" in page
    last = offered()
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["coordinator"], org="org2")
    other = staff_app.test_client()
    sign_in(other, "z1")
    assert offered(other) is None
    assert not undone(last, other)
    clock.advance(before.OFFERED / timedelta(seconds=1))
    assert offered() is None
    assert not undone(last)
    assert order() == ["Tre", "Ett", "Fem"]


def test_the_order_is_put_back_around_what_came_since(
    boss: FlaskClient, people: Hand, staff: Staff
) -> None:
    """A ladder that came back meanwhile keeps its place; an order that was changed behind the pages
    is not written over, and neither is one of which a single ladder is left."""
    assert people is not None
    step = {"day": "0", "step-1": "person:p1"}
    for name in ("A", "B", "C"):
        send(boss, "/larmkedjor", name=name, **step)

    def ids() -> dict[str, str]:
        with staff.db.read() as conn:
            query = select(ladder.c.name, ladder.c.id).order_by(ladder.c.place, ladder.c.name)
            return {row.name: row.id for row in conn.execute(query)}

    def undone(what: str) -> bool:
        page = boss.get("/larmkedjor").text
        found = re.search(rf'data-ladder="{what}".*?name="change" value="(\w+)"', page, re.DOTALL)
        assert found is not None
        return send(boss, "/administration/andringar", change=found[1]) == "Ångrat."

    first = ids()["A"]
    send(boss, "/larmkedjor/andra", do="remove", ladder=first)
    send(boss, "/larmkedjor/andra", do="earlier", ladder=ids()["C"])
    assert undone(first)
    assert list(ids()) == ["A", "C", "B"]
    assert undone("order")
    assert list(ids()) == ["A", "B", "C"]
    with staff.db.write() as tx:
        tx.conn.execute(ladder.update().where(ladder.c.name == "C").values(place=0))
    assert not undone("order")
    assert list(ids()) == ["C", "A", "B"]
    send(boss, "/larmkedjor/andra", do="remove", ladder=ids()["C"])
    assert not undone("order")
    assert list(ids()) == ["A", "B"]


def test_holes_are_told(boss: FlaskClient, people: Hand, staff_app: Flask) -> None:
    """With nobody in the home, the hours outside the ladder's reach nobody."""
    with parts_of(staff_app).db.write() as tx:
        tx.conn.execute(tables.assignment.delete())
    night = {"name": "Natt", "day": list("0123456"), "from": "21:00", "until": "07:00"}
    send(boss, "/larmkedjor", **night, **{"step-1": "person:p1"})
    page = text(boss, "/larmkedjor")
    assert "tisdag 24 nov. 07:00–21:00: ingen" in page
    assert people is not None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"step-1": "person:p2"}, "Kedjan når ingen"),
        ({"step-1": "person:p9"}, "Kedjan nämner någon som inte finns"),
        ({"step-1": "what:ever"}, "Sidan förstod inte"),
        ({"step-1": "team:x"}, "Sidan förstod inte"),
        ({"step-1": "person:p1", "day": []}, "Välj minst en dag"),
        ({"step-1": "person:p1", "name": " "}, "Skriv ett namn"),
        ({"step-1": "person:p1", "timeout-1": "1"}, "Sidan förstod inte"),
        ({}, "Välj minst en dag och ett steg"),
    ],
)
def test_a_ladder_is_refused_with_a_reason(
    boss: FlaskClient, people: Hand, staff_app: Flask, fields: dict[str, object], sentence: str
) -> None:
    """One sentence, and nothing is kept."""
    assert people is not None
    told = send(boss, "/larmkedjor", **({"name": "Natt", "day": "0"} | fields))
    assert told.startswith(sentence)
    with parts_of(staff_app).db.read() as conn:
        assert conn.execute(select(ladder.c.id)).all() == []


def test_a_ladder_is_changed_moved_and_taken_away(
    boss: FlaskClient, people: Hand, staff_app: Flask
) -> None:
    """By the forms of the page; another organisation's is no page."""
    assert people is not None
    for name in ("Ett", "Två"):
        send(boss, "/larmkedjor", name=name, day="0", **{"step-1": "person:p1"})

    def names() -> list[str]:
        with parts_of(staff_app).db.read() as conn:
            query = select(ladder.c.name).order_by(ladder.c.place)
            return list(conn.execute(query).scalars())

    with parts_of(staff_app).db.read() as conn:
        two = conn.execute(select(ladder.c.id).where(ladder.c.name == "Två")).scalar_one()
    assert send(boss, "/larmkedjor/andra", do="earlier", ladder=two) == "Sparat."
    assert names() == ["Två", "Ett"]
    form = boss.get(f"/larmkedjor/en?kedja={two}").text
    assert 'value="person:p1" selected' in form
    send(boss, "/larmkedjor", ladder=two, name="Tre", day="1", **{"step-1": "person:p1"})
    assert names() == ["Tre", "Ett"]
    send(boss, "/larmkedjor/andra", do="remove", ladder=two)
    assert names() == ["Ett"]
    assert boss.get("/larmkedjor/en?kedja=ladder9").status_code == 404


def test_a_rota_is_written_in_the_page(boss: FlaskClient, people: Hand, staff_app: Flask) -> None:
    """A shift that is repeated begins by the clock on the wall each week; gaps are told; a calendar
    file is read, and one that is none says so."""
    assert people is not None
    send(boss, "/jour", do="make", name="Natt")
    with parts_of(staff_app).db.read() as conn:
        made = conn.execute(select(rota.c.id)).scalar_one()
    shift = {"person": "p1", "since": "2026-11-24T21:00", "until": "2026-11-25T07:00"}
    assert send(boss, "/jour", do="add", rota=made, **shift, weeks="2") == "Sparat."
    late = shift | {"until": "2026-11-24T07:00"}
    assert send(boss, "/jour", do="add", rota=made, **late).startswith("Passet ska sluta efter")
    with parts_of(staff_app).db.read() as conn:
        assert len(conn.execute(select(rota_shift.c.id)).all()) == 2
    page = text(boss, "/jour")
    assert "Prov p1" in page
    assert "Luckor" in page
    files = {"file": (io.BytesIO(b"no calendar"), "x.ics")}
    assert send(boss, "/jour/kalender", rota=made, **files).startswith("Kalendern går inte")
    assert send(boss, "/jour", do="remove", rota=made) == "Sparat."


def test_a_home_is_marked_as_protected(boss: FlaskClient, staff: Staff) -> None:
    """In the page of what is kept of the home; noted there with who did it."""
    path = "/administration/hem/h1"
    with boss.session_transaction() as session:
        session["fs_paa"] = 4e9  # proved lately
    assert send(boss, path, do="protected", protected="1") == "Sparat."
    with staff.db.read() as conn:
        assert conn.execute(select(tables.home.c.protected)).scalar_one()
        e = tables.event.c
        told = conn.execute(select(e.person).where(e.kind == "home.protection_set")).scalars()
        assert list(told) == ["boss"]
    assert "Skyddade personuppgifter ändrades" in text(boss, path)
    assert update is not None
