"""The page of what a home consists of, as a technician sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.events import ConfigFault, ConfigHeld, ConfigRefused, GatewayStarted, PreviousRun
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome
from web.staff.configs import changes
from web.staff.configs.model import HomeConfig
from web.staff.core.context import Staff

PAGE = "/hem/h1/utrustning"
FILE = HomeConfig({"bed": {"driver": "mat_gpio", "role": "bed", "pin": 17}}, {})
STARTED = GatewayStarted(version="1", config_sha256="", previous=PreviousRun.NONE)
FORM = {
    "do": "device",
    "new": "1",
    "device": "golv",
    "driver": "mat_gpio",
    "role": "floor",
    "room": "bedroom",
    "lines": "pin = 22",
    "why": "new_device",
    "after": "0",
}


@pytest.fixture
def technician(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> FlaskClient:
    """A technician's browser, and a home that takes configurations."""
    home.send(STARTED, ConfigHeld(number=0, text=FILE.text()))
    return as_role("technician", homes=())


def asked(staff: Staff) -> changes.Asked:
    with staff.db.read() as conn:
        return changes.asked(conn, "h1")


def test_a_device_is_added_changed_taken_away_and_back_again(
    technician: FlaskClient, staff: Staff, home: EnrolledHome
) -> None:
    """From what the home's file says; each change says what it changed, and by whom and why."""
    page = text_of(technician, PAGE)
    assert "Hemmets egen fil gäller." in page
    assert 'data-device="bed"' in page
    assert post(technician, PAGE, **FORM).status_code == 200
    added = {"driver": "mat_gpio", "role": "floor", "room": "bedroom", "pin": 22}
    assert asked(staff) == changes.Asked(1, FILE.with_device("golv", added))
    assert "Hemmet har inte bekräftat version 1 än." in text_of(technician, PAGE)
    home.send(ConfigHeld(number=1, text="", unpaired=("golv",)))
    page = text_of(technician, PAGE)
    assert "Version 1 gäller i hemmet." in page
    assert "Måste parkopplas i hemmet" in page
    moved = FORM | {"new": "", "room": "hall", "lines": "pin = 23", "after": "1"}
    post(technician, PAGE, **moved | {"why": "device_moved"})
    post(technician, PAGE, do="rule", rule="bed_exit", lines="x = 1", why="settings", after="2")
    post(technician, PAGE, do="remove", device="bed", why="device_removed", after="3")
    page = text_of(technician, PAGE)
    assert "golv ny" in page
    assert "room bedroom → hall, pin 22 → 23" in page.replace("&#34;", "")
    assert "regeln bed_exit: x – → 1" in page
    assert "bed borttagen" in page
    assert "Prov p7" in page
    post(technician, PAGE, do="undo", number="0", after="4")
    assert asked(staff) == changes.Asked(5, FILE)
    assert "tillbaka till hemmets egen fil" in text_of(technician, PAGE)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"device": "Min matta"}, "Namnet får bara ha"),
        ({"device": "bed"}, "Det finns redan utrustning"),
        ({"new": ""}, "Den finns inte längre."),
        ({"driver": ""}, "Välj vad det är"),
        ({"lines": "pin 22"}, "Skriv en inställning per rad"),
        ({"lines": "pin = 22\nrole = 'bed'"}, "Skriv en inställning per rad"),
        ({"lines": "x" * 4_001}, "för mycket text"),
        ({"why": ""}, "Välj varför du ändrar."),
        ({"why": "undone"}, "Välj varför du ändrar."),
        ({"after": "9"}, "Någon annan har ändrat"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_written_stays(
    technician: FlaskClient, staff: Staff, said: dict[str, str], sentence: str
) -> None:
    """Nothing is sent."""
    answer = post(technician, PAGE, **FORM | said)
    assert answer.status_code in (409, 422)
    assert sentence in answer.text
    assert 'role="alert"' in answer.text
    assert asked(staff).number == 0


def test_what_the_home_refused_is_told_by_device_and_setting(
    technician: FlaskClient, home: EnrolledHome
) -> None:
    """In the page's language; the home's own words for who wants them; and what holds meanwhile."""
    post(technician, PAGE, **FORM)
    home.send(
        ConfigRefused(
            number=1, why=ConfigFault.VALUE, about="golv", field="pin", said="22 is <b>taken</b>"
        )
    )
    page = text_of(technician, PAGE)
    assert "Hemmet tog inte emot version 1." in page
    assert "golv, pin: värdet går inte" in page
    assert "22 is &lt;b&gt;taken&lt;/b&gt;" in page
    assert "Till dess gäller hemmets egen fil." in page


def test_a_home_that_takes_none_is_offered_none(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff, clock: ManualClock
) -> None:
    """Of a version that knows none of it: said, and nothing to press; a form from elsewhere is
    refused."""
    client = as_role("technician", homes=())
    assert "Hemmets enhet har inte startat än." in text_of(client, PAGE)
    home.send(STARTED)
    clock.advance(180)
    page = text_of(client, PAGE)
    assert "Hemmets enhet är för gammal för inställningar från servern." in page
    assert 'data-test="form-' not in page
    assert post(client, PAGE, **FORM).status_code == 422
    assert asked(staff).number == 0
