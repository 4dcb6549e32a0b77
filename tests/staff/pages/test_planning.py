"""A file with the plan, brought in by the page: checked, looked at, saved, taken back."""

from __future__ import annotations

import ast
import html
import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome, add_home, add_user, sign_in
from tests.staff.visits.calendars import calendar, morning
from web.staff.core.context import Staff
from web.staff.storage import tables
from web.staff.storage.admin_tables import plan_file
from web.staff.storage.plan_tables import plan_visit
from web.staff.texts import plan_words
from web.staff.visits import (
    ical_lines,
    ical_rule,
    ical_series,
    ical_values,
    ical_who,
    ical_zones,
    plan_files,
    plan_ical,
    plan_import,
    plan_store,
    plan_upload,
)

PAGE = "/administration/planering"
HEAD = "id;hem;start;slut;insats;personal;antal"
TWO = (
    "a1;h1;2026-11-24 08:00;08:45;Morgonhjälp;p7;",
    "a2;h1;2026-11-24 12:00;12:30;Lunch;;",
)


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> FlaskClient:
    """A coordinator, with a carer whom a plan can name."""
    as_role("caregiver", person="p7")
    return as_role("coordinator", person="p1")


def send(client: FlaskClient, *lines: str, name: str = "plan.csv", **fields: str) -> Any:
    """Choose a file and check it."""
    data = "\n".join((HEAD, *lines)).encode()
    return send_bytes(client, data, name, **fields)


def send_bytes(client: FlaskClient, data: bytes, name: str, **fields: str) -> Any:
    """The same, whatever the file is."""
    page = text_of(client, PAGE)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    form = {"do": "check", "source": "prov", "csrf_token": token, **fields}
    return client.post(PAGE, data={**form, "file": (io.BytesIO(data), name)})


def press(client: FlaskClient, what: str, upload: str) -> Any:
    """A button of the page."""
    page = text_of(client, PAGE)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    return client.post(PAGE, data={"do": what, "upload": upload, "csrf_token": token})


def kept(answer: Any) -> str:
    """The file that was kept aside."""
    assert answer.status_code == 303, html.unescape(answer.get_data(as_text=True))
    return str(answer.location).partition("fil=")[2]


def counts(page: str) -> dict[str, int]:
    """The numbers of a preview."""
    found = re.findall(r'data-test="count-(\w+)">(\d+)<', page)
    return {name: int(number) for name, number in found}


def planned(staff: Staff) -> dict[str, str]:
    """What is planned now: ids, each with what is done."""
    found = rows(staff, plan_visit)
    return {row.external_id: row.what for row in found if row.withdrawn_at is None}


def faults(answer: Any) -> list[str]:
    """What is wrong with the file, as the page says it."""
    assert answer.status_code == 422
    page = html.unescape(answer.get_data(as_text=True))
    found = re.findall(r'data-test="fault"[^>]*>(.*?)</li>', page)
    return [re.sub(r"<[^>]+>", "", one) for one in found]


def test_nothing_is_saved_before_it_was_looked_at(boss: FlaskClient, staff: Staff) -> None:
    """The preview counts and names what is new; saving says who did it, and a file that comes
    again changes nothing."""
    upload = kept(send(boss, *TWO))
    assert planned(staff) == {}
    page = text_of(boss, f"{PAGE}?fil={upload}")
    assert counts(page) == {"added": 2, "changed": 0, "withdrawn": 0, "unchanged": 0}
    assert "Morgonhjälp" in page
    assert "Prov p7" in page
    assert press(boss, "save", upload).status_code == 303
    assert planned(staff) == {"a1": "Morgonhjälp", "a2": "Lunch"}
    (told,) = rows(staff, tables.event, kind="visit.plan_changed")
    assert told.person == "p1"
    assert "Plan inläst" in text_of(boss, "/administration/andringar")
    assert press(boss, "save", upload).status_code == 303, "told that it is saved already"
    assert len(rows(staff, tables.event, kind="visit.plan_changed")) == 1
    again = text_of(boss, f"{PAGE}?fil={kept(send(boss, *TWO))}")
    assert counts(again)["unchanged"] == 2
    assert 'data-test="nothing"' in again
    assert 'data-test="save"' not in again


def test_the_last_file_is_taken_back(boss: FlaskClient, staff: Staff, clock: ManualClock) -> None:
    """What it changed, took out and added is as before; that is an event too; and not once
    somebody else changed the plan."""
    press(boss, "save", kept(send(boss, *TWO)))
    clock.advance(60)
    days = {"first": "2026-11-24", "last": "2026-11-24"}
    lines = (TWO[0].replace("Morgonhjälp", "Dusch"), "a3;h1;2026-11-24 16:00;16:30;Fika;;")
    upload = kept(send(boss, *lines, **days))
    page = text_of(boss, f"{PAGE}?fil={upload}")
    assert counts(page) == {"added": 1, "changed": 1, "withdrawn": 1, "unchanged": 0}
    press(boss, "save", upload)
    assert planned(staff) == {"a1": "Dusch", "a3": "Fika"}
    clock.advance(60)
    assert 'data-test="undo"' in text_of(boss, PAGE)
    press(boss, "undo", upload)
    assert planned(staff) == {"a1": "Morgonhjälp", "a2": "Lunch"}
    with staff.db.read() as conn:
        found = plan_store._known(conn, "org1", "prov", hold=False)
    assert found["h1", "a1"].people == ("p7",)
    assert len(rows(staff, tables.event, kind="visit.plan_changed")) == 3
    clock.advance(60)
    upload = kept(send(boss, *lines))
    press(boss, "save", upload)
    clock.advance(60)
    with staff.write() as tx:
        later = plan_files.read_csv("\n".join((HEAD, TWO[1].replace("Lunch", "Soppa"))))
        plan_store.store(staff, tx, "org1", plan_store.Sent("prov", later))
    answer = press(boss, "undo", upload)
    assert "går inte att ångra" in text_of(boss, str(answer.location))
    assert planned(staff)["a2"] == "Soppa"


