"""Time zones that a calendar names, or describes itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import UserError
from tests.staff.visits.calendars import HERE, calendar, event, times
from web.staff.visits import ical_lines
from web.staff.visits.ical_zones import Zones

# as Outlook describes a time zone that somebody set by hand, or that has no name of Windows'
OUTLOOK = """\
BEGIN:VTIMEZONE
TZID:%s
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""

LIKE_HERE = {
    "as Outlook does": OUTLOOK,
    "by days of the month": OUTLOOK.replace(
        "BYDAY=-1SU;BYMONTH=10", "BYMONTH=10;BYMONTHDAY=25,26,27,28,29,30,31;BYDAY=SU"
    ),
    "with an end": OUTLOOK.replace("BYMONTH=10", "BYMONTH=10;UNTIL=20371025T010000Z"),
    "with seconds": OUTLOOK.replace("+0100", "+010000"),
    "with dates": OUTLOOK.replace(
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10",
        "RDATE:20251026T030000,20261025T030000\nRDATE:20271031T030000",
    ).replace(
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3",
        "RDATE:20260329T020000,20270328T020000",
    ),
    "twice": f"{OUTLOOK}\n{OUTLOOK}",
}
NAMES = [
    ("Egen tidszon", "Egen tidszon"),
    ("(UTC+01:00) Amsterdam\\, Stockholm", '"(UTC+01:00) Amsterdam, Stockholm"'),
    ("(UTC+01:00) Amsterdam\\, Stockholm", '"(UTC+01:00) Amsterdam\\, Stockholm"'),
    ("tzone://Microsoft/Custom", '"tzone://Microsoft/Custom"'),
]


@pytest.mark.parametrize("how", LIKE_HERE)
def test_a_described_zone_is_as_that_of_the_world(how: str) -> None:
    """Each quarter of an hour around three changes of the clock, either way, both times where one
    comes twice."""
    described = LIKE_HERE[how].replace("%s", "Ours").encode()
    whole = b"BEGIN:VCALENDAR\n" + described + b"\nEND:VCALENDAR\n"
    zone = Zones(ical_lines.read(whole)[0].parts).named("Ours", 1)
    quarters = [timedelta(minutes=15 * n) for n in range(-200, 200)]
    for change in ("2026-03-29", "2026-10-25", "2027-03-28"):
        at = datetime.fromisoformat(f"{change}T01:00+00:00")
        for one in (at + quarter for quarter in quarters):
            here, there = one.astimezone(HERE), one.astimezone(zone)
            assert (here.replace(tzinfo=None), here.fold) == (
                there.replace(tzinfo=None),
                there.fold,
            )
            assert there.astimezone(UTC) == one
            for fold in (0, 1):
                wall = here.replace(fold=fold)
                assert wall.replace(tzinfo=zone).utcoffset() == wall.utcoffset(), wall


@pytest.mark.parametrize(("described", "named"), NAMES)
def test_a_described_zone_may_be_called_anything(described: str, named: str) -> None:
    """Also what only a name in quotes may hold."""
    visit = event(f"DTSTART;TZID={named}:20261130T080000", "DURATION:PT30M")
    assert times(calendar(OUTLOOK.replace("%s", described), visit)) == ["30 08:00-08:30"]
    assert times(calendar(visit, OUTLOOK.replace("%s", described))) == ["30 08:00-08:30"]


@pytest.mark.parametrize(
    "changed",
    [
        ("INTERVAL=1", "INTERVAL=2"),
        ("INTERVAL=1", "COUNT=40"),
        ("BYDAY=-1SU;BYMONTH=10", "BYMONTH=10;BYDAY=SU"),
        ("BYDAY=-1SU", "BYWEEKNO=13"),
        ("BYMONTH=10", "BYMONTH=13"),
        ("BYDAY=-1SU", "BYDAY=9SU"),
        ("FREQ=YEARLY", "FREQ=DAILY"),
        ("TZOFFSETTO:+0100", "TZOFFSETTO:+2500"),
        ("TZOFFSETFROM:+0200", "TZOFFSETFROM:två"),
        ("DTSTART:16010101T030000", "DTSTART:16011301T030000"),
        ("DTSTART:16010101T030000", "DTSTART:00010101T000000"),
        ("RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10", "RDATE;VALUE=PERIOD:1/2"),
        ("END:STANDARD", "EXDATE:20261025T030000\nEND:STANDARD"),
    ],
)
def test_a_zone_that_is_described_otherwise_is_not_known(changed: tuple[str, str]) -> None:
    """Nothing of it is guessed: the time that needs it is refused, in one sentence."""
    visit = event("DTSTART;TZID=Egen:20261130T080000", "DURATION:PT30M")
    described = OUTLOOK.replace("%s", "Egen").replace(*changed)
    with pytest.raises(UserError, match="the time zone 'Egen' is not known"):
        times(calendar(described, visit))


def test_a_change_at_the_ends_of_time_is_none() -> None:
    """No offset can be taken from it: the zone is not known, also where such a date is one of
    those that are named one by one."""
    visit = event("DTSTART;TZID=Egen:20261130T080000", "DURATION:PT30M")
    begin, _, rest = OUTLOOK.replace("%s", "Egen").partition("BEGIN:DAYLIGHT")
    begin = begin.replace("16010101", "29990101")
    begin = begin.replace("RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10", "RDATE:%s")
    assert times(calendar(f"{begin}BEGIN:DAYLIGHT{rest}" % "20261025T030000", visit))
    with pytest.raises(UserError, match="the time zone 'Egen' is not known"):
        times(calendar(f"{begin}BEGIN:DAYLIGHT{rest}" % "00010101T000000", visit))


def test_a_zone_with_two_names_is_none() -> None:
    """Told with its line, as anything else that stands there twice."""
    visit = event("DTSTART;TZID=Egen:20261130T080000", "DURATION:PT30M")
    twice = OUTLOOK.replace("TZID:%s", "TZID:Egen\nTZID:Min")
    with pytest.raises(UserError, match="line 5: TZID is there twice"):
        times(calendar(twice, visit))


@pytest.mark.parametrize("name", ["localtime", "right/Europe/Stockholm", "Factory", "../UTC", ""])
def test_a_file_of_the_machine_is_no_time_zone(name: str) -> None:
    """What it is set to, or counts leap seconds by, is not what a plan means."""
    with pytest.raises(UserError, match="is not known"):
        times(calendar(event(f'DTSTART;TZID="{name}":20261130T080000', "DURATION:PT30M")))


def test_the_name_of_a_zone_behind_that_of_a_program() -> None:
    """Of two or three words."""
    for name, at in (("Europe/Stockholm", "08:00"), ("America/Argentina/Buenos_Aires", "12:00")):
        named = f"TZID=/vendor.example/2007_1/{name}"
        (found,) = times(calendar(event(f"DTSTART;{named}:20261130T080000", "DURATION:PT30M")))
        assert found.startswith(f"30 {at}")
