"""Organisations are walls: every route, every role, with another organisation's ids everywhere.

Nothing is read (a canary in every text of the other organisation), nothing is written (its rows
before and after).  Also signed out, without a form's token, with another browser's token, and one
home's gateway with another's ids.  Pages are found; another new route fails here until it is in
`walked`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, select
from werkzeug.routing import Rule

from gateway.clock import ManualClock
from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BedEntered,
    CheckAsked,
    CheckPlanned,
    Severity,
    Stamp,
    VisitStarted,
)
from tests.staff.parts import EnrolledHome, add_home, add_user, parts_of, sign_in
from tests.staff.walked import BY_KEY, OPEN, WALKED
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Operator, Role
from web.staff.doors import service_access
from web.staff.homelink import enrolment
from web.staff.pages.routes import Fields
from web.staff.people import access_revocation, accounts, sso_ids
from web.staff.storage import plan_tables, tables
from web.staff.visits import plan_api

pytestmark = pytest.mark.slow

CANARY = "anarie"
"""In every text of the other organisation, in small letters; in no id."""

JSON_ONLY = "security.wan_"

SENT = re.compile(r"kanarie@prov|sok(=|%3d)kanarie|value=\"kanarie\"|kanarienyckel")
"""What the walk itself sends, and is given back in a form or an address."""

LONGEST_LOOK = 3
"""Chunks of a stream to look at."""


@dataclass
class Walls:
    """Two organisations: `org1` is the other one, with a day in its home `h1`; `org2` tries."""

    app: Flask
    staff: Staff
    theirs: EnrolledHome
    ours: EnrolledHome
    position: str
    ids: dict[str, str] = field(default_factory=dict)

    def rules(self) -> list[Rule]:
        """Every route, in a fixed order."""
        return sorted(self.app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))

    def everything(self, **more: str) -> dict[str, str]:
        """Each field that any form has, with the other organisation's ids."""
        return self.ids | {"next": "//elsewhere.example/", "from": self.position} | more

    def address(self, rule: Rule) -> str:
        """The route's address with the other organisation's ids."""
        values = {name: self.ids.get(name, "x") for name in rule.arguments}
        adapter = self.app.url_map.bind("localhost")
        return str(adapter.build(rule.endpoint, values, method=sorted(rule.methods or ())[0]))

    def theirs_now(self) -> dict[str, list[str]]:
        """Every row of the other organisation, of every table."""
        marks = {"h1", "org1", "p7", "r-h1", self.ids["alarm"], self.ids["session"]}
        own_ids = {
            "user_id": int(self.ids["user_id"]),
            "team_id": int(self.ids["team"]),
            "area_id": int(self.ids["area"]),
        }
        found: dict[str, list[str]] = {}
        with self.staff.db.read() as conn:
            for table in tables.metadata.sorted_tables:
                for row in conn.execute(select(table)).mappings():
                    mine = any(value in marks for value in row.values() if isinstance(value, str))
                    mine |= any(row.get(name) == value for name, value in own_ids.items())
                    mine |= any(f'"{mark}"' in str(row.get("body", "")) for mark in ("h1", "p7"))
                    if mine and table.name not in ("home_link", "home_stream"):
                        found.setdefault(table.name, []).append(repr(sorted(row.items(), key=str)))
        return {name: sorted(rows) for name, rows in found.items()}


def _a_day(home: EnrolledHome) -> dict[str, str]:
    """Something of everything in the other organisation's home; its ids."""
    now = home.clock.now()
    home.describe()
    home.send(BedEntered())
    (alarm,) = home.send(AlarmRaised(type=AlarmType.BED_EXIT, severity=Severity.CARE, since=now))
    (visit,) = home.send(Draft(VisitStarted(since=now, source=Stamp.TAP), person="p7"))
    home.send(CheckPlanned(check="n@1", slot=now, report_by=now + timedelta(hours=1)))
    home.send_urgent(CheckAsked(check="n@1", why="bed_empty", answer_by=now))
    return {"alarm": alarm.ref, "visit": visit.ref, "check": "n@1", "home": "h1", "device": "front"}


