"""Calendars become the plan: who, what and where; what is cancelled or moved, once and for a
series; what cannot be honoured is refused.  When a series is due stands in `test_ical_series`."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from gateway.errors import UserError
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home, add_user
from tests.staff.visits.calendars import (
    MORNING,
    NOW,
    bring,
    calendar,
    drafts,
    event,
    morning,
    planned,
    times,
)
from web.staff.core.context import Staff
from web.staff.storage.plan_tables import plan_staff, plan_visit
from web.staff.visits import plan_ical

MIN = timedelta(minutes=1)


@pytest.fixture
def people(staff_app: Flask) -> None:
    """Two carers of the organisation."""
    add_user(staff_app, "p7", ["caregiver"], homes=["h1"])
    add_user(staff_app, "p8", ["caregiver"], homes=["h1"])


ICAL = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//prov//SE
BEGIN:VEVENT
UID:morgon
DTSTART;TZID=Europe/Stockholm:20261019T080000
DTEND;TZID=Europe/Stockholm:20261019T083000
RRULE:FREQ=DAILY;UNTIL=20261028T070000Z
EXDATE;TZID=Europe/Stockholm:20261023T080000
SUMMARY:Morgonhjälp\\, med en lång text som viks
  över två rader
X-TRYGGVE-HOME:h1
ATTENDEE:mailto:p7@prov.example
END:VEVENT
BEGIN:VEVENT
UID:morgon
RECURRENCE-ID;TZID=Europe/Stockholm:20261024T080000
DTSTART;TZID=Europe/Stockholm:20261024T100000
DURATION:PT20M
SUMMARY:Senare
LOCATION:h1
END:VEVENT
BEGIN:VEVENT
UID:en
DTSTART:20261025T180000Z
DURATION:PT45M
LOCATION:h1
X-TRYGGVE-STAFF:2
END:VEVENT
END:VCALENDAR
"""

_DAYS = ("30", "01", "02", "03")
_THIRD = event("RECURRENCE-ID:20261201T070000Z", "DTSTART:20261201T090000Z", home="h3")


def test_an_icalendar_file_becomes_the_plan(staff: Staff, people: None) -> None:
    """A visit at eight stays at eight when summer time ends; one is left out, one moved; a folded
    line is one text."""
    now = datetime(2026, 10, 21, 22, 0, tzinfo=UTC)
    bring(staff, ICAL.replace("\n", "\r\n").encode(), now=now)
    found = sorted(rows(staff, plan_visit), key=lambda row: row.since)
    mornings = [row for row in found if row.what.startswith("Morgon")]
    assert {row.what for row in mornings} == {
        "Morgonhjälp, med en lång text som viks över två rader"
    }
    assert [f"{row.since:%d %H}" for row in mornings] == [
        "21 06", "22 06", "25 07", "26 07", "27 07", "28 07",
    ]  # fmt: skip
    (late,) = [row for row in found if row.what == "Senare"]
    assert (late.since, late.external_id) == (
        datetime(2026, 10, 24, 8, 0, tzinfo=UTC),
        "morgon@2026-10-24T08:00",
    )
    (alone,) = [row for row in found if row.external_id == "en"]
    assert (alone.staff_needed, alone.until - alone.since) == (2, 45 * MIN)
    with staff.db.read() as conn:
        assert set(conn.execute(select(plan_staff.c.person_id)).scalars()) == {"p7"}


def people_of(*lines: str) -> tuple[str, ...]:
    (found,) = drafts(calendar(morning(*lines)))
    return found.people


def test_who_is_to_come() -> None:
    """Not who said no or handed it on, not who is only told, no thing; an address as it is."""
    assert people_of(
        "ATTENDEE;PARTSTAT=DECLINED:mailto:p1@prov.example",
        'ATTENDEE;PARTSTAT=delegated;DELEGATED-TO="mailto:p3@prov.example":mailto:p2@prov.example',
        'ATTENDEE;DELEGATED-FROM="mailto:p2@prov.example":MAILTO:p3@prov.example',
        "ATTENDEE;CUTYPE=RESOURCE;PARTSTAT=ACCEPTED:mailto:bil3@prov.example",
        "ATTENDEE;CUTYPE=ROOM:mailto:rum@prov.example",
        "ATTENDEE;ROLE=NON-PARTICIPANT:mailto:chef@prov.example",
        'ATTENDEE;CN="Berg: Åsa, 2";PARTSTAT=TENTATIVE:mailto:p4%40prov.example?subject=x',
        "ATTENDEE;EMAIL=p5@prov.example:urn:uuid:5",
        "ATTENDEE:p6",
        "ORGANIZER:mailto:kontor@prov.example",
    ) == ("p3@prov.example", "p4@prov.example", "p5@prov.example", "p6")
    assert people_of() == ()


