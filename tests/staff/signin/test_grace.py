"""More than a password: asked of every role, after a first day that the organisation sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import PASSWORD, sign_in
from tests.staff.signin.test_second_factor import inside, set_up, token_in
from web.staff import pages
from web.staff.core.config import SignInConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.people import accounts
from web.staff.signin import grace, sessions
from web.staff.storage import tables

MakeUser = Callable[..., Actor]


@pytest.fixture(autouse=True)
def as_it_comes(staff: Staff) -> None:
    """What a configuration that says nothing asks for."""
    staff.config = staff.config.model_copy(update={"sign_in": SignInConfig()})


def signed_in(app: Flask, person: str) -> FlaskClient:
    """A browser of this person, after the password."""
    client = app.test_client()
    assert sign_in(client, person).status_code == 302
    return client


def move_back(staff: Staff, by: timedelta) -> None:
    """Everybody's first sign-in was so much earlier."""
    with staff.db.write() as tx:
        began = tables.user.c.grace_from
        for row in rows(staff, tables.user):
            if row.grace_from is not None:
                tx.conn.execute(
                    tables.user.update()
                    .where(tables.user.c.id == row.id)
                    .values({began.name: row.grace_from - by})
                )


def add_passkey(staff: Staff, user_id: int) -> None:
    """As if its owner had added one."""
    with staff.db.write() as tx:
        tx.conn.execute(
            tables.passkey.insert().values(
                user_id=user_id,
                credential_id=b"c",
                public_key=b"p",
                backup_state=False,
                device_type="single_device",
                lastuse_datetime=datetime.now(UTC).replace(tzinfo=None),
                name="x",
                usage="first",
            )
        )


@pytest.mark.parametrize("role", list(Role))
def test_every_role_needs_more_than_a_password(
    staff_app: Flask, make_user: MakeUser, staff: Staff, role: Role
) -> None:
    """On the first day the password is enough, and every page says until when; after it, it leads
    to setting something up and nowhere else."""
    make_user("p7", [role.value], homes=["h1"])
    client = signed_in(staff_app, "p7")
    page = client.get("/konto")
    assert page.status_code == 200
    assert 'data-test="factor-due"' in page.get_data(as_text=True)
    (row,) = rows(staff, tables.user)
    (session,) = rows(staff, tables.session)
    assert session.ends_at <= row.grace_from + timedelta(hours=24)
    move_back(staff, timedelta(hours=24))
    assert not inside(client), "an open page is no way around it"
    again = signed_in(staff_app, "p7")
    for path in ("/konto", "/nu", "/administration", "/pass"):
        assert again.get(path).location == "/konto/skydda", path
    assert again.get("/live").status_code == 401
    assert 'data-test="nav-' not in again.get("/konto/skydda").get_data(as_text=True)


