"""The page without a network: what the phone keeps, and what it never gets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from flask.testing import FlaskClient

from tests.staff.pages.conftest import post
from tests.staff.parts import EnrolledHome


def test_the_kept_page_says_nothing_about_anybody(carer: FlaskClient, home: EnrolledHome) -> None:
    """The same for everybody, without a session, and all that it is made of is kept with it."""
    signed_in = carer.get("/pass/utan-nat").text
    nobody = home.app.test_client().get("/pass/utan-nat")
    assert nobody.status_code == 200
    assert nobody.text == signed_in
    assert "Prov" not in signed_in
    assert 'data-used="Stryk koden"' in signed_in, "what the button does: ”Använd” could be both"
    script = carer.get("/sw.js")
    assert script.mimetype == "text/javascript"
    told = json.loads(re.search(r"const site = (\{.*\});", script.text)[1])  # type: ignore[index]
    needed = set(re.findall(r'(?:href|src)="(/s/[^"]+)"', signed_in))
    assert needed <= set(told["keep"])
    for path in told["keep"]:
        with carer.get(path) as answer:
            assert answer.status_code == 200, path
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=", signed_in)


def test_the_page_can_be_installed(carer: FlaskClient) -> None:
    """A manifest that every page names, and that begins at the shift."""
    made = json.loads(carer.get("/manifest.webmanifest").text)
    assert (made["start_url"], made["display"]) == ("/pass", "standalone")
    assert 'rel="manifest" href="/manifest.webmanifest"' in carer.get("/pass").text
    assert 'data-codes="/pass/koder"' in carer.get("/pass").text
    assert "data-codes" not in carer.get("/nu").text


def test_codes_go_to_who_may_open_and_to_nobodys_cache(
    carer: FlaskClient, home: EnrolledHome, as_role: Callable[..., FlaskClient]
) -> None:
    """By POST with the form's token; not to be stored on the way; not without a session, nor for a
    role that turns no lock."""
    answer = post(carer, "/pass/koder")
    told = answer.get_json()
    (one,) = told["homes"]
    assert one["home"] == "h1"
    assert len(one["codes"]) == 3
    assert re.fullmatch(r"\d{4} \d{4}", one["codes"][0]["digits"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Prov Boende" not in answer.text, "no resident's name is kept in a phone"
    assert carer.get("/pass/koder").status_code == 405
    assert carer.post("/pass/koder", headers={"Accept": "application/json"}).status_code == 400
    technician = as_role("technician", person="t1")
    assert post(technician, "/pass/koder").status_code == 403
