"""A zone in a form that only a newer version of the server knows: positions are taken all the same,
the other zones are judged, and nobody reads that who is out is back."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.staff.pages.conftest import as_role, carer, text_of
from tests.staff.places.conftest import HOME, Sole, alarms, kinds
from tests.staff.places.test_positions import kept
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.places import geometry, planning
from web.staff.places.geometry import Circle, Polygon, moved
from web.staff.places.planning import NewZone
from web.staff.storage.place_tables import outing, zone

__all__ = ["as_role", "carer"]

FORMS = (
    '{"sector": [57.7, 11.97], "from_deg": 10}',
    '{"circle": [57.7, 11.97, 30], "radius_m": 200}',
    '{"circle": [57.7, 11.97], "radius_m": "near"}',
    '{"polygon": [[57.7, 11.97], [57.8, 11.97]]}',
    '{"polygon": {"outer": []}}',
    "[]",
    "7",
)


def drawn_anew(staff: Staff, form: str, name: str = "Hemma") -> None:
    """A newer worker drew this zone otherwise."""
    with staff.db.write() as tx:
        tx.conn.execute(update(zone).where(zone.c.name == name).values(shape=form))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_is_not_known_is_none(form: str) -> None:
    """And what is written here is read here."""
    assert geometry.from_text(form) is None
    corners = tuple(moved(HOME, *east_north) for east_north in ((0, 0), (90, 0), (90, 90)))
    for shape in (Circle(HOME, 200), Polygon(corners)):
        assert geometry.from_text(geometry.to_text(shape)) == shape


def test_who_leaves_a_zone_that_is_known_is_missed(
    sole: Sole, staff: Staff, planner: Actor
) -> None:
    """Rather one alarm too many than none: perhaps the other zone would have held them."""
    planning.draw(staff, planner, "h1", "r-h1", NewZone("Parken", Circle(HOME, 900)))
    drawn_anew(staff, FORMS[0], "Parken")
    assert sole.tell(20) == 200
    sole.clock.advance(600)
    assert sole.tell(400) == 200
    assert [one.type for one in alarms(staff)] == ["left_zone"]


def test_nobody_is_back_because_no_zone_can_be_read(sole: Sole, staff: Staff) -> None:
    """Their position is kept, for the worker that can."""
    sole.tell(400)
    drawn_anew(staff, FORMS[0])
    sole.clock.advance(600)
    assert sole.tell(500) == 200
    assert kept(staff) == 2
    with staff.db.read() as conn:
        assert conn.execute(select(outing.c.until)).scalars().all() == [None]
    assert kinds(staff) == ["zone.left", "alarm.raised"]


def test_its_page_says_that_it_is_not_on_the_map(sole: Sole, staff: Staff, carer: object) -> None:
    """By its name, beside those that are."""
    drawn_anew(staff, FORMS[0])
    page = text_of(carer, "/hem/h1/platser")  # type: ignore[arg-type]
    assert "ritad i en nyare version av servern och visas inte på kartan här" in page
    assert "Hemma" in page
    assert sole.token
