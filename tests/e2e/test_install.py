"""A home's first hour with both programs: from a new card to an accepted home, by the pages as they
are on a phone; and what goes wrong on the way."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

import pytest

from gateway.config.secrets import FileSecrets
from gateway.demo import home as virtual
from gateway.demo.installer import Installer, at_work, furnish, try_all
from gateway.demo.staffclient import StaffClient, StaffError
from gateway.demo.stage import codes_in
from gateway.errors import UserError
from gateway.link.enrolment import enroll
from tests.e2e.pi_page import PiPage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


def test_a_new_card_becomes_an_accepted_home(tmp_path: Path, kept: Path) -> None:
    """Found, named, paired and tried by touch, in less than half an hour of a person's; the key
    that was typed for the pendant is in no file of the server's and in no journal."""
    with at_work(tmp_path / "stage", kept=kept) as who:
        who.connect()
        furnish(who)
        try_all(who)
        done = who.done
        key = who.pendant_key
    assert len(done.steps) > 30
    assert done.minutes < 30
    print(f"install_steps {len(done.steps)}, install_simulated_min {done.minutes:.1f}")
    written = [one for one in (tmp_path / "stage" / "staff").rglob("*") if one.is_file()]
    assert written
    for file in (*written, tmp_path / "stage" / "staff.log", tmp_path / "stage" / "new.log"):
        assert key.encode() not in file.read_bytes(), file.name


def test_what_goes_wrong_on_the_way_is_said_and_goes_on(tmp_path: Path, kept: Path) -> None:
    """A code of another home, and one that was used; the home loses its power while it is listened
    to: the page says so, and goes on by itself when it is back, with what was named; a wrong key;
    a second installer takes over, and the first one's page says who looks; and then there is no
    server at all."""
    with at_work(tmp_path / "stage", kept=kept) as who:
        made, folder = who.stage, tmp_path / "stage" / "other"
        folder.mkdir()
        secrets = FileSecrets(folder)
        (code,) = codes_in(made.staff_says(["enroll-code", "h1"]))
        with pytest.raises(UserError, match="another home, and this gateway's file says 'h2'"):
            enroll(made.url, code, folder, secrets, home="h2")
        who.connect()
        for used in (code, who.code):
            with pytest.raises(UserError, match=r"did not take the code \(bad_code\)"):
                enroll(made.url, used, folder, secrets)

        who.hear()
        button = f"pin-{virtual.ANSWER_PIN}"
        who.find(button, lambda: who.act("answer"), "button", "kitchen")
        assert who.home is not None
        who.home.process.kill()
        who.home.stop()
        page = who.shows(who.near, 'data-state="silent"', 'data-device="button"')
        assert "Hemmet svarar inte just nu" in page
        with pytest.raises(StaffError, match=r"409.*inte anslutet"):
            who.phone.post(who.near, do="pair", device="button")
        with ThreadPoolExecutor(1) as plug:  # the page stays open meanwhile
            started = plug.submit(who.start_home)
            who.shows(who.near, 'data-state="hearing"')
            started.result()
        floor = f"pin-{virtual.FLOOR_PIN}"
        who.find(floor, lambda: who.act("step"), "floor", "bedroom")

        key = str(who.home.do("tell")["pendant_key"])
        address = virtual.PENDANT_ADDRESS
        who.find(address, lambda: who.act("pendant"), "pendant", "bedroom")
        who.pair("pendant", lambda: who.act("pendant"), "0f" * 16, ends="failed")
        who.shows(who.near, "nyckeln stämmer inte")
        who.pair("pendant", lambda: who.act("pendant"), key)

        account = made.account("administrator")
        other = StaffClient(made.url, account.email, account.password)
        other.post(who.near, do="begin")
        who.shows(who.near, 'data-test="idle"', f"{account.name} letar just nu")
        with pytest.raises(StaffError, match=r"409.*lyssnar inte"):
            who.phone.post(who.near, do="pair", device="pendant")
        who.hear()
        without_a_server(who)


def without_a_server(who: Installer) -> None:
    """The server is gone: the home is tried at the Pi's own page, by the code that it was enrolled
    with, through a plug that is pulled; what the server set stays as it is.  When the server is
    back it has the protocol, each step with the home's own event."""
    who.stage.kill_staff()
    page, near = "/install", "/install/near"
    phone = PiPage(who.pi_port, who.state_dir)
    assert phone.post("/in/install", install="AAAAA-AAAAA-AAAAAAAA") == 422
    assert phone.post("/in/install", install=who.code) == 303
    assert phone.post(near, do="begin") == 303
    phone.shows(near, 'data-test="hearing"', 'data-test="at-server"', 'data-device="floor"')
    assert phone.post(near, do="end") == 303
    assert phone.post(page, do="begin") == 303
    for act, *steps in (
        ("answer", "answered button"),
        ("step", "stepped_on floor", "stepped_off floor"),
        ("pendant", "pressed pendant", "called pendant"),
    ):
        who.act(act)
        phone.shows(page, *(f'data-step="{step}" data-state="seen"' for step in steps))
    assert phone.post(page, do="skip", step="fell floor", why="not_possible") == 303
    assert who.home is not None
    who.home.process.kill()
    who.home.stop()
    who.start_home()
    phone.shows("/", 'id="install"')
    assert phone.post("/in/install", install=who.code) == 303
    phone.shows(
        page, *(f'data-step="{one}" data-state="seen"' for one in ("unplugged", "plugged_in"))
    )
    phone.shows(page, 'data-test="trial" data-left="0"')
    assert phone.post(page, do="accept") == 303
    phone.shows(page, 'data-accepted="yes"')
    assert phone.post("/in/install", install=who.code) == 422
    who.stage.start_staff()
    there = re.search(r'href="([^"]+)"[^>]*data-at="home"', who.shows(who.page, 'data-at="home"'))
    assert there is not None
    protocol = unescape(who.phone.get(unescape(there[1])))
    lines = re.findall(r'data-step="(\w+)" data-seen="([^"]*)"', protocol)
    assert dict(lines).keys() >= {"answered", "called", "unplugged", "plugged_in"}
    assert {step for step, seen in lines if not seen.startswith("home:h1/")} == {"fell"}
    assert "någon med hemmets installationskod" in protocol
