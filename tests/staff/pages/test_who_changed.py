"""Every form of administration leaves an event that says who pressed it, and why where that is
asked: one walk over all of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.events import ConfigHeld, DeviceTold, GatewayStarted, HomeDescribed, PreviousRun
from tests.staff.homelink.test_ingest import rows
from tests.staff.ladders.provider import HttpChannel
from tests.staff.ladders.provider import Provider as PushProvider
from tests.staff.pages.conftest import text_of
from tests.staff.pages.test_planning import HEAD, TWO
from tests.staff.parts import EnrolledHome, add_user
from tests.staff.provider import CLIENT, LOA3, SECRET, Provider, running
from tests.staff.signin.test_single_sign_on import leads_to
from web.staff import channels, pages
from web.staff.core.context import Staff
from web.staff.core.rights import Right
from web.staff.pages.changes import WHAT
from web.staff.pages.routes import ROUTES, Route
from web.staff.storage import alarm_tables, ladder_tables, place_tables, relative_tables, tables
from web.staff.storage.admin_tables import (
    change_before,
    plan_file,
    sign_on_group,
    sign_on_provider,
)

RIGHTS = {
    *(Right.ASSIGN, Right.ADMINISTER, Right.ENROLL, Right.CONFIGURE),
    *(Right.PLAN_CHECKS, Right.PLAN_PLACES, Right.INVITE_RELATIVES),
}
"""What administration needs."""

BELOW = ("/administration", "/larmkedjor", "/jour")

TOO = {"batteries_change", "rules_try"}
"""Forms that ask for their right themselves."""

SHOWN_ELSEWHERE = {
    "installing_do",  # tests/staff/installs/test_trial.py
    "nearby_do",  # tests/staff/installs/test_hearing.py
    "releases_change",  # tests/staff/releases/test_rounds.py
}
"""What takes a home that answers, or a signed release."""

CHANGES_NOTHING = {
    "centres_change try", "webhooks_change try", "check_plan_set show", "rules_try try",
    "rules_try cancel", "sign_on_change try", "planning_change check",
}  # fmt: skip
"""Forms that look, try or count, and change nothing that anybody sees."""

FILE = {"devices": {"front": {"driver": "door_gpio", "role": "front_door", "pin": 5}}, "rules": {}}


def forms() -> set[str]:
    """The forms of administration, as `route do`."""
    found = set()
    for route in pages.discover():
        if _is_administration(route):
            does = {one.get("do", "") for one in route.examples} - {"x"}
            found |= {f"{route.name} {do}".strip() for do in does}
    return found


def _is_administration(route: Route) -> bool:
    if route.method != "POST" or route.public or route.name in SHOWN_ELSEWHERE:
        return False
    return route.right in RIGHTS or route.name in TOO or route.path.startswith(BELOW)


class Walk:
    """Somebody who is everything, pressing one button after another."""

    def __init__(self, client: FlaskClient, staff: Staff) -> None:
        self.client, self.staff = client, staff
        self.done: set[str] = set()
        page = text_of(client, "/nu")
        self.token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    def press(self, route_name: str, /, at: str = "h1", **fields: Any) -> Any:
        """Send a form, as a browser without script does; it must say who did it."""
        (route,) = [one for one in ROUTES if one.name == route_name]
        path = route.path.replace("<home>", at).replace("<person>", "p2")
        before = len(self.told())
        form = f"{route_name} {fields.get('do', '')}".strip()
        answer = self.client.post(
            path,
            data=fields | {"csrf_token": self.token},
            headers={"Accept": "application/json"},
        )
        assert answer.status_code in (200, 302, 303), f"{form}: {answer.get_data(as_text=True)}"
        self.done.add(form)
        new = self.told()[before:]
        if form not in CHANGES_NOTHING:
            assert new, f"{form} left no event"
            assert "p1" in {one.person for one in new}, f"{form} does not say who"
        return answer

    def told(self) -> list[Any]:
        """The server's events that somebody caused."""
        read = ("record.read", "account.signed_in")
        found = rows(self.staff, tables.event)
        return [one for one in found if not one.origin.startswith("home:") and one.kind not in read]

    def one(self, table: Any, column: str = "id") -> str:
        """The last row's id."""
        return str(getattr(rows(self.staff, table)[-1], column))


