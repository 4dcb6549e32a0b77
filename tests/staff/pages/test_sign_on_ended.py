"""What ends with a provider of single sign-on, or with what it calls somebody: the sessions that it
had opened, at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.staff.homelink.test_ingest import rows
from tests.staff.pages.conftest import post
from tests.staff.pages.test_sign_on import SUBJECT, press, tried, used, write
from tests.staff.parts import add_home, add_user, parts_of, sign_in
from tests.staff.provider import LOA3, Provider, running
from tests.staff.signin.test_single_sign_on import begin, inside
from web.staff.core.context import Staff
from web.staff.pages import live
from web.staff.storage import tables


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The organisation's provider."""
    with running() as started:
        yield started


@pytest.fixture
def boss(as_role: Callable[..., FlaskClient]) -> FlaskClient:
    """The organisation's administrator, by password."""
    return as_role("administrator", person="p1")


def known(app: Flask, provider: Provider, person: str, subject: str = SUBJECT) -> None:
    """An account that the provider calls `subject`."""
    add_user(app, person, ["coordinator"])
    with parts_of(app).db.write() as tx:
        mine = update(tables.user).where(tables.user.c.person_id == person)
        tx.conn.execute(mine.values(sso_id=subject, sso_issuer=provider.url))


def signed_on(app: Flask, provider: Provider, name: str) -> FlaskClient:
    """A browser that came by the provider."""
    client = app.test_client()
    assert client.get(provider.sign_in(begin(client, name))).status_code == 303
    assert inside(client)
    return client


def test_with_the_provider_its_sessions_end(
    boss: FlaskClient,
    staff_app: Flask,
    staff: Staff,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next request is turned away and an open page's stream ends; whoever came by a password
    stays, and so does whom another organisation's provider of that address let in."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    client = signed_on(staff_app, provider, name)
    monkeypatch.setattr(live, "HEARTBEAT_S", 60.0)  # when it would look by itself
    answer = client.get("/live", buffered=False)
    stream = iter(answer.response)
    next(stream)
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "z1", ["administrator"], org="org2")
    other = staff_app.test_client()
    sign_in(other, "z1")
    with staff.db.write() as tx:
        foreign = tables.user.c.person_id == "z1"
        tx.conn.execute(update(tables.user).where(foreign).values(sso_issuer=provider.url))
        tx.conn.execute(
            update(tables.session)
            .where(tables.session.c.user_id == rows(staff, tables.user, person_id="z1")[0].id)
            .values(factor="sign_on")
        )
    assert press(boss, "end", name=name).status_code == 303
    assert not inside(client)
    pressed_s = time.monotonic()
    assert list(stream) == []
    assert time.monotonic() - pressed_s < 30
    answer.close()
    assert inside(boss)
    assert inside(other)


@pytest.mark.parametrize(
    ("changed", "goes_on"),
    [
        ({"label": "Region"}, True),
        ({"levels": f"{LOA3} http://id.sambi.se/loa/loa4"}, True),
        ({"levels": "http://id.sambi.se/loa/loa4"}, False),
        ({"claim": "hsa"}, False),
    ],
    ids=str,
)
def test_a_provider_that_asks_for_something_else_ends_what_it_had_opened(
    boss: FlaskClient,
    staff_app: Flask,
    provider: Provider,
    changed: dict[str, str],
    goes_on: bool,
) -> None:
    """Whoever could not have come in with what is used now is not in any more; another name on the
    button ends nobody's session."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    client = signed_on(staff_app, provider, name)
    provider.claims = (
        {"acr": changed["levels"].split()[-1]} if "levels" in changed else {"hsa": "x"}
    )
    write(boss, provider, name=name, **changed)
    assert 'data-test="passed"' in tried(boss, provider, name)
    assert inside(client), "what is written holds nothing up"
    press(boss, "use", name=name)
    assert inside(client) is goes_on


def test_another_address_ends_what_the_one_before_had_opened(
    boss: FlaskClient, staff_app: Flask, provider: Provider
) -> None:
    """In the place of one provider another is used."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    client = signed_on(staff_app, provider, name)
    with running() as other:
        write(boss, other, name=name)
        tried(boss, other, name)
        press(boss, "use", name=name)
    assert not inside(client)


@pytest.mark.parametrize("wanted", ["", "somebody else"])
def test_with_the_link_to_a_provider_its_sessions_end(
    boss: FlaskClient, staff_app: Flask, provider: Provider, wanted: str
) -> None:
    """Taken away or given anew on the person's page; the same id once more ends nothing, and the
    person's session by password goes on."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    client, own = signed_on(staff_app, provider, name), staff_app.test_client()
    sign_in(own, "p2")
    page = "/administration/person/p2"
    assert post(boss, page, do="sso", sso_id=SUBJECT).status_code == 200
    assert inside(client)
    assert post(boss, page, do="sso", sso_id=wanted).status_code == 200
    assert not inside(client)
    assert inside(own)


@pytest.mark.parametrize("what", ["provider", "link", "account"])
def test_what_ends_while_somebody_comes_back_lets_nobody_in(
    boss: FlaskClient, staff_app: Flask, staff: Staff, provider: Provider, what: str
) -> None:
    """The provider is asked for the token, and meanwhile an administrator ends it, or takes the
    person's id away, or shuts the account: one sentence, and no session."""
    name = used(boss, provider)
    known(staff_app, provider, "p2")
    client = staff_app.test_client()
    back = provider.sign_in(begin(client, name))
    page, answer = "/administration/person/p2", provider.answer

    def meanwhile(form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        said = answer(form, authorization)
        if what == "provider":
            press(boss, "end", name=name)
        elif what == "link":
            post(boss, page, do="sso", sso_id="")
        else:
            post(boss, page, do="close")
        return said

    provider.answer = meanwhile  # type: ignore[method-assign]
    assert client.get(back).status_code == 403
    assert not inside(client)
    assert len(rows(staff, tables.session, ended_at=None)) == 1, "the administrator's"