def test_nobody_of_those_who_declined_is_counted(staff: Staff, people: None) -> None:
    """One comes, one is needed; when all declined the place is open."""
    gone = "ATTENDEE;PARTSTAT=DECLINED:mailto:p7@prov.example"
    bring(staff, calendar(morning(gone, "ATTENDEE:mailto:p8@prov.example")))
    assert [row.staff_needed for row in rows(staff, plan_visit)] == [1]
    assert [row.person_id for row in rows(staff, plan_staff)] == ["p8"]
    bring(staff, calendar(morning(gone, "X-TRYGGVE-STAFF:2")))
    assert [row.staff_needed for row in rows(staff, plan_visit)] == [2]
    assert rows(staff, plan_staff) == []


def test_where_a_visit_is(staff: Staff, staff_app: Flask) -> None:
    """`X-TRYGGVE-HOME`, else what was given, else LOCATION; a moved one is where its series is."""
    add_home(staff_app, "h2")
    named = [one.home for one in drafts(calendar(morning("LOCATION:h3")), home="h2")]
    given = [one.home for one in drafts(calendar(morning("LOCATION:h3", home=None)), home="h2")]
    placed = [one.home for one in drafts(calendar(morning("LOCATION:h3", home=None)))]
    assert (named, given, placed) == (["h1"], ["h2"], ["h3"])
    moved = event(
        "RECURRENCE-ID:20261201T070000Z",
        "DTSTART:20261201T090000Z",
        "DURATION:PT30M",
        "LOCATION:Storgatan 1",
        home=None,
    )
    found = drafts(calendar(morning("RRULE:FREQ=DAILY;COUNT=2", "LOCATION:Storgatan 1"), moved))
    assert [one.home for one in found] == ["h1", "h1"]


@pytest.mark.parametrize(
    "fold",
    ["\r\n ", "\n ", "\r\n\t", "\r\n \r\n "],
)
@pytest.mark.parametrize("text", ["Stöd", "Sto\u0308d", "Kaffe \U0001f9e1", "a\\, b\\nc"])
def test_a_fold_may_stand_anywhere(text: str, fold: str) -> None:
    """Inside a letter, between a letter and its mark, inside an escape: the text is the same."""
    whole = f"SUMMARY:{text}".encode()
    (expected,) = drafts(calendar(morning(f"SUMMARY:{text}")))
    for place in range(1, len(whole)):
        folded = whole[:place] + fold.encode() + whole[place:]
        data = calendar(morning("SUMMARY:x")).replace(b"SUMMARY:x", folded)
        (found,) = drafts(data)
        assert found.what == expected.what == unicodedata.normalize("NFC", found.what)


def test_a_line_is_counted_as_it_stands_in_the_file() -> None:
    """Folded lines before it count, and a mark at the beginning does not."""
    data = calendar(morning("SUMMARY:en\n  lång\n  text", "RRULE:FREQ=HOURLY"))
    with pytest.raises(UserError, match="line 11: the event repeats"):
        drafts(b"\xef\xbb\xbf" + data)


SERIES = "RRULE:FREQ=DAILY;COUNT=4"
MOVED = ["30 08:00-08:30", "01 10:00-10:20", "02 08:00-08:30", "03 08:00-08:30"]


def change(named: str, *lines: str, start: str = "20261201T090000Z", uid: str = "a") -> str:
    """An event that stands for one of a series: at ten for twenty minutes."""
    return event(f"RECURRENCE-ID{named}", f"DTSTART:{start}", "DURATION:PT20M", *lines, uid=uid)


NAMED = [
    ";TZID=Europe/Stockholm:20261201T080000",
    ":20261201T070000Z",
    ";TZID=Europe/Helsinki:20261201T090000",
    ":20261201T080000",  # in the zone of the series
    ";VALUE=DATE:20261201",
]