@pytest.fixture
def walk(
    as_role: Callable[..., FlaskClient], enrolled_home: EnrolledHome, staff_app: Flask
) -> Walk:
    """A home that takes configurations, a second person, and somebody with every role."""

    class Codes:
        """A channel that proves its addresses by codes; none is sent here."""

        def send_code(self, code: str, to: object) -> None: ...

        def close(self) -> None: ...

    contact = DeviceTold(id="front", driver="door_gpio", type="sensor", role="front_door")
    enrolled_home.send(
        HomeDescribed(devices=(contact,), timezone="Europe/Stockholm", resident="r-h1"),
        GatewayStarted(version="1", config_sha256="", previous=PreviousRun.NONE),
        ConfigHeld(number=0, text=json.dumps(FILE)),
    )
    client = as_role("administrator", "coordinator", "technician", "caregiver", person="p1")
    add_user(staff_app, "p2", ["caregiver"])
    ways = {"sms": Codes(), "push": HttpChannel("push", PushProvider())}
    staff_app.extensions[channels.EXTENSION] |= ways
    return Walk(client, staff_app.extensions["tryggve"])


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The organisation's own sign-in."""
    with running() as started:
        yield started


def test_every_form_of_administration_says_who(walk: Walk, provider: Provider) -> None:
    """Each is pressed once and leaves an event by that person; a form that is added must be
    walked here, or be among those that change nothing."""
    people(walk)
    homes(walk)
    care(walk)
    alarms(walk)
    server(walk, provider)
    assert walk.done == forms()
    what = {
        json.loads(one.body)["data"]["what"] for one in walk.told() if one.kind == "account.changed"
    }
    assert what <= set(WHAT), "what was changed has its word on the page"


def people(walk: Walk) -> None:
    """Accounts, roles, teams."""
    walk.press("people_grace", hours="72")
    walk.press("people_add", name="x", email="x@prov.example", role="caregiver")
    walk.press("people_change", do="about", name="Prov Två", email="p2@prov.example")
    walk.press("people_change", do="sso", sso_id="x")
    walk.press("people_change", do="roles", role="coordinator")
    walk.press("changes_undo", change=walk.one(change_before))
    walk.press("people_change", do="homes", home="h1")
    walk.press("places_groups", do="team", name="Norr")
    walk.press("places_groups", do="area", name="Norr")
    walk.press("people_change", do="teams", team="1")
    walk.press("places_groups", do="covers", team="1", area="1")
    walk.press("people_ways", do="add", channel="sms", value="070-174 06 05")
    walk.press("people_ways", do="remove", way=walk.one(alarm_tables.contact_point))
    for do in ("password", "factors", "sign_out", "close", "open"):
        walk.press("people_change", do=do)
    for scope in ("home", "phone", "all"):
        walk.press("people_revoke_access", scope=scope, home="h1", why="left", sure="1")


