"""Nu: what needs somebody, by weight; one incident is one card; nothing unseen is called calm."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.envelope import Draft
from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    CheckPlanned,
    DeviceFailed,
    DoorClosed,
    DoorOpened,
    MatPressed,
    Severity,
    Stamp,
    VisitStarted,
)
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_pages import ask
from tests.staff.parts import EnrolledHome, add_home
from web.staff.core.context import Staff
from web.staff.core.rights import Actor, Role
from web.staff.pages import timeline
from web.staff.pages.homes import SHOWN
from web.staff.pages.incidents import LINES
from web.staff.pages.start import landing
from web.staff.pages.timeline import LANE_MAX
from web.staff.storage import tables

MIN = timedelta(minutes=1)
As = Callable[..., FlaskClient]


def raised(
    home: EnrolledHome,
    kind: AlarmType,
    minutes: float = 0,
    severity: Severity | None = None,
) -> str:
    """An alarm of this kind, raised so many minutes ago; returns its reference."""
    at = home.clock.now() - minutes * MIN
    alarm = AlarmRaised(type=kind, severity=severity or kind.severity, since=at)
    [event] = home.send(alarm, at=at)
    return event.ref


def cards(client: FlaskClient, path: str = "/nu") -> list[tuple[str, list[str]]]:
    """The classes of each alarm's card and the alarms in it, in the page's order."""
    page = text_of(client, path)
    found = re.split(r'<\w+ class="([^"]*)"[^>]*data-test="alarm" ', page)[1:]
    return [
        (classes, re.findall(r'data-test="alarm-line" data-alarm="([^"]+)"', card))
        for classes, card in zip(found[::2], found[1::2], strict=True)
    ]


def verdict(client: FlaskClient) -> str:
    """What stands on top, without its tags."""
    page = text_of(client, "/nu")
    box = page.split('data-test="verdict"', 1)[1].split('class="when-down"', 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", "<" + box + ">").split())


def test_an_organisation_without_homes_says_where_they_are_added(as_role: As, staff: Staff) -> None:
    """To whoever sees every home nobody has to add any; a caregiver without one asks for it."""
    with staff.db.write() as tx:
        tx.conn.execute(update(tables.home).values(closed_at=staff.clock.now()))
    for role in (Role.ADMINISTRATOR, Role.COORDINATOR):
        client = as_role(role.value, person=f"p-{role.value}", homes=())
        said = verdict(client)
        assert "Verksamheten har inga hem än" in said, role
        assert "Hem läggs till under Administration." in said
        assert "Du har inga hem" not in said
        assert "Verksamheten har inga hem än" in text_of(client, "/hem")
    client = as_role(Role.CAREGIVER.value, homes=())
    assert "Samordnaren lägger till dig" in verdict(client)
    assert "Samordnaren lägger till dig" in text_of(client, "/hem")


# --- calm -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.ADMINISTRATOR], ids=str)
def test_a_role_without_care_is_never_told_that_all_is_calm(
    as_role: As, home: EnrolledHome, role: Role
) -> None:
    """Whether or not a home rings for care: of technical alarms only, and that the rest is not
    shown; the same words in both cases, so that nothing of care is told."""
    client = as_role(role.value, homes=())
    before = verdict(client)
    raised(home, AlarmType.PENDANT)
    assert verdict(client) == before
    assert "Inga tekniska larm" in before
    assert "Din roll ser inte omsorgslarm eller tillsyner." in before
    assert "lugnt" not in before
    assert 'class="verdict ok"' not in text_of(client, "/nu")
    home.send(DeviceFailed(error="X", text="x", retry_s=1), device="bed")
    raised(home, AlarmType.DEVICE_DOWN)
    assert "1 ej kvitterat tekniskt larm" in verdict(client)
    assert "Din roll ser inte omsorgslarm" in verdict(client)


def test_calm_is_said_of_ones_own_homes(
    as_role: As, carer: FlaskClient, home: EnrolledHome
) -> None:
    """A caregiver sees some homes, a coordinator all; a home that has never been heard is not among
    the calm ones."""
    assert "Allt är lugnt i dina hem" in verdict(carer)
    boss = as_role("coordinator", person="p9", homes=())
    assert "Allt är lugnt Inga larm" in verdict(boss)
    add_home(carer.application, "h2", label="Ny")
    assert "1 hem är inte anslutet än." in verdict(boss)


def test_an_alarm_in_a_home_of_others_is_no_calm(as_role: As, home: EnrolledHome) -> None:
    """Whoever may go there is told that it rings, and not where."""
    add_home(as_role("caregiver", person="p8").application, "h2", label="Mitt")
    colleague = as_role("caregiver", person="p9", homes=("h2",))
    ref = raised(home, AlarmType.PENDANT)
    said = verdict(colleague)
    assert "1 larm i ett hem som inte är ditt" in said
    assert "Inga larm och inga frågor i det hem du följer." in said
    assert "lugnt" not in said
    assert "Prov Boende" not in said
    home.send(AlarmCancelled(alarm=ref, reason="recovered"))
    assert "Allt är lugnt i dina hem" in verdict(colleague)


# --- order and weight -----------------------------------------------------------------------------


def test_the_newest_acute_alarm_is_on_top(
    carer: FlaskClient, make_home: Callable[[str], EnrolledHome], home: EnrolledHome
) -> None:
    """Four seconds before ten hours, care before technical before routine, and what somebody has
    taken after what nobody has; each looks like what it is."""
    wet = raised(home, AlarmType.MOISTURE, 1)
    mat = raised(home, AlarmType.MAT_POOR, 2)
    old = raised(home, AlarmType.CHECK_NO_ANSWER, 600)
    taken = raised(home, AlarmType.BED_EXIT, 90)
    post(carer, "/larm/ta", alarm=taken)
    new = raised(home, AlarmType.PENDANT, 0.07)
    assert cards(carer) == [
        ("card incident alarm fresh", [new]),
        ("card incident alarm", [old]),
        ("card incident acknowledged", [taken]),
        ("card incident warn", [mat]),
        ("card incident acknowledged", [wet]),
    ]
    home.clock.advance(11 * 60)
    assert cards(carer)[0] == ("card incident alarm", [new])


def test_one_incident_is_one_card(carer: FlaskClient, home: EnrolledHome) -> None:
    """A fall that three things tell within minutes; the same cause again hours later; not: another
    cause hours later, or something technical in the same minute."""
    no_answer = raised(home, AlarmType.CHECK_NO_ANSWER, 300)
    bed = raised(home, AlarmType.BED_EXIT, 14)
    floor = raised(home, AlarmType.ON_FLOOR, 5)
    plug = raised(home, AlarmType.MAT_POOR, 5)
    button = raised(home, AlarmType.PENDANT, 1)
    again = raised(home, AlarmType.CHECK_NO_ANSWER, 0.5)
    groups = [lines for _classes, lines in cards(carer)]
    assert groups == [[again, no_answer], [button, floor, bed], [plug]]
    assert "6 ej kvitterade larm" in verdict(carer)


def test_an_incident_is_taken_and_closed_together(as_role: As, home: EnrolledHome) -> None:
    """One touch takes all that waits in it; what a colleague was first with keeps nobody from the
    rest; what comes after is taken by itself; each is closed, or those that are chosen."""
    bed, floor = raised(home, AlarmType.BED_EXIT, 5), raised(home, AlarmType.ON_FLOOR, 1)
    one, other = as_role("caregiver", person="p1"), as_role("caregiver", person="p2")
    page = text_of(one, "/nu")
    take = page.split('action="/larm/ta"', 1)[1].split("</form>", 1)[0]
    assert set(re.findall(r'name="alarm" value="([^"]+)"', take)) == {bed, floor}
    assert "Jag tar larmen (2)" in take
    post(other, "/larm/ta", alarm=bed)
    fields = {"alarm": [bed, floor], "home": "h1"}
    said = post(one, "/larm/ta", **fields)  # type: ignore[arg-type]
    assert said.status_code == 200
    assert said.get_json()["text"] == "Du har tagit 1 larm. Prov p2 hann före, 22:00."
    assert "Ej kvitterat" not in text_of(one, "/nu")
    third = raised(home, AlarmType.PENDANT)
    assert text_of(one, "/nu").count('data-test="untaken"') == 1
    assert cards(one) == [("card incident alarm fresh", [third, floor, bed])]
    closed = post(one, "/larm/avsluta", outcome="helped", **fields)  # type: ignore[arg-type]
    assert closed.get_json()["text"] == "Larmen är avslutade."
    assert cards(one) == [("card incident alarm fresh", [third])]


def test_a_home_that_raises_hundreds_holds_up_no_page(as_role: As, home: EnrolledHome) -> None:
    """The page stays small, each alarm is on it, and a form takes and closes all that it shows."""
    carer = as_role("caregiver", homes=("h1",))
    alarm = AlarmRaised.usual(AlarmType.PENDANT, home.clock.now())
    refs = [event.ref for event in home.send(*[alarm] * 405)]
    page = text_of(carer, "/nu")
    assert len(page.encode()) < 250_000
    shown = cards(carer)
    assert {len(lines) for _classes, lines in shown} == {LINES}
    rows = re.findall(r'href="[^"]*oppna=(home%3Ah1[^"&]+|home:h1[^"&]+)', page)
    assert len(shown) + len(set(rows)) == 405 // LINES + 1, "each alarm is in a card or a row"
    first = shown[0][1]
    assert set(first) <= set(refs)
    fields: Any = {"alarm": first, "home": "h1"}
    post(carer, "/larm/ta", **fields)
    closed = post(carer, "/larm/avsluta", finding="test", **fields)
    assert closed.get_json()["text"] == "Larmen är avslutade."
    left = [ref for _classes, lines in cards(carer) for ref in lines]
    assert not set(first) & set(left)
    assert len(text_of(carer, "/hem/h1").encode()) < 250_000


def test_a_home_that_tells_thousands_holds_up_no_page(as_role: As, home: EnrolledHome) -> None:
    """Doors, checks and visits of its day: of each the newest are drawn and told, and that it is so
    is said."""
    carer = as_role("caregiver", "night_watcher", homes=("h1",), person="p7")
    now = home.clock.now()
    visit = Draft(VisitStarted(since=now - MIN, source=Stamp.TAP), person="p7")
    for _ in range(2):
        home.send(*[DoorOpened(), DoorClosed()] * 200, device="front", at=now - MIN)
        home.send(*[visit] * 300)
    checks = [CheckPlanned(check=f"n@{n}", slot=now, report_by=now) for n in range(400)]
    home.send(*checks)
    page = text_of(carer, "/hem/h1")
    assert len(page.encode()) < 250_000
    assert "Det senaste visas." in page
    assert page.count('data-test="check-open"') == SHOWN
    more = r'data-test="more-checks"><a href="/nattillsyn">(\d+) tillsyner till visas på Nattillsyn'
    assert re.findall(more, page) == [str(400 - SHOWN)]
    assert page.count("tl-door") < 2 * LANE_MAX + 10


def test_a_day_of_which_not_all_is_read_says_so(
    as_role: As, home: EnrolledHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mat with a loose contact: what came before its last thousands is not in the picture."""
    monkeypatch.setattr(timeline, "EVENTS_MAX", 10)
    carer = as_role("caregiver", homes=("h1",))
    now = home.clock.now()
    home.send(*[MatPressed()] * 9, device="bed", at=now - MIN)
    assert "Det senaste visas." not in text_of(carer, "/hem/h1")
    home.send(MatPressed(), device="bed", at=now)
    assert "Det senaste visas." in text_of(carer, "/hem/h1")


