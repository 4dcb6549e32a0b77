"""What a page costs the database does not grow with the organisation.

Each page that the registry knows is opened with 10 homes and with 1,000, with rows in every table:
as many statements, as many commits, as many parameters in the longest of them.  A new page is
walked without being named here; a new table needs a row in `tests/staff/many_homes.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from gateway.events import AccessSampled
from tests.staff.many_homes import furnish, multiply
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from tests.staff.walked import address_of, pages_to_open, ways
from web.staff.audit import access_log
from web.staff.core.rights import Role
from web.staff.storage.tables import metadata

pytestmark = pytest.mark.slow

FEW, MANY = 10, 100


@dataclass
class Cost:
    """What one request asked of the database."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    parameters: int = 0
    took_ms: float = 0
    answer_kb: float = 0

    @property
    def figures(self) -> tuple[int, int, int]:
        return len(self.statements), self.commits, self.parameters


@contextmanager
def counted(app: Flask) -> Iterator[Cost]:
    """Count what is sent to the database meanwhile."""
    cost, engine = Cost(), parts_of(app).db.engine

    def sent(_c: Any, _cursor: Any, statement: str, given: Any, _ctx: Any, many: bool) -> None:
        cost.statements.append(" ".join(statement.split()))
        longest = max(map(len, given), default=0) if many else len(given or ())
        cost.parameters = max(cost.parameters, longest)

    def committed(_conn: Any) -> None:
        cost.commits += 1

    event.listen(engine, "before_cursor_execute", sent)
    event.listen(engine, "commit", committed)
    begun = time.process_time()
    try:
        yield cost
    finally:
        cost.took_ms = (time.process_time() - begun) * 1000
        event.remove(engine, "before_cursor_execute", sent)
        event.remove(engine, "commit", committed)


def walk(app: Flask, clients: dict[str, FlaskClient]) -> dict[str, Cost]:
    """What each page costs each of these people, with the queries that it names."""
    costs: dict[str, Cost] = {}
    for route in pages_to_open():
        for who, client in clients.items():
            for fields in ways(route):
                with counted(app) as cost:
                    answer = client.get(address_of(route), query_string=dict(fields))
                assert answer.status_code in (200, 403, 404), (route.path, fields)
                cost.answer_kb = len(answer.data) / 1000
                costs[f"{who} {route.path} {dict(fields) or ''}"] = cost
    return costs


@pytest.fixture
def clients(staff_app: Flask, enrolled_home: EnrolledHome) -> dict[str, FlaskClient]:
    """Somebody with every role who works everywhere, a coordinator, and a carer of no home."""
    people = {
        "p7": ([role.value for role in Role], ["h1"]),
        "p8": (["coordinator"], []),
        "p9": (["caregiver", "night_watcher"], []),
    }
    found = {}
    for person, (roles, homes) in people.items():
        add_user(staff_app, person, roles, homes=homes)
        found[person] = staff_app.test_client()
        sign_in(found[person], person)
    furnish(enrolled_home, "p7")
    return found


def test_no_page_costs_more_with_more_homes(
    staff_app: Flask, clients: dict[str, FlaskClient]
) -> None:
    """A GET has its statements, its commits and its parameters, however many homes there are."""
    multiply(staff_app, FEW)
    access_log.draw(parts_of(staff_app), "org1", "2026-11")
    few = walk(staff_app, clients)
    multiply_on(staff_app)
    many = walk(staff_app, clients)
    for name, cost in many.items():
        print(f"{name:70} {few[name].figures!s:16} {cost.figures!s:16} {cost.took_ms:6.0f} ms {cost.answer_kb:7.0f} kB")
    grown = {
        name: (few[name].figures, cost.figures)
        for name, cost in many.items()
        if any(now > then + 0 for then, now in zip(few[name].figures, cost.figures, strict=True))
    }
    assert not grown


def multiply_on(app: Flask) -> None:
    multiply(app, MANY, first=FEW + 1)


def test_every_table_has_a_row_a_home(staff_app: Flask, clients: dict[str, FlaskClient]) -> None:
    """Else a page that reads it would cost nothing here."""
    multiply(staff_app, FEW)
    access_log.draw(parts_of(staff_app), "org1", "2026-11")
    with parts_of(staff_app).db.read() as conn:
        counts = {
            table: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    assert [table.name for table, count in counts.items() if not count] == []
    short = [t.name for t, count in counts.items() if "home_id" in t.c and count < FEW]
    assert short == []
