"""Long lists: what is whole, what is a row, what is searched for, and whose homes they show."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from gateway.clock import ManualClock
from gateway.events import AlarmType, Severity
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from web.staff.pages import lists, lookups, staff_admin
from web.staff.storage import tables

MINE, THEIRS = 70, 10
"""Homes where the carer works, more than a sheet has; and others of the organisation."""

NAMES = ("Åke Ängström", "Örjan Berg", "Zara Åberg", "Anna Öst")


@pytest.fixture
def homes(staff_app: Flask) -> list[str]:
    """The homes where `p7` works; none of `x0`, `x1`, …"""
    mine = [f"m{n}" for n in range(MINE)]
    for home in [*mine, *(f"x{n}" for n in range(THEIRS))]:
        add_home(staff_app, home, label=f"Lgh {home}")
    with parts_of(staff_app).db.write() as tx:
        r = tables.resident
        for home, name in zip(mine, NAMES, strict=False):
            tx.conn.execute(update(r).where(r.c.home_id == home).values(name=name))
    return mine


@pytest.fixture
def carer(as_role: Callable[..., FlaskClient], homes: list[str]) -> FlaskClient:
    return as_role("caregiver", homes=tuple(homes))


def alarm(app: Flask, home: str, ago_min: int, severity: Severity = Severity.CARE) -> str:
    now = parts_of(app).clock.now()
    at, ref = now - timedelta(minutes=ago_min), f"home:{home}/{ago_min + 1}"
    values = {"id": ref, "ref": ref, "home_id": home, "since": at, "raised_at": at}
    about = AlarmType.BED_EXIT if severity == Severity.CARE else AlarmType.DEVICE_DOWN
    with parts_of(app).db.write() as tx:
        row = insert(tables.alarm).values(**values, type=about.value, severity=severity.value)
        tx.conn.execute(row)
    return ref


def tiles(page: str) -> list[str]:
    return re.findall(r'data-test="tile" data-home="([^"]+)"', page)


def sheets(client: FlaskClient, path: str) -> list[str]:
    found = []
    while path:
        page = text_of(client, path)
        found += tiles(page)
        onward = re.search(r'href="([^"]+)" data-test="onward"', page)
        path = html.unescape(onward[1]) if onward else ""
    return found


def test_the_list_of_homes_has_each_once_and_nobody_elses(
    carer: FlaskClient, homes: list[str]
) -> None:
    """Sheet by sheet in the order of their names, as numbers go; a place in the list that is
    another carer's home, or no home, is the beginning of one's own."""
    assert sheets(carer, "/hem") == homes
    for place in ("x3", "nobody", "m9999"):
        assert tiles(text_of(carer, f"/hem?efter={place}")) == homes[:60]
    assert sheets(carer, "/hem?visa=avviker") == []
    assert sheets(carer, "/hem?visa=ejanslutna") == homes


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("åke", ["m0"]),
        ("ÄNGSTRÖM", ["m0"]),
        (unicodedata.normalize("NFD", "örjan"), ["m1"]),
        ("åberg zara", ["m2"]),
        ("ake", []),
        ("öst", ["m3"]),
        ("lgh m69", ["m69"]),
        ("lgh x3", []),
    ],
)
def test_a_search_finds_what_is_written(carer: FlaskClient, asked: str, found: list[str]) -> None:
    """Each word in any case, å is not a, however the keyboard makes it; and only in one's own
    homes: in the list, on Mitt pass and where an event is looked for."""
    answer = carer.get("/hem", query_string={"sok": asked}).get_data(as_text=True)
    assert tiles(answer) == found
    shift = carer.get("/pass", query_string={"sok": asked}).get_data(as_text=True)
    assert re.findall(r'data-test="my-home" data-home="([^"]+)"', shift) == found


def test_every_open_care_alarm_is_on_nu(
    staff_app: Flask, carer: FlaskClient, homes: list[str]
) -> None:
    """However many: the newest whole, each other a row that opens; what is a technician's is on the
    next sheet where there is much; and nothing of others' homes."""
    care = [alarm(staff_app, home, number) for number, home in enumerate(homes)]
    technical = [alarm(staff_app, home, 100, Severity.TECHNICAL) for home in homes]
    alarm(staff_app, "x1", 3)
    page = text_of(carer, "/nu")
    whole = re.findall(r'data-test="alarm-line" data-alarm="([^"]+)"', page)
    rows = [unquote(one) for one in re.findall(r'href="\?oppna=([^"#]+)"', page)]
    assert whole[: lists.WHOLE] == care[: lists.WHOLE]
    assert rows[: MINE - lists.WHOLE] == care[lists.WHOLE :]
    seen = {*whole, *rows}
    onward = html.unescape(re.findall(r'href="([^"]+)" data-test="onward"', page)[0])
    seen |= {unquote(one) for one in re.findall(r'href="\?oppna=([^"#]+)"', text_of(carer, onward))}
    assert seen == {*care, *technical}
    assert f"{2 * MINE} ej kvitterade larm" in page

    opened = text_of(carer, f"/nu?oppna={care[50]}")
    assert re.findall(r'data-test="alarm" data-alarm="([^"]+)"', opened)[0] == care[50]
    answer = post(carer, "/larm/ta", home=homes[50], alarm=care[50])
    assert answer.status_code == 200
    page = text_of(carer, "/nu")
    rows = [unquote(one) for one in re.findall(r'href="\?oppna=([^"#]+)"', page)]
    assert rows[MINE - lists.WHOLE - 1] == care[50]  # somebody is on the way: below the others
    assert text_of(carer, "/pass").count(f'data-home="{homes[50]}"') > 0  # and on top of mine


