"""Trials of a rule's settings over a home's own weeks: counted beside the server, bounded, and
shown on a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.envelope import Because, Draft
from gateway.events import (
    AlarmAcknowledged,
    AlarmRaised,
    AlarmType,
    ConfigHeld,
    DeviceTold,
    DoorClosed,
    DoorOpened,
    GatewayStarted,
    HomeDescribed,
    PreviousRun,
    Ref,
    Severity,
)
from gateway.rules import settings_class
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home
from web.staff.configs import changes
from web.staff.core.context import Staff
from web.staff.events import append
from web.staff.foresight import trials
from web.staff.foresight.knobs import BY_RULE, TUNABLE
from web.staff.foresight.trials import Trials
from web.staff.storage import tables
from web.staff.storage.admin_tables import rule_trial
from web.staff.texts import words

PATH = "/hem/h1/regler"
DOOR = {"rule": "door_open", "open_min": "30"}


def trials_of(app: Flask) -> Trials:
    """The running application's."""
    found: Trials = app.extensions[trials.EXTENSION]
    return found


@pytest.fixture
def doors(enrolled_home: EnrolledHome, clock: ManualClock) -> EnrolledHome:
    """Ten days in which the front door stood open for twenty minutes each noon."""
    contact = DeviceTold(id="front", driver="door_gpio", type="sensor", role="front_door")
    described = HomeDescribed(devices=(contact,), timezone="Europe/Stockholm", resident="r-h1")
    begin = clock.now() - timedelta(days=10)
    enrolled_home.send(described, at=begin)
    for day in range(10):
        at = begin + timedelta(days=day, hours=1)
        enrolled_home.send(DoorOpened(), device="front", at=at)
        enrolled_home.send(DoorClosed(), device="front", at=at + timedelta(minutes=20))
    return enrolled_home


def tried(client: FlaskClient, app: Flask, **fields: str) -> str:
    """The page with what came of a trial."""
    page = text_of(client, "/nu")
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    answer = client.post(PATH, data=DOOR | fields | {"csrf_token": token})
    assert answer.status_code == 303
    trials_of(app).wait()
    return text_of(client, answer.location.partition("#")[0])


def test_a_change_is_counted_over_the_homes_own_weeks(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff_app: Flask
) -> None:
    """In a process of its own: how many alarms there were by the rule, and how many there would
    have been; which, only for who sees care."""
    planner = as_role("coordinator", person="p1")
    page = tried(planner, staff_app)
    row = re.search(
        r'data-what="door_left_open"><th[^>]*>[^<]*</th><td[^>]*>(\d+)</td><td[^>]*>(\d+)', page
    )
    assert row is not None, page
    assert row.groups() == ("7", "0")
    assert "Hade inte kommit" in page
    assert 'value="30"' in page, "what was tried stands in the form"
    mender = as_role("technician", person="p2")
    assert "Hade inte kommit" not in tried(mender, staff_app)


def test_what_staff_did_then_is_counted_and_what_is_assumed_is_said(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff_app: Flask, staff: Staff
) -> None:
    """Four of the alarms came on those days, in the home's log, and one was taken, in the server's:
    of those holds what was done; of the others the page says what it assumed."""
    planner = as_role("coordinator", person="p1")
    for day in range(4):
        at = doors.clock.now() - timedelta(days=4 - day) + timedelta(hours=1, minutes=15)
        raised = AlarmRaised(type=AlarmType.DOOR_LEFT_OPEN, severity=Severity.CARE, since=at)
        because = Because("door_open", 1, (Ref(f"{doors.origin}/1"),))
        (alarm,) = doors.send(Draft(raised, device="front", because=because), at=at)
    with staff.write() as tx:
        taken = Draft(AlarmAcknowledged(alarm=alarm.ref), person="p1")
        append.write(staff, tx, "h1", taken, at=at + timedelta(minutes=2))
    page = html.unescape(tried(planner, staff_app, open_min="10"))
    assert 'data-real="4 4" data-assumed="3 3" data-left="0 0"' in page
    assert "4 av 7 med ändringen kom på riktigt också (nu: 4 av 7)." in page
    assert "3 med ändringen kom inte på riktigt (nu: 3). Där antas att någon tar dem inom" in page
    assert "tekniska larm eller påminnelser" not in page, "at night an open door is one of care"
    with staff.db.write() as tx:  # as a server of the version before had counted
        (row,) = tx.conn.execute(select(rule_trial.c.id, rule_trial.c.result))
        old = {key: value for key, value in json.loads(row.result).items() if key != "staffed"}
        tx.conn.execute(rule_trial.update().values(result=json.dumps(old)))
    page = text_of(planner, f"{PATH}?prov={row.id}")
    assert 'data-test="assumed-all"' in page