def test_a_home_with_many_alarms_shows_those_of_care(as_role: As, home: EnrolledHome) -> None:
    """Whatever its things report by the dozen since, the one that somebody waits with is there."""
    carer = as_role("caregiver", homes=("h1",))
    waits = raised(home, AlarmType.PENDANT)
    home.clock.advance(60)
    flat = [AlarmRaised.usual(AlarmType.MOISTURE, home.clock.now()) for _ in range(SHOWN + 3)]
    home.send(*flat)
    page = text_of(carer, "/hem/h1")
    shown = re.findall(r'href="/larm/([^"]+)">Till larmet', page)
    assert len(shown) == SHOWN
    assert unquote(shown[0]) == waits
    assert "4 larm till visas på Nu" in page


def test_the_form_to_close_is_open_for_who_took_it(carer: FlaskClient, home: EnrolledHome) -> None:
    """Before that it is folded away; then it stands open by itself, without being unfolded, so that
    the live page shows it as a page loaded anew does.  Nothing is closed without being named."""
    ref = raised(home, AlarmType.BED_EXIT)
    for path in ("/nu", "/pass"):
        assert re.search(r'<details class="why" id="resolve-[^>]*>', text_of(carer, path)), path
    post(carer, "/larm/ta", alarm=ref)
    page = text_of(carer, "/nu")
    assert 'id="resolve-' not in page
    assert page.count('data-test="resolve-form"') == 1
    assert post(carer, "/larm/avsluta", outcome="helped").status_code == 422