def test_a_technician_has_every_technical_alarm_and_none_of_care(
    staff_app: Flask, as_role: Callable[..., FlaskClient], homes: list[str]
) -> None:
    """Also where there are more than fit a sheet: for a technician nothing else is acute."""
    care = alarm(staff_app, "m1", 2)
    technical = {alarm(staff_app, home, 5, Severity.TECHNICAL) for home in homes}
    page = text_of(as_role("technician", person="p8", homes=()), "/nu")
    whole = re.findall(r'data-test="alarm-line" data-alarm="([^"]+)"', page)
    rows = [unquote(one) for one in re.findall(r'href="\?oppna=([^"#]+)"', page)]
    assert {*whole, *rows} == technical
    assert care not in page


def test_calm_is_a_line_that_counts(staff_app: Flask, carer: FlaskClient, homes: list[str]) -> None:
    """Homes that need a look are shown, and every other one is in a number that leads to it."""
    with parts_of(staff_app).db.write() as tx:
        for home in homes[:60]:
            known = {"in_bed": "on", "clock": "synced", "power": "mains"}
            tx.conn.execute(insert(tables.home_state).values(home_id=home, **known))
    alarm(staff_app, homes[3], 1)
    page = text_of(carer, "/nu")
    counts = dict(re.findall(r'data-test="rest-(\w+)" data-count="(\d+)"', page))
    assert counts == {"avviker": "1", "lugna": "59", "ejanslutna": "10"}
    assert tiles(page) == [homes[3]]
    assert sheets(carer, "/hem?visa=lugna") == [home for home in homes[:60] if home != homes[3]]


def test_where_the_row_went_the_list_goes_on(clock: ManualClock) -> None:
    """A row that is gone when its sheet is left behind: nothing after it is lost."""

    def order(number: int) -> lists.Order:
        return number // 10, str(number)

    first = lists.fold(range(40), "x", order, str, {}, whole=0, rows=10)
    after = {"del": "x", "efter": first.sheet.after or ""}
    for there in (range(40), [n for n in range(40) if n != 9]):
        later = lists.fold(there, "x", order, str, after, whole=0, rows=100).sheet.rows
        assert set(later) >= set(range(10, 40))
    other = lists.fold(range(40), "y", order, str, after, whole=0, rows=10)
    assert other.sheet.first


