"""What matters most stands first, as somebody with a small screen reads it.

Not for: how it looks (`tests/browser`).
"""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome
from web.staff.core.rights import Role


def test_how_a_home_is_stands_before_where_to_go(
    home: EnrolledHome, as_role: Callable[..., FlaskClient]
) -> None:
    """Whoever has every role has nine ways on from a home: the bed, the lock and the visit are read
    before them, on a phone without scrolling."""
    page = text_of(as_role(*(role.value for role in Role)), "/hem/h1")
    onward = page.index('data-test="onward"')
    assert page.index('data-test="facts"') < onward < page.index('data-test="devices"')
    assert page.index('data-test="bed"') < onward < page.index('data-test="to-rules"')
