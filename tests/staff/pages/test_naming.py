"""What is named on the page where things are found: once each, and on from what the home has."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from gateway.events import ConfigFault, ConfigHeld, ConfigRefused, ConfigWait, ConfigWaiting
from tests.staff.installs.test_hearing import THING, listening, order_on, tell
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_equipment import FILE, FORM, STARTED, asked
from tests.staff.pages.test_equipment import PAGE as EQUIPMENT
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff

PAGE = "/hem/h1/installera/hitta"
ADD = {"do": "add", "thing": str(THING["address"]), "use": "button", "room": "kitchen"}


def test_a_thing_is_named_once_and_not_refused_with_what_was_refused_before(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """The page says what the home did not take, or waits with, and why; the next thing goes on from
    what holds; who presses again, or after it was named elsewhere, adds nothing."""
    enrolled_home.send(STARTED, ConfigHeld(number=0, text=FILE.text()))
    client = as_role("technician", homes=())
    post(client, EQUIPMENT, **FORM)
    stream = listening(enrolled_home)
    assert post(client, PAGE, do="begin").status_code == 200
    assert tell(enrolled_home, order_on(stream, staff).hearing) == 200
    fault = ConfigRefused(number=1, why=ConfigFault.VALUE, about="golv", field="pin", said="no")
    enrolled_home.send(fault)
    page = text_of(client, PAGE)
    assert "inte emot den senaste ändringen (golv, pin: värdet går inte" in page
    assert 'data-device="bed"' in page
    assert 'data-device="golv"' not in page

    answer = post(client, PAGE, **ADD)
    assert answer.get_json()["text"].endswith("inte tog emot är borttagen.")
    config = asked(staff).config
    assert config is not None
    assert list(config.devices) == ["bed", "button"]
    for _ in range(2):
        answer = post(client, PAGE, **ADD)
        assert (answer.status_code, answer.get_json()["text"]) == (
            200,
            "Den finns redan i hemmet, som svarsknapp, kök.",
        )
    assert asked(staff).number == 2
    enrolled_home.send(ConfigWaiting(number=2, why=ConfigWait.ALARM))
    assert "Hemmet väntar med det senaste: ett larm pågår." in text_of(client, PAGE)
    enrolled_home.send(ConfigHeld(number=2, text=""))
    assert 'data-follows="yes"' in text_of(client, PAGE)
