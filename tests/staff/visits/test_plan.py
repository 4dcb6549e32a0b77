"""The plan: files in, all or nothing, times right, and who is planned where now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select

from gateway.errors import UserError
from tests.staff.homelink.test_ingest import rows
from tests.staff.parts import add_home, add_user
from web.staff.core.context import Staff
from web.staff.core.rights import Actor
from web.staff.storage import tables
from web.staff.storage.plan_tables import absence, plan_staff, plan_visit
from web.staff.visits import plan, plan_files, plan_import, plan_store
from web.staff.visits.plan_import import Draft, PlanRefused
from web.staff.visits.plan_store import Outcome, Sent

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)

CSV = """\
hem;start;slut;insats;personal;antal;id
h1;2026-11-24 08:00;08:45;Morgonhjälp;p7;1;a1
h1;2026-11-24 20:30;2026-11-24 21:00;Kväll;p7 p8@prov.example;2;a2
h1;2026-11-24 23:50;00:10;Natt;;;a3
"""


@pytest.fixture
def people(staff_app: Flask) -> None:
    """Two carers of the organisation."""
    add_user(staff_app, "p7", ["caregiver"], homes=["h1"])
    add_user(staff_app, "p8", ["caregiver"], homes=["h1"])


def keep(staff: Staff, drafts: list[Draft], org: str = "org1", **more: object) -> Outcome:
    with staff.write() as tx:
        sent = Sent("prov", drafts, **more)  # type: ignore[arg-type]
        return plan_store.keep(tx.conn, org, sent, now=NOW)[0]


def draft(external_id: str, since: datetime, minutes: int = 30, **more: object) -> Draft:
    given: dict[str, object] = {"line": 2, "home": "h1", "until": since + minutes * MIN} | more
    return Draft(external_id=external_id, since=since, **given)  # type: ignore[arg-type]


def test_a_csv_file_becomes_the_plan(staff: Staff, people: None) -> None:
    """Swedish column names, local times, an end after midnight, two persons by id and address."""
    assert keep(staff, plan_files.read_csv(CSV)) == Outcome(3, 0, 0, 0)
    with staff.db.read() as conn:
        found = plan.planned(conn, ["h1"], NOW, NOW + timedelta(days=2))
    assert [f"{v.external_id} {v.since:%d %H:%M} {v.until:%d %H:%M}" for v in found] == [
        "a1 24 07:00 24 07:45",
        "a2 24 19:30 24 20:00",
        "a3 24 22:50 24 23:10",
    ]
    assert [(v.people, v.staff_needed) for v in found] == [(("p7",), 1), (("p7", "p8"), 2), ((), 1)]
    assert found[0].what == "Morgonhjälp"


def test_the_same_file_again_changes_nothing(staff: Staff, people: None) -> None:
    """Known by home, source and id: unchanged; a moved one is changed, not doubled."""
    drafts = plan_files.read_csv(CSV)
    keep(staff, drafts)
    assert keep(staff, drafts) == Outcome(0, 0, 3, 0)
    moved = plan_files.read_csv(CSV.replace("08:00;08:45", "09:00;09:45").replace(";p7;1", ";p8;1"))
    assert keep(staff, moved) == Outcome(0, 1, 2, 0)
    assert len(rows(staff, plan_visit)) == 3
    assert len(rows(staff, plan_staff)) == 3


def test_what_is_gone_from_the_span_is_withdrawn_and_kept(staff: Staff, people: None) -> None:
    """A day sent anew without a visit takes it out of the plan; it comes back when named again."""
    drafts = plan_files.read_csv(CSV)
    keep(staff, drafts)
    span = (NOW, NOW + timedelta(days=2))
    assert keep(staff, drafts[:1], span=span) == Outcome(0, 0, 1, 2)
    with staff.db.read() as conn:
        assert [v.external_id for v in plan.planned(conn, ["h1"], *span)] == ["a1"]
        everything = plan.planned(conn, ["h1"], *span, withdrawn=True)
        assert [v.withdrawn for v in everything] == [False, True, True]
    assert keep(staff, drafts) == Outcome(0, 2, 1, 0)


BAD = """\
home,start,end,people,staff,team,id
h9,2026-11-24 08:00,08:45,,,,b1
h1,i morgon,08:45,,,,b2
h1,2026-11-24 08:00,2026-11-24 07:00,,,,b3
h1,2026-11-24 08:00,08:45,p99,,,b4
h1,2026-11-24 08:00,08:45,,,Lag Nord,b5
h1,2026-11-24 08:00,08:45,,nio,,b6
h1,2026-11-24 08:00,08:45,,1,,good
h1,2026-11-24 09:00,09:45,,1,,good
h1,2026-11-24 08:00
"""


def test_each_bad_line_has_a_sentence_and_nothing_is_kept(staff: Staff, people: None) -> None:
    """What cannot be read is told first; then what the organisation does not have."""
    with pytest.raises(PlanRefused) as caught:
        plan_files.read_csv(BAD)
    assert {one.line for one in caught.value.lines} == {3, 7, 10}
    assert "line 3: the start 'i morgon' is no time" in caught.value.text
    readable = "\n".join(
        line for number, line in enumerate(BAD.split("\n"), 1) if number not in (3, 7, 10)
    )
    with pytest.raises(PlanRefused) as caught:
        keep(staff, plan_files.read_csv(readable))
    assert [(one.line, one.text.split(";")[0]) for one in caught.value.lines] == [
        (2, "there is no home 'h9' in this organisation."),
        (3, "the visit ends before it begins."),
        (4, "there is no active account 'p99' in this organisation."),
        (5, "there is no team 'Lag Nord' in this organisation."),
        (7, "the visit good is on line 6 already."),
    ]
    assert rows(staff, plan_visit) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("home;start;end\n", "the column 'id' is missing"),
        ("home;start;end;id;colour\n", "the column 'colour' is not known"),
        ("home;hem;start;end;id\n", "a column is there twice"),
        ('home;start;end;id\n"h1;2026', "line 2: it is no CSV"),
    ],
)
def test_a_header_that_is_none_is_told(text: str, sentence: str) -> None:
    """One sentence, with the line."""
    with pytest.raises(UserError, match=sentence):
        plan_files.read_csv(text)


def test_the_encoding_of_a_file() -> None:
    """With Excel's mark it is read; in Latin-1 it is refused, not guessed."""
    assert plan_files.text_of("\ufeffhem".encode()) == "hem"
    with pytest.raises(UserError, match="UTF-8"):
        plan_files.text_of("Kväll".encode("latin-1"))


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("22:00", "07:00", 9),
        ("18:00", "10:00", 16),
        ("23:50", "00:00", 1 / 6),
        ("00:00", "07:00", 7),
        ("14:00", "13:30", "before"),  # two figures that changed places
        ("08:00", "08:00", "when"),
        ("22:00", "22:00", "before"),
        ("17:59", "07:00", "before"),
        ("22:00", "10:01", "before"),
    ],
)
def test_an_end_without_a_day(staff: Staff, start: str, end: str, hours: float | str) -> None:
    """The same day; the next morning after an evening; else it is told, not guessed."""
    drafts = plan_files.read_csv(f"home;start;end;id\nh1;2026-11-24 {start};{end};x\n")
    if isinstance(hours, str):
        hours = "when" if start == end else hours
        with pytest.raises(PlanRefused, match=f"line 2: the visit ends {hours} it begins"):
            keep(staff, drafts)
        return
    keep(staff, drafts)
    (row,) = rows(staff, plan_visit)
    assert row.until - row.since == timedelta(hours=hours)


