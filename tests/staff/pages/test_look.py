"""The panel to look into a home: where it stands, and what it says at each refusal and end.

Not for: pictures (`tests/e2e/test_look.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from gateway.access import look_permits
from gateway.events import (
    AlarmRaised,
    AlarmType,
    CheckAsked,
    CheckBy,
    CheckDone,
    CheckDue,
    LookEnd,
    LookWhy,
    PictureKind,
)
from tests.staff.looks.parts import (
    KEY,
    OFFER,
    agree,
    furnish,
    order_on,
    send_picture,
    signal,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from web.staff.core.admission import Lane
from web.staff.runtime.lanes import lane_of
from web.staff.texts import look_words


def test_the_panel_stands_where_somebody_may_look(home: EnrolledHome, carer: FlaskClient) -> None:
    """On the page of an open care alarm in a home with camera and lamp, with everybody's consent;
    without consent it says so, without a camera nothing."""
    home.describe()
    [technical] = home.send(AlarmRaised.usual(AlarmType.DEVICE_DOWN, home.clock.now()))
    [bare] = home.send(AlarmRaised.usual(AlarmType.PENDANT, home.clock.now()))
    page = text_of(carer, f"/larm/{bare.ref}")
    assert 'data-test="look"' not in page
    assert 'data-test="look-none"' not in page
    alarm = furnish(home, parts_of(home.app))
    assert 'data-test="look-begin"' in text_of(carer, f"/larm/{alarm}")
    assert 'data-test="look"' not in text_of(carer, f"/larm/{technical.ref}")
    agree(parts_of(home.app), "h1", held=False)
    page = text_of(carer, f"/larm/{alarm}")
    assert ('data-test="look"' in page, "Samtycke till kameratillsyn saknas" in page) == (
        False,
        True,
    )
    said = post(carer, "/tillsyn/titta/forbered", home="h1")
    assert (said.status_code, said.json["text"][-1]) == (409, ".")


def test_a_camera_is_tried_with_consent_and_by_who_may_look(
    home: EnrolledHome, carer: FlaskClient, as_role: Callable[..., FlaskClient]
) -> None:
    """On the page of consents, as any look: in the permit it is a trial.  Before anybody agreed
    nobody sees a picture, and a technician or a coordinator never does."""
    furnish(home, parts_of(home.app))
    stream = home.listen(1)
    next(stream)
    assert 'data-ground="test"' in text_of(carer, "/hem/h1/samtycke")
    begin = {"home": "h1", "why": "test", "sdp": OFFER, "key": KEY}
    look = post(carer, "/tillsyn/titta/borja", **begin).json["look"]
    keys = parts_of(home.app).keys
    permit = look_permits.read(order_on(stream).permit, {keys.kid: keys.private.public_key()})
    assert (permit.look, permit.why, permit.check) == (look, LookWhy.TEST, None)
    assert post(carer, "/tillsyn/titta/forlang", look=look).status_code == 200
    for role in ("coordinator", "technician"):
        client = as_role(role, person=f"p-{role}", homes=())
        assert 'data-ground="test"' not in client.get("/hem/h1/samtycke").text
        assert post(client, "/tillsyn/titta/borja", **begin).status_code == 403
    agree(parts_of(home.app), "h1", held=False)
    assert 'data-ground="test"' not in text_of(carer, "/hem/h1/samtycke")
    assert post(carer, "/tillsyn/titta/borja", **begin).status_code == 409


def test_every_refusal_and_end_is_a_sentence(home: EnrolledHome, carer: FlaskClient) -> None:
    """What the home says, in words that say what to do; who looks, for who comes second; sealed
    pictures to who looks."""
    alarm = furnish(home, parts_of(home.app))
    begin = {"home": "h1", "alarm": alarm, "sdp": OFFER, "key": KEY}
    said = post(carer, "/tillsyn/titta/borja", **begin)
    assert (said.status_code, "inte anslutet" in said.json["text"]) == (409, True)
    stream = home.listen(1)
    next(stream)
    said = post(carer, "/tillsyn/titta/borja", **{**begin, "sdp": "v=0"})
    assert (said.status_code, said.json["text"][-1]) == (422, ".")
    assert post(carer, "/tillsyn/titta/forbered", home="h1").json == {"ice": []}
    said = post(carer, "/tillsyn/titta/lage", look="l0")
    assert (said.status_code, said.json["text"]) == (404, "Kameratillsynen är redan avslutad.")
    look = post(carer, "/tillsyn/titta/borja", **begin).json["look"]
    add_user(home.app, "p9", ["night_watcher"], homes=["h1"])
    other = home.app.test_client()
    sign_in(other, "p9")
    said = post(other, "/tillsyn/titta/borja", **begin)
    assert (said.status_code, "ser redan genom kameran" in said.json["text"]) == (409, True)
    assert post(other, "/tillsyn/titta/bild", look=look).status_code == 404
    signal(home, look=look, state="relaying", key=KEY)
    send_picture(home, look, 7, b"sealed")
    picture = post(carer, "/tillsyn/titta/bild", look=look, after="6")
    assert (picture.data, picture.headers["Tryggve-Picture"]) == (b"sealed", "7")
    assert picture.headers["Cache-Control"] == "no-store"
    signal(home, look=look, state="ended", why="limit_reached")
    said = post(carer, "/tillsyn/titta/bild", look=look, after="7").json
    assert (said["over"], said["text"]) == (True, "Tiden är ute. Hemmet stängde kameran.")


@pytest.mark.parametrize("words", [look_words.ENDED, look_words.PICTURES])
def test_each_has_words(words: dict[str, str]) -> None:
    """An end or a picture of a newer version is one that is unknown."""
    known = LookEnd if words is look_words.ENDED else PictureKind
    assert set(words) == {one.value for one in known}


def test_signals_go_first_and_pictures_hold_nobody_up() -> None:
    """A look's signals are orders; a page that waits for a picture, and a home that hands one over,
    hold no turn."""

    def lane(path: str) -> Lane | None:
        return lane_of({"REQUEST_METHOD": "POST", "PATH_INFO": path})

    assert lane("/tillsyn/titta/borja") is lane("/api/v1/home/look") is Lane.ORDER
    assert lane("/tillsyn/titta/bild") is lane("/api/v1/home/picture") is None


def test_the_board_has_it_at_the_check_that_one_has(home: EnrolledHome, carer: FlaskClient) -> None:
    """At a check that one has taken, and at no other; at one that the sensor called done with its
    answer above the reasons to choose from."""
    furnish(home, parts_of(home.app))
    now = home.clock.now()
    asked, done = f"n@{now:%Y-%m-%dT%H:%MZ}", f"n@{now - timedelta(minutes=30):%Y-%m-%dT%H:%MZ}"
    home.send(
        CheckDue(check=done, slot=now - timedelta(minutes=30)),
        CheckDone(check=done, by=CheckBy.SENSOR),
        CheckDue(check=asked, slot=now),
        CheckAsked(check=asked, why="bed_empty", answer_by=now + timedelta(minutes=9)),
    )
    assert 'data-test="look-begin"' not in text_of(carer, f"/nattillsyn?oppna=h1/{asked}")
    assert post(carer, "/tillsyn/borja", home="h1", check=asked).status_code == 200
    page = text_of(carer, f"/nattillsyn?oppna=h1/{asked}")
    assert ('data-test="look-begin"' in page, 'data-test="look-why-worry"' in page) == (True, False)
    page = text_of(carer, f"/nattillsyn?oppna=h1/{done}")
    assert ('data-test="look-sensor"' in page, 'data-test="look-why-worry"' in page) == (True, True)