def test_what_was_counted_is_saved_as_the_homes_configuration(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff_app: Flask, staff: Staff
) -> None:
    """The other settings of the rule and the devices stay; who saved it is in the event.  What
    somebody set meanwhile is not written over, and who may not configure is offered nothing."""
    file = {"devices": {}, "rules": {"door_open": {"night_from": "23:00"}, "bed": {"leave_s": 400}}}
    doors.send(GatewayStarted(version="1", config_sha256="", previous=PreviousRun.NONE))
    doors.send(ConfigHeld(number=0, text=json.dumps(file)))
    boss = as_role("administrator", person="p1")
    planner = as_role("coordinator", person="p2")
    assert 'data-test="save-door_open"' in tried(boss, staff_app)
    assert 'data-test="save-door_open"' not in tried(planner, staff_app)
    save = DOOR | {"do": "save", "after": "0"}
    assert post(planner, PATH, **save).status_code == 403
    assert post(boss, PATH, **save).status_code == 200
    with staff.db.read() as conn:
        asked = changes.asked(conn, "h1")
        (told,) = conn.execute(
            select(tables.event.c.person).where(tables.event.c.kind == "config.set")
        )
    assert asked.config is not None
    assert asked.config.rules == {
        "door_open": {"night_from": "23:00", "open_min": 30.0},
        "bed": {"leave_s": 400},
    }
    assert (asked.number, told.person) == (1, "p1")
    assert post(boss, PATH, **(save | {"open_min": "45"})).status_code == 409
    assert 'value="30"' in text_of(boss, PATH), "what is set stands in the form"


def test_a_page_waits_for_what_is_counted(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff: Staff
) -> None:
    """While it runs the page says so and comes again; one that nobody ends any more has failed."""
    planner = as_role("coordinator")
    now = datetime.now(UTC)
    row = {"id": "t", "home_id": "h1", "rule": "door_open", "change": "{}", "asked_by": "p7"}
    for begun, said in ((now, "running"), (now - timedelta(minutes=10), "failed")):
        with staff.db.write() as tx:
            tx.conn.execute(rule_trial.delete())
            tx.conn.execute(rule_trial.insert().values(**row, asked_at=begun, state="running"))
        answer = planner.get(f"{PATH}?prov=t")
        assert f'data-test="{said}"' in answer.get_data(as_text=True)
        assert ("Refresh" in answer.headers) == (said == "running")


@pytest.mark.parametrize("kind", ["dies", "hangs", "says nothing", "says no JSON"])
def test_a_process_that_fails_is_said(
    as_role: Callable[..., FlaskClient],
    doors: EnrolledHome,
    staff_app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
) -> None:
    """It dies, does not end in time, or says nothing: the page says that it could not be counted,
    and the next trial is let in."""
    code = {
        "dies": "raise SystemExit(3)",
        "hangs": "import signal; signal.pause()",
        "says nothing": "",
        "says no JSON": "print('x')",
    }
    (tmp_path / "stand_in.py").write_text(code[kind])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(trials, "MODULE", "stand_in")
    if kind == "hangs":
        monkeypatch.setattr(trials, "TIME_S", 0.5)
    planner = as_role("coordinator")
    assert 'data-test="failed"' in tried(planner, staff_app)
    assert 'data-test="failed"' in tried(planner, staff_app)


def test_one_at_a_time(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff_app: Flask, staff: Staff
) -> None:
    """While one is counted another is told to come again, and nothing waits."""
    planner = as_role("coordinator")
    with trials_of(staff_app)._one:
        answer = post(planner, PATH, **DOOR)
    assert answer.status_code == 409
    assert "Servern räknar redan" in answer.get_json()["text"]
    with staff.db.read() as conn:
        assert conn.execute(select(rule_trial)).all() == []


