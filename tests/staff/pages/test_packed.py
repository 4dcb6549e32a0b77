"""Static files are packed for whoever takes them so, and the same unpacked."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome


@pytest.mark.parametrize("asked", ["gzip, deflate, br", "*"])
def test_sheets_scripts_and_signs_are_packed_for_who_takes_them_so(
    carer: FlaskClient, home: EnrolledHome, asked: str
) -> None:
    """All that a page begins with is less than half as long on the line, and unpacked the same."""
    page = text_of(carer, "/nu")
    found = set(re.findall(r'(?:href|src)="(/s/[^"#]+)', page))
    assert {"css", "js", "svg"} <= {address.rsplit(".")[-1] for address in found}
    plain = short = 0
    for address in found:
        with (
            carer.get(address) as whole,
            carer.get(address, headers={"Accept-Encoding": asked}) as one,
        ):
            assert (one.status_code, one.headers["Content-Encoding"]) == (200, "gzip")
            assert gzip.decompress(one.data) == whole.data
            for name in ("Content-Type", "Cache-Control", "Vary", "X-Content-Type-Options"):
                assert one.headers[name] == whole.headers[name], name
            plain += len(whole.data)
            short += len(one.data)
    assert short < plain / 2


@pytest.mark.parametrize("asked", ["", "identity", "br", "gzip;q=0"])
def test_who_does_not_take_it_gets_the_file_as_it_is(
    carer: FlaskClient, home: EnrolledHome, asked: str
) -> None:
    """An old program, or one that says so."""
    address = re.findall(r'href="(/s/[^"]+/css/base.css)"', text_of(carer, "/nu"))[0]
    with carer.get(address, headers={"Accept-Encoding": asked}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert b"{" in answer.data


def test_pages_are_not_packed(carer: FlaskClient, home: EnrolledHome) -> None:
    """They hold what nobody else may know beside what was asked for."""
    answer = carer.get("/nu?x=1", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
