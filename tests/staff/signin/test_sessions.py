"""Sessions: they end with the shift, on demand, in another browser, and with the right to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import PASSWORD, EnrolledHome, sign_in
from web.staff.core.config import SignInConfig, StaffConfig
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.people import accounts
from web.staff.signin import sessions
from web.staff.storage import tables

MakeUser = Callable[..., Actor]


def token_of(client: FlaskClient, path: str = "/konto") -> str:
    """The token of a page's forms."""
    page = client.get(path).get_data(as_text=True)
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def signed_in(app: Flask, person: str, **more: Any) -> FlaskClient:
    """A browser in which this person is signed in."""
    client = app.test_client()
    if more:
        client.environ_base.update(more)
    assert sign_in(client, person).status_code == 302
    return client


def is_in(client: FlaskClient) -> bool:
    """Whether the browser is signed in: pages and forms alike."""
    page = client.get("/nu").status_code == 200
    live = client.get("/live", buffered=False)
    live.close()
    assert page == (live.status_code == 200)
    return page


def test_a_session_ends_with_the_shift(
    staff_app: Flask, make_user: MakeUser, staff: Staff, config: StaffConfig
) -> None:
    """The server ends it, whatever the browser keeps."""
    make_user("p7", ["caregiver"], homes=["h1"])
    client = signed_in(staff_app, "p7")
    (row,) = rows(staff, tables.session)
    hours = (row.ends_at - row.began_at).total_seconds() / 3600
    assert hours == pytest.approx(config.session_hours)
    assert is_in(client)
    with staff.db.write() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        tx.conn.execute(tables.session.update().values(ends_at=past))
    assert not is_in(client)