@pytest.fixture
def walls(staff_app: Flask, clock: ManualClock) -> Iterator[Walls]:
    """Both organisations, with people, teams and areas; the other's gateway listens."""
    staff = parts_of(staff_app)
    with staff.db.write() as tx:
        values = {"label": "Kanariehemmet", "address": "Kanariegatan 1", "fallback": "Kanarieskåp"}
        tx.conn.execute(tables.home.update().where(tables.home.c.id == "h1").values(**values))
        tx.conn.execute(tables.resident.update().values(name="Kanarie Boende"))
    add_user(staff_app, "p7", ["caregiver", "administrator"], homes=["h1"])
    boss = add_user(staff_app, "p1", ["administrator"])
    mender = add_user(staff_app, "p2", ["technician"])
    with staff.db.write() as tx:
        tx.conn.execute(tables.user.update().values(name="Kanarie Anställd"))
        user_id = tx.conn.execute(
            select(tables.user.c.id).where(tables.user.c.person_id == "p7")
        ).scalar_one()
        naive = datetime.now(UTC).replace(tzinfo=None)
        tx.conn.execute(
            insert(tables.passkey).values(
                user_id=user_id,
                credential_id=b"c",
                public_key=b"p",
                backup_state=False,
                device_type="single_device",
                lastuse_datetime=naive,
                name="Kanarienyckel",
                usage="first",
            )
        )
        _kept_beside(tx.conn)
    accounts.add_group(staff, boss, "team", "Kanarielag")
    accounts.add_group(staff, boss, "area", "Kanarieområdet")
    victim = staff_app.test_client()
    assert sign_in(victim, "p7").status_code == 302
    position = staff.broker.position()
    theirs = EnrolledHome(staff_app, staff_app.test_client(), "h1", clock)
    theirs.enroll()
    ids = _a_day(theirs)
    asked = service_access.request(staff, mender, "h1", "front", why="other", note="Kanariebur")
    ids |= {"request": asked.ref, "door": "h1/front"}
    with staff.db.read() as conn:
        for name, table in (("team", tables.team), ("area", tables.area), ("session", None)):
            t = tables.session if table is None else table
            ids[name] = str(conn.execute(select(t.c.id)).scalars().first())
    add_home(staff_app, "h2", org="org2", label="Vårt hem")
    ours = EnrolledHome(staff_app, staff_app.test_client(), "h2", clock)
    ours.enroll()
    stream = theirs.listen(1)
    next(stream)
    ids |= {"planned": "plan1", "absence": "1", "tag": TAG, "besok": ids["visit"]}
    ids |= {"ref": ids["alarm"], "sample": ids["alarm"], "row": ids["alarm"]}
    ids |= {"person": "p7", "user_id": str(user_id), "grant": "g", "account": "p7", "hem": "h1"}
    yield Walls(staff_app, staff, theirs, ours, position, ids)


TAG = "kanin"
"""What stands in the link of the other organisation's tag."""


def _kept_beside(conn: Connection) -> None:
    """A planned visit, an absence and a tag of the other organisation's home."""
    now = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    home = {"home_id": "h1"}
    conn.execute(
        insert(plan_tables.plan_visit).values(
            **home,
            id="plan1",
            source="s",
            external_id="e",
            since=now,
            until=now + timedelta(hours=4),
            what="Kanariehjälp",
            imported_at=now,
        )
    )
    conn.execute(insert(plan_tables.plan_staff).values(plan_id="plan1", person_id="p7"))
    conn.execute(
        insert(plan_tables.absence).values(
            **home, since=now, noted_by="p7", noted_at=now, started_at=now
        )
    )
    digest = hashlib.sha256(TAG.encode()).hexdigest()
    conn.execute(insert(plan_tables.door_tag).values(**home, sha256=digest, made_at=now))


ROLES = [[role.value] for role in Role] + [[role.value for role in Role]]


def _token(client: FlaskClient, path: str = "/konto") -> str:
    page = client.get(path).get_data(as_text=True)
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