def test_a_name_is_the_same_however_its_letters_are_composed(
    staff: Staff, staff_app: Flask, people: None
) -> None:
    """`ö` in one piece or as `o` and a mark: of the file, and of what the organisation wrote."""
    apart = "Bjo\u0308rklaget"
    assert len(apart) == 11
    with staff.write() as tx:
        tx.conn.execute(insert(tables.team).values(org_id="org1", name=apart))
    keep(staff, [draft("väg1", NOW, team="BJÖRKLAGET", what="Stöd")])
    again = draft("va\u0308g1", NOW, team=apart, what="Sto\u0308d")
    assert keep(staff, [again]) == Outcome(0, 0, 1, 0)
    assert plan_files.text_of("Sto\u0308d".encode()) == "Stöd"
    (row,) = rows(staff, plan_visit)
    assert (row.external_id, row.what) == ("väg1", "Stöd")


def test_a_visit_that_is_taken_out_needs_nobody_who_is_still_here(staff: Staff) -> None:
    """A carer who left, a team that is gone, times that make no sense: it is only taken out."""
    keep(staff, [draft("a1", NOW)])
    gone = draft("a1", NOW, people=("p99",), team="borta", withdrawn=True, until=NOW)
    assert keep(staff, [gone]) == Outcome(0, 0, 0, 1)


