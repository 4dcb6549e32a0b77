"""The pages about places: what is shown when, to whom, and that looking is noted."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from sqlalchemy import select

from gateway.clock import ManualClock
from gateway.events import ConsentHow
from tests.staff.pages.conftest import post, text_of
from tests.staff.pages.test_pages import reads
from tests.staff.places.conftest import HOME, MIN, Sole
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.pages import zone_forms, zone_map
from web.staff.places import looks, planning, tiles
from web.staff.places.geometry import Circle, Point, Polygon, distance_m, moved
from web.staff.places.planning import NewZone
from web.staff.storage.place_tables import consent, position, tracker, zone

PAGE = "/hem/h1/platser"


@pytest.fixture
def sole(
    staff_app: Flask, staff: Staff, make_user: Callable[..., Actor], clock: ManualClock
) -> Sole:
    """The resident of `h1` agreed an hour ago, and wears a sole; a zone of 200 m."""
    planner = make_user("p-plan", ["coordinator"])
    planning.agree(staff, planner, "h1", "r-h1", clock.now().date(), ConsentHow.SPOKEN)
    planning.set_point(staff, planner, "h1", HOME)
    planning.draw(staff, planner, "h1", "r-h1", NewZone("Hemma", Circle(HOME, 200)))
    token = planning.add_tracker(staff, planner, "h1", "r-h1", "Skosulan")
    clock.advance(3600)
    return Sole(staff_app, clock, token)


# --- shown only with a cause ----------------------------------------------------------------------


def test_without_a_cause_no_position_is_shown(carer: FlaskClient, sole: Sole, staff: Staff) -> None:
    """Who is at home is nobody's business; opening the page shows and notes nothing."""
    sole.tell(60, ago=3 * MIN)
    page = text_of(carer, PAGE)
    assert 'data-test="where"' not in page
    assert "zm-last" not in page
    assert "Varför behöver du se positionen?" in page
    assert reads(staff) == []


def test_an_alarm_about_leaving_shows_where_in_words_and_notes_the_reading(
    carer: FlaskClient, sole: Sole, staff: Staff
) -> None:
    """Distance and direction from the home, how long ago, how exactly; once for an open page; and
    no more when the alarm is closed."""
    there = moved(HOME, 297, 297)
    at = (sole.clock.now() - 3 * MIN).timestamp()
    sole.post({"_type": "location", "lat": there.lat, "lon": there.lon, "tst": at, "acc": 15})
    for _ in range(2):
        page = text_of(carer, PAGE)
        assert "420 m nordost om hemmet, för 3 min sedan" in page
        assert "på 15 m när" in page
        assert "zm-last" in page
        text_of(carer, f"{PAGE}?fragment=1")
    assert reads(staff) == ["position_alarm"]
    assert "Visa positionen" in text_of(carer, "/nu")
    alarm = re.findall(r'data-alarm="([^"]+)"', text_of(carer, "/nu"))[0]
    assert PAGE in text_of(carer, f"/larm/{alarm}")
    post(carer, "/larm/avsluta", alarm=alarm, outcome="no_need")
    assert 'data-test="where"' not in text_of(carer, PAGE)


def test_a_stated_reason_shows_it_for_a_quarter_of_an_hour_to_whoever_stated_it(
    carer: FlaskClient, as_role: Callable[..., FlaskClient], sole: Sole, staff: Staff
) -> None:
    """The reason stands in the access log; a colleague states their own."""
    sole.tell(60)
    assert post(carer, f"{PAGE}/visa", why="curious").status_code == 422
    answer = post(carer, f"{PAGE}/visa", why="search")
    assert "Det står i åtkomstloggen" in answer.get_json()["text"]
    assert "60 m öster om hemmet, nyss" in text_of(carer, PAGE)
    assert reads(staff) == ["position_search"]
    colleague = as_role("caregiver", person="p8")
    assert 'data-test="where"' not in text_of(colleague, PAGE)
    log = text_of(as_role("coordinator", person="p9"), "/atkomst")
    assert "position, personen saknas" in log
    sole.clock.advance(looks.LOOK_FOR.total_seconds() + 1)
    assert 'data-test="where"' not in text_of(carer, PAGE)


