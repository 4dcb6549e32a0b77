"""A form that is sent when nobody is signed in any more: what became of it, and the way back."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import tables

FORM = "/hem/h1/anhoriga"


@pytest.fixture
def ended(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> tuple[FlaskClient, str]:
    """A coordinator whose session ended while a form was filled, and the form's token."""
    client = as_role("coordinator")
    token = text_of(client, FORM).split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.session).values(ended_at=datetime.now(UTC)))
    return client, token


def test_who_was_signed_out_is_told_that_nothing_was_saved(
    ended: tuple[FlaskClient, str],
) -> None:
    """On the sign-in's page, which leads back to where the form stood."""
    client, token = ended
    data = {"csrf_token": token, "do": "invite"}
    answer = client.post(FORM, data=data, headers={"Referer": f"http://localhost{FORM}?x=1"})
    assert answer.status_code == 303
    assert answer.location == f"/login?next={FORM}?x%3D1"
    assert "Du var utloggad, så inget sparades." in text_of(client, answer.location)
    assert "inget sparades" not in text_of(client, "/login"), "told once"


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_file_of_who_was_signed_out_is_not_called_too_large(
    ended: tuple[FlaskClient, str], size: int
) -> None:
    """A plan of a common size: it is not read, and it is not the file that is to be changed."""
    client, token = ended
    path = "/administration/planering"
    data = {"csrf_token": token, "do": "check", "file": (io.BytesIO(b"x" * size), "plan.csv")}
    answer = client.post(path, data=data, headers={"Referer": f"http://localhost{path}"})
    assert (answer.status_code, answer.location) == (303, f"/login?next={path}")
    assert "Du var utloggad, så inget sparades." in text_of(client, answer.location)


@pytest.mark.parametrize(
    "before", ["", "http://elsewhere.example/hem", "http://localhost//elsewhere.example", "x"]
)
def test_nobody_is_led_to_another_server(ended: tuple[FlaskClient, str], before: str) -> None:
    """Who asks from elsewhere, or does not say from where, begins at the start."""
    client, token = ended
    data = {"csrf_token": token, "do": "invite"}
    answer = client.post(FORM, data=data, headers={"Referer": before})
    assert answer.location == "/login"


@pytest.mark.parametrize("path", [FORM, "/login"])
def test_a_form_without_its_token_is_answered_by_a_page(client: FlaskClient, path: str) -> None:
    """The browser forgot its cookie: what to do, and a way on."""
    answer = client.post(path, data={"email": "x"})
    assert answer.status_code == 400
    page = answer.get_data(as_text=True)
    assert "Sidan kan ha legat öppen för länge." in page
    assert 'data-test="fault" data-code="400"' in page
