"""What a carer reads: no id of a device, and nothing chosen for them.

Every page is walked (`walked`), so a new one is held to this without being named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.envelope import Draft
from gateway.events import (
    AlarmRaised,
    AlarmType,
    BatteryLow,
    DeviceFailed,
    DeviceTold,
    DoorOpened,
    GatewayStarted,
    HomeDescribed,
    LockJammed,
    LockUnlocked,
    MatPressed,
    PreviousRun,
    Severity,
    Stamp,
    VisitStarted,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, hire
from tests.staff.walked import address_of, pages_to_open, ways
from web.staff.core.context import Staff
from web.staff.core.rights import Role
from web.staff.storage import tables
from web.staff.texts.device_words import device_name, device_names, door_name

MARK = "qzx"
"""In every id here, and in no word of any page."""

DEVICES = (
    DeviceTold(id=f"{MARK}_door_terrace", driver="door_gpio", type="sensor"),
    DeviceTold(id=f"{MARK}_door_2", driver="door_gpio", type="sensor", role="door_terrace"),
    DeviceTold(id=f"{MARK}_mat", driver="mat_gpio", type="sensor", role="bed", room="bedroom"),
    DeviceTold(id=f"{MARK}_lock_1", driver="lock_nuki", type="lock"),
    DeviceTold(id=f"{MARK}_lock_2", driver="lock_yale", type="lock"),
    DeviceTold(id=f"{MARK}_lock_3", driver="lock_danalock", type="lock", role="front_door"),
    DeviceTold(id=f"{MARK}_odd", driver="somebody_elses", type="kettle"),
)


class _Text(HTMLParser):
    """What a page says: its text, and the attributes that are read aloud."""

    SAID = ("title", "alt", "aria-label", "placeholder")
    SILENT = ("script", "style", "template")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self.SILENT
        self.parts += [value or "" for name, value in attrs if name in self.SAID]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def said_by(html: str) -> str:
    """The text of a page."""
    parser = _Text()
    parser.feed(html)
    return " ".join(parser.parts)


def fill(home: EnrolledHome) -> None:
    """A home whose devices have ids that nobody should read, and all that they can say."""
    home.send(HomeDescribed(devices=DEVICES, timezone="Europe/Stockholm", resident="r-h1"))
    hire(home.app, "p7")
    for device in (*(one.id for one in DEVICES), f"{MARK}_never_told"):
        home.send(DoorOpened(), MatPressed(), LockUnlocked(), LockJammed(), device=device)
        home.send(BatteryLow(level_pct=9), device=device)
        home.send(DeviceFailed(error="X", text="svarar inte", retry_s=1), device=device)
        raised = AlarmRaised(
            type=AlarmType.DEVICE_DOWN, severity=Severity.TECHNICAL, since=home.clock.now()
        )
        home.send(raised, device=device)
    started = VisitStarted(since=home.clock.now(), source=Stamp.UNLOCK)
    home.send(Draft(started, device=f"{MARK}_lock_1", person="p7"))


def walk(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Every page that this client may see, as text."""
    shown = 0
    for route in pages_to_open():
        for fields in ways(route):
            answer = client.get(address_of(route), query_string=dict(fields))
            if answer.status_code == 200 and answer.mimetype == "text/html":
                shown += 1
                yield route.name, answer.get_data(as_text=True)
    assert shown > 5


@pytest.mark.parametrize("roles", [(Role.CAREGIVER, Role.NIGHT_WATCHER), (Role.COORDINATOR,)])
def test_no_page_shows_a_carer_the_id_of_a_device(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, roles: tuple[Role, ...]
) -> None:
    """Whatever the devices are called in the configuration, whatever they tell and whatever alarm
    they raise: the pages have words for them, also for one that the home never described."""
    client = as_role(*(role.value for role in roles), person="p9")
    fill(home)
    found = {
        name: re.findall(rf".{{0,60}}{MARK}.{{0,40}}", said_by(html))
        for name, html in walk(client)
        if MARK in said_by(html)
    }
    assert found == {}


def test_who_mounts_reads_the_ids(as_role: Callable[..., FlaskClient], home: EnrolledHome) -> None:
    """The home's page has them for a technician, who needs the configuration's own words."""
    technician = as_role("technician", person="p9", homes=())
    fill(home)
    page = said_by(text_of(technician, "/hem/h1"))
    assert all(one.id in page for one in DEVICES)


