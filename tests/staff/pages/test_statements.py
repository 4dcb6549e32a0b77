"""What a page costs does not grow with the organisation.

Each page that the registry knows is opened with 10 homes and with 1,000, with rows in every table:
as many statements, no commit, as many parameters in the longest of them, and no more than can be
read.  The same 1,000 homes then show that no list hides or doubles a row.  A new page is walked
without being named here; a new table needs a row in `tests/staff/many_homes.py`.
"""

from __future__ import annotations

import hashlib
import html
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, insert, select

from tests.staff.many_homes import furnish, multiply
from tests.staff.parts import EnrolledHome, add_user, parts_of, sign_in
from tests.staff.walked import address_of, pages_to_open, ways
from web.staff.audit import access_log
from web.staff.core.rights import Role
from web.staff.runtime import writer
from web.staff.storage import tables
from web.staff.storage.afterwards import Afterwards
from web.staff.storage.plan_tables import door_tag
from web.staff.storage.spool import Spool

pytestmark = pytest.mark.slow

FEW, MANY = 10, 1000

KB_MOST = 250
"""Of a page, as it is sent: what a phone at the edge of the network has in some seconds."""

FILES = ("/fil",)
"""Addresses that end so are files with all there is, to be kept; no pages."""

SLACK = (3, 1, 2)
"""Statements, commits and parameters by which two openings of a page may differ: a session is noted
as seen now and then, and where few homes have events the list looks differently for the newest.
What is done home by home is some thousand more."""


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
def counted(app: Flask, *, beside: bool = True) -> Iterator[Cost]:
    """Count what is sent to the database meanwhile; `beside` False: by this thread alone."""
    cost, engine, me = Cost(), parts_of(app).db.engine, threading.get_ident()

    def sent(_c: Any, _cursor: Any, statement: str, given: Any, _ctx: Any, many: bool) -> None:
        if not beside and threading.get_ident() != me:
            return
        cost.statements.append(" ".join(statement.split()))
        longest = max(map(len, given), default=0) if many else len(given or ())
        cost.parameters = max(cost.parameters, longest)

    def committed(_conn: Any) -> None:
        cost.commits += beside or threading.get_ident() == me

    event.listen(engine, "before_cursor_execute", sent)
    event.listen(engine, "commit", committed)
    begun = time.process_time()
    try:
        yield cost
    finally:
        cost.took_ms = (time.process_time() - begun) * 1000
        event.remove(engine, "before_cursor_execute", sent)
        event.remove(engine, "commit", committed)


@pytest.fixture
def clients(
    staff_app: Flask, enrolled_home: EnrolledHome, tmp_path: Path
) -> Iterator[dict[str, FlaskClient]]:
    """See `signed_in`; nobody waits for what is written afterwards (`writer.look` writes it)."""
    parts = parts_of(staff_app)
    found = signed_in(staff_app, enrolled_home)
    parts.afterwards = Afterwards(Spool(tmp_path, "reads"))
    yield found
    parts.afterwards.spool.close()
    parts.afterwards = None


def signed_in(staff_app: Flask, enrolled_home: EnrolledHome) -> dict[str, FlaskClient]:
    """Somebody with every role who works everywhere, and a carer who works nowhere and may help at
    an alarm anywhere; with few homes."""
    people = {"p7": ([role.value for role in Role], ["h1"]), "p9": (["caregiver"], [])}
    found = {}
    for person, (roles, homes) in people.items():
        add_user(staff_app, person, roles, homes=homes)
        found[person] = staff_app.test_client()
        sign_in(found[person], person)
    furnish(enrolled_home, "p7")
    multiply(staff_app, FEW)
    tag = hashlib.sha256(b"x").hexdigest()  # what the walk asks for: `/t/x`
    now = enrolled_home.clock.now()
    with parts_of(staff_app).db.write() as tx:
        tx.conn.execute(insert(door_tag).values(sha256=tag, home_id="h2", made_at=now))
    enrolled_home.clock.advance(1)
    access_log.draw(parts_of(staff_app), "org1", "2026-11")
    return found


