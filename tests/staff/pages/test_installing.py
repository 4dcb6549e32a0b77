"""The pages of a home's first hour: what a technician sees, does, and prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    InstallAccepted,
    InstallBegun,
    InstallSkipped,
    MatPressed,
    SkipWhy,
    TrialStep,
    Tried,
)
from tests.staff.installs.parts import furnish
from tests.staff.installs.test_trial import ALL, tick
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_home
from web.staff.pages import qr

PAGE = "/hem/h1/installera"


def states(page: str) -> dict[str, str]:
    """Each step of the page, and how it stands."""
    return dict(re.findall(r'data-step="([^"]*)" data-state="(\w+)"', page))


def test_a_technician_tries_a_home_and_prints_the_protocol(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome, clock: ManualClock
) -> None:
    """The page offers a trial once the home has told what it consists of, shows each tick at its
    next look, goes on at another technician's, and ends in a page that says who, when, what was
    seen by which event, and what was skipped and why."""
    client = as_role("technician", homes=())
    assert "data-every-s" not in text_of(client, PAGE)
    furnish(enrolled_home)
    assert post(client, PAGE, do="begin").status_code == 200
    page = text_of(client, f"{PAGE}?fragment=1")
    assert states(page) == dict.fromkeys(ALL, "left")
    assert 'data-every-s="2"' in page
    tick(enrolled_home, clock, MatPressed(), "bed")
    assert states(text_of(client, f"{PAGE}?fragment=1"))["stepped_on bed"] == "seen"
    refused = post(client, PAGE, do="skip", step="lay_down bed", why="other")
    assert (refused.status_code, refused.get_json()["text"]) == (
        409,
        "Skriv varför provet hoppas över.",
    )
    assert post(client, PAGE, do="accept").status_code == 409
    other = as_role("technician", person="p8", homes=())
    for key in ALL[1:]:
        clock.advance(1)
        said = {"step": key, "why": "other", "words": f"<b>{key}"}
        assert post(other, PAGE, do="skip", **said).status_code == 200
    assert states(text_of(client, PAGE))["lay_down bed"] == "skipped"
    clock.advance(1)
    answer = post(client, PAGE, do="accept")
    assert answer.status_code == 200
    protocol = text_of(client, answer.get_json()["go"])
    lines = re.findall(r'data-test="line" data-step="(\w+)" data-seen="([^"]*)"', protocol)
    assert [step for step, _ in lines] == [key.split()[0] for key in ALL]
    assert [bool(seen) for _, seen in lines] == [True] + [False] * (len(ALL) - 1)
    words = unescape(re.sub(r"<[^>]+>", " ", protocol))
    assert "Prov p7" in words
    assert "Prov p8" in words
    assert "Överhoppat: annat. <b>lay_down bed" in words
    assert 'data-test="to-protocol"' in text_of(client, PAGE)


def test_others_are_turned_away(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome
) -> None:
    """Another organisation's technician finds no such home; care staff may not; a protocol is found
    under its own number in its own home only."""
    furnish(enrolled_home)
    add_home(enrolled_home.app, "far", org="org2")
    client = as_role("technician", homes=())
    assert post(client, PAGE, do="begin").status_code == 200
    for path in ("/hem/far/installera", f"{PAGE}/protokoll/1", f"{PAGE}/protokoll/x"):
        assert client.get(path).status_code == 404
    assert post(client, "/hem/far/installera", do="begin").status_code == 404
    assert as_role("caregiver", person="p8").get(PAGE).status_code == 403


def test_the_code_is_shown_to_a_camera_too(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome
) -> None:
    """What a camera reads is the server's address and the code that stands below it; from here the
    page leads back to the installation."""
    client = as_role("technician", homes=())
    answer = post(client, "/administration/hem/h1", do="code", back="install")
    page = answer.get_data(as_text=True)
    code = re.findall(r'data-test="enrol-code">([^<]+)<', page)[0]
    with enrolled_home.app.test_request_context():
        assert str(qr.enrolment("http://localhost/", code)) in page
        other = code[:-1] + ("A" if code[-1] != "A" else "B")
        assert str(qr.enrolment("http://localhost/", other)) not in page
    assert 'data-test="server">http://localhost<' in page
    assert f'href="{PAGE}"' in page


def test_what_was_tried_at_the_homes_own_page_is_a_protocol_here(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome, clock: ManualClock
) -> None:
    """A home that was installed without a server brings its protocol: each step with the home's own
    event, and nobody's name, whoever the home says that it was; what is done there is no part of a
    trial here.  Another home's log is not asked for."""
    client = as_role("technician", homes=())
    furnish(enrolled_home)
    assert post(client, PAGE, do="begin").status_code == 200
    clock.advance(1)
    begun, pressed = enrolled_home.send(InstallBegun(), Draft(MatPressed(), device="bed"))
    clock.advance(1)
    why = SkipWhy.NOT_POSSIBLE
    enrolled_home.send(Draft(InstallSkipped(step=TrialStep.LAY_DOWN, why=why), device="bed"))
    steps = (
        Tried(step=TrialStep.STEPPED_ON, device="bed", seen=pressed.ref),
        Tried(step=TrialStep.LAY_DOWN, device="bed", why=why),
    )
    said = Draft(InstallAccepted(begun=begun.ref, steps=steps), person="p7")
    (accepted,) = enrolled_home.send(said)
    page = text_of(client, PAGE)
    assert states(page)["lay_down bed"] == "left", "that was skipped in another trial"
    (there,) = re.findall(r'href="([^"]+)"[^>]*data-at="home"', page)
    protocol = text_of(client, unescape(there))
    lines = re.findall(r'data-test="line" data-step="(\w+)" data-seen="([^"]*)"', protocol)
    assert lines == [("stepped_on", pressed.ref), ("lay_down", "")]
    assert "någon med hemmets installationskod" in protocol
    (who,) = re.findall(r'<dl class="pairs" data-test="who">(.*?)</dl>', protocol, re.DOTALL)
    assert "Prov p7" not in who
    number = f"{PAGE}/protokoll/{accepted.seq}"
    for path in (number, f"{number}?logg=home:h2", f"{number}?logg=x", f"{number}?logg=staff:h2"):
        assert client.get(path).status_code == 404, path