def test_who_mounts_reads_the_homes_version(
    as_role: Callable[..., FlaskClient], home: EnrolledHome
) -> None:
    """While homes are updated one after the other, a technician sees which have been; the care has
    no use for it."""
    told = GatewayStarted(version="0.9.3", config_sha256="x", previous=PreviousRun.CLEAN)
    home.send(told)
    said = "Hemmets enhet har version 0.9.3 och startade"
    assert said in text_of(as_role("technician", person="p9", homes=()), "/hem/h1")
    assert said not in text_of(as_role("caregiver", person="p8"), "/hem/h1")


@dataclass(frozen=True)
class Row:
    """A device's row, as far as its name goes."""

    id: str
    driver: str | None = None
    type: str | None = None
    role: str | None = None
    room: str | None = None
    home_id: str = "h1"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Row("x", "door_gpio", "sensor", "terrace_door"), "Sensor, altandörr"),
        (Row("x", "door_gpio", "sensor", "door_terrace"), "Dörrgivare"),
        (Row("x", "door_gpio", "sensor", None, "kitchen"), "Dörrgivare, kök"),
        (Row("x", "virtual_door", "sensor"), "Dörrgivare"),
        (Row("x", "mat_gpio", "sensor", "bed", "bedroom"), "Sensor, säng (sovrum)"),
        (Row("x", "lock_nuki", "lock"), "Lås"),
        (Row("x", None, None), "Utrustning"),
        (Row("x", "kettle", "kettle"), "Utrustning"),
    ],
)
def test_a_device_is_named_by_what_it_is(row: Row, name: str) -> None:
    """What it is for and where; where nobody said it, what the driver reads."""
    assert device_name(row) == name


def test_devices_that_are_called_alike_are_numbered() -> None:
    """In each home for itself, in the same order everywhere; one alone has no number."""
    rows = [Row(id_, "lock_nuki", "lock") for id_ in ("b", "a")]
    other = Row("a", "lock_nuki", "lock", home_id="h2")
    assert device_names([*rows, other]) == {
        ("h1", "a"): "Lås 1",
        ("h1", "b"): "Lås 2",
        ("h2", "a"): "Lås",
    }
    assert device_name(rows[0], rows) == "Lås 2"
    assert [door_name(one, rows) for one in rows] == ["Lås 2", "Lås 1"]
    assert door_name(other, [other]) == ""


# --- nothing is chosen for anybody ----------------------------------------------------------------


class _Choices(HTMLParser):
    """The choices in forms that change something, and what stands chosen in them."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] = []
        self._posts = False
        self._select: tuple[str, list[dict[str, str | None]]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "form":
            self._posts = known.get("method") == "post"
        elif tag == "select" and self._posts:
            self._select = (known.get("name") or "", [])
        elif tag == "option" and self._select:
            self._select[1].append(known)
        elif tag == "input" and known.get("type") == "radio" and "checked" in known:
            self.chosen.append(known.get("name") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            name, options = self._select
            self._select = None
            saved = any("selected" in one for one in options)  # what it is already
            if not saved and options and options[0].get("value") != "":
                self.chosen.append(name)


def test_no_form_comes_with_an_answer(
    as_role: Callable[..., FlaskClient], home: EnrolledHome, staff: Staff
) -> None:
    """A reason, a home, an outcome: where somebody is to choose, nothing is chosen.  (What is saved
    already stands as it is.)"""
    client = as_role(*(role.value for role in Role))
    fill(home)
    pages = dict(walk(client))
    pages["visits_one"] = text_of(client, f"/besok/ett?besok={visit_of(staff)}")
    chosen = {}
    for name, html in pages.items():
        parser = _Choices()
        parser.feed(html)
        if parser.chosen:
            chosen[name] = parser.chosen
    assert chosen == {}


def test_a_correction_needs_a_reason_that_somebody_chose(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """The list begins with nothing chosen, and nothing is saved without a choice."""
    fill(home)
    visit = visit_of(staff)
    page = text_of(carer, f"/besok/ett?besok={visit}")
    assert re.search(r'<select[^>]*name="reason"[^>]* required[^>]*><option value="">', page)
    answer = post(carer, "/besok/ratta", visit=visit, since="2026-11-22T08:00", reason="")
    assert (answer.status_code, answer.get_json()["text"]) == (422, "Välj först orsak.")
    with staff.db.read() as conn:
        assert conn.execute(select(tables.visit.c.corrected_since)).scalar_one() is None


def visit_of(staff: Staff) -> str:
    """The home's one visit, ended."""
    t = tables.visit
    with staff.db.write() as tx:
        tx.conn.execute(update(t).values(until=t.c.since))
        return str(tx.conn.execute(select(t.c.id)).scalar_one())
