"""Signing in with a passkey: a real browser with a virtual authenticator (CDP's WebAuthn)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.browser.conftest import PHONE, WAIT_MS, LiveServer, sign_in_at
from tests.browser.night import Night
from tests.staff.parts import parts_of
from web.staff.signin.failed_attempts import Limits
from web.staff.storage import tables

pytestmark = pytest.mark.browser


def authenticator(page: Any, *, verified: bool = True) -> Any:
    """A phone's own lock: keeps passkeys, and knows (or not) whose finger it is.  Returns the
    session to steer it with, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": verified,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session, made["authenticatorId"]


def at_localhost(live_server: LiveServer) -> str:
    """Passkeys belong to a name, and an address is none."""
    return live_server.url.replace("127.0.0.1", "localhost")


def sign_out(page: Any) -> None:
    """By the menu."""
    page.get_by_test_id("menu").locator("summary").click()
    page.get_by_test_id("sign-out").click()
    page.wait_for_url("**/login*")


def test_a_passkey_is_added_and_signs_in(
    open_page: Callable[..., Any], live_server: LiveServer, night: Night
) -> None:
    """Added on the account's page, it signs in without a password, and shows who it is again; the
    session says so.  Without the right finger nobody gets in."""
    url = at_localhost(live_server)
    page = open_page(PHONE)
    steer, phone = authenticator(page)
    sign_in_at(page, url)
    page.goto(f"{url}/konto")
    page.get_by_test_id("passkey-name").fill("Jobbmobilen")
    page.get_by_test_id("passkey-add").click()
    page.get_by_test_id("passkey").wait_for(timeout=WAIT_MS)
    assert "Jobbmobilen" in page.get_by_test_id("passkey").inner_text()
    sign_out(page)
    page.get_by_test_id("passkey-sign-in").click()
    page.wait_for_url("**/pass")
    parts = parts_of(live_server.app)
    with parts.db.read() as conn:
        t = tables.session
        factors = conn.execute(select(t.c.factor).order_by(t.c.began_at)).scalars().all()
        key = conn.execute(select(tables.passkey)).one()
    assert factors[-1] == "passkey"
    assert key.sign_count >= 1
    page.goto(f"{url}/verify?next=/konto")
    page.get_by_test_id("passkey-verify").click()
    page.wait_for_url(f"{url}/konto")
    sign_out(page)
    steer.send("WebAuthn.setUserVerified", {"authenticatorId": phone, "isUserVerified": False})
    page.get_by_test_id("passkey-sign-in").click()
    page.get_by_test_id("passkey-answer").filter(has_text="passkey").wait_for()
    page.goto(f"{url}/nu")
    assert "/login" in page.url


def test_a_passkeys_answer_cannot_be_sent_again(
    open_page: Callable[..., Any], live_server: LiveServer, night: Night
) -> None:
    """The same signed answer, a second time, from another browser: refused, and no session."""
    url = at_localhost(live_server)
    page = open_page(PHONE)
    authenticator(page)
    sign_in_at(page, url)
    page.goto(f"{url}/konto")
    page.get_by_test_id("passkey-name").fill("Jobbmobilen")
    page.get_by_test_id("passkey-add").click()
    page.get_by_test_id("passkey").wait_for(timeout=WAIT_MS)
    sign_out(page)
    sent: list[Any] = []
    page.on("request", lambda r: sent.append(r) if "/wan-signin/" in r.url else None)
    page.get_by_test_id("passkey-sign-in").click()
    page.wait_for_url("**/pass")
    (request,) = sent
    for limits in (None, Limits()):  # with what this worker remembers, and as another worker
        if limits is not None:
            live_server.app.extensions["tryggve.limits"] = limits
        thief = live_server.app.test_client()
        text = thief.get("/login").get_data(as_text=True)
        token = text.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
        answer = thief.post(
            request.url.removeprefix(url),
            base_url=url,
            data=request.post_data,
            content_type="application/x-www-form-urlencoded",
            headers={"Accept": "application/json", "X-CSRFToken": token},
        )
        assert answer.status_code == 400, answer.get_data(as_text=True)
        assert thief.get("/konto").status_code == 303


def test_a_closed_accounts_open_page_stops(
    open_page: Callable[..., Any], live_server: LiveServer, night: Night
) -> None:
    """Within seconds the page of somebody whose account was closed says that it stands still or
    asks to sign in; nothing more comes to it."""
    page = open_page(PHONE)
    sign_in_at(page, live_server.url)
    page.get_by_test_id("pulse").wait_for()
    parts = parts_of(live_server.app)
    with parts.db.write() as tx:
        tx.conn.execute(tables.user.update().values(active=False))
    page.wait_for_function(
        "() => location.pathname === '/login' || "
        "document.querySelector('[data-test=pulse]')?.dataset.state === 'down'",
        timeout=WAIT_MS,
    )
