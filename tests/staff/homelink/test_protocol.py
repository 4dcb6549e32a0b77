"""The server's end of the link's protocols (the home's: tests/test_protocol.py)."""

from __future__ import annotations

from flask.testing import FlaskClient

from gateway.events import MatPressed
from gateway.wire import PROTOCOL_HEADER
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import tables


def test_every_answer_says_what_the_server_speaks(
    enrolled_home: EnrolledHome, client: FlaskClient
) -> None:
    """Also one that refuses; a home that says nothing is one of the first release."""
    assert enrolled_home.post("events", []).headers[PROTOCOL_HEADER] == "1-1"
    assert client.post("/api/v1/home/events").headers[PROTOCOL_HEADER] == "1-1"
    assert client.get("/api/v1/openapi.json").get_json()["info"]["x-link-protocols"] == "1-1"


def test_a_home_too_far_ahead_is_told_so_and_nothing_of_it_is_taken(
    enrolled_home: EnrolledHome, staff: Staff
) -> None:
    """One sentence with which of both is to be updated; the home keeps what it has."""
    (event,) = enrolled_home.seal(MatPressed(), device="bed")
    plain = enrolled_home.headers
    enrolled_home.headers = lambda *asked, **changed: {  # type: ignore[method-assign]
        **plain(*asked, **changed),
        PROTOCOL_HEADER: "2-3",
    }
    answer = enrolled_home.post("events", [event])
    assert (answer.status_code, answer.get_json()["code"]) == (426, "protocol")
    assert answer.get_json()["detail"] == (
        "The home's gateway speaks protocol 2-3 of the link and the server 1-1: update the server."
    )
    assert rows(staff, tables.event, origin="home:h1") == []
    enrolled_home.headers = plain  # type: ignore[method-assign]
    assert enrolled_home.post("events", [event]).status_code == 200