@pytest.mark.parametrize("named", NAMED)
def test_one_visit_of_a_series_is_moved(staff: Staff, named: str) -> None:
    """However it is named; the same id by which it was planned before."""
    bring(staff, calendar(morning(SERIES)))
    ids = {row.external_id for row in rows(staff, plan_visit)}
    done = bring(staff, calendar(change(named), morning(SERIES)))
    assert (done.added, done.changed, done.unchanged, done.withdrawn) == (0, 1, 3, 0)
    assert planned(staff) == MOVED
    assert {row.external_id for row in rows(staff, plan_visit)} == ids


@pytest.mark.parametrize("named", NAMED)
def test_one_visit_of_a_series_is_cancelled(staff: Staff, named: str) -> None:
    """It is taken out; the others stay."""
    bring(staff, calendar(morning(SERIES)))
    done = bring(staff, calendar(morning(SERIES), change(named, "STATUS:CANCELLED")))
    assert (done.unchanged, done.withdrawn) == (3, 1)
    assert planned(staff) == [MOVED[0], *MOVED[2:]]


def test_a_change_of_a_visit_that_is_left_out_or_cancelled_in_vain(staff: Staff) -> None:
    """Some programs leave the old time out and name the new one; a cancelled one needs no slot."""
    out = morning(SERIES, "EXDATE:20261201T070000Z")
    assert times(calendar(out, change(":20261201T070000Z"))) == MOVED
    gone = change(":20261201T080000Z", "STATUS:CANCELLED")
    bring(staff, calendar(morning(SERIES), gone))
    assert len(planned(staff)) == 4


def test_a_change_without_its_series(staff: Staff) -> None:
    """One visit is moved or cancelled of what was planned before; the rest stays."""
    bring(staff, calendar(morning(SERIES)))
    assert bring(staff, calendar(change(":20261201T070000Z"))).changed == 1
    assert planned(staff) == MOVED
    gone = change(":20261202T070000Z", "STATUS:CANCELLED")
    assert bring(staff, calendar(gone)).withdrawn == 1
    gone = event("RECURRENCE-ID;VALUE=DATE:20261203", "STATUS:CANCELLED", home=None)
    assert bring(staff, calendar(gone)).withdrawn == 1
    assert planned(staff) == MOVED[:2]


ONWARD = ";RANGE=THISANDFUTURE;TZID=Europe/Stockholm:20261202T080000"


def test_this_and_all_later_ones() -> None:
    """Are moved by as much, and last as long; one of them may still stand by itself."""
    later = change(ONWARD, "SUMMARY:Sen", start="20261202T083000Z")
    data = calendar(morning(SERIES), later)
    assert times(data) == [MOVED[0], "01 08:00-08:30", "02 09:30-09:50", "03 09:30-09:50"]
    assert [one.what for one in drafts(data)] == ["", "", "Sen", "Sen"]
    one = change(":20261203T070000Z", start="20261203T120000Z")
    assert times(calendar(morning(SERIES), later, one))[-1] == "03 13:00-13:20"
    again = change(ONWARD.replace("1202", "1203"), start="20261203T110000Z")
    found = times(calendar(again, morning(SERIES), later))
    assert found[2:] == ["02 09:30-09:50", "03 12:00-12:20"]


def test_this_and_all_later_ones_by_the_clock_on_the_wall() -> None:
    """Also when the clock changes between them."""
    series = event(
        "DTSTART;TZID=Europe/Stockholm:20261023T080000",
        "DURATION:PT30M",
        "RRULE:FREQ=DAILY;COUNT=4",
    )
    later = change(
        ";RANGE=THISANDFUTURE;TZID=Europe/Stockholm:20261024T080000", start="20261024T073000Z"
    )
    found = times(calendar(series, later), datetime(2026, 10, 23, tzinfo=UTC))
    assert found == ["23 08:00-08:30", "24 09:30-09:50", "25 09:30-09:50", "26 09:30-09:50"]