def test_a_cookie_in_another_browser_is_worth_nothing(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """A stolen cookie in another kind of browser ends the session, for both."""
    make_user("p7", ["caregiver"], homes=["h1"])
    client = signed_in(staff_app, "p7", HTTP_USER_AGENT="Mozilla/5.0 (Android) Chrome/130")
    thief = staff_app.test_client()
    thief.environ_base["HTTP_USER_AGENT"] = "curl/8"
    cookie = client.get_cookie("tryggve")
    assert cookie is not None
    assert is_in(client)
    thief.set_cookie("tryggve", cookie.value)
    assert not is_in(thief)
    assert not is_in(client)


def test_a_signed_out_cookie_stays_dead(staff_app: Flask, make_user: MakeUser) -> None:
    """Who kept a copy of the cookie is signed out too."""
    make_user("p7", ["caregiver"], homes=["h1"])
    client = signed_in(staff_app, "p7")
    cookie = client.get_cookie("tryggve")
    assert cookie is not None
    token = token_of(client)
    assert client.post("/logout", data={"csrf_token": token}).status_code == 302
    thief = staff_app.test_client()
    thief.set_cookie("tryggve", cookie.value)
    assert not is_in(thief)


def test_signing_out_everywhere(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """Every browser of that person, and nobody else's."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    mine = [signed_in(staff_app, "p7") for _ in range(2)]
    other = signed_in(staff_app, "p8")
    token = token_of(mine[0])
    mine[0].post("/konto/logga-ut-overallt", data={"csrf_token": token})
    assert [is_in(client) for client in (*mine, other)] == [False, False, True]
    (event,) = rows(staff, tables.event, kind="account.changed")
    assert event.person == "p7"


def test_one_browser_can_be_signed_out(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """One's own only: another person's session id does nothing."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    here, there, other = (signed_in(staff_app, p) for p in ("p7", "p7", "p8"))
    text = here.get("/konto").get_data(as_text=True)
    assert text.count('data-test="session"') == 2
    with here.session_transaction() as kept:
        mine = sessions._digest(kept[sessions.TOKEN])
    for session_id in [row.id for row in rows(staff, tables.session)]:
        if session_id != mine:
            here.post("/konto/session", data={"csrf_token": token_of(here), "session": session_id})
    assert [is_in(client) for client in (here, there, other)] == [True, False, True]


def test_the_owner_knows_each_sign_in_again(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Which browser, since when, when used last, and roughly where: a network, no address."""
    make_user("p7", ["caregiver"], homes=["h1"])
    agents = {
        "192.0.2.77": "Mozilla/5.0 (Android) Chrome/130",
        "2001:db8:1:2::3": "Mozilla/5.0 (Windows) Firefox/130",
    }
    for address, agent in agents.items():
        signed_in(staff_app, "p7", REMOTE_ADDR=address, HTTP_USER_AGENT=agent)
    client = signed_in(staff_app, "p7", REMOTE_ADDR="198.51.100.9")
    page = client.get("/konto").get_data(as_text=True)
    for told in ("Chrome, Android", "Firefox, Windows", "192.0.2.x", "2001:db8:1:x", "den här"):
        assert told in page
    assert page.count("Senast använd") == 3
    for address in (*agents, "198.51.100.9"):
        assert address not in page
    client.environ_base["REMOTE_ADDR"] = "203.0.113.4"
    client.get("/konto")
    assert "203.0.113.x" in {row.network for row in rows(staff, tables.session)}


def test_all_others_are_signed_out_at_once(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Every other browser of that person; this one and other people's stay."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    mine = [signed_in(staff_app, "p7") for _ in range(3)]
    other = signed_in(staff_app, "p8")
    mine[1].post("/konto/logga-ut-andra", data={"csrf_token": token_of(mine[1])})
    assert [is_in(client) for client in (*mine, other)] == [False, True, False, True]


@pytest.mark.parametrize("how", ["one", "others", "everywhere"])
def test_an_ended_session_stops_its_open_page_at_once(
    staff_app: Flask,
    make_user: MakeUser,
    staff: Staff,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without waiting for a heartbeat, or for what was read a moment ago to grow old; others'
    pages go on."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 30)
    monkeypatch.setattr(sessions, "GATE_READ_S", 3600.0)
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p8", ["caregiver"], homes=["h1"])
    here, there, other = (signed_in(staff_app, person) for person in ("p7", "p7", "p8"))
    answers = [client.get("/live", buffered=False) for client in (there, other)]
    streams = [iter(answer.response) for answer in answers]
    assert all(b"hello" in next(stream) for stream in streams)
    with there.session_transaction() as kept:
        lost = sessions._digest(kept[sessions.TOKEN])
    path = {"one": "session", "others": "logga-ut-andra", "everywhere": "logga-ut-overallt"}[how]
    began = time.monotonic()
    here.post(f"/konto/{path}", data={"csrf_token": token_of(here), "session": lost})
    assert list(streams[0]) == []
    assert time.monotonic() - began < 30
    with staff.write() as tx:
        tx.look_again.add(rows(staff, tables.user, person_id="p8")[0].id)
    assert b"heartbeat" in next(streams[1])
    for answer in answers:
        answer.close()


@pytest.mark.parametrize("what", ["closed", "demoted", "unassigned", "signed_out"])
def test_an_open_page_of_somebody_who_may_not_any_more(
    staff_app: Flask,
    make_user: MakeUser,
    staff: Staff,
    enrolled_home: EnrolledHome,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The live stream ends within seconds, and no form of the page does anything."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(sessions, "GATE_READ_S", 0.1)
    enrolled_home.describe()
    make_user("p7", ["caregiver"], homes=["h1"])
    boss = make_user("p1", ["administrator"])
    client = signed_in(staff_app, "p7")
    token = token_of(client, "/pass")
    answer = client.get("/live", buffered=False)
    stream = iter(answer.response)
    assert b"hello" in next(stream)
    assert b"heartbeat" in next(stream)
    if what == "closed":
        accounts.set_active(staff, boss, "p7", False)
    elif what == "demoted":
        accounts.set_roles(staff, boss, "p7", [Role.TECHNICIAN])
    elif what == "unassigned":
        accounts.set_homes(staff, boss, "p7", [])
    else:
        accounts.sign_out(staff, boss, "p7")
    until = time.monotonic() + 60
    for _ in stream:
        assert time.monotonic() < until
    answer.close()
    before = len(rows(staff, tables.event, home_id="h1"))
    for path, data in (
        ("/pass/h1/besok", {"tap": "arrive"}),
        ("/pass/h1/las", {"device": "front", "action": "unlock"}),
    ):
        done = client.post(
            path, data=data | {"csrf_token": token}, headers={"Accept": "application/json"}
        )
        assert done.status_code >= 400, path
    assert len(rows(staff, tables.event, home_id="h1")) == before


def test_the_page_of_somebody_who_just_signed_in_stays_live(
    staff_app: Flask, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of the sessions was read for another's page a moment before."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(sessions, "GATE_READ_S", 3600.0)
    answers = []
    for person in ("p7", "p8"):
        make_user(person, ["caregiver"], homes=["h1"])
        answers.append(signed_in(staff_app, person).get("/live", buffered=False))
        stream = iter(answers[-1].response)
        assert b"hello" in next(stream)
        assert [b"heartbeat" in next(stream) for _ in range(2)] == [True, True]
    for answer in answers:
        answer.close()


def test_a_password_alone_ends_with_a_role_that_asks_for_more(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Who is made an administrator in the middle of a session, after the first day, must show more
    at once."""
    needed = SignInConfig(second_factor_roles=frozenset({Role.ADMINISTRATOR}))
    staff.config = staff.config.model_copy(update={"sign_in": needed})
    make_user("p7", ["caregiver"], homes=["h1"])
    boss = make_user("p1", ["administrator"])
    accounts.set_grace(staff, boss, 0)
    client = signed_in(staff_app, "p7")
    assert is_in(client)
    accounts.set_roles(staff, boss, "p7", [Role.CAREGIVER, Role.ADMINISTRATOR])
    assert not is_in(client)


def test_a_shared_account_is_shown_to_the_coordinator(
    staff_app: Flask, make_user: MakeUser
) -> None:
    """Three places at a time is not one person with a phone and a desk."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p2", ["coordinator"])
    coordinator = signed_in(staff_app, "p2")
    for number in range(sessions.SHARED_FROM):
        page = coordinator.get("/administration").get_data(as_text=True)
        assert 'data-test="shared"' not in page
        signed_in(staff_app, "p7", HTTP_USER_AGENT=f"Browser {number}")
    page = coordinator.get("/administration").get_data(as_text=True)
    assert page.count('data-test="shared"') == 1
    assert 'data-test="shared"' in coordinator.get("/administration/person/p7").get_data(
        as_text=True
    )


def test_what_is_sensitive_asks_again(staff_app: Flask, make_user: MakeUser, staff: Staff) -> None:
    """A quarter of an hour after the sign-in an administrator's open page changes nobody; after the
    password it does."""
    make_user("p7", ["caregiver"], homes=["h1"])
    make_user("p1", ["administrator"])
    client = signed_in(staff_app, "p1")
    with client.session_transaction() as kept:
        kept["fs_paa"] = time.time() - 16 * 60
    token = token_of(client)
    form = {"csrf_token": token, "do": "close"}
    answer = client.post("/administration/person/p7", data=form)
    assert answer.status_code == 303
    assert "/verify" in answer.location
    assert rows(staff, tables.user, person_id="p7")[0].active
    for path in ("/mf-recovery-codes", "/tf-setup"):
        assert "/verify" in client.get(path).headers.get("Location", ""), path
    page = client.get("/konto/losenord").get_data(as_text=True)
    assert 'name="password"' in page, "the one of now is asked for"
    wrong = client.post("/verify", data={"csrf_token": token, "password": "wrong password 1"})
    assert wrong.status_code == 200
    client.post("/verify", data={"csrf_token": token, "password": PASSWORD})
    client.post("/administration/person/p7", data=form)
    assert not rows(staff, tables.user, person_id="p7")[0].active


def test_a_changed_password_ends_the_other_sessions(staff_app: Flask, make_user: MakeUser) -> None:
    """The browser in which it was changed goes on; the old password is worth nothing."""
    make_user("p7", ["caregiver"], homes=["h1"])
    here, there = signed_in(staff_app, "p7"), signed_in(staff_app, "p7")
    new = "another long password"
    answer = here.post(
        "/konto/losenord",
        data={
            "csrf_token": token_of(here, "/konto/losenord"),
            "password": PASSWORD,
            "new_password": new,
            "new_password_confirm": new,
        },
    )
    assert answer.status_code == 302, answer.get_data(as_text=True)
    assert [is_in(here), is_in(there)] == [True, False]
    assert sign_in(staff_app.test_client(), "p7").status_code == 200
    assert sign_in(staff_app.test_client(), "p7", new).status_code == 302


def test_nobody_locks_the_organisation_out(make_user: MakeUser, staff: Staff) -> None:
    """An administrator cannot close the own account, or give the administration away."""
    boss = make_user("p1", ["administrator"])
    for act in (
        lambda: accounts.set_active(staff, boss, "p1", False),
        lambda: accounts.set_roles(staff, boss, "p1", [Role.CAREGIVER]),
    ):
        with pytest.raises(accounts.Refused) as caught:
            act()
        assert caught.value.why is accounts.Wrong.YOURSELF


def test_a_team_works_in_the_homes_of_its_areas(
    staff_app: Flask, make_user: MakeUser, staff: Staff
) -> None:
    """Through the page's forms: area, team, membership; and taken away again."""
    from web.staff.signin.auth import actor_of

    make_user("p7", ["caregiver"])
    make_user("p2", ["coordinator"])
    client = signed_in(staff_app, "p2")
    token = token_of(client, "/administration/hem")

    def post(path: str, **data: Any) -> int:
        return int(client.post(path, data={"csrf_token": token, **data}).status_code)

    assert post("/administration/grupper", do="area", name="Norr") == 303
    assert post("/administration/grupper", do="team", name="Dag") == 303
    (area,), (team,) = rows(staff, tables.area), rows(staff, tables.team)
    assert post("/administration/hem/h1", do="area", area=area.id) == 303
    assert post("/administration/grupper", do="covers", team=team.id, area=area.id) == 303
    assert post("/administration/person/p7", do="teams", team=team.id) == 303
    user_id = rows(staff, tables.user, person_id="p7")[0].id
    actor = actor_of(staff, user_id)
    assert actor is not None
    assert actor.assigned == {"h1"}
    assert post("/administration/hem/h1", do="area", area="") == 303
    gone = actor_of(staff, user_id)
    assert gone is not None
    assert gone.assigned == frozenset()
    assert post("/administration/person/p7", do="close") == 303
    assert rows(staff, tables.user, person_id="p7")[0].active, "a coordinator closes no account"
