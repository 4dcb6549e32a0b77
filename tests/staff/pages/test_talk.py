"""The page to speak with a home: what it says when there is no call to be had, and the way of one.

Not for: sound (`tests/e2e/test_voice.py`).
"""

from __future__ import annotations

from flask.testing import FlaskClient

from gateway.events import AlarmRaised, AlarmType
from tests.media.test_description import OFFER
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome
from tests.staff.talk.test_calls import furnish, signal


def test_the_page_says_what_is_so(home: EnrolledHome, carer: FlaskClient) -> None:
    """The one page that may ask for the microphone; without a speaker, or with the alarm closed, it
    says so and has no button; every refusal is a sentence."""
    home.describe()
    [technical] = home.send(AlarmRaised.usual(AlarmType.DEVICE_DOWN, home.clock.now()))
    [bare] = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    page = text_of(carer, f"/tala?larm={bare.ref}")
    assert ('data-test="talk-none"' in page, 'data-test="talk-begin"' in page) == (True, False)
    alarm = furnish(home)
    answer = carer.get(f"/tala?larm={alarm}")
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert "microphone=()" in carer.get("/nu").headers["Permissions-Policy"]
    assert 'data-test="talk-begin"' in answer.text
    assert 'data-test="talk-link"' in text_of(carer, f"/larm/{alarm}")
    assert 'data-test="talk-link"' not in text_of(carer, f"/larm/{technical.ref}")
    text_of(carer, "/tala?larm=home:h1/99", 404)
    said = post(carer, "/larm/tala/borja", alarm=alarm, sdp=OFFER)
    assert (said.status_code, "inte anslutet" in said.json["text"]) == (409, True)
    said = post(carer, "/larm/tala/borja", alarm=alarm, sdp="v=0")
    assert (said.status_code, said.json["text"][-1]) == (422, ".")
    said = post(carer, "/larm/tala/lage", call="c0")
    assert (said.status_code, said.json["text"]) == (404, "Samtalet finns inte längre.")
    stream = home.listen(1)
    next(stream)
    call = post(carer, "/larm/tala/borja", alarm=alarm, sdp=OFFER).json["call"]
    signal(home, call=call, state="refused", why="busy")
    said = post(carer, "/larm/tala/lage", call=call)
    assert said.json["text"] == "Någon annan talar redan med hemmet."
    assert post(carer, "/larm/tala/vagar").json == {"ice": []}
    post(carer, "/larm/avsluta", alarm=alarm, outcome="helped")
    page = text_of(carer, f"/tala?larm={alarm}")
    assert ('data-test="talk-closed"' in page, 'data-test="talk-begin"' in page) == (True, False)
    assert said.json["state"] == "refused"
