"""What an alarm centre calls a home: set on the home's page, digits, in one's own organisation."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.parts import add_home, add_user, parts_of, sign_in
from web.staff.core.context import Staff
from web.staff.core.rights import Operator
from web.staff.people import care_ids
from web.staff.people.accounts import Refused, Wrong


@pytest.fixture
def staff(staff_app: Flask) -> Staff:
    """Two homes of the organisation, and one of another."""
    add_home(staff_app, "h2")
    add_home(staff_app, "h9", org="org2")
    return parts_of(staff_app)


def cid(staff: Staff, home: str) -> str | None:
    with staff.db.read() as conn:
        return care_ids.cid_of(conn, home)


def test_a_coordinator_sets_it_on_the_homes_page(
    staff_app: Flask, staff: Staff, client: FlaskClient
) -> None:
    """It is shown there, changed and taken away."""
    add_user(staff_app, "coord", ["coordinator"])
    sign_in(client, "coord")
    page = client.get("/administration/hem/h1").get_data(as_text=True)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    for said, kept in (("1014-9471", "10149471"), ("77", "77"), ("x", "77"), ("", None)):
        form = {"do": "cid", "cid": said, "csrf_token": token}
        client.post("/administration/hem/h1", data=form)
        assert cid(staff, "h1") == kept
        shown = client.get("/administration/hem/h1").get_data(as_text=True)
        assert f'value="{kept or ""}" aria-describedby="cid-help"' in shown


def test_who_may_not_and_what_does_not_do(staff_app: Flask, staff: Staff) -> None:
    """Nobody without the right, no home of others, no letters, and no number twice."""
    coord = add_user(staff_app, "coord", ["coordinator"])
    carer = add_user(staff_app, "carer", ["caregiver"], homes=["h1"])
    assert care_ids.set_cid(staff, Operator("org2"), "h9", "7") is True
    assert care_ids.set_cid(staff, coord, "h1", "7") is True
    assert care_ids.set_cid(staff, coord, "h1", " 7 ") is False
    for actor, home, said, why in (
        (carer, "h1", "8", Wrong.NO_RIGHT),
        (coord, "h9", "8", Wrong.NOT_FOUND),
        (coord, "h2", "7", Wrong.EXISTS),
        (coord, "h2", "7a", Wrong.NO_DIGITS),
        (coord, "h2", "1" * 17, Wrong.NO_DIGITS),
    ):
        with pytest.raises(Refused) as refused:
            care_ids.set_cid(staff, actor, home, said)
        assert refused.value.why is why
    assert (cid(staff, "h1"), cid(staff, "h2"), cid(staff, "h9")) == ("7", None, "7")
