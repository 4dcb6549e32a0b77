"""SSH for an hour, asked for by an administrator in a real browser, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.events import SshClosed, SshEnd, SshOpened, SshRefusal, SshRefused
from tests.browser.conftest import DESK, PHONE, LiveServer
from tests.browser.crooked import crooked
from tests.browser.night import Night
from tests.browser.test_plan import looked_at
from tests.staff.pages.test_ssh_hour import KEY, state
from tests.staff.parts import add_user, parts_of
from web.staff.core.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(
    ("size", "name"), [(DESK, "desk"), (PHONE, "phone")], ids=["desk", "phone"]
)
def test_it_is_asked_for_opened_and_closed_while_the_page_is_looked_at(
    open_page: Callable[..., Any],
    sign_in: Callable[..., None],
    night: Night,
    live_server: LiveServer,
    size: dict[str, int],
    name: str,
) -> None:
    """A private key is answered where one looks, and is not said back; what the home says comes by
    itself; keys as long as a line are broken, not wider than the screen."""
    add_user(night.app, "p-admin", [Role.ADMINISTRATOR])
    home, staff = night.homes["h1"], parts_of(night.app)
    page = open_page(size)
    sign_in(page, "p-admin")
    page.goto(f"{live_server.url}/hem/h1/utrustning")
    page.locator('.page-head [data-test="ssh"]').click()
    looked_at(page, f"{name}-ssh-closed")
    page.get_by_test_id("key").fill("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0")
    page.get_by_test_id("why").select_option("fault")
    page.get_by_test_id("open").click()
    page.get_by_test_id("error").wait_for()
    assert page.get_by_test_id("key").input_value() == ""
    assert page.get_by_test_id("why").input_value() == "fault", "what was chosen stays"
    looked_at(page, f"{name}-ssh-private-key")
    page.get_by_test_id("key").fill(f"{KEY} technician")
    page.get_by_test_id("open").click()
    hour = page.get_by_test_id("ssh")
    page.locator('[data-hour="wanted"]').wait_for()
    assert "Hemmet är tillfrågat." in page.get_by_test_id("flashes").inner_text()
    looked_at(page, f"{name}-ssh-wanted")
    until, request = night.now + timedelta(hours=1), state(staff).request
    line = "SHA256:" + "x" * 43
    home.send(SshOpened(request=request, until=until, fingerprint=line, host_key=KEY))
    page.locator('[data-hour="opened"]').wait_for()
    assert page.get_by_test_id("flashes").inner_text() == "", "it has answered since"
    hour.locator("summary").click()
    assert KEY in hour.inner_text() and "03:14" in hour.inner_text()
    looked_at(page, f"{name}-ssh-opened")
    assert crooked(page) == []
    page.get_by_test_id("end").click()
    page.locator('[data-hour="ending"]').wait_for()
    home.send(SshClosed(request=request, why=SshEnd.ASKED))
    page.locator('[data-hour="closed"]').wait_for()
    page.get_by_test_id("key").fill(KEY)
    page.get_by_test_id("why").select_option("set_up")
    page.get_by_test_id("open").click()
    page.locator('[data-hour="wanted"]').wait_for()
    home.send(SshRefused(request=state(staff).request, why=SshRefusal.NO_UNIT))
    page.locator('[data-hour="refused"]').wait_for()
    looked_at(page, f"{name}-ssh-refused")