class Walker:
    """One person who tries every route."""

    def __init__(self, walls: Walls, person: str) -> None:
        self.walls = walls
        self.person = person
        self.client = walls.app.test_client()
        self.read: list[str] = []
        """Endpoints whose answer had the canary in it."""
        self.seen = 0
        self._in()

    def _in(self) -> None:
        assert sign_in(self.client, self.person).status_code == 302
        self.token = _token(self.client)

    def walk(self) -> None:
        """Try every route with every method, form and query."""
        for rule in self.walls.rules():
            if rule.endpoint in BY_KEY:
                continue
            for fields in WALKED.get(rule.endpoint) or ({},):
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    self._try(rule, method, fields)

    def _try(self, rule: Rule, method: str, fields: Fields) -> None:
        data = self.walls.everything(**fields) | {"csrf_token": self.token}
        json_asked = rule.endpoint.startswith(JSON_ONLY) and method == "POST"
        headers = {"Accept": "application/json" if json_asked else "text/html"}
        address = self.walls.address(rule)
        if method == "GET":
            answer = self.client.get(address, query_string=data, headers=headers, buffered=False)
        else:
            answer = self.client.open(address, method=method, data=data, headers=headers)
        body = b""
        for number, chunk in enumerate(answer.response):
            body += chunk if isinstance(chunk, bytes) else str(chunk).encode()
            if answer.mimetype == "text/event-stream" and number >= LONGEST_LOOK:
                break
        answer.close()
        assert answer.status_code < 500, f"{method} {rule}: {answer.status_code}"
        self.seen += 1
        told = body.decode(errors="replace") + str(answer.headers)
        stream = answer.mimetype == "text/event-stream" and '"home":"h1"' in told
        if stream or CANARY in SENT.sub("", told.lower()):
            self.read.append(f"{method} {rule.endpoint}")
        if self.client.get("/konto").status_code != 200:
            self._in()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that do not make the walk wait."""
    from web.staff.pages import live

    monkeypatch.setattr(live, "HEARTBEAT_S", 0.02)


def test_every_route_is_walked(staff_app: Flask) -> None:
    """A route that nobody walks is a hole that nobody sees: add it to `tests/staff/walked.py`."""
    routes = {rule.endpoint for rule in staff_app.url_map.iter_rules()}
    assert routes - set(WALKED) - BY_KEY == set()


@pytest.mark.parametrize("roles", ROLES, ids=lambda roles: "+".join(roles)[:30])
def test_another_organisation_is_neither_read_nor_written(walls: Walls, roles: list[str]) -> None:
    """Each role of one organisation, on every route, with the ids of the other."""
    add_user(walls.app, "x1", roles, homes=["h2"], org="org2")
    walker = Walker(walls, "x1")
    before = walls.theirs_now()
    assert {"event", "alarm", "visit", "night_check", "user", "team", "session"} <= set(before)
    walker.walk()
    assert walker.read == []
    assert walls.theirs_now() == before
    assert walker.seen > len(WALKED)


def test_the_walk_sees_what_it_should(walls: Walls) -> None:
    """The same walk by the organisation's own people reads and writes: it can fail."""
    add_user(walls.app, "x1", [role.value for role in Role], homes=["h1"], org="org1")
    walker = Walker(walls, "x1")
    before = walls.theirs_now()
    walker.walk()
    assert len(walker.read) > 10
    assert "GET pushed.live" in walker.read
    after = walls.theirs_now()
    changed = {name for name in after if after[name] != before.get(name)}
    assert {"event", "alarm", "user", "enrol_code", "session"} <= changed


def test_who_is_signed_out_reads_and_writes_nothing(walls: Walls) -> None:
    """Every route without a session, with and without a form's token: no page, no change."""
    client = walls.app.test_client()
    token = _token(client, "/login")
    before = walls.theirs_now()
    for rule in walls.rules():
        if rule.endpoint in BY_KEY:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for sent in ({}, {"csrf_token": token}):
                data = walls.everything(**dict((WALKED.get(rule.endpoint) or ({},))[0])) | sent
                kind = "query_string" if method == "GET" else "data"
                more: dict[str, Any] = {kind: data}
                answer = client.open(walls.address(rule), method=method, **more)
                told = SENT.sub("", answer.get_data(as_text=True).lower())
                assert CANARY not in told, rule
                if rule.endpoint not in OPEN:
                    assert answer.status_code in (302, 303, 400, 401, 403, 404), rule
    after = walls.theirs_now()
    (tried,) = after.pop("failed_sign_in")
    assert "'what', 'password'" in tried, "a wrong password is told to its owner"
    assert after == before


