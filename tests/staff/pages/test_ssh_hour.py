"""SSH for an hour, as an administrator sees and asks for it; and what the server makes of what the
home says."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.events import (
    SshCalledOff,
    SshClosed,
    SshEnd,
    SshOpened,
    SshRefusal,
    SshRefused,
    SshWanted,
    SshWhy,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home
from web.staff.configs import ssh_hours
from web.staff.configs.ssh_hours import Hour, SshState
from web.staff.core.context import Staff
from web.staff.events.projections.rebuild import rebuild_home
from web.staff.storage import tables
from web.staff.storage.tables import ssh_hour

PAGE = "/hem/h1/ssh"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
FORM = {"do": "open", "key": f"{KEY} technician's phone", "why": "fault"}
HOUR = timedelta(hours=1)


@pytest.fixture
def administrator(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> FlaskClient:
    """Who may ask."""
    return as_role("administrator", homes=())


def state(staff: Staff, home: str = "h1") -> SshState:
    with staff.db.read() as conn:
        return ssh_hours.state(conn, home, staff.clock.now())


def told(staff: Staff, kind: str) -> list[Any]:
    """The bodies of these events, as they stand."""
    with staff.db.read() as conn:
        rows = conn.execute(tables.event.select().where(tables.event.c.kind == kind))
        return [row.body for row in rows]


def opened(staff: Staff, home: EnrolledHome, **more: Any) -> SshOpened:
    usual: dict[str, Any] = {
        "until": home.clock.now() + HOUR,
        "fingerprint": "SHA256:ab<b>",
        "host_key": KEY,
    }
    data = SshOpened(request=state(staff).request, **usual | more)
    home.send(data)
    return data


def test_it_is_asked_for_opened_and_ended(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome, clock: ManualClock
) -> None:
    """Only kind and key go to the home; the page says until when, by whom, and by what it is known;
    and folded anew it is the same."""
    assert 'data-hour="none"' in text_of(administrator, PAGE)
    assert post(administrator, PAGE, **FORM).status_code == 200
    [body] = told(staff, SshWanted.KIND)
    assert KEY in body and "phone" not in body
    page = text_of(administrator, PAGE)
    assert 'data-hour="wanted"' in page and "Prov p7" in page and "något fungerar inte" in page
    assert 'data-test="form-open"' not in page
    clock.advance(5)
    opened(staff, home)
    page = text_of(administrator, PAGE)
    assert 'data-hour="opened"' in page and "SSH är öppet till" in page
    assert "SHA256:ab&lt;b&gt;" in page and KEY in page
    clock.advance(60)
    end = {"do": "end", "request": state(staff).request}
    assert post(administrator, PAGE, **end).status_code == 200
    assert 'data-hour="ending"' in text_of(administrator, PAGE)
    assert post(administrator, PAGE, **end).status_code == 409
    assert len(told(staff, SshCalledOff.KIND)) == 1
    clock.advance(5)
    home.send(SshClosed(request=end["request"], why=SshEnd.ASKED))
    page = text_of(administrator, PAGE)
    assert "SSH är stängt: någon avslutade det." in page and "avslutat av Prov p7" in page
    before = state(staff)
    with staff.db.write() as tx:
        rebuild_home(tx.conn, "h1")
    assert state(staff) == before and before.hour is Hour.CLOSED


def test_one_at_a_time(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome, clock: ManualClock
) -> None:
    """While it is wanted or open nobody asks again by a page that stood open: the home would let
    the first key in, and nobody could end it here.  When it is over it is asked for anew."""
    post(administrator, PAGE, **FORM)
    assert post(administrator, PAGE, **FORM).status_code == 409
    data = opened(staff, home)
    answer = post(administrator, PAGE, **FORM)
    assert (answer.status_code, "hann före" in str(answer.get_json())) == (409, True)
    end = {"do": "end", "request": data.request}
    assert post(administrator, PAGE, **end).status_code == 200
    assert post(administrator, PAGE, **FORM).status_code == 409
    assert len(told(staff, SshWanted.KIND)) == 1
    home.send(SshClosed(request=data.request, why=SshEnd.ASKED))
    assert post(administrator, PAGE, **FORM).status_code == 200
    assert len(told(staff, SshWanted.KIND)) == 2


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"why": ""}, "Välj varför SSH ska öppnas."),
        ({"why": "unknown"}, "Välj varför SSH ska öppnas."),
        ({"why": "x"}, "Välj varför SSH ska öppnas."),
        ({"key": ""}, "Klistra in en publik nyckel"),
        ({"key": f"{KEY}\n{KEY}"}, "Klistra in en publik nyckel"),
        ({"key": "x" * 90_000}, "Klistra in en publik nyckel"),
        ({"key": f'command="sh" {KEY}'}, "av slaget ed25519"),
        ({"key": KEY[:-2]}, "Nyckeln är inte hel."),
        ({"key": "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0"}, "privat nyckel"),
        ({"key": "PuTTY-User-Key-File-3: x\nPrivate-Lines: 1\nc2VjcmV0"}, "privat nyckel"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    administrator: FlaskClient, staff: Staff, said: dict[str, str], sentence: str
) -> None:
    """Nothing is sent, and a private key is not said back."""
    answer = post(administrator, PAGE, **FORM | said)
    assert answer.status_code == 422
    assert sentence in answer.text and 'role="alert"' in answer.text
    assert "c2VjcmV0" not in answer.text and len(answer.text) < 50_000
    assert told(staff, SshWanted.KIND) == []


@pytest.mark.parametrize("role", ["technician", "caregiver", "night_watcher", "coordinator"])
def test_only_an_administrator_may(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff, role: str
) -> None:
    """Nor does anybody else see that it can be done."""
    client = as_role(role)
    assert client.get(PAGE).status_code == 403
    assert post(client, PAGE, **FORM).status_code == 403
    assert told(staff, SshWanted.KIND) == []


def test_a_session_that_was_left_open_is_not_enough(
    administrator: FlaskClient, staff: Staff
) -> None:
    """A quarter of an hour after the sign-in, who asks shows first who they are."""
    with administrator.session_transaction() as kept:
        kept["fs_paa"] = time.time() - 16 * 60
    answer = post(administrator, PAGE, **FORM)
    assert answer.status_code == 303 and "/verify" in answer.location
    assert told(staff, SshWanted.KIND) == []


def test_another_organisation_s_home_is_not_there(
    administrator: FlaskClient, staff_app: Flask, staff: Staff
) -> None:
    add_home(staff_app, "h8", org="org8")
    for where in ("/hem/h8/ssh", "/hem/h99/ssh"):
        assert administrator.get(where).status_code == 404
        for form in (FORM, FORM | {"why": ""}, {"do": "end", "request": "staff:h8/1"}):
            assert post(administrator, where, **form).status_code == 404
    assert told(staff, SshWanted.KIND) == []


def test_what_does_not_go_on_is_not_ended(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome
) -> None:
    """Nor another one than the page showed."""
    for request in ("", "staff:h1/1", "x" * 10_000):
        assert post(administrator, PAGE, do="end", request=request).status_code == 409
    post(administrator, PAGE, **FORM)
    assert post(administrator, PAGE, do="end", request="staff:h1/999").status_code == 409
    assert told(staff, SshCalledOff.KIND) == []


def test_a_home_that_has_none_says_so_in_a_sentence(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome
) -> None:
    post(administrator, PAGE, **FORM)
    home.send(SshRefused(request=state(staff).request, why=SshRefusal.NO_UNIT))
    page = text_of(administrator, PAGE)
    sentence = (
        "Hemmet öppnade inte SSH: enheten är inte startad från Tryggves minneskort och kan inte "
        "öppna SSH."
    )
    assert sentence in page and 'data-test="form-open"' in page


def test_a_home_that_does_not_answer(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome, clock: ManualClock
) -> None:
    """Never that it is shut, where nobody can know: it may have been opened without a line back."""
    post(administrator, PAGE, **FORM)
    clock.advance(13 * 60)
    page = text_of(administrator, PAGE)
    assert 'data-hour="silent"' in page and "stängs det av sig självt inom en timme" in page
    post(administrator, PAGE, **FORM)
    opened(staff, home)
    clock.advance(64 * 60)
    assert 'data-hour="overdue"' in text_of(administrator, PAGE)
    assert state(staff).hour is Hour.OVERDUE


def test_what_a_home_says_of_an_older_wish_or_another_s_changes_nothing(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome, clock: ManualClock
) -> None:
    post(administrator, PAGE, **FORM)
    first = state(staff).request
    clock.advance(13 * 60)  # it was not answered, and is wanted anew
    post(administrator, PAGE, **FORM | {"why": "set_up"})
    for request in (first, "staff:h2/1", "", "x" * 500):
        home.send(SshClosed(request=request, why=SshEnd.TIME))
        home.send(SshRefused(request=request, why=SshRefusal.FAILED))
    assert state(staff).hour is Hour.WANTED and state(staff).why is SshWhy.SET_UP


@pytest.mark.parametrize(
    "until", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
)
def test_an_end_at_the_end_of_time_is_an_end(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome, until: datetime
) -> None:
    """A home says what it likes: the page comes, and says no longer than an hour."""
    post(administrator, PAGE, **FORM)
    opened(staff, home, until=until)
    assert text_of(administrator, PAGE)
    shown = state(staff).until
    assert shown is not None and shown <= staff.clock.now() + HOUR


def test_a_home_does_not_ask_for_itself(home: EnrolledHome, staff: Staff) -> None:
    """What only the server says is not taken from a home."""
    written = home.seal(SshWanted(key=KEY, why=SshWhy.FAULT))
    home.post("events", written)
    assert state(staff).hour is Hour.NONE


def test_words_of_a_newer_server_leave_the_page(
    administrator: FlaskClient, staff: Staff, home: EnrolledHome
) -> None:
    """Another worker, or a version before this one went back, kept reasons that are not known here:
    the page is shown."""
    post(administrator, PAGE, **FORM)
    opened(staff, home)
    for word in ("closed", "refused"):
        with staff.write() as tx:
            values = {"state": word, "state_why": "eclipse", "why": "audit"}
            tx.conn.execute(ssh_hour.update().values(**values))
        assert f'data-hour="{word}"' in text_of(administrator, PAGE)