def test_only_the_last_hour_of_somebodys_way_is_shown(carer: FlaskClient, sole: Sole) -> None:
    """Not their day."""
    for minutes in (50, 30, 0):
        sole.tell(60, ago=minutes * MIN)
    sole.clock.advance(30 * 60)
    sole.tell(70)
    post(carer, f"{PAGE}/visa", why="test")
    assert text_of(carer, PAGE).count('class="zm-fix"') == 2


def test_nobody_else_sees_or_sets_anything(
    as_role: Callable[..., FlaskClient], sole: Sole, staff: Staff
) -> None:
    """A technician, a carer of other homes, and what a carer may not set."""
    sole.tell(400)
    text_of(as_role("technician", person="p3", homes=()), PAGE, 403)
    text_of(as_role("caregiver", person="p4", homes=()), PAGE, 404)
    carer = as_role("caregiver", person="p5")
    assert 'data-test="withdraw"' not in text_of(carer, PAGE)
    assert post(carer, PAGE, do="withdraw", resident="r-h1").status_code == 403
    text_of(carer, "/platser", 403)
    with staff.db.read() as conn:
        assert conn.execute(select(position.c.id)).all() != []


# --- setting --------------------------------------------------------------------------------------


def test_a_coordinator_sets_everything_without_script_or_map(
    as_role: Callable[..., FlaskClient], staff: Staff, staff_app: Flask, clock: ManualClock
) -> None:
    """Consent, the home's place, a circle, corners told from home, a transponder; then a fix."""
    boss = as_role("coordinator")
    assert "Utan samtycke" in text_of(boss, PAGE)
    said = {"do": "agree", "resident": "r-h1", "asked_on": "2026-11-22", "how": "representative"}
    assert post(boss, PAGE, **said).status_code == 200
    assert "genom ställföreträdare" in text_of(boss, PAGE)
    assert post(boss, PAGE, do="point", point="57,7 11,97").status_code == 200
    circle = {"do": "circle", "resident": "r-h1", "name": "Hemma", "radius": "300"}
    night = {"from": "22:00", "to": "06:00"}
    assert post(boss, PAGE, **circle, **night).status_code == 200
    corners = "400 m norr\n600 m nordost\n1,2 km öster\n"
    polygon = {"do": "polygon", "resident": "r-h1", "name": "Parken", "corners": corners}
    assert post(boss, PAGE, **polygon).status_code == 200
    page = text_of(boss, PAGE)
    assert "300 m runt hemmet, 22:00–06:00" in page
    assert "3 hörn, dygnet runt" in page
    answer = post(boss, PAGE, do="add_tracker", resident="r-h1", name="Skosulan")
    token = re.findall(r"tgp_[\w-]{32}", answer.get_data(as_text=True))[0]
    assert token not in text_of(boss, PAGE)
    clock.advance(60)
    assert Sole(staff_app, clock, token).tell(20) == 200
    assert "Hördes av" in text_of(boss, PAGE)
    assert "Prov Boende" in text_of(boss, "/platser")
    with staff.db.read() as conn:
        which = conn.execute(select(tracker.c.id)).scalar_one()
        drawn = conn.execute(select(zone.c.id)).scalars().first()
    assert post(boss, PAGE, do="revoke_tracker", tracker=which).status_code == 200
    assert post(boss, PAGE, do="remove_zone", zone=str(drawn)).status_code == 200
    told = post(boss, PAGE, do="withdraw", resident="r-h1").get_json()["text"]
    assert told == "Samtycket är återtaget och alla positioner är raderade."
    with staff.db.read() as conn:
        assert conn.execute(select(position.c.id)).all() == []
        row = conn.execute(select(consent)).one()
    assert (row.asked_on, row.asked_by, row.withdrawn_by) == ("2026-11-22", "p7", "p7")


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "x"},
        {"do": "point", "point": "hemma"},
        {"do": "circle", "name": "x", "radius": "tre"},
        {"do": "circle", "name": "x", "radius": "3"},
        {"do": "circle", "name": "", "radius": "300"},
        {"do": "circle", "name": "x", "radius": "300", "from": "22:00"},
        {"do": "polygon", "name": "x", "corners": "400 m norr\n400 m uppåt\n300 m öster"},
        {"do": "polygon", "name": "x", "corners": "1 m norr\n" * 99},
        {"do": "agree", "asked_on": "2027-01-01", "how": "spoken"},
        {"do": "agree", "asked_on": "igår", "how": "spoken"},
        {"do": "add_tracker", "name": "x", "silent_after_h": "0"},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    as_role: Callable[..., FlaskClient], sole: Sole, fields: dict[str, str]
) -> None:
    """And changes nothing."""
    boss = as_role("coordinator")
    before = text_of(boss, PAGE)
    answer = post(boss, PAGE, resident="r-h1", **fields)
    assert answer.status_code in (409, 422)
    assert answer.get_json()["text"].endswith(".")
    strip = re.compile(r'name="csrf_token" value="[^"]*"')
    assert strip.sub("", text_of(boss, PAGE)) == strip.sub("", before)