def test_another_organisations_home_person_and_plan_do_not_exist(
    staff: Staff, staff_app: Flask, people: None
) -> None:
    """A plan of one organisation cannot name or change what is another's."""
    add_home(staff_app, "h2", org="org2")
    add_user(staff_app, "p9", ["caregiver"], homes=["h2"], org="org2")
    keep(staff, [draft("a1", NOW)])
    with pytest.raises(PlanRefused, match="no home 'h1'"):
        keep(staff, [draft("a1", NOW)], org="org2")
    with pytest.raises(PlanRefused, match="no active account 'p9'"):
        keep(staff, [draft("a2", NOW, people=("p9",))])
    assert keep(staff, [], org="org2", span=(NOW - 60 * MIN, NOW + 60 * MIN)).withdrawn == 0


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T02:30", "2026-03-29T01:30"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-10-25T01:30", "2026-10-24T23:30"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_local_times_on_the_nights_of_daylight_saving(local: str, utc: str) -> None:
    """A skipped time is reckoned with the offset before it; of two the first."""
    at = plan_import.to_utc(datetime.fromisoformat(local), "Europe/Stockholm")
    assert f"{at:%Y-%m-%dT%H:%M}" == utc


def test_a_visit_inside_the_hour_that_comes_twice(staff: Staff) -> None:
    """02:45 to 02:15 is half an hour, not an end before the beginning."""
    text = "home;start;end;id\nh1;2026-10-25 02:45;2026-10-25 02:15;x\n"
    keep(staff, plan_files.read_csv(text))
    (row,) = rows(staff, plan_visit)
    assert (row.since, row.until - row.since) == (
        datetime(2026, 10, 25, 0, 45, tzinfo=UTC),
        30 * MIN,
    )


def test_a_visit_inside_the_hour_that_is_skipped(staff: Staff) -> None:
    """02:30 to 03:00 is half an hour there too, not an end before the beginning."""
    text = "home;start;end;id\nh1;2027-03-28 02:30;2027-03-28 03:00;x\n"
    keep(staff, plan_files.read_csv(text))
    (row,) = rows(staff, plan_visit)
    assert (row.since, row.until - row.since) == (
        datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
        30 * MIN,
    )


def test_somebody_who_is_named_twice_is_one(staff: Staff, people: None) -> None:
    """By id and by address, in whatever letters."""
    names = ("p7", "P7@prov.example", "p7@PROV.example")
    keep(staff, [draft("a1", NOW, people=names, staff_needed=1)])
    assert [row.person_id for row in rows(staff, plan_staff)] == ["p7"]


# --- who is planned now ---------------------------------------------------------------------------


def at_door(staff: Staff, actor: Actor, at: datetime, **more: float) -> str | None:
    with staff.db.read() as conn:
        found = plan.planned_now(conn, actor, "h1", at, **more)
    return None if found is None else found.external_id