def test_whoever_may_only_set_up_does_nothing_else(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Every route but those for setting up, with a right token: nothing is read or written."""
    boss = make_user("p1", ["administrator", "coordinator"])
    accounts.set_grace(staff, boss, 0)
    client = signed_in(staff_app, "p1")
    token = token_in(client.get("/konto/skydda").get_data(as_text=True))
    before = len(rows(staff, tables.event)), rows(staff, tables.user)
    closed = [(route.method, route.path) for route in pages.discover() if not route.public]
    closed = [(method, path) for method, path in closed if path != "/konto/skydda"]
    closed += [("POST", "/konto/losenord"), ("POST", "/mf-recovery-codes"), ("POST", "/wan-delete")]
    for method, path in closed:
        address = re.sub(r"<(path:)?\w+>", "p1", path)
        if method == "POST":
            form = {"csrf_token": token, "do": "close", "name": "x", "generate_new_codes": "1"}
            answer = client.post(address, data=form)
        else:
            answer = client.get(address, headers={"Accept": "text/html"})
        assert answer.status_code in (302, 303, 401), path
        if answer.status_code != 401:
            assert answer.location.startswith(("/konto/skydda", "/login")), path
    assert len(closed) > 30
    assert (len(rows(staff, tables.event)), rows(staff, tables.user)) == before


def test_codes_are_set_up_and_let_in(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """In the same browser, at once, for the whole shift; the password alone is worth nothing
    after."""
    boss = make_user("p1", ["administrator"])
    accounts.set_grace(staff, boss, 0)
    other, client = signed_in(staff_app, "p1"), signed_in(staff_app, "p1")
    assert not inside(client)
    set_up(client)
    assert inside(client)
    (session,) = rows(staff, tables.session, factor="code")
    hours = (session.ends_at - session.began_at).total_seconds() / 3600
    assert hours == pytest.approx(staff.config.session_hours)
    assert other.get("/konto/skydda").status_code == 303, "a session with the password alone ended"
    third = staff_app.test_client()
    assert "/tf-validate" in sign_in(third, "p1").location
    assert not inside(third)


def test_what_somebody_has_is_asked_for_on_the_first_day_too(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """A stolen password does not come before a passkey because the account is new, and a session
    from before it sets nothing up beside it."""
    make_user("p7", ["caregiver"], homes=["h1"])
    client = signed_in(staff_app, "p7")
    assert inside(client)
    add_passkey(staff, 1)
    assert not inside(client)
    assert client.get("/konto/skydda").location.startswith("/login")
    assert sign_in(staff_app.test_client(), "p7").status_code == 200


def test_the_organisation_sets_the_first_day(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Its administrator does, on the page; 0 is at once, also for who is signed in; another
    organisation's stays."""
    make_user("p1", ["administrator"])
    make_user("p7", ["caregiver"], homes=["h1"])
    with staff.db.write() as tx:
        tx.conn.execute(tables.organisation.insert().values(id="org2", name="x"))
    boss, carer = signed_in(staff_app, "p1"), signed_in(staff_app, "p7")
    page = boss.get("/administration").get_data(as_text=True)
    assert '<option value="24" selected>' in page
    token = token_in(page)
    for hours in ("-1", "721", "x", ""):
        boss.post("/administration/inloggning", data={"csrf_token": token, "hours": hours})
    assert {row.factor_grace_h for row in rows(staff, tables.organisation)} == {24}
    answer = carer.post(
        "/administration/inloggning", data={"csrf_token": token_in_of(carer), "hours": "720"}
    )
    assert answer.status_code == 403
    boss.post("/administration/inloggning", data={"csrf_token": token, "hours": "0"})
    told = {row.id: row.factor_grace_h for row in rows(staff, tables.organisation)}
    assert told == {"org1": 0, "org2": 24}
    assert not inside(carer)
    assert [row.person for row in rows(staff, tables.event, kind="account.changed")] == ["p1"]


def token_in_of(client: FlaskClient) -> str:
    """The token of this browser's forms."""
    return token_in(client.get("/konto").get_data(as_text=True))


def test_the_first_day_begins_with_the_first_password(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Not when the account is made, and only once: signing in again does not lengthen it."""
    make_user("p7", ["caregiver"], homes=["h1"])
    with staff.db.write() as tx:
        tx.conn.execute(
            tables.user.update().values(created_at=datetime.now(UTC) - timedelta(days=9))
        )
    assert inside(signed_in(staff_app, "p7"))
    move_back(staff, timedelta(hours=23))
    (before,) = rows(staff, tables.user)
    assert inside(signed_in(staff_app, "p7"))
    assert rows(staff, tables.user)[0].grace_from == before.grace_from
    move_back(staff, timedelta(hours=1))
    assert not inside(signed_in(staff_app, "p7"))


def test_a_session_for_setting_up_is_short(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Half an hour, and what is sensitive in it asks for the password again."""
    boss = make_user("p7", ["administrator"])
    accounts.set_grace(staff, boss, 0)
    client = signed_in(staff_app, "p7")
    (session,) = rows(staff, tables.session)
    assert session.ends_at - session.began_at <= grace.SET_UP_FOR
    with client.session_transaction() as kept:
        kept["fs_paa"] = 0
    assert "/verify" in client.get("/tf-setup").location
    token = token_in(client.get("/verify?next=/konto/skydda").get_data(as_text=True))
    data = {"csrf_token": token, "password": PASSWORD}
    assert client.post("/verify?next=/konto/skydda", data=data).location == "/konto/skydda"
    assert client.get("/tf-setup").status_code == 200


@pytest.fixture
def streams() -> Iterator[list[object]]:
    """Answers to be closed."""
    opened: list[object] = []
    yield opened
    for answer in opened:
        answer.close()  # type: ignore[attr-defined]


def test_the_end_of_the_first_day_ends_an_open_stream(
    staff_app: Flask,
    make_user: MakeUser,
    staff: Staff,
    streams: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The session itself ends then, and with it what is open."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(sessions, "GATE_READ_S", 0.0)
    make_user("p7", ["caregiver"], homes=["h1"])
    client = signed_in(staff_app, "p7")
    answer = client.get("/live", buffered=False)
    streams.append(answer)
    stream = iter(answer.response)
    assert b"hello" in next(stream)
    with staff.db.write() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        tx.conn.execute(tables.session.update().values(ends_at=past))
    assert all(b"heartbeat" in item for item in stream)