def test_the_tab_counts_what_waits(carer: FlaskClient, home: EnrolledHome) -> None:
    """In its title, also without scripts, and for the script that draws its icon."""
    assert "<title>Nu · Tryggve</title>" in text_of(carer, "/nu")
    raised(home, AlarmType.PENDANT)
    raised(home, AlarmType.MOISTURE)
    for path, title in (("/nu", "Nu"), ("/pass", "Mitt pass")):
        page = text_of(carer, path)
        assert f"<title>(2) {title} · Tryggve</title>" in page
        assert 'data-attention="2" data-unacknowledged="1"' in page


# --- where one lands ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "page"),
    [
        ({Role.CAREGIVER}, "shift"),
        ({Role.NIGHT_WATCHER}, "shift"),
        ({Role.CAREGIVER, Role.NIGHT_WATCHER}, "shift"),
        ({Role.COORDINATOR}, "now"),
        ({Role.CAREGIVER, Role.COORDINATOR}, "now"),
        ({Role.TECHNICIAN}, "now"),
        ({Role.ADMINISTRATOR}, "administration"),
        (set(), "now"),
    ],
)
def test_everybody_lands_where_they_work(roles: set[Role], page: str) -> None:
    """Care with the phone, the rest with what needs somebody, an administrator with the set-up."""
    actor = Actor("p1", "Prov", "org1", frozenset(roles), frozenset(), frozenset())
    assert landing(actor) == f"pages.{page}"


def test_signing_in_leads_there(
    carer: FlaskClient, client: FlaskClient, home: EnrolledHome
) -> None:
    """The start page sends a caregiver to the shift, and who is not signed in to signing in, which
    leads back to it and not to a page of somebody else's work."""
    assert carer.get("/").location == "/pass"
    address = client.get("/").location
    assert address is not None
    assert address.endswith("/login")
    assert "next=" not in address


def test_each_card_of_now_has_a_heading(carer: FlaskClient, home: EnrolledHome) -> None:
    """Who hears the page goes from heading to heading: whose alarm, whose check, below what kind
    of thing it is."""
    raised(home, AlarmType.PENDANT)
    ask(home)
    main = text_of(carer, "/nu").split("<main", 1)[1]
    cards = re.findall(r"<article.*?</article>", main, re.DOTALL)
    assert len(cards) == 2
    assert [re.findall(r"<(h\d) class=\"who\">", card) for card in cards] == [["h3"], ["h3"]]