@pytest.mark.parametrize("kind", ["none", "another browser's", "made up"])
def test_a_form_with_the_wrong_token_does_nothing(walls: Walls, kind: str) -> None:
    """Cross-site request forgery against an administrator who may do everything there."""
    add_user(walls.app, "x1", [role.value for role in Role], homes=["h1"], org="org1")
    victim, attacker = walls.app.test_client(), walls.app.test_client()
    assert sign_in(victim, "x1").status_code == 302
    tokens = {"another browser's": _token(attacker, "/login"), "made up": "x.y.z"}
    sent = {"csrf_token": tokens[kind]} if kind in tokens else {}
    before = walls.theirs_now()
    posted = 0
    for rule in walls.rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint in BY_KEY:
            continue
        for fields in WALKED.get(rule.endpoint) or ({},):
            data = walls.everything(**fields) | sent
            answer = victim.post(walls.address(rule), data=data)
            assert answer.status_code == 400, rule
            posted += 1
    assert posted > 20
    assert walls.theirs_now() == before


@pytest.mark.parametrize("path", ["events", "urgent"])
def test_a_gateways_key_writes_its_own_home_only(walls: Walls, path: str) -> None:
    """Another organisation's gateway: its own token with the other's events, and a token that says
    it were the other, signed with its own key."""
    before = walls.theirs_now()
    full = f"/api/v1/home/{path}"
    events = walls.theirs.seal(BedEntered())
    body = json.dumps({"events": events, "down_have": 0})
    for headers in (
        walls.ours.headers("POST", full),
        walls.ours.headers("POST", full, iss="h1"),
        walls.ours.headers("POST", full, iss="h1", kid="h1"),
        walls.ours.headers("POST", full, kid="h1"),
    ):
        answer = walls.ours.client.post(full, data=body, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text
    assert walls.theirs_now() == before


def test_a_gateways_key_listens_to_its_own_home_only(walls: Walls) -> None:
    """The stream down, with a token that says it were the other home's gateway."""
    path = "/api/v1/home/stream"
    for changed in ({"iss": "h1"}, {"kid": "h1"}, {"iss": "h1", "kid": "h1"}):
        answer = walls.ours.client.get(path, headers=walls.ours.headers("GET", path, **changed))
        assert answer.status_code in (401, 403), answer.text


def test_an_enrolment_code_is_for_its_own_home(walls: Walls) -> None:
    """A code made in one organisation enrolls the home that it was made for, whatever is asked."""
    before = walls.theirs_now()
    code = enrolment.new_code(walls.staff.db, walls.staff.keys, "h2").code
    again = EnrolledHome(walls.app, walls.app.test_client(), "h1", walls.ours.clock)
    from tests.staff.parts import pem_of

    body = {"code": code[:11], "public_key": pem_of(again.key), "version": "0.1.0"}
    answer = again.client.post("/api/v1/home/enroll", json=body)
    assert answer.get_json()["home"] == "h2"
    assert walls.theirs_now() == before


def test_a_planning_systems_key_plans_its_own_homes_only(walls: Walls) -> None:
    """Another organisation's token with this one's home: nothing is kept."""
    key = plan_api.make_token(walls.staff.db, "org2", "system", datetime.now(UTC))
    before = walls.theirs_now()
    line = {
        "id": "e",
        "home": "h1",
        "since": "2026-11-23T20:00:00+01:00",
        "until": "2026-11-23T21:00:00+01:00",
        "people": ["p7"],
        "withdrawn": True,
    }
    client = walls.app.test_client()
    for token, status in ((key, (400, 403, 404, 409, 422)), ("tgv_x", (401,))):
        headers = {"Authorization": f"Bearer {token}"}
        body = {"source": "s", "visits": [line]}
        answer = client.post("/api/v1/plan", json=body, headers=headers)
        assert answer.status_code in status, answer.text
        assert CANARY not in answer.text.lower()
    assert walls.theirs_now() == before


def test_names_are_in_no_log_no_event_and_no_address(
    walls: Walls, caplog: pytest.LogCaptureFixture
) -> None:
    """During the whole walk of somebody who may do everything: no name, address, fallback or e-mail
    in a log line, an event or an address that a page leads to."""
    caplog.set_level(logging.DEBUG)
    add_user(walls.app, "x1", [role.value for role in Role], homes=["h1"], org="org1")
    walker = Walker(walls, "x1")
    walker.walk()
    with walls.staff.db.read() as conn:
        bodies = [row.body for row in conn.execute(select(tables.event.c.body))]
    assert len(bodies) > 20
    names = (CANARY, "prov.example", "boende")
    assert [text for text in bodies if any(name in text.lower() for name in names)] == []
    lines = [
        f"{record.getMessage()} {sorted(record.__dict__.items(), key=str)}"
        for record in caplog.records
        if record.name.startswith(("web", "gateway", "flask", "werkzeug", "gunicorn"))
    ]
    assert [line for line in lines if any(name in line.lower() for name in names)] == []
    for rule in walls.rules():
        assert not set(rule.arguments) & {"name_of_person", "email", "label", "resident"}, rule


def test_the_command_line_knows_walls_too(walls: Walls) -> None:
    """An account is assigned to homes and put into teams of its own organisation only."""
    add_user(walls.app, "x1", ["caregiver"], org="org2")
    acts: tuple[Callable[[Any], Any], ...] = (
        lambda by: accounts.set_homes(walls.staff, by, "x1", ["h1"]),
        lambda by: accounts.set_teams(walls.staff, by, "x1", [int(walls.ids["team"])]),
        lambda by: accounts.set_roles(walls.staff, by, "p7", []),
    )
    for act in acts:
        with pytest.raises(accounts.Refused) as caught:
            act(Operator("org2"))
        assert caught.value.why is accounts.Wrong.NOT_FOUND


def make_actor(walls: Walls, *roles: str) -> Actor:
    """An actor of the second organisation."""
    return add_user(walls.app, "x1", list(roles), homes=["h2"], org="org2")


@pytest.mark.parametrize(
    "act",
    [
        lambda s, a: accounts.set_roles(s, a, "p7", [Role.CAREGIVER]),
        lambda s, a: accounts.set_active(s, a, "p7", False),
        lambda s, a: accounts.sign_out(s, a, "p7"),
        lambda s, a: accounts.set_password(s, a, "p7", "x"),
        lambda s, a: accounts.reset_factors(s, a, "p7"),
        lambda s, a: sso_ids.set_sso_id(s, a, "p7", "x"),
        lambda s, a: accounts.set_homes(s, a, "p7", ["h2"]),
        lambda s, a: accounts.set_homes(s, a, "x1", ["h1"]),
        lambda s, a: accounts.set_teams(s, a, "x1", [1]),
        lambda s, a: accounts.set_team_areas(s, a, 1, []),
        lambda s, a: accounts.set_home_area(s, a, "h1", None),
        lambda s, a: accounts.set_home_area(s, a, "h2", 1),
        lambda s, a: access_revocation.revoke(s, a, "p7", access_revocation.Scope.PHONE),
        lambda s, a: access_revocation.revoke(s, a, "p7", access_revocation.Scope.ALL),
        lambda s, a: access_revocation.revoke(s, a, "x1", access_revocation.Scope.HOME, "h1"),
    ],
)
def test_an_administrator_of_another_organisation_finds_nothing(
    walls: Walls, act: Callable[[Staff, Actor], object]
) -> None:
    """Below the pages: each change looks inside the actor's organisation only."""
    actor = make_actor(walls, "administrator", "coordinator")
    before = walls.theirs_now()
    with pytest.raises(accounts.Refused) as caught:
        act(walls.staff, actor)
    assert caught.value.why is accounts.Wrong.NOT_FOUND
    assert walls.theirs_now() == before