def homes(walk: Walk) -> None:
    """What is kept of homes, and what a home consists of."""
    walk.press("places_add", label="Lgh 2", home="h9")
    walk.press("places_change", do="area", area="1")
    walk.press("places_change", do="code")
    walk.press("places_change", do="details", label="y", address="y", fallback="y")
    walk.press("places_change", do="protected", protected="1")
    walk.press("places_change", do="cid", cid="10149471")
    walk.press("places_change", do="tag")
    walk.press("places_change", do="end_tags")
    walk.press("places_change", at="h9", do="resident", name="Ny")
    resident = walk.one(tables.resident)
    walk.press("places_moved_out", at="h9", resident=resident)
    walk.press("places_close", at="h9", why="moved", sure="1")
    walk.press("places_reopen", at="h9")
    device = {"device": "golv", "driver": "mat_gpio", "role": "floor", "room": "bedroom"}
    more = {"new": "1", "lines": "pin = 22", "why": "new_device", "after": "0"}
    walk.press("equipment_change", do="device", **device, **more)
    rule = {"rule": "bed_exit", "lines": "enabled = true", "why": "settings", "after": "1"}
    walk.press("equipment_change", do="rule", **rule)
    walk.press("equipment_change", do="remove", device="golv", why="device_removed", after="2")
    walk.press("equipment_change", do="undo", number="1", after="3")
    tried = {"rule": "door_open", "open_min": "30"}
    key = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}"
    walk.press("ssh_hour_change", do="open", why="fault", key=key)
    walk.press("ssh_hour_change", do="end", request=f"staff:h1/{walk.told()[-1].seq}")
    walk.press("rules_try", do="try", **tried)
    walk.press("rules_try", do="cancel", trial="x")
    walk.press("rules_try", do="save", after="4", **tried)
    walk.press("batteries_change", do="plan", device="front", visit="next")
    walk.press("batteries_change", do="end", device="front")
    walk.press("batteries_change", do="plan", device="front", visit="next")
    walk.press("batteries_change", do="done", device="front")


def care(walk: Walk) -> None:
    """Plans, consents, places, relatives."""
    night = {"times": "02:00", "night": "mon", "method": "sensor", "recheck": "15"}
    walk.press("check_plan_set", do="show", tolerance="0", **night)
    walk.press("check_plan_set", do="set", tolerance="10", after="0", **night)
    pause = {"first": "2026-12-01", "last": "2026-12-02"}
    walk.press("check_plan_set", do="pause", after="1", **pause)
    walk.press("check_plan_set", do="unpause", after="2", **pause)
    walk.press("check_plan_set", do="undo", number="2", after="3")
    said = {"asked_on": "2026-11-01", "how": "spoken"}
    walk.press("look_consents_set", do="agree", resident="r-h1", **said)
    walk.press("look_consents_set", do="withdraw", resident="r-h1")
    walk.press("look_consents_set", do="add", role="partner")
    walk.press("look_consents_set", do="agree", number="1", **said)
    walk.press("look_consents_set", do="withdraw", number="1")
    walk.press("look_consents_set", do="gone", number="1")
    walk.press("night_baseline", visits="2", minutes="25", km="7,5")
    walk.press("positions_days", days="7")
    walk.press("positions_set", do="agree", resident="r-h1", **said)
    walk.press("positions_set", do="point", point="57.7, 11.97")
    zone = {"resident": "r-h1", "name": "Hemma", "radius": "300"}
    walk.press("positions_set", do="circle", **zone)
    corners = "400 m norr\n600 m nordost\n1,2 km öster\n"
    polygon = {"resident": "r-h1", "name": "Parken", "corners": corners}
    walk.press("positions_set", do="polygon", **polygon)
    walk.press("positions_set", do="remove_zone", zone=walk.one(place_tables.zone))
    walk.press("positions_set", do="add_tracker", resident="r-h1", name="Sula")
    walk.press("positions_set", do="revoke_tracker", tracker=walk.one(place_tables.tracker))
    walk.press("positions_set", do="withdraw", resident="r-h1")
    invited = {"resident": "r-h1", "name": "Prov Dotter", "arrived": "1", **said}
    walk.press("relatives_change", do="invite", **invited)
    relative = walk.one(relative_tables.relative)
    walk.press("relatives_change", do="link", relative=relative)
    walk.press("relatives_change", do="end", relative=relative, resident="r-h1")