def test_how_long_positions_are_kept_is_set_within_bounds(
    as_role: Callable[..., FlaskClient], staff: Staff
) -> None:
    """By the coordinator."""
    boss = as_role("coordinator")
    assert post(boss, "/platser", days="7").status_code == 200
    assert 'value="7"' in text_of(boss, "/platser")
    for days in ("0", "31", "x", "1e3"):
        assert post(boss, "/platser", days=days).status_code == 409


# --- words and forms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("east", "north", "acc", "told"),
    [
        (297, 297, 10, "420 m nordost om hemmet"),
        (0, -1240, 10, "1,2 km söder om hemmet"),
        (-14_200, 0, 10, "14 km väster om hemmet"),
        (20, 0, 10, "vid hemmet"),
        (60, 0, 80, "vid hemmet"),
    ],
)
def test_where_somebody_is_in_words(
    staff_app: Flask, east: float, north: float, acc: float, told: str
) -> None:
    """Distance and one of eight directions; near it, at the home."""
    with staff_app.test_request_context():
        assert zone_map.where(HOME, moved(HOME, east, north), acc) == told


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(seconds=20), "nyss"),
        (3 * MIN, "för 3 min sedan"),
        (125 * MIN, "för 2 h 5 min sedan"),
        (timedelta(days=2, hours=3), "för 2 dygn sedan"),
    ],
)
def test_how_long_ago_in_words(
    staff_app: Flask, clock: ManualClock, ago: timedelta, told: str
) -> None:
    """As one says it."""
    with staff_app.test_request_context():
        assert zone_map.ago(clock.now() - ago, clock.now()) == told


def test_points_are_written_in_two_ways() -> None:
    """As maps tell them, with a point or a comma in the numbers; or from home."""
    for text in ("57.7012, 11.9673", "57,7012 11,9673", " 57.7012;11.9673 "):
        assert zone_forms.point(text) == Point(57.7012, 11.9673)
    for text, east, north in (("420 m nordost", 297, 297), ("1,5 km V", -1500, 0)):
        found = zone_forms.point(text, HOME)
        assert found is not None
        assert distance_m(found, moved(HOME, east, north)) < 5
    for text in ("", "57.7", "0, 0", "91, 1", "10 m upp", "9" * 200, "420 m nordost"):
        assert zone_forms.point(text) is None


# --- the organisation's own map -------------------------------------------------------------------


