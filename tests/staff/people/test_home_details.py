"""What is kept of homes, residents and accounts is changed: by whom, noted how, found how."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event as listening
from sqlalchemy import insert

from gateway.events import HomeField
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator
from web.staff.people import accounts, home_details
from web.staff.people.accounts import Refused, Wrong
from web.staff.storage import tables

Make = Callable[..., Actor]

NEW = {
    HomeField.LABEL: "Villa Ny",
    HomeField.ADDRESS: "Nya vägen 7",
    HomeField.FALLBACK: "1. Ring jouren.\n2. Nyckelskåpet.",
}


def signed_in(app: Flask, *roles: str) -> FlaskClient:
    """A client of a new person with these roles, who showed who they are just now."""
    person = f"x{'-'.join(roles)}"
    add_user(app, person, list(roles))
    client = app.test_client()
    assert sign_in(client, person).status_code == 302
    return client


def wrong(call: Callable[..., Any], *args: Any) -> Wrong:
    """Why it was refused."""
    with pytest.raises(Refused) as caught:
        call(*args)
    return caught.value.why


def changes(staff: Staff) -> list[tuple[str, str, str | None]]:
    """Every change of a home that was noted: origin, what, by whom; of each origin in its order."""
    found = rows(staff, tables.event, kind="home.changed")
    return [
        (row.origin, json.loads(row.body)["data"]["what"], row.person)
        for row in sorted(found, key=lambda row: (row.origin, row.seq))
    ]


def test_a_change_is_noted_and_the_home_hears_of_it(
    enrolled_home: EnrolledHome, make_user: Make, staff: Staff
) -> None:
    """One event of the home for each thing that changed, none for what did not; by whom, and never
    to what.  The home's own stream brings it."""
    boss = make_user("c1", ["coordinator"])
    assert home_details.set_details(staff, boss, "h1", NEW)
    assert not home_details.set_details(staff, boss, "h1", NEW)
    (row,) = rows(staff, tables.home)
    assert (row.label, row.address, row.fallback) == tuple(NEW.values())
    assert home_details.set_resident(staff, boss, "h1", "r-h1", " Prov Ny ")
    assert not home_details.set_resident(staff, boss, "h1", "r-h1", "Prov Ny")
    assert [one.name for one in rows(staff, tables.resident)] == ["Prov Ny"]
    noted = [("staff:h1", what, "c1") for what in ("label", "address", "fallback", "resident")]
    assert changes(staff) == noted
    bodies = " ".join(row.body for row in rows(staff, tables.event))
    assert not any(text in bodies for text in ("Villa Ny", "Nya vägen", "jouren", "Prov Ny"))
    stream = enrolled_home.listen()
    heard = b"".join(next(stream) for _ in ("hello", "home.enrolled", *noted))
    assert heard.count(b'"home.changed"') == len(noted)


def test_who_may_change_what(enrolled_home: EnrolledHome, make_user: Make, staff: Staff) -> None:
    """Homes by those who say who works where; a resident's name by those of them who may know it;
    accounts by administrators; nothing of another organisation by anybody."""
    carer = make_user("p1", ["caregiver"], homes=["h1"])
    admin = make_user("a1", ["administrator"])
    technician = make_user("t1", ["technician"])
    boss = make_user("c1", ["coordinator"])
    add_home(enrolled_home.app, "h2", org="org2")
    stranger = make_user("c2", ["coordinator", "administrator"], org="org2")
    for actor in (carer, technician):
        assert wrong(home_details.set_details, staff, actor, "h1", NEW) is Wrong.NO_RIGHT
    for actor in (carer, technician, admin):
        assert wrong(home_details.set_resident, staff, actor, "h1", None, "x") is Wrong.NO_RIGHT
    assert wrong(home_details.set_details, staff, stranger, "h1", NEW) is Wrong.NOT_FOUND
    assert wrong(home_details.set_resident, staff, stranger, "h1", "r-h1", "x") is Wrong.NOT_FOUND
    assert wrong(home_details.set_resident, staff, stranger, "h2", "r-h1", "x") is Wrong.NOT_FOUND
    about = accounts.set_about
    assert wrong(about, staff, boss, "p1", "x", "x@prov.example") is Wrong.NO_RIGHT
    assert wrong(about, staff, stranger, "p1", "x", "x@prov.example") is Wrong.NOT_FOUND
    assert changes(staff) == []
    assert {one.name for one in rows(staff, tables.resident)} == {"Prov Boende"}
    assert home_details.set_details(staff, admin, "h1", NEW)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({HomeField.LABEL: "  "}, Wrong.EMPTY),
        ({HomeField.FALLBACK: "x" * (home_details.TEXT_MAX + 1)}, Wrong.TOO_LONG),
    ],
)
def test_a_home_keeps_a_name_and_a_page_of_routine(
    enrolled_home: EnrolledHome,
    make_user: Make,
    staff: Staff,
    said: dict[HomeField, str],
    why: Wrong,
) -> None:
    """A home without a name cannot be found, and a routine is read at a door."""
    boss = make_user("c1", ["coordinator"])
    assert wrong(home_details.set_details, staff, boss, "h1", said) is why