def test_this_and_all_later_ones_are_cancelled(staff: Staff) -> None:
    """With the series in the file, and without."""
    gone = change(ONWARD, "STATUS:CANCELLED")
    for data in (calendar(morning(SERIES), gone), calendar(gone)):
        bring(staff, calendar(morning(SERIES)))
        assert bring(staff, data).withdrawn == 2
        assert planned(staff) == [MOVED[0], "01 08:00-08:30"]


def test_a_calendar_that_cancels(staff: Staff) -> None:
    """METHOD:CANCEL, with as little as it needs to say: no time, no home."""
    for uid in ("a", "b"):
        bring(staff, calendar(morning(SERIES, uid=uid)))
    bring(staff, calendar(morning(uid="c")))
    assert bring(staff, calendar("METHOD:CANCEL", morning(SERIES))).withdrawn == 4
    assert bring(staff, calendar("METHOD:CANCEL", event(uid="b", home=None))).withdrawn == 4
    assert len(planned(staff)) == 1
    assert bring(staff, calendar("METHOD:CANCEL", event(uid="c", home="h9"))).withdrawn == 1
    assert bring(staff, calendar("METHOD:CANCEL", event(uid="d"))).withdrawn == 0
    assert bring(staff, calendar("METHOD:PUBLISH", morning(SERIES))).changed == 4


def test_a_cancelled_visit_needs_nobody_who_is_still_here(staff: Staff, people: None) -> None:
    """Neither its carer nor its team; also one that is over."""
    bring(staff, calendar(morning("ATTENDEE:mailto:p7@prov.example")))
    gone = morning("STATUS:CANCELLED", "ATTENDEE:mailto:gone@prov.example", "X-TRYGGVE-TEAM:x")
    assert bring(staff, calendar(gone), now=NOW + timedelta(days=9)).withdrawn == 1
    assert planned(staff) == []


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (morning("RRULE:FREQ=DAILY;COUNT=2"), ["30 08:00-08:30", "01 08:00-08:30"]),
        (morning("RRULE:FREQ=DAILY;UNTIL=20261129"), []),
        (morning(SERIES, "EXDATE:20261201T070000Z,20261202T070000Z"), [MOVED[0], MOVED[3]]),
        (morning(SERIES).replace("T08", "T07"), [f"{day} 07:00-07:30" for day in _DAYS]),
        (morning("RRULE:FREQ=WEEKLY;COUNT=2"), ["30 08:00-08:30", "07 08:00-08:30"]),
        (morning("RDATE:20261205T070000Z"), ["30 08:00-08:30", "05 08:00-08:30"]),
        (morning(), ["30 08:00-08:30"]),  # no series any more
        (morning("STATUS:CANCELLED"), []),
        (morning(SERIES, "STATUS:CANCELLED"), []),
        (morning(SERIES, home="h2"), []),  # it is another home's now
    ],
)
def test_a_series_that_changed_leaves_nothing_behind(
    staff: Staff, staff_app: Flask, later: str, expected: list[str]
) -> None:
    """Moved, cut, thinned, ended: what the file no longer names of it is taken out, also without a
    span; what is another's stays."""
    add_home(staff_app, "h2")
    other = event("DTSTART:20261207T120000Z", "DURATION:PT1H", uid="b")
    bring(staff, calendar(morning(SERIES), other))
    bring(staff, calendar(later))
    assert planned(staff) == sorted([*expected, "07 13:00-14:00"], key=_by_day)


def _by_day(text: str) -> tuple[bool, str]:
    return not text.startswith("30"), text


def test_a_series_that_moved_far_ahead(staff: Staff) -> None:
    """What was planned beyond the two months, for a longer span once, is not forgotten: it moves
    too, and stays where the file still names it."""
    span = (NOW, NOW + timedelta(days=120))
    bring(staff, calendar(morning("RRULE:FREQ=DAILY")), span=span)
    before = planned(staff)
    assert (len(before), before[-1]) == (120, "29 08:00-08:30")
    assert bring(staff, calendar(morning("RRULE:FREQ=DAILY"))).unchanged == 120
    moved = morning("RRULE:FREQ=DAILY").replace("T080000", "T081500")
    bring(staff, calendar(moved))
    assert planned(staff) == [text.replace("08:00", "08:15") for text in before]


