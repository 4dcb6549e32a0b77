"""Lists as one parameter: the same rows as `IN`, and by the index."""

from __future__ import annotations

import pytest
from sqlalchemy import ColumnElement, insert, select

from gateway.events import MatPressed
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import tables as t
from web.staff.storage.among import among, among_refs
from web.staff.storage.hours import hour_begins, hour_of

ODD = ['a"b', "å'", "\\", "{}", "%s", "x\x00y", "\ud800", ""]
"""Names that no home has, and that a statement must survive."""


def test_a_list_is_one_parameter(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """As many values as one likes, none, and odd ones; and what is not among them."""
    many = [f"n{number}" for number in range(70_000)]  # SQLite takes 32,766 parameters
    with staff.db.write() as tx:
        for name in ODD[:5]:
            row = {"id": name, "org_id": "org1", "label": name, "timezone": "UTC"}
            tx.conn.execute(insert(t.home).values(**row))
    h = t.home.c
    with staff.db.read() as conn:

        def found(condition: ColumnElement[bool]) -> set[str]:
            return set(conn.execute(select(h.id).where(condition)).scalars())

        assert found(among(h.id, [*many, "h1", *ODD])) == {"h1", *ODD[:5]}
        assert found(among(h.id, [])) == set()
        assert found(~among(h.id, ["h1"])) == set(ODD[:5])
        assert found(among(h.id, {"h1": 1})) == {"h1"}


def test_a_list_of_references(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """By origin and number; a number larger than any is nobody's."""
    enrolled_home.send(*[MatPressed() for _ in range(4)])
    e, origin = t.event.c, enrolled_home.origin
    pairs = [(origin, 2), (origin, 4), (origin, 10**30), ("home:x", 2), ("\x00", 1)]
    with staff.db.read() as conn:
        query = select(e.seq).where(among_refs(t.event, pairs)).order_by(e.seq)
        assert list(conn.execute(query).scalars()) == [2, 4]
        assert conn.execute(select(e.seq).where(among_refs(t.event, []))).first() is None


def test_lists_use_the_index(staff: Staff) -> None:
    """Not every event of a home is looked at to find one, nor every home's devices."""
    if staff.db.postgres:
        pytest.skip("a planner with statistics of three rows says nothing")
    refs = select(t.event.c.body).where(
        among_refs(t.event, [("home:h1", 1)]), among(t.event.c.home_id, ["h1"])
    )
    devices = select(t.device).where(among(t.device.c.home_id, ["h1"]))
    with staff.db.read() as conn:
        plans = []
        for query in (refs, devices):
            made = query.compile(conn.engine)
            given = tuple(made.params[name] for name in made.positiontup or ())
            plans.append(str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {made}", given).all()))
    assert "(origin=? AND seq=?)" in plans[0]
    assert "SEARCH device" in plans[1]


def test_an_hour_has_a_number(enrolled_home: EnrolledHome, staff: Staff) -> None:
    """The number of a time's hour, and back to when it began."""
    (event,) = enrolled_home.send(MatPressed())
    e = t.event.c
    with staff.db.read() as conn:
        query = select(hour_of(e.corrected_at)).where(e.kind == "mat.pressed")
        number = conn.execute(query).scalar_one()
    assert hour_begins(number) == event.at.replace(minute=0, second=0, microsecond=0)
