"""What a database cannot keep or count to, sent to every page and to every route that programs ask:
a sentence, never a fault of ours.  PostgreSQL is the stricter one: its text has no character 0, and
its columns of numbers are shorter.

Not for: events of a home (`homelink/test_bounds`), or what a field may say (each page's tests).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.staff.ladders.conftest import hand, provider
from tests.staff.ladders.hand import Hand
from tests.staff.many_homes import furnish
from tests.staff.parts import EnrolledHome, add_user, sign_in
from tests.staff.visits.calendars import calendar, event, morning
from tests.staff.walked import ways
from web.staff import pages
from web.staff.channels.contract import Incoming, Proof, Reply, Report
from web.staff.core.config import SingleSignOn
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.ladders import provider_routes
from web.staff.pages import odd_text
from web.staff.pages.routes import Route
from web.staff.signin import single_sign_on
from web.staff.storage.storable import all_storable
from web.staff.visits import plan_api

__all__ = ["hand", "provider"]

on_postgres = pytest.mark.parametrize(
    "db", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)

NUL = "a\x00b"
HALF = "a\ud800b"
"""Half a pair of surrogates: JSON can say it, and nothing can keep it."""

TOO_BIG = "9" * 20
"""More than any column of numbers holds."""

ENDS = ("0001-01-01", "9999-12-31")
"""Days at the ends of the calendar: no time zone has all of their hours."""

KNOWN = {
    "home": "h1", "hem": "h1", "person": "p-h1", "device": "front", "door": "h1/front",
    "alarm": "home:h1/9", "ref": "home:h1/9", "check": "n@1", "tag": "x", "mass": "mass1",
    "link": "x", "zoom": "1", "x": "0", "y": "0", "number": "1", "team": "1", "area": "1",
}  # fmt: skip
"""What stands in addresses, and in forms beside what is odd."""


class Somebody:
    """Who may do everything, and tries it."""

    def __init__(self, app: Flask, home: EnrolledHome) -> None:
        self.app = app
        add_user(app, "p7", [role.value for role in Role], homes=["h1"])
        furnish(home, "p7")
        self.comes_in()

    def comes_in(self) -> None:
        """Sign in, and take a form's token."""
        self.client = self.app.test_client()
        assert sign_in(self.client, "p7").status_code == 302
        page = self.client.get("/konto").get_data(as_text=True)
        self.token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    def asks(self, method: str, path: str, fields: Mapping[str, str]) -> int | str:
        """The answer's status; what went wrong, where it is a fault of ours."""
        data = {**fields, "csrf_token": self.token}
        try:
            if method == "GET":
                answer = self.client.get(path, query_string=fields, buffered=False)
            else:
                answer = self.client.post(path, data=data)
            answer.close()
        except Exception as error:  # whatever it is: the walk goes on, and tells of it
            return f"{type(error).__name__}: {str(error)[:400]}"
        if answer.status_code in (302, 303) and self.client.get("/konto").status_code != 200:
            self.comes_in()
        return answer.status_code


@pytest.fixture
def somebody(staff_app: Flask, enrolled_home: EnrolledHome) -> Somebody:
    """See there."""
    return Somebody(staff_app, enrolled_home)