def test_a_span_that_lies_ahead(staff: Staff) -> None:
    """A series that moved moves before it too: it is written out from now on."""
    bring(staff, calendar(morning(SERIES)))
    span = (datetime(2026, 12, 2, tzinfo=UTC), datetime(2026, 12, 9, tzinfo=UTC))
    bring(staff, calendar(morning(SERIES).replace("T08", "T07")), span=span)
    assert planned(staff) == [f"{day} 07:00-07:30" for day in _DAYS]


def test_an_id_that_looks_like_one_of_a_series(staff: Staff) -> None:
    """A visit that does not repeat is found by its whole UID."""
    uid = "a@2026-11-30T08:00"
    bring(staff, calendar(morning(uid=uid)))
    assert bring(staff, calendar(morning("STATUS:CANCELLED", uid=uid))).withdrawn == 1


def test_what_is_over_stays_as_it_was(staff: Staff) -> None:
    """A series that is moved now was at the old time until yesterday."""
    bring(staff, calendar(morning(SERIES)))
    moved = morning(SERIES).replace("T08", "T07")
    bring(staff, calendar(moved), now=datetime(2026, 12, 3, 0, 0, tzinfo=UTC))
    assert planned(staff) == [*MOVED[:1], "01 08:00-08:30", "02 07:00-07:30", "03 07:00-07:30"]


def test_a_file_for_one_home_leaves_the_others_alone(staff: Staff, staff_app: Flask) -> None:
    """With the home given beside it, its ids are that home's."""
    add_home(staff_app, "h2")
    for home in ("h1", "h2"):
        bring(staff, calendar(morning(SERIES, home=None)), home=home)
    bring(staff, calendar(morning("RRULE:FREQ=DAILY;COUNT=2", home=None)), home="h2")
    assert (len(planned(staff)), len(planned(staff, ["h2"]))) == (4, 2)
    bring(staff, calendar("METHOD:CANCEL", morning(home=None)), home="h2")
    assert (len(planned(staff)), len(planned(staff, ["h2"]))) == (4, 0)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (("METHOD:REPLY", morning()), "line 3: a calendar with METHOD:REPLY is no plan"),
        (("METHOD:ADD", morning()), "line 3: a calendar with METHOD:ADD is no plan"),
        (("CALSCALE:JULIAN", morning()), "line 3: CALSCALE:JULIAN is not known"),
        (("BEGIN:VTODO\nUID:t\nEND:VTODO", morning()), "line 3: a VTODO is no visit"),
        ((morning("STATUS:MAYBE"),), "line 8: STATUS:MAYBE is not known"),
        ((morning("X-TRYGGVE-STAFF:två"),), "line 8: the number of staff 'två' is no number"),
        ((morning(uid=""),), "line 3: the event has no UID"),
        ((morning(), morning()), "line 9: the visit a is on line 3 already"),
        ((morning("UID:b"),), "line 8: UID is there twice"),
        ((morning("X-TRYGGVE-HEM:h2"),), "line 8: X-TRYGGVE-HEM is not known"),
        ((morning("RRULE :FREQ=DAILY"),), "line 8: 'RRULE :FREQ=DAILY' cannot be read"),
        ((morning("SUMMARY;X:y"),), "line 8: 'SUMMARY;X:y' cannot be read"),
        (
            (morning("SUMMARY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:St=C3=B6d"),),
            "line 8: SUMMARY is written in QUOTED-PRINTABLE; it must be plain UTF-8",
        ),
        ((morning("LOCATION;CHARSET=ISO-8859-1:h1"),), "line 8: LOCATION is written in ISO-8859-1"),
        ((event(MORNING, f"UID:b\n{morning(uid='c')}"),), "line 9: it begins inside .* line 3"),
        ((morning("SUMMARY:a\nEND:VTODO"),), "line 9: END:VTODO ends what line 3 began otherwise"),
        ((f"BEGIN:VEVENT\nUID:a\n{MORNING}",), "line 7: END:VCALENDAR ends what line 3 began"),
        (
            (morning(SERIES), change(":20261201T070000Z"), change(":20261201T080000")),
            "line 17: it stands for the same visit as the event on line 10",
        ),
        (
            (morning(SERIES), change(";VALUE=DATE:20261220")),
            "line 13: on 2026-12-20 the series has 0 visits",
        ),
        (
            (morning(SERIES), change(";RANGE=THISANDPRIOR:20261201T070000Z")),
            "line 13: RANGE=THISANDPRIOR is not honoured",
        ),
        (
            (morning(SERIES), change(":20261201T070000Z", "RRULE:FREQ=DAILY")),
            "line 16: an event with RECURRENCE-ID has RRULE",
        ),
        # what stands for none of its visits would be one more
        (
            (morning(SERIES), change(":20261201T080000Z")),
            "line 13: the series has no visit at 20261201T080000Z, which it would change",
        ),
        ((morning(SERIES), change(":20261224T070000Z")), "line 13: the series has no visit at"),
        ((morning(), change(":20261201T070000Z")), "line 12: the series has no visit at"),
        (
            (morning(SERIES), change(";RANGE=THISANDFUTURE:20261201T080000Z")),
            "line 13: the series has no visit at",
        ),
        ((morning(), change(ONWARD)), "line 12: .* the event does not repeat"),
        ((change(ONWARD),), "line 6: it changes the rest of a series that is not in the file"),
        ((change(";VALUE=DATE:20261201"),), "line 6: RECURRENCE-ID is a day, and its series"),
        (
            (morning(SERIES), morning(SERIES, home="h2"), change(":20261201T070000Z"), _THIRD),
            "line 24: it is not clear which series",
        ),
    ],
)
def test_what_a_calendar_cannot_ask_for(parts: tuple[str, ...], sentence: str) -> None:
    """One sentence with the line's number; nothing is passed over."""
    with pytest.raises(UserError, match=sentence):
        drafts(calendar(*parts))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no iCalendar file: it is empty"),
        (b"x", "no iCalendar file: line 1 is outside"),
        (calendar().replace(b"2.0", b"1.0"), "line 2: this is vCalendar; save it as iCalendar"),
        (calendar() + b"VERSION:2.0", "no iCalendar file: line 4 is outside"),
        ("BEGIN:VCALENDAR".encode("utf-16"), "line 1: it is not in UTF-8"),
        (calendar(morning("SUMMARY:Kväll")).replace("ä".encode(), b"\xe4"), "line 8: .* UTF-8"),
        (calendar(morning())[:-30], "line 3: VEVENT has no end; the file was cut off"),
    ],
)
def test_a_file_that_is_no_calendar_or_only_part_of_one(data: bytes, sentence: str) -> None:
    """It is told, and nothing kept of it."""
    with pytest.raises(UserError, match=sentence):
        drafts(data)