def walk(app: Flask, clients: dict[str, FlaskClient]) -> dict[str, Cost]:
    """What each page costs each of these people: as it is named in the menu, with its examples, and
    with the ids of what is there."""
    with parts_of(app).db.read() as conn:
        visit = conn.execute(select(tables.visit.c.id).where(tables.visit.c.home_id == "h1"))
        (sample,) = access_log.samples(conn, "org1")
        there = {"besok": visit.scalars().first() or "", "ref": sample.ref, "hem": "h1"}
    days = {"fran": "2026-11-23", "till": "2026-11-23"}
    afterwards = parts_of(app).afterwards
    costs: dict[str, Cost] = {}
    for route in pages_to_open():
        for who, client in clients.items():
            for fields in (*ways(route), there, days):
                with counted(app) as cost:
                    answer = client.get(address_of(route), query_string=dict(fields))
                assert answer.status_code in (200, 403, 404), (route.path, fields)
                cost.answer_kb = len(answer.data) / 1000
                if afterwards is not None:
                    writer.look(parts_of(app), afterwards)  # what the page did not wait for
                costs[f"{who} {route.path} {dict(fields)}"] = cost
    return costs


def grown(
    few: dict[str, Cost], many: dict[str, Cost]
) -> dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """The pages that cost more with many homes than with few, and what they cost."""
    return {
        name: (few[name].figures, cost.figures)
        for name, cost in many.items()
        if any(
            now > then + slack
            for then, now, slack in zip(few[name].figures, cost.figures, SLACK, strict=True)
        )
    }


@pytest.mark.timeout(900)  # some hundred pages of 1,000 homes: a minute on an idle machine
def test_no_page_costs_more_with_more_homes(
    staff_app: Flask, clients: dict[str, FlaskClient]
) -> None:
    """A GET has its statements, its commits and its parameters, however many homes there are."""
    few = walk(staff_app, clients)
    multiply(staff_app, MANY, first=FEW + 1)
    many = walk(staff_app, clients)
    for name, cost in many.items():
        then, now = few[name].figures, cost.figures
        print(f"{name:90.90} {then} -> {now} {cost.took_ms:.0f} ms {cost.answer_kb:.0f} kB")
    assert grown(few, many) == {}
    assert {name: cost.commits for name, cost in many.items() if cost.commits} == {}
    big = {
        name: cost.answer_kb
        for name, cost in many.items()
        if cost.answer_kb > KB_MOST and not name.split()[1].endswith(FILES)
    }
    assert big == {}
    _lists_are_whole(clients["p7"])


def _lists_are_whole(client: FlaskClient) -> None:
    """Of the same homes: every open care alarm is on Nu and every home with one on Mitt pass, and a
    list that goes on has each of its rows once."""
    now, shift = (client.get(path).get_data(as_text=True) for path in ("/nu", "/pass"))
    assert len(_alarms(now) & {f"home:h{n}/9" for n in range(1, MANY + 1)}) == MANY
    assert _shown(shift, "home") >= {f"h{n}" for n in range(1, MANY + 1)}
    homes = [f"h{n}" for n in range(1, MANY + 1)]
    lists = (
        ("/hem", r'data-test="tile" data-home="([^"]+)"', homes),
        ("/hem?visa=avviker", r'data-test="tile" data-home="([^"]+)"', homes),
        ("/franvaro", r'name="home" value="(h\d+)"><input type="hidden" name="absence"', homes),
    )
    for path, pattern, wanted in lists:
        found = _turn_over(client, path, pattern)
        assert (len(found), set(found)) == (len(wanted), set(wanted)), path


def _turn_over(client: FlaskClient, path: str, pattern: str) -> list[str]:
    """What matches, sheet by sheet, as far as the list goes on."""
    found: list[str] = []
    while path:
        page = client.get(path).get_data(as_text=True)
        found += re.findall(pattern, page)
        onward = re.search(r'href="([^"]+)" data-test="onward"', page)
        path = html.unescape(onward[1]) if onward else ""
    return found


def _alarms(page: str) -> set[str]:
    """Alarms that are on a page: whole, or as a row that opens."""
    whole = re.findall(r'data-test="alarm-line" data-alarm="([^"]+)"', page)
    return {*whole, *_opened(page)}


def _shown(page: str, what: str) -> set[str]:
    return {*re.findall(rf'data-{what}="([^"]+)"', page), *_opened(page)}


def _opened(page: str) -> set[str]:
    return {unquote(found) for found in re.findall(r'href="\?oppna=([^"#&]+)', page)}


def test_every_table_has_a_row_a_home(staff_app: Flask, clients: dict[str, FlaskClient]) -> None:
    """Else a page that reads it would cost nothing here: give the table a row in `many_homes`."""
    with parts_of(staff_app).db.read() as conn:
        counts = {
            table: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }
    del counts[tables.storage_probe]  # whether the disk takes anything; it is about no home
    assert [table.name for table, count in counts.items() if not count] == []
    short = [t.name for t, count in counts.items() if "home_id" in t.c and count < FEW]
    assert short == []