def test_the_window_is_the_planned_time_and_a_little(
    staff: Staff, make_user: Callable[..., Actor]
) -> None:
    """Not a second before it opens, not a second after it closes; both ends are set by the
    configuration."""
    carer = make_user("p7", ["caregiver"], homes=["h1"])
    keep(staff, [draft("a1", NOW, people=("p7",))])
    window = {"before_min": 15.0, "after_min": 20.0}
    second = timedelta(seconds=1)
    opens, closes = NOW - 15 * MIN, NOW + 50 * MIN
    assert at_door(staff, carer, opens - second, **window) is None
    assert at_door(staff, carer, opens, **window) == "a1"
    assert at_door(staff, carer, closes, **window) == "a1"
    assert at_door(staff, carer, closes + second, **window) is None


def test_only_those_who_are_to_go(
    staff: Staff, staff_app: Flask, make_user: Callable[..., Actor]
) -> None:
    """The named person; with a place open the team, or anybody assigned when no team is named."""
    named = make_user("p7", ["caregiver"], homes=["h1"])
    other = make_user("p8", ["caregiver"], homes=["h1"])
    keep(staff, [draft("a1", NOW, people=("p7",))])
    assert (at_door(staff, named, NOW), at_door(staff, other, NOW)) == ("a1", None)
    keep(staff, [draft("a1", NOW, people=("p7",), staff_needed=2)])
    assert (at_door(staff, named, NOW), at_door(staff, other, NOW)) == ("a1", "a1")
    with staff.db.write() as tx:
        team = tx.conn.execute(
            insert(tables.team).values(org_id="org1", name="Lag Nord").returning(tables.team.c.id)
        ).scalar_one()
        p7 = tx.conn.execute(
            select(tables.user.c.id).where(tables.user.c.person_id == "p7")
        ).scalar_one()
        tx.conn.execute(insert(tables.team_member).values(team_id=team, user_id=p7))
    keep(staff, [draft("a1", NOW, team="lag nord")])
    assert (at_door(staff, named, NOW), at_door(staff, other, NOW)) == ("a1", None)


def test_of_two_the_nearest(staff: Staff, make_user: Callable[..., Actor]) -> None:
    """Between two visits the one whose planned time is nearer is meant."""
    carer = make_user("p7", ["caregiver"], homes=["h1"])
    keep(staff, [draft("a1", NOW), draft("a2", NOW + 60 * MIN)])
    assert at_door(staff, carer, NOW + 40 * MIN) == "a1"
    assert at_door(staff, carer, NOW + 50 * MIN) == "a2"


def test_a_withdrawn_visit_opens_nothing_and_an_old_plan_has_run_out(
    staff: Staff, make_user: Callable[..., Actor]
) -> None:
    """`has_plan` tells a home without a plan from one where nothing is planned now."""
    carer = make_user("p7", ["caregiver"], homes=["h1"])

    def has(at: datetime) -> bool:
        with staff.db.read() as conn:
            return plan.has_plan(conn, "h1", at)

    assert has(NOW) is False
    keep(staff, [draft("a1", NOW)])
    assert (has(NOW - timedelta(days=9)), has(NOW + timedelta(hours=24))) == (True, True)
    assert has(NOW + timedelta(hours=25)) is False
    keep(staff, [draft("a1", NOW, withdrawn=True)])
    assert (at_door(staff, carer, NOW), has(NOW)) == (None, False)


def test_who_is_away_when(staff: Staff) -> None:
    """Until the end that was told, or until it was ended before."""
    with staff.db.write() as tx:
        for since, until, ended in ((0, 60, None), (120, None, 180), (300, None, None)):
            tx.conn.execute(
                insert(absence).values(
                    home_id="h1",
                    since=NOW + since * MIN,
                    until=None if until is None else NOW + until * MIN,
                    ended_at=None if ended is None else NOW + ended * MIN,
                    noted_by="p1",
                    noted_at=NOW,
                )
            )
    with staff.db.read() as conn:
        found = plan.away(conn, ["h1"], NOW, NOW + timedelta(days=1))
    told = [plan.is_away(found, "h1", NOW + m * MIN) for m in (-1, 0, 59, 60, 150, 180, 299, 999)]
    assert told == [False, True, True, False, True, False, False, True]