def test_a_file_that_is_made_to_take_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rules that have to be followed from long ago, or for each of their changes."""
    monkeypatch.setattr(plan_ical, "WALK_MAX_DAYS", 30_000)
    old = ("DTSTART:19700101T080000", "DURATION:PT30M", "RRULE:FREQ=DAILY;COUNT=10000")
    assert drafts(calendar(event(*old))) == []
    for many in (
        [event(*old, uid=f"u{n}") for n in range(9)],
        [event(*old), *(change(f";VALUE=DATE:1990010{n}") for n in range(1, 9))],
        [event(*old, *["EXRULE:FREQ=DAILY;COUNT=9999"] * 9)],
    ):
        with pytest.raises(UserError, match="began too long ago"):
            drafts(calendar(*many))


def test_what_is_no_part_of_a_plan_may_be_as_it_likes() -> None:
    """Other programs' lines, alarms, and two calendars in one file."""
    odd = ("X-ODD;;:=", "DESCRIPTION;X:y", "BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM", "", "GEO:")
    assert times(calendar(morning(*odd)) + calendar(morning(uid="b"))) == ["30 08:00-08:30"] * 2


def test_every_wrong_event_is_told_and_each_once(staff: Staff) -> None:
    """A series of visits for nobody known is one line."""
    bad = calendar(morning(SERIES, "ATTENDEE:mailto:p99@prov.example"), morning(SERIES, uid="b"))
    with pytest.raises(UserError) as caught:
        bring(staff, bad)
    assert (
        caught.value.text
        == "line 3: there is no active account 'p99@prov.example' in this organisation."
    )
    with pytest.raises(UserError) as caught:
        drafts(calendar(morning("STATUS:X"), morning("RRULE:FREQ=HOURLY", uid="b")))
    assert [line[:7] for line in caught.value.text.splitlines()] == ["line 8:", "line 15"]