def alarms(walk: Walk) -> None:
    """Who is told of alarms."""
    with walk.staff.db.write() as tx:
        mine = select(tables.user.c.id).where(tables.user.c.person_id == "p1")
        now = walk.staff.clock.now()
        tx.conn.execute(
            alarm_tables.contact_point.insert().values(
                id="cp", user_id=mine.scalar_subquery(), channel="push", value="{}",
                value_sha256="x", created_at=now, proved_at=now,
            )
        )  # fmt: skip
    step = {"day": "0", "step-1": "person:p1", "timeout-1": "120"}
    walk.press("ladders_save", name="Natt", **step)
    walk.press("ladders_save", name="Dag", **step)
    made = walk.one(ladder_tables.ladder)
    walk.press("ladders_change", do="earlier", ladder=made)
    walk.press("ladders_change", do="later", ladder=made)
    walk.press("ladders_change", do="remove", ladder=made)
    walk.press("rotas_change", do="make", name="Natt")
    rota = walk.one(ladder_tables.rota)
    shift = {"since": "2026-11-24T21:00", "until": "2026-11-25T07:00", "person": "p1"}
    walk.press("rotas_change", do="add", rota=rota, weeks="1", **shift)
    calendar = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20261201T200000Z\nDTEND:20261202T060000Z\n"
        "SUMMARY:p1@prov.example\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    file = (io.BytesIO(calendar.encode()), "jour.ics")
    walk.press("rotas_calendar", rota=rota, file=file)
    walk.press("rotas_change", do="take", rota=rota, shift=walk.one(ladder_tables.rota_shift))
    walk.press("rotas_change", do="remove", rota=rota)
    address = "sip:x@127.0.0.1:9;transport=tcp"
    walk.press("centres_change", do="add", name="Centralen", address=address)
    walk.press("centres_change", do="end", name="Centralen")
    walk.press("webhooks_change", do="add", name="System", address="https://127.0.0.1:9/x")
    walk.press("webhooks_change", do="end", name="System")
    walk.done |= {"centres_change try", "webhooks_change try"}  # nobody answers here
    number = {"receiver": "p2", "address": "+46701234567", "told": "care"}
    walk.press("places_path_change", do="add", **number)
    walk.press("places_path_change", do="remove", receiver="p2")
    walk.done.add("places_path_change follow")  # tests/staff/ladders/test_standby.py


def server(walk: Walk, provider: Provider) -> None:
    """The plan, keys, sign-on."""
    data = "\n".join((HEAD, TWO[1])).encode()
    walk.press("planning_change", do="check", file=(io.BytesIO(data), "plan.csv"))
    upload = walk.one(plan_file)
    walk.press("planning_change", do="save", upload=upload)
    walk.press("planning_change", do="undo", upload=upload)
    walk.press("connections_change", do="token", name="Planering")
    walk.press("connections_change", do="end_token", name="Planering")
    walk.press("connections_change", do="key")
    with walk.staff.db.read() as conn:
        assert conn.execute(select(sign_on_provider)).all() == []
    page = text_of(walk.client, "/administration/egen-inloggning")
    form = page.split('name="do" value="write">', 1)[1]
    name = form.split('name="name" value="', 1)[1].split('"', 1)[0]
    said = {"label": "SITHS", "issuer": provider.url, "client_id": CLIENT, "secret": SECRET}
    said |= {"groups_claim": "roles"}
    walk.press("sign_on_change", do="write", name=name, levels=LOA3, claim="sub", **said)
    sent = walk.press("sign_on_change", do="try", name=name)
    walk.client.get(provider.sign_in(leads_to(sent)))
    walk.press("sign_on_change", do="use", name=name)
    walk.press("sign_on_groups_change", do="add", provider=name, name="natt", role="caregiver")
    group = walk.one(sign_on_group)
    walk.press("sign_on_groups_change", do="change", group=group, role="technician")
    walk.press("sign_on_groups_change", do="remove", group=group)
    walk.press("sign_on_groups_change", do="adds", on="yes")
    walk.press("sign_on_change", do="end", name=name)
