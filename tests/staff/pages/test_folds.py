"""Händelser shows what happened to somebody; the sensors' rows are folded, and a link away."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

from flask.testing import FlaskClient

from gateway.events import (
    BedEntered,
    ContactChanged,
    DoorOpened,
    MatPressed,
    MatReleased,
    MotionDetected,
)
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome
from web.staff.pages import event_folds, event_list
from web.staff.texts import fold_words

NIGHT = datetime(2026, 11, 22, 23, 10, tzinfo=UTC)
"""Ten past midnight in the home."""

MIN = timedelta(minutes=1)


def folds(page: str) -> list[str]:
    """The folded lines in words: their time and their text."""
    lines = []
    for row in page.split('data-test="fold"')[1:]:
        at, what = re.findall(r"<span[^>]*>([^<]+)</span>", row.partition("<a")[0])[:2]
        lines.append(f"{at} {unescape(what)}")
    return lines


def counts(page: str) -> int:
    """How many rows are folded on a page."""
    return sum(map(int, re.findall(r'data-test="fold" data-count="(\d+)"', page)))


def older(page: str) -> str | None:
    """The address of the next page."""
    found = re.search(r'href="([^"]*fore=[^"]*)"', page)
    return unescape(found[1]) if found else None


def test_a_night_on_the_mat_is_one_line(carer: FlaskClient, home: EnrolledHome) -> None:
    """42 presses between 00:10 and 00:41, with as many releases: one line, and each row behind its
    link."""
    for number in range(42):
        at = NIGHT + 31 * MIN * number / 41
        home.send(MatPressed(), device="bed", at=at)
        home.send(MatReleased(), device="bed", at=at)
    home.send(BedEntered(), device="bed", at=NIGHT + 32 * MIN)
    page = text_of(carer, "/handelser")
    assert folds(page) == ["00:10–00:41 Sängmattan: 42 tryck"]
    assert 'data-kind="mat.pressed"' not in page
    assert page.index("Lade sig i sängen") < page.index("Sängmattan")
    [link] = re.findall(r'href="([^"]+)" data-test="unfold"', page)
    rows = text_of(carer, unescape(link))
    assert rows.count('data-kind="mat.pressed"') == 25  # of 50 on a page, with their releases
    assert 'data-test="fold"' not in rows
    assert "Lade sig i sängen" not in rows


def test_hours_without_an_event_are_one_line(carer: FlaskClient, home: EnrolledHome) -> None:
    """A morning in bed is one line from when to when, however many hours; an event parts it."""
    for hour in range(5):
        home.send(MatPressed(), device="bed", at=NIGHT + timedelta(hours=hour))
    assert folds(text_of(carer, "/handelser")) == ["00:10–04:10 Sängmattan: 5 tryck"]
    page = text_of(carer, "/handelser")
    [link] = re.findall(r'href="([^"]+)" data-test="unfold"', page)
    assert text_of(carer, unescape(link)).count('data-kind="mat.pressed"') == 5
    home.send(DoorOpened(), device="door", at=NIGHT + 130 * MIN)
    assert folds(text_of(carer, "/handelser")) == [
        "03:10–04:10 Sängmattan: 2 tryck",
        "00:10–02:10 Sängmattan: 3 tryck",
    ]


def test_each_sensor_has_its_line(carer: FlaskClient, home: EnrolledHome) -> None:
    """A line keeps its key when it grows, so that an open page changes it in place."""
    home.send(MatPressed(), device="bed", at=NIGHT)
    home.send(MotionDetected(), device="pir", at=NIGHT + MIN)
    before = text_of(carer, "/handelser")
    assert folds(before) == ["00:11 Utrustning: 1 rörelse", "00:10 Sängmattan: 1 tryck"]
    home.send(MatPressed(), device="bed", at=NIGHT + 65 * MIN)
    home.send(MotionDetected(), device="pir", at=NIGHT + 66 * MIN)
    after = text_of(carer, "/handelser")
    assert folds(after)[1] == "00:10–01:15 Sängmattan: 2 tryck"
    keys = [re.findall(r'data-key="(fold-[^"]+)"', page) for page in (before, after)]
    assert keys[0] == keys[1]


def test_every_row_is_counted_on_one_page(carer: FlaskClient, home: EnrolledHome) -> None:
    """Between 120 events over some days, more hours than a page has room for: no row is left out at
    a page's end, and none is counted twice."""
    for hour in range(120):
        at = NIGHT - timedelta(hours=hour)
        home.send(*[MatPressed() for _ in range(3)], device="bed", at=at)
        home.send(DoorOpened(), device="door", at=at)
        home.send(MatPressed(), device="bed", at=at + 20 * MIN)
    seen, events, path = 0, 0, "/handelser?hem=h1"
    for _page in range(20):
        page = text_of(carer, path)
        seen += counts(page)
        events += page.count('data-kind="door.opened"')
        assert len(folds(page)) <= event_folds.FOLDS_MAX
        path = older(page) or ""
        if not path:
            break
    assert (seen, events) == (480, 120)


def test_many_homes_fold_together(
    as_role: Callable[..., FlaskClient], make_home: Callable[[str], EnrolledHome]
) -> None:
    """A line for each sensor of each home would hide what happened: one for all of them an hour.
    The page of one home has its own."""
    homes = [f"n{number}" for number in range(event_folds.HOMES_APART + 1)]
    for name in homes:
        made = make_home(name)
        made.describe()
        made.send(MatPressed(), MatPressed(), device="bed", at=NIGHT)
    carer = as_role("caregiver", homes=tuple(homes))
    assert folds(text_of(carer, "/handelser")) == ["00:10 Sensorer: 22 rader i 11 hem"]
    assert folds(text_of(carer, "/handelser?hem=n3")) == ["00:10 Sängmattan: 2 tryck"]


def test_every_reading_can_be_counted() -> None:
    """A kind that is folded has a word for how many there were."""
    assert fold_words.COUNTED.keys() == event_list.RAW
    assert fold_words.ENDS.keys() | set(fold_words.ENDS.values()) <= event_list.RAW


def test_an_end_is_counted_only_without_its_beginning(
    carer: FlaskClient, home: EnrolledHome
) -> None:
    """A release beside its press says nothing more; by itself it is told."""
    home.send(MatReleased(), device="bed", at=NIGHT)
    home.send(ContactChanged(on=True), device="seat", at=NIGHT)
    assert folds(text_of(carer, "/handelser")) == [
        "00:10 Sängmattan: 1 släpp",
        "00:10 Utrustning: 1 ändring",
    ]
