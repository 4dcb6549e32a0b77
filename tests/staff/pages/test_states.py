"""What the pages say of a bed, a lock, a sensor: what is known, and that the rest is not."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.events import (
    AlarmCancelled,
    AlarmRaised,
    AlarmType,
    BedDoubted,
    BedEntered,
    DeviceFailed,
    DeviceOffline,
    LockAsleep,
    LockLocked,
    LockUnknown,
    LockUnlocked,
    LockUnreachable,
    MatPressed,
    Severity,
)
from tests.staff.pages.conftest import text_of
from tests.staff.parts import EnrolledHome
from web.staff.core.context import Staff
from web.staff.storage import tables


def _home(client: FlaskClient) -> str:
    return text_of(client, "/hem/h1").replace("\n", " ")


def test_a_silent_home_is_told_and_its_bed_is_unknown(
    carer: FlaskClient, home: EnrolledHome, staff: Staff
) -> None:
    """What was known before the silence is not shown as if it were known now."""
    home.send(BedEntered())
    assert "I sängen" in text_of(carer, "/hem")
    with staff.db.write() as tx:
        t = tables.home_state
        tx.conn.execute(update(t).values(silent_since=home.clock.now()))
    assert "Hem utan kontakt" in text_of(carer, "/nu")
    page = text_of(carer, "/hem")
    assert "Okänt, ingen kontakt med hemmet" in page
    assert "I sängen" not in page


def test_a_bed_without_a_working_mat_is_unknown(carer: FlaskClient, home: EnrolledHome) -> None:
    """A mat that failed says nothing of the bed any more."""
    home.send(BedEntered())
    home.send(DeviceFailed(error="X", text="x", retry_s=1), device="bed")
    assert "Okänt, sängmattan fungerar inte" in text_of(carer, "/hem/h1")


def test_a_device_says_why_it_is_not_heard(carer: FlaskClient, home: EnrolledHome) -> None:
    """In words; and the door's order says the same of the radio."""
    home.send(DeviceOffline(reason="radio"), device="door")
    assert "Hemmets radio svarar inte" in _home(carer)
    home.send(DeviceOffline(reason="silent"), device="bed")
    assert "Inte hört på länge" in _home(carer)


def test_nobody_is_shown_in_bed_and_on_the_floor(carer: FlaskClient, home: EnrolledHome) -> None:
    """A bed mat needs minutes of silence; the floor's alarm is there before, and the page does not
    say both."""
    home.send(BedEntered())
    now = home.clock.now()
    (raised,) = home.send(AlarmRaised(type=AlarmType.ON_FLOOR, severity=Severity.CARE, since=now))
    assert "Osäkert, larm från golvet" in text_of(carer, "/hem/h1")
    for path in ("/nu", "/hem"):
        page = text_of(carer, path)
        assert "Osäkert, larm från golvet" in page
        assert "I sängen" not in page
    home.send(AlarmCancelled(alarm=raised.ref, reason="back"))
    assert "Osäkert, larm från golvet" not in text_of(carer, "/hem")


def test_a_doubted_bed_is_unknown(carer: FlaskClient, home: EnrolledHome) -> None:
    """When the rules cannot tell, neither can the page."""
    home.send(BedEntered())
    home.send(BedDoubted(since=home.clock.now(), why="mat_silent"))
    assert "Osäkert om någon ligger i sängen" in text_of(carer, "/hem")


def lock_chip(client: FlaskClient) -> tuple[str, str]:
    """The lock as the home's page shows it: its colour and its words."""
    found = re.search(
        r'data-test="lock" data-state="\w+"><dt><span class="badge (\w*)">.*?<dd>(.*?)</dd>',
        _home(client),
    )
    assert found is not None
    return found[1], found[2]


def test_the_lock_is_honest(carer: FlaskClient, home: EnrolledHome) -> None:
    """What the lock said last, and when; never heard is no alarm; unknown is unknown."""
    said = []
    for data in (None, LockLocked(), LockUnlocked(), LockUnknown()):
        if data is not None:
            home.send(data, device="front")
        said.append(lock_chip(carer))
    assert said == [
        ("", "Inget besked från låset än"),
        ("", "Låst enligt låset 22:00"),
        ("warn", "Upplåst enligt låset 22:00"),
        ("unknown", "Låsläge okänt sedan 22:00"),
    ]


def test_a_lock_that_sleeps_is_as_it_said(carer: FlaskClient, home: EnrolledHome) -> None:
    """A sleeping lock, and one that did not answer a question or did not wake for a turn, make no
    colour on the page: what it said stands, with its time, also a day later."""
    home.send(LockLocked(), device="front")
    home.send(LockAsleep(), LockUnreachable(), LockUnknown(unanswered=True), device="front")
    for path in ("/nu", "/hem", "/pass", "/hem/h1"):
        page = text_of(carer, path)
        assert "Låst enligt låset 22:00" in page, path
        assert "Låsläge okänt" not in page, path
    home.clock.advance(86_400)
    assert lock_chip(carer) == ("", "Låst enligt låset 23 nov. 22:00")


def test_what_makes_a_lock_unknown(carer: FlaskClient, home: EnrolledHome, staff: Staff) -> None:
    """Its driver lost it; its home is silent: said with what was known before, until it is heard
    again."""
    home.send(LockLocked(), device="front")
    home.clock.advance(60)
    home.send(DeviceOffline(reason="silent"), device="front")
    assert lock_chip(carer) == ("unknown", "Låsläge okänt (låst 22:00)")
    home.clock.advance(60)
    home.send(LockUnlocked(), device="front")
    assert lock_chip(carer) == ("warn", "Upplåst enligt låset 22:02")
    with staff.db.write() as tx:
        t = tables.home_state
        tx.conn.execute(update(t).values(silent_since=home.clock.now()))
    assert lock_chip(carer) == ("unknown", "Låsläge okänt (upplåst 22:02)")


def test_a_wired_sensor_is_not_said_to_answer(carer: FlaskClient, home: EnrolledHome) -> None:
    """It tells nothing but its readings: before the first it was never heard, after it no fault is
    known, and a fault is a fault."""

    def word() -> str:
        found = re.search(r'data-device="bed".*?</div>', _home(carer))
        assert found is not None
        words = ("Ingen signal än", "Inga kända fel", "Svarar inte", "Svarar", "Fel")
        return next(one for one in words if one in found[0])

    assert word() == "Ingen signal än"
    home.send(MatPressed(), device="bed")
    assert word() == "Inga kända fel"
    home.send(DeviceOffline(reason="silent"), device="bed")
    assert word() == "Svarar inte"