def test_a_few_things_are_all_whole() -> None:
    """Up to twice as many as stand whole where there are many; what was asked for comes first."""
    for count, whole in ((0, 0), (1, 1), (12, 12), (13, 6), (100, 6)):
        part = lists.fold(range(count), "x", lambda n: (n,), str, {}, whole=6)
        assert (len(part.whole), part.total) == (whole, count)
    part = lists.fold(range(100), "x", lambda n: (n,), str, {"oppna": "77"}, whole=6)
    assert part.whole == [77, 0, 1, 2, 3, 4]
    assert part.total == 100


def test_swedish_order() -> None:
    """Å, Ä and Ö last and in this order, other letters without their marks, and 9 before 10."""
    ordered = [
        *("Đurđa", "éclair", "Fabel", "İdil", "Idun", "Lgh 9", "Lgh 10", "Łucja", "Lund", "Ñandú"),
        *("Nel", "Šárka", "Sten", "Zeta", "Åsen", "Ärlan", "Ætna", "O\u0308n", "Örn", "Øst"),
    ]
    for listed in (ordered[::-1], sorted(ordered)):
        assert sorted(listed, key=lists.swedish) == ordered


def test_who_types_no_marks_finds_a_name_that_has_some() -> None:
    """As staff do on a Swedish keyboard; å, ä and ö are letters of their own."""
    names = ["Šárka", "Sarka", "Öst", "Ost", "Łucja", "O\u0308sten"]

    def found(asked: str) -> list[str]:
        return lists.matching(names, asked, lambda name: [name])

    assert found("sarka") == found("ŠÁRKA") == ["Šárka", "Sarka"]
    assert found("öst") == ["Öst", "O\u0308sten"]
    assert found("ost") == ["Ost"]
    assert found("lucja") == ["Łucja"]


def test_a_search_for_a_home_chooses_it(
    staff_app: Flask, as_role: Callable[..., FlaskClient], homes: list[str]
) -> None:
    """Where a list would be too long: words, then a link, then the form is about that home; a home
    of another organisation is not found."""
    add_home(staff_app, "y1", org="org2", label="Lgh y1")
    add_user(staff_app, "p8", ["coordinator"])
    boss = staff_app.test_client()
    sign_in(boss, "p8")
    assert 'name="since"' not in text_of(boss, "/franvaro")
    found = boss.get("/franvaro?sok=lgh").get_data(as_text=True)
    assert len(re.findall('data-test="found-home"', found)) == 20
    chosen = text_of(boss, "/franvaro?hem=m5")
    assert '<input type="hidden" name="home" value="m5">' in chosen
    assert 'name="since"' not in text_of(boss, "/franvaro?sok=y1")
    assert 'name="since"' not in text_of(boss, "/franvaro?hem=y1")


def test_names_stand_in_the_order_of_the_alphabet(staff_app: Flask) -> None:
    """Homes and staff in every choice and list: å, ä, ö behind z, whatever the database holds
    alphabetical."""
    labels = ("Örn", "Åsen", "zon", "Ärla", "adam 10", "Adam 9", "Zorn")
    homes = [f"k{number}" for number in range(len(labels))]
    for home, label in zip(homes, labels, strict=True):
        add_home(staff_app, home, label=label)
    actor = add_user(staff_app, "p7", ["coordinator"], homes=homes)
    u = tables.user
    for home, label in zip(homes, labels, strict=True):
        add_user(staff_app, home, [])
        with parts_of(staff_app).db.write() as tx:
            tx.conn.execute(update(u).where(u.c.person_id == home).values(name=label))
            for table in (tables.team, tables.area):
                tx.conn.execute(table.insert().values(org_id="org1", name=label))
    wanted = ["Adam 9", "adam 10", "zon", "Zorn", "Åsen", "Ärla", "Örn"]
    with parts_of(staff_app).db.read() as conn:
        found = [place.label for place in lookups.places(conn, actor).values()]
        people = list(lookups.staff_names(conn, actor).values())
        teams = list(lookups.teams(conn, actor).values())
        areas = [row.name for row in staff_admin.of_org(conn, tables.area, actor)]
        in_org = [row.label for row in staff_admin.of_org(conn, tables.home, actor, "label")]
    assert [label for label in found if label in labels] == wanted
    assert [name for name in people if name in labels] == wanted
    assert teams == areas == wanted
    assert [label for label in in_org if label in labels] == wanted