def write_map(path: Path, kind: TileType = TileType.PNG) -> None:
    """A map whose every tile around the home, at the zooms 0 to 16, is the word of its place."""
    with path.open("wb") as file:
        writer = Writer(file)  # type: ignore[no-untyped-call]
        for zoom in range(17):
            x, y = (int(n // 256) for n in zone_map._world(HOME, zoom))
            writer.write_tile(zxy_to_tileid(zoom, x, y), f"{zoom}/{x}/{y}".encode())  # type: ignore[no-untyped-call]
        header = {
            "tile_type": kind,
            "tile_compression": Compression.NONE,
            "min_lon_e7": 0,
            "min_lat_e7": 0,
            "max_lon_e7": 0,
            "max_lat_e7": 0,
            "center_zoom": 0,
            "center_lon_e7": 0,
            "center_lat_e7": 0,
        }
        writer.finalize(header, {})  # type: ignore[no-untyped-call]


def test_the_map_is_of_our_own_address_and_nothing_else(
    carer: FlaskClient, sole: Sole, staff_app: Flask, tmp_path: Path
) -> None:
    """Each picture of the drawing is a tile of ours; what the file lacks is not there; it may be
    kept for days, by this browser alone."""
    write_map(tmp_path / "map.pmtiles")
    staff_app.extensions[tiles.EXTENSION] = tiles.Maps(tmp_path / "map.pmtiles")
    page = text_of(carer, PAGE)
    addresses = re.findall(r'<image href="([^"]+)"', page)
    assert addresses
    assert all(address.startswith("/karta/") for address in addresses)
    assert "zm-ring" not in page
    found = [carer.get(address) for address in addresses]
    assert {answer.status_code for answer in found} == {200, 404}
    for address, answer in zip(addresses, found, strict=True):
        if answer.status_code == 200:
            assert f"/karta/{answer.text}" == address
            assert answer.mimetype == "image/png"
            assert "private" in answer.headers["Cache-Control"]
    for odd in ("x/0/0", "99/0/0", "1/2/0", "0/-1/0", "0/0/99999999999"):
        assert carer.get(f"/karta/{odd}").status_code == 404


def test_a_map_needs_somebody_who_is_signed_in(client: FlaskClient, sole: Sole) -> None:
    """Which tiles are asked for says where somebody lives."""
    assert client.get("/karta/0/0/0").status_code == 303


@pytest.mark.parametrize("what", ["absent", "broken", "vectors"])
def test_without_a_map_that_can_be_shown_there_is_a_plain_drawing(
    carer: FlaskClient, sole: Sole, staff_app: Flask, tmp_path: Path, what: str
) -> None:
    """Rings of distance around the home; a file that is mended is found."""
    path = tmp_path / "map.pmtiles"
    if what == "broken":
        path.write_bytes(b"PMTiles\x03" + b"x" * 300)
    elif what == "vectors":
        write_map(path, TileType.MVT)
    staff_app.extensions[tiles.EXTENSION] = tiles.Maps(path)
    page = text_of(carer, PAGE)
    assert "zm-ring" in page
    assert "<image" not in page
    path.unlink(missing_ok=True)
    write_map(path)
    assert "<image" in text_of(carer, PAGE)


def test_a_polygon_is_drawn_with_its_corners(staff_app: Flask) -> None:
    """Larger than a circle of some metres, inside the drawing."""
    corners = tuple(moved(HOME, e, n) for e, n in ((0, 0), (900, 0), (900, 900)))
    with staff_app.test_request_context():
        drawn = zone_map.draw(HOME, [Polygon(corners)], [], "x")
    assert drawn is not None
    numbers = re.findall(r'zm-zone" d="M([^"]+)z"', drawn.svg)[0].replace("L", " ").split()
    places = [float(number) for number in numbers]
    assert len(places) == 6
    assert all(0 < x < zone_map.WIDTH for x in places[::2])
    assert all(0 < y < zone_map.HEIGHT for y in places[1::2])
    back = drawn.view.point(*drawn.view.place(HOME))
    assert distance_m(back, HOME) < 1