def path_of(route: Route, known: Mapping[str, str], other: str = "x") -> str:
    """Its address with these in the places of what stands in it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known.get(found[1], other), route.path)


def ends(value: str) -> list[str]:
    """In the place of a day, or of a time on one: the first and the last that there are."""
    found = re.fullmatch(r"\d{4}-\d\d-\d\d(T[\d:]+)?", value)
    return [] if found is None else [day + (found[1] or "") for day in ENDS]


@pytest.mark.slow
@on_postgres
def test_a_number_or_a_day_that_cannot_be_is_refused_on_every_page(somebody: Somebody) -> None:
    """In each field of each form and address in its turn, and in all that stands in an address."""
    broken, tried = [], 0
    for route in pages.discover():
        big = path_of(route, {}, TOO_BIG)
        asked = [(big, dict.fromkeys(KNOWN, TOO_BIG))] if "<" in route.path else []
        for fields in ways(route):
            every = {**KNOWN, **fields}
            here = path_of(route, KNOWN)
            for name, value in fields.items():
                asked += [(here, {**every, name: odd}) for odd in (TOO_BIG, *ends(value))]
        asked += [(path_of(route, KNOWN), {**KNOWN, "ref": f"home:h1/{TOO_BIG}"})]
        for path, fields in asked:
            said = somebody.asks(route.method, path, fields)
            tried += 1
            if isinstance(said, str) or said >= 500:
                broken.append((route.name, path[:60], fields, said))
    assert not broken, "\n".join(map(str, broken))
    assert tried > 400


@pytest.mark.slow
@on_postgres
def test_what_no_text_holds_is_refused_on_every_page(somebody: Somebody) -> None:
    """In an address, a question and a form of every page, and where one signs in: before a view
    reads it."""
    seen: dict[str, set[int | str]] = {}
    for rule in somebody.app.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        if blueprint not in odd_text.WHERE:
            continue
        known = dict.fromkeys(rule.arguments, "1")
        for method in sorted({"GET", "POST"} & (rule.methods or set())):
            adapter = somebody.app.url_map.bind("localhost")
            path = adapter.build(rule.endpoint, known, method=method)
            seen.setdefault(blueprint, set()).add(somebody.asks(method, path, {"x": NUL}))
            for name in rule.arguments:
                odd = adapter.build(rule.endpoint, known | {name: NUL}, method=method)
                seen[blueprint].add(somebody.asks(method, odd, {}))
    assert seen.pop("security") == {400, 404}, "the second: what only our script asks"
    assert seen == {name: {400} for name in odd_text.WHERE if name != "security"}
    head = {"Accept": "application/json", "X-CSRFToken": somebody.token}
    for path in ("/login", "/wan-register", "/wan-signin"):
        for odd in (NUL, HALF):
            answer = somebody.client.post(path, json={"email": odd, "name": [odd]}, headers=head)
            assert answer.status_code in (400, 404), (path, answer.text)


def test_what_lies_too_deep_is_refused_where_one_signs_in(staff_app: Flask) -> None:
    """A sentence, not an error of the program."""
    client = staff_app.test_client()
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    head = {"Accept": "application/json", "X-CSRFToken": token}
    deep = "[" * 200_000
    answer = client.post("/login", data=deep, content_type="application/json", headers=head)
    assert answer.status_code == 400


# --- programs that ask ----------------------------------------------------------------------------


def test_what_no_text_holds_is_refused_from_a_home(enrolled_home: EnrolledHome) -> None:
    """In each signal, with the field's name (half a character is no JSON at all), and in a key's
    name and an enrolment."""

    def asked(what: str, body: Mapping[str, object], **more: Any) -> Any:
        path = f"/api/v1/home/{what}"
        data = json.dumps(body)
        return enrolled_home.client.post(
            path, data=data, headers=enrolled_home.headers("POST", path, **more)
        )

    for odd in (NUL, HALF):
        for what, body, field in (
            ("call", {"call": odd, "state": "ended"}, "call"),
            ("call", {"call": "c", "state": "ended", "why": odd}, "why"),
            ("look", {"look": odd, "state": "ended"}, "look"),
            ("look", {"look": "l", "state": "relaying", "key": odd}, "key"),
            ("heard", {"hearing": odd, "state": "hearing"}, "hearing"),
            ("enroll", {"code": odd, "public_key": "x", "version": "1"}, "code"),
            ("enroll", {"code": "x", "public_key": odd, "version": "1"}, "public_key"),
        ):
            answer = asked(what, body)
            assert answer.status_code == 400, (what, field)
            assert (field if odd == NUL else "no JSON") in answer.get_json()["detail"]
        assert asked("call", {"call": "c", "state": "ended"}, kid=odd).status_code == 401
        thing = {"address": "AA:00:00:00:00:01", "driver": odd, "name": odd, "rssi": -60}
        heard = {"hearing": "x", "state": "hearing", "things": [thing]}
        assert asked("heard", heard).status_code in (400, 404)


def test_what_no_text_holds_is_refused_from_a_planning_system(
    client: FlaskClient, staff: Staff
) -> None:
    """In each field of a plan, whatever its form, and in what the address says; nothing is kept."""
    token = plan_api.make_token(staff.db, "org1", "planering", datetime.now(UTC))

    def sent(**more: Any) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post("/api/v1/plan", headers=headers, **more)
        return answer.status_code, answer.text

    line = {"id": "a", "home": "h1", "since": "2026-11-24T08:00:00+01:00"}
    line["until"] = "2026-11-24T08:45:00+01:00"
    for odd in (NUL, HALF):
        for name in ("id", "home", "what", "team", "people"):
            value = [odd] if name == "people" else odd
            body = {"source": "x", "visits": [line | {name: value}]}
            status, told = sent(data=json.dumps(body), content_type="application/json")
            expected = (422, "no text has") if odd == NUL else (400, "no JSON")
            assert (status, expected[1] in told) == (expected[0], True), (name, told)
        body = {"source": odd, "visits": [line]}
        assert sent(data=json.dumps(body), content_type="application/json")[0] in (400, 422)
    head = "id;home;start;end;what\n"
    for row in (f"{NUL};h1;2030-11-24 08:00;08:45;x", f"a;h1;2030-11-24 08:00;08:45;{NUL}"):
        status, _told = sent(data=(head + row).encode(), content_type="text/csv")
        assert status == 422
    for one in (morning(uid=NUL), morning(f"SUMMARY:{NUL}"), event(home=NUL)):
        assert sent(data=calendar(one), content_type="text/calendar")[0] == 422
    odd_source = {"query_string": {"source": NUL}}
    for data, kind in ((calendar(morning()), "text/calendar"), (head.encode(), "text/csv")):
        assert sent(data=data, content_type=kind, **odd_source)[0] == 422
    asked = {"home": NUL}
    data = calendar(morning(home=None))
    assert sent(data=data, content_type="text/calendar", query_string=asked)[0] == 422


def test_what_no_text_holds_is_refused_from_whoever_else_asks(
    client: FlaskClient, staff: Staff, hand: Hand
) -> None:
    """A transponder's server, a device's browser, a channel's provider, and what a provider of
    single sign-on calls somebody."""
    for odd in (NUL, HALF):
        said = {"device": {"attributes": {"tryggve": odd}}}
        path = "/api/v1/positions/traccar"
        assert client.post(path, data=json.dumps(said)).status_code == 401
        basic = base64.b64encode(f"x:{NUL}".encode()).decode()
        given = {"Authorization": f"Basic {basic}"}
        assert client.post(path, data=b"{}", headers=given).status_code == 401
        keys = {"p256dh": odd, "auth": odd}
        one = {"endpoint": f"https://push.example/{odd}", "keys": keys}
        body = json.dumps({"before": one, "after": one})
        assert client.post("/kanal/push-byte", data=body).status_code == 404
        with hand.app.app_context():
            reports = [Report(Proof.DELIVERED, odd), Report(Proof.DELIVERED, None, odd)]
            replies = [Reply(odd, "OK"), Reply("+46700000001", "OK", odd)]
            provider_routes.took("sms", Incoming(reports, replies))
        known = SingleSignOn(
            label="x",
            issuer="https://x.example",
            client_id="x",
            organisations=frozenset({"org1"}),
            acr_values=("1",),
        )
        claims = {"iss": "https://x.example", "acr": "1", "sub": odd}
        assert single_sign_on._short_of(known, claims) is single_sign_on.TrialFault.CLAIM


def test_what_is_read_as_json_is_looked_through() -> None:
    """Names and values at any depth that anything of ours has; what is deeper is refused."""
    assert all_storable({"a": ["å", {"b": None}], "c": 1.0})
    for odd in ({NUL: 1}, {"a": [[HALF]]}, [{"a": {"b": NUL}}]):
        assert not all_storable(odd)
    deep: object = "x"
    for _ in range(500):
        deep = [deep]
    assert not all_storable(deep)