def test_an_account_is_called_something_else(
    enrolled_home: EnrolledHome, make_user: Make, staff: Staff
) -> None:
    """The name and the address that signs in, each noted by whom and never to what; an address that
    is none, or is somebody's already (of whatever organisation), is refused in the same words."""
    admin = make_user("a1", ["administrator"])
    make_user("p1", ["caregiver"])
    assert accounts.set_about(staff, admin, "p1", " Prov Ny ", " Ny@Prov.example ")
    assert not accounts.set_about(staff, admin, "p1", "Prov Ny", "ny@prov.example")
    (row,) = rows(staff, tables.user, person_id="p1")
    assert (row.name, row.email) == ("Prov Ny", "ny@prov.example")
    noted = [json.loads(r.body)["data"] for r in rows(staff, tables.event, kind="account.changed")]
    assert noted == [{"what": what, "account": "p1"} for what in ("name", "email")]
    for address in ("a1@prov.example", "none", "a b@c.d", ""):
        why = wrong(accounts.set_about, staff, admin, "p1", "x", address)
        assert why is Wrong.BAD_ADDRESS, address
    assert wrong(accounts.set_about, staff, admin, "p1", " ", "x@prov.example") is Wrong.EMPTY


def test_the_pages_forms_change_it_and_show_who_did(
    staff_app: Flask, enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The home's page has what is kept, saves what is written, and lists the changes; carers read
    the new routine where they need it."""
    boss = signed_in(staff_app, "coordinator")
    page = text_of(boss, "/administration/hem/h1")
    assert 'value="Provgatan 1"' in page
    assert ">Nyckel i nyckelskåpet.</textarea>" in page
    said = {field.value: text for field, text in NEW.items()}
    assert post(boss, "/administration/hem/h1", do="details", **said).status_code == 200
    answer = post(boss, "/administration/hem/h1", do="resident", resident="r-h1", name="Prov Ny")
    assert answer.status_code == 200
    page = text_of(boss, "/administration/hem/h1")
    history = page.split('data-test="changes"')[1]
    assert re.findall(r"ändrades</span> (\w+)", history) == [
        *("brukarens", "reservrutinen", "adressen", "visningsnamnet"),
    ]
    assert "Prov xcoordinator" in history
    assert "1. Ring jouren." in text_of(boss, "/hem/h1")
    assert "Prov Ny" in text_of(boss, "/hem/h1")


def test_who_may_not_know_the_resident_is_shown_no_name(
    staff_app: Flask, enrolled_home: EnrolledHome
) -> None:
    """An administrator changes the address and is not told who lives there, not by searching
    either."""
    admin = signed_in(staff_app, "administrator")
    assert "Prov Boende" not in text_of(admin, "/administration/hem/h1")
    assert 'data-test="label"' in text_of(admin, "/administration/hem/h1")
    assert 'data-test="home"' not in text_of(admin, "/administration/hem?sok=boende")
    boss = signed_in(staff_app, "coordinator")
    assert 'data-test="home"' in text_of(boss, "/administration/hem?sok=boende")


def test_homes_and_people_are_found_by_words(
    staff_app: Flask, enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """Any words, in any case and order: label, address, area, resident; name, e-mail, role."""
    for number in range(2, 5):
        add_home(staff_app, f"h{number}", label=f"Ängsvägen {number}")
    boss = signed_in(staff_app, "coordinator")
    accounts.add_group(staff, Operator("org1"), "area", "Norra sidan")
    (area,) = rows(staff, tables.area)
    accounts.set_home_area(staff, Operator("org1"), "h3", area.id)

    def found(path: str, what: str, asked: str) -> list[str]:
        page = text_of(boss, f"{path}?sok={asked}")
        return re.findall(rf'data-test="{what}" data-\w+="([\w-]+)"', page)

    homes = "/administration/hem"
    assert found(homes, "home", "ÄNGSV") == ["h2", "h3", "h4"]
    assert found(homes, "home", "3 ängsvägen") == ["h3"]
    assert found(homes, "home", "norra") == ["h3"]
    assert found(homes, "home", "1203") == ["h1"]
    assert found(homes, "home", "") == ["h1", "h2", "h3", "h4"]
    assert found(homes, "home", "finns inte") == []
    add_user(staff_app, "p1", ["night_watcher"])
    people = "/administration"
    assert found(people, "account", "NATTPATRULL") == ["p1"]
    assert found(people, "account", "p1@prov") == ["p1"]
    assert found(people, "account", "zzz") == []


@pytest.mark.parametrize(
    "path", ["/administration/hem", "/administration", "/administration/hem/h1"]
)
def test_the_statements_do_not_grow_with_the_homes(
    staff_app: Flask, enrolled_home: EnrolledHome, staff: Staff, path: str
) -> None:
    """As many with 200 homes more as with one; and the list is cut where a reader would stop."""
    boss = signed_in(staff_app, "coordinator")

    def statements() -> int:
        told: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            told.append(statement)

        listening.listen(staff.db.engine, "before_cursor_execute", note)
        text_of(boss, path)
        listening.remove(staff.db.engine, "before_cursor_execute", note)
        return len(told)

    statements()
    few = statements()
    with staff.db.write() as tx:
        for number in range(1000, 1201):
            home = {"id": f"n{number}", "org_id": "org1", "label": f"Nr {number}"}
            tx.conn.execute(insert(tables.home).values(**home, timezone="Europe/Stockholm"))
            resident = {"id": f"rn{number}", "home_id": home["id"], "name": "Prov"}
            tx.conn.execute(insert(tables.resident).values(**resident))
    assert statements() == few
    if path == "/administration/hem":
        page = text_of(boss, path)
        assert page.count('data-test="home"') == 200
        assert "Fler finns: sök för att hitta dem." in page