def test_each_fault_is_one_sentence_with_its_line(boss: FlaskClient, staff: Staff) -> None:
    """In Swedish; nothing is kept of the file."""
    said = faults(
        send(
            boss,
            "a1;h9;2026-11-24 08:00;08:45;;;",
            "a2;h1;i morgon;08:45;;;",
            "a3;h1;2026-11-24 08:00;07:00;;;",
        )
    )
    assert said == ["Rad 3: starten ”i morgon” är ingen tid. Skriv den som 2026-11-24 08:00."]
    said = faults(
        send(
            boss,
            "a1;h9;2026-11-24 08:00;08:45;;;",
            "a3;h1;2026-11-24 08:00;07:00;;;",
            "a4;h1;2026-11-24 08:00;08:30;;nobody@prov.example;",
        )
    )
    assert said == [
        "Rad 2: hemmet ”h9” finns inte i organisationen.",
        "Rad 3: besöket slutar innan det börjar.",
        "Rad 4: ingen i personalen har ett öppet konto som heter ”nobody@prov.example”.",
    ]
    assert faults(send_bytes(boss, b"id;what\n1;2", "x.csv")) == ["Rad 1: kolumnen ”home” saknas."]
    assert faults(send_bytes(boss, "hem;å".encode("latin-1"), "x.csv")) == [
        "Filens tecken går inte att läsa. Spara den som ”CSV UTF-8”."
    ]
    assert rows(staff, plan_file) == []


def test_a_calendar_is_read_as_one(boss: FlaskClient, staff: Staff) -> None:
    """Its faults are said with their lines too, as a coordinator says it."""
    upload = kept(send_bytes(boss, calendar(morning(home=None)), "plan.ics", home="h1"))
    assert counts(text_of(boss, f"{PAGE}?fil={upload}"))["added"] == 1
    said = faults(send_bytes(boss, b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "plan.ics"))
    assert said == ["Rad 2: VEVENT har inget slut. Filen är avklippt: hämta den på nytt."]
    page = send_bytes(boss, b"x", "plan.ics").get_data(as_text=True)
    assert 'data-test="fault"' in page
    assert '<span lang="en">' not in page


def test_whose_file_it_is(boss: FlaskClient, staff_app: Flask, staff: Staff) -> None:
    """Another organisation's file, and its homes, are not there; who works in homes brings no plan
    in."""
    upload = kept(send(boss, *TWO))
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["coordinator"], org="org2")
    other = staff_app.test_client()
    sign_in(other, "z1")
    text_of(other, f"{PAGE}?fil={upload}", 404)
    assert press(other, "save", upload).status_code == 404
    assert faults(send(other, *TWO)) == [
        "Rad 2: hemmet ”h1” finns inte i organisationen.",
        "Rad 3: hemmet ”h1” finns inte i organisationen.",
    ]
    assert planned(staff) == {}
    carer = staff_app.test_client()
    sign_in(carer, "p7")
    text_of(carer, PAGE, 403)


def test_what_is_kept_of_files_is_bounded(
    boss: FlaskClient, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In number, and for a day."""
    monkeypatch.setattr(plan_upload, "WAITING_MAX", 2)
    ids = [kept(send(boss, *TWO)) for _ in range(3)]
    assert {row.id for row in rows(staff, plan_file)} == set(ids[1:])
    monkeypatch.setattr(plan_upload, "KEPT", timedelta(0))
    last = kept(send(boss, *TWO))
    assert [row.id for row in rows(staff, plan_file)] == [last]


PLACE = {"of": 0, "_Wrong": 0, "Wrong": 1, "UserError": 0}
"""Where a call that says a fault has its sentence."""


def said_by(module: ModuleType) -> set[str]:
    """The sentences of a module that reads plans; each must be a text, or made by `Flaw`."""
    assert module.__file__ is not None
    found = set()
    for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in PLACE or not node.args:
            continue
        sentence = node.args[PLACE[name]]
        if isinstance(sentence, ast.Constant) and name != "UserError":
            found.add(str(sentence.value))
            continue
        told = ast.unparse(sentence)
        made = told.startswith(("Flaw.of(", "NO_TIME[")) or told == "template"
        assert made, f"{module.__name__}, line {node.lineno}: {told}"
    return found


def test_every_fault_of_a_file_has_its_words() -> None:
    """What the readers of plans say of a line is in the table, and nothing else is."""
    of_times = (ical_rule, ical_series, ical_values, ical_zones)
    of_calendars = (ical_lines, *of_times, ical_who, plan_ical)
    said = set(plan_files.NO_TIME.values())
    for module in (plan_files, plan_import, *of_calendars):
        said |= said_by(module)
    assert said == set(plan_words.FLAWS)
    with_values = {one for one in said if "{" in one}
    for one in with_values:
        names = set(re.findall(r"\{(\w+)(?:!r)?\}", one))
        assert names == set(re.findall(r"%\((\w+)\)s", plan_words.FLAWS[one])), one