def test_the_first_days_are_left_out_where_there_are_too_many(
    doors: EnrolledHome, staff_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole days, the newest ones; the server holds the events of one day at a time."""
    monkeypatch.setattr(trials, "EVENTS_MAX", 9)
    days = trials_of(staff_app)._days("h1")
    assert len(days) == 4  # of two events each
    assert days[-1][1] == doors.clock.now()
    assert days == sorted(days)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that would count for ever."""
    (tmp_path / "stand_in.py").write_text("import signal; signal.pause()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(trials, "MODULE", "stand_in")


def running(staff: Staff) -> list[str]:
    """Trials that run."""
    with staff.db.read() as conn:
        query = select(rule_trial.c.id).where(rule_trial.c.state == "running")
        return list(conn.execute(query).scalars())


def test_a_trial_is_called_off(
    as_role: Callable[..., FlaskClient],
    doors: EnrolledHome,
    staff_app: Flask,
    staff: Staff,
    endless: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By whoever asked for it, and by nobody else; its process ends, also when it was called off
    at another worker; the next one is let in."""
    planner, other = as_role("coordinator", person="p1"), as_role("coordinator", person="p2")
    monkeypatch.setattr(trials, "LOOK_S", 0.05)
    runs = trials_of(staff_app)
    assert post(planner, PATH, **DOOR).status_code == 200
    (trial,) = running(staff)
    assert post(other, PATH, do="cancel", trial=trial).status_code == 200
    assert running(staff) == [trial]
    assert 'data-test="cancel"' in text_of(planner, f"{PATH}?prov={trial}")
    assert post(planner, PATH, do="cancel", trial=trial).status_code == 200
    runs.wait()
    assert running(staff) == []
    assert 'data-test="running"' not in text_of(planner, f"{PATH}?prov={trial}")
    assert post(planner, PATH, **DOOR).status_code == 200
    with staff.db.write() as tx:  # as another worker does
        tx.conn.execute(rule_trial.delete())
    runs.wait()
    assert runs._process is None


def test_a_persons_next_trial_takes_the_place_of_the_last(
    as_role: Callable[..., FlaskClient],
    doors: EnrolledHome,
    staff_app: Flask,
    staff: Staff,
    endless: None,
) -> None:
    """One of each person: whoever tries another value does not wait for the one before.  Somebody
    else's is left alone."""
    planner, other = as_role("coordinator", person="p1"), as_role("coordinator", person="p2")
    assert post(planner, PATH, **DOOR).status_code == 200
    (first,) = running(staff)
    assert post(planner, PATH, **DOOR).status_code == 200
    (second,) = running(staff)
    assert first != second
    assert post(other, PATH, **DOOR).status_code == 409
    assert running(staff) == [second]
    trials_of(staff_app).stop()


def test_whose_home_it_is(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, staff_app: Flask, staff: Staff
) -> None:
    """A caregiver plans no rules; another organisation's home, and another home's trial, are not
    there."""
    carer = as_role("caregiver", person="p1")
    text_of(carer, PATH, 403)
    assert post(carer, PATH, **DOOR).status_code == 403
    add_home(staff_app, "h2", org="org2")
    add_home(staff_app, "h3")
    planner = as_role("coordinator", person="p2")
    text_of(planner, "/hem/h2/regler", 404)
    assert post(planner, "/hem/h2/regler", **DOOR).status_code == 404
    result = json.dumps(
        {"days": 9.0, "before": {"pendant": 770077}, "after": {}, "more": [], "less": []}
    )
    with staff.db.write() as tx:
        tx.conn.execute(
            rule_trial.insert().values(
                id="t", home_id="h1", rule="door_open", change="{}", asked_by="p2",
                asked_at=datetime.now(UTC), state="done", result=result,
            )
        )  # fmt: skip
    assert "770077" in text_of(planner, f"{PATH}?prov=t")
    assert "770077" not in text_of(planner, "/hem/h3/regler?prov=t")


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": "no_rule"},
        {"open_min": ""},
        {"open_min": "nan"},
        {"open_min": "1e9"},
        {"open_min": "half an hour"},
        {"rule": "bed_exit"},
    ],
    ids=str,
)
def test_what_is_no_setting_is_not_tried(
    as_role: Callable[..., FlaskClient], doors: EnrolledHome, fields: dict[str, str]
) -> None:
    """One sentence, and no process."""
    assert post(as_role("coordinator"), PATH, **(DOOR | fields)).status_code == 422


def test_the_servers_secrets_are_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process is given of the environment says nothing of where secrets lie."""
    assert {"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"} & set(trials.ENVIRONMENT) == set()


def knobs() -> list[tuple[str, Any]]:
    """Each knob with its rule."""
    return [(one.rule, knob) for one in TUNABLE for knob in one.knobs]


@pytest.mark.parametrize(("rule", "knob"), knobs(), ids=lambda one: getattr(one, "key", one))
def test_a_knob_is_what_the_rule_has(rule: str, knob: Any) -> None:
    """The same default, and every value that the page takes is one that a home takes."""
    cls = settings_class(rule)
    default = getattr(cls(), knob.key)
    assert knob.shown(str(default) if knob.kind == "time" else default) == knob.shown(knob.default)
    if knob.kind == "number":
        assert knob.least <= knob.default <= knob.most
        for value in (knob.least, knob.most):
            assert getattr(cls.model_validate({knob.key: value}), knob.key) == value
        assert knob.read(str(knob.most + 1)) is None
    else:
        cls.model_validate({knob.key: knob.read("23:59")})
        assert knob.read("24:00") is None
        assert knob.read("") is None


def test_each_rule_has_a_name() -> None:
    """The headings of the page."""
    assert set(BY_RULE) <= set(words.RULES)
