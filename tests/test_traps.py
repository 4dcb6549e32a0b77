"""Every trap that the recorded homes are known for, one test each; and bad recordings.

The traps are those listed beside the recordings.  The recordings are not part of this project; the
tests that need them are skipped where they are absent.
"""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import RecordingError
from gateway.events import MatFault
from gateway.replay.injected_falls import silences
from gateway.replay.recording import Recording, Row, read
from gateway.replay.score import Pass, run_pass, tried
from gateway.rules import names

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
ZONES = {
    "ordonez_a": "Europe/Madrid",
    "kasteren_b": "Europe/Amsterdam",
    "aras_a": "Europe/Istanbul",
    "casas_hh_al": "America/Los_Angeles",
    "mit_s1": "America/New_York",
}
HEADER = "timestamp_local,home,sensor,kind,value\n"

recorded = pytest.mark.recordings


def home(name: str) -> Recording:
    path = DATA / name / "events.csv.gz"
    if not path.exists():
        pytest.skip(f"the recorded home {name} is not here")
    return _read(name)


@cache
def _read(name: str) -> Recording:
    return read(DATA / name / "events.csv.gz", ZONES[name])


@cache
def _ran(name: str) -> Pass:
    return run_pass(_read(name), None, {})


def ran(name: str) -> Pass:
    home(name)
    return _ran(name)


def only(recording: Recording, *rules: str) -> Pass:
    """With these rules alone: what one of them makes of a home."""
    off = [f"{name}.enabled=false" for name in names() if name not in rules]
    return run_pass(recording, None, tried({}, off))


def kinds(made: Pass) -> Counter[str]:
    return Counter(event.kind for event in made.decided)


def pressed(recording: Recording, device: str) -> list[tuple[datetime, datetime]]:
    found, since = [], None
    for row in recording.rows:
        if row.device == device and row.data.KIND == "mat.pressed":
            since = since or row.at
        elif row.device == device and since is not None:
            found.append((since, row.at))
            since = None
    return found


# --- a clean mat: ordonez_a -----------------------------------------------------------------------


@recorded
def test_one_stay_a_night_raises_nothing_at_all() -> None:
    """The mat and its label are one and there is no exit in the whole set: zero alarms at night."""
    made, zone = ran("ordonez_a"), ZoneInfo("Europe/Madrid")
    night = [a for a in made.answers if not 8 <= a.at.astimezone(zone).hour < 22]
    assert [answer for answer in night if not answer.look] == []
    assert kinds(made)["bed.entered"] == 15


@recorded
def test_a_seat_pressed_for_hours_is_no_alarm() -> None:
    """8.65 h on the seat by day: long pressure is normal there."""
    recording = home("ordonez_a")
    seat = [r for r in recording.rows if r.device == "living_seat_pressure"]
    longest = max(b.at - a.at for a, b in pairwise(seat) if a.data.on)  # type: ignore[attr-defined]
    assert longest > timedelta(hours=8.6)
    assert kinds(ran("ordonez_a"))["activity.prewarned"] == 0


@recorded
def test_a_pulse_of_no_length_and_labels_that_end_before_they_begin_harm_nobody() -> None:
    """Both edges in one second are kept in their order; labels are not read at all."""
    recording = home("ordonez_a")
    same = [
        (a, b)
        for a, b in zip(recording.rows, recording.rows[1:], strict=False)
        if a.device == b.device and a.at == b.at
    ]
    assert len(same) == 1
    assert all(row.line > 1 for row in recording.rows)
    assert kinds(ran("ordonez_a"))["rule.failed"] == 0


# --- mats that chatter and stick: kasteren_b ------------------------------------------------------


@recorded
def test_mats_that_chatter_are_stays_and_not_exits() -> None:
    """4,666 pulses of a second in 27 nights: a few stays a night, and no alarm of the bed."""
    recording = home("kasteren_b")
    pulses = sum(row.data.KIND == "mat.pressed" for row in recording.rows)
    assert pulses > 4600
    made = ran("kasteren_b")
    assert 27 <= kinds(made)["bed.entered"] <= 27 * 5
    assert [a for a in made.answers if a.word == "bed_exit"] == []


@recorded
def test_the_sleeper_that_a_mat_loses_for_hours_is_asked_about_and_not_rung() -> None:
    """50 gaps over 15 minutes in bed, the longest 246: looks, and fewer than one a night."""
    recording = home("kasteren_b")
    mats = {"bed_pressure_left", "bed_pressure_right"}
    long = [gone for gone in silences(recording.rows, mats, 60.0) if gone.silent_s > 900]
    assert len(long) > 50
    made = ran("kasteren_b")
    asked = [answer for answer in made.answers if answer.look]
    assert 10 <= len(asked) <= 27
    assert {answer.rule for answer in asked} == {"bed_exit"}


@recorded
def test_both_stuck_mats_are_found() -> None:
    """On for 10.5 days and for 1.8 days without a break: each is called stuck after 16 hours, and
    not believed until it is released."""
    recording = home("kasteren_b")
    made = ran("kasteren_b")
    stuck = [event for event in made.decided if event.kind == "mat.faulted"]
    assert {event.device for event in stuck} == {"bed_pressure_left", "bed_pressure_right"}
    assert {event.data.fault for event in stuck} == {MatFault.STUCK}  # type: ignore[attr-defined]
    for device in ("bed_pressure_left", "bed_pressure_right"):
        longest = max(end - begin for begin, end in pressed(recording, device))
        assert longest > timedelta(days=1.7)
    told = [e for e in made.decided if e.kind == "alarm.raised" and e.device is not None]
    assert {e.data.type for e in told} >= {"device_down", "mat_poor"}  # type: ignore[attr-defined]


@recorded
def test_a_mat_that_is_called_poor_here_and_not_in_a_good_home() -> None:
    """Learned from the nights: poor where it loses the sleeper, good where it never does."""

    def learned(name: str) -> set[str]:
        made = ran(name).decided
        return {str(e.data.quality) for e in made if e.kind == "mat.learned"}  # type: ignore[attr-defined]

    assert "poor" in learned("kasteren_b") & learned("aras_a")
    assert "good" in learned("ordonez_a") and "poor" not in learned("ordonez_a")


@recorded
def test_mats_that_call_the_night_team_in_vain_are_told_once_and_only_here() -> None:
    """Two looks a night and more in kasteren_b, all in vain: the bed's mats cannot watch it, said
    once.  Elsewhere a look is rare enough; and no mat of a recorded home has felt nobody."""
    for name, times in (("kasteren_b", 1), ("aras_a", 0), ("ordonez_a", 0)):
        raised = [e.data for e in ran(name).decided if e.kind == "alarm.raised"]
        told = [str(data.type) for data in raised]  # type: ignore[attr-defined]
        assert told.count("mat_unfit") == times
        assert "mat_unfelt" not in told
        assert "contact_reversed" not in told


@recorded
def test_on_while_on_and_off_while_off_change_nothing() -> None:
    """206 such pairs in casas_hh_al; 21 here, of which the reader leaves out all but five as rows
    that say nothing new: without them the decisions about the bed are the same."""
    for name, least in (("kasteren_b", 5), ("casas_hh_al", 150)):
        recording = home(name)
        last: dict[str, object] = {}
        rows: list[Row] = []
        for row in recording.rows:
            if last.get(row.device) != row.data:
                rows.append(row)
            last[row.device] = row.data
        assert len(recording.rows) - len(rows) >= least
        clean = Recording(recording.path, recording.home, recording.timezone, recording.devices)
        clean.rows = rows
        of_beds = [
            [(e.at, e.data) for e in run_pass(one, None, {}).decided if e.kind.startswith("bed.")]
            for one in (recording, clean)
        ]
        assert of_beds[0] == of_beds[1]


@recorded
def test_a_day_without_a_word_is_told_once_at_most() -> None:
    """2009-07-22 is silent for 14 hours and nobody knows why: at most one alarm, after asking."""
    zone = ZoneInfo("Europe/Amsterdam")
    day = datetime(2009, 7, 22, tzinfo=zone).date()
    told = [
        a
        for a in ran("kasteren_b").answers
        if a.word == "inactivity" and a.at.astimezone(zone).date() == day
    ]
    assert len(told) <= 1


@recorded
def test_sensors_without_a_name_are_doors_that_lead_nowhere() -> None:
    """sensor_20 to sensor_25: their kind is a guess; none is taken for the front door."""
    devices = home("kasteren_b").devices
    assert devices["front_door"].role == "front_door"
    assert {devices[f"sensor_{n}"].role for n in (20, 22, 23, 24, 25)} == {"door"}


# --- two residents, joined days: aras_a -----------------------------------------------------------


@recorded
def test_the_seam_at_midnight_is_no_exit_and_no_alarm() -> None:
    """Sensors jump where two days' files are joined: nothing is decided from an edge at 00:00:00
    that was not decided without it."""
    recording = home("aras_a")
    zone = ZoneInfo(ZONES["aras_a"])
    seam = [
        row
        for row in recording.rows
        if row.device == "bed_force" and row.at.astimezone(zone).time() == time()
    ]
    assert seam
    told = [a for a in ran("aras_a").answers if a.at.astimezone(zone).time() < time(0, 30)]
    assert told == []


@recorded
def test_a_second_resident_does_not_make_the_bed_an_alarm() -> None:
    """One lies in the bed, one on the couch and about: no bed alarm, and few looks."""
    made = ran("aras_a")
    assert [a for a in made.answers if a.word == "bed_exit"] == []
    assert sum(a.look for a in made.answers) <= 17


@recorded
def test_a_sensor_that_is_on_at_the_end_is_not_on_for_ever() -> None:
    """The last state may never be followed by an off: the rules' clocks run out quietly."""
    made = ran("aras_a")
    last = home("aras_a").rows[-1].at
    assert [a for a in made.answers if a.at > last] == []
    assert kinds(made)["rule.failed"] == 0


@recorded
@pytest.mark.slow
def test_pulses_of_a_seat_are_no_sign_of_life() -> None:
    """Four of ten presses of the two couches last one or two seconds, some while everybody is out
    or asleep: without them everything that is concluded is the same."""
    recording = home("aras_a")
    short: set[int] = set()
    began: dict[str, Row] = {}
    presses = 0
    for row in recording.rows:
        if recording.devices[row.device].role != "seat":
            continue
        begun = began.pop(row.device, None)
        if row.data.on:  # type: ignore[attr-defined]
            began[row.device] = row
        elif begun is not None:
            presses += 1
            if row.at - begun.at <= timedelta(seconds=2):
                short |= {begun.line, row.line}
    assert len(short) // 2 > 0.4 * presses > 3000
    long = [row for row in recording.rows if row.line not in short]
    concluded = ("bed.", "seat.", "home.", "activity.", "check.asked", "alarm.raised")
    whole, less = (
        [(e.at, e.device, e.data) for e in made.decided if e.kind.startswith(concluded)]
        for made in (ran("aras_a"), run_pass(disturbed(recording, long), None, {}))
    )
    assert whole == less
    assert kinds(ran("aras_a"))["seat.taken"] > 4000


# --- no bed mat, merged detectors: casas_hh_al ----------------------------------------------------


@recorded
def test_hours_of_silence_at_night_are_sleep() -> None:
    """Up to 4.5 h without a word from the whole home, in bed and without a mat: nothing is said."""
    recording = home("casas_hh_al")
    gaps = [b.at - a.at for a, b in zip(recording.rows, recording.rows[1:], strict=False)]
    assert max(gaps) > timedelta(hours=4.4)
    made = ran("casas_hh_al")
    assert [a for a in made.answers if a.rule in ("bed_exit", "inactivity")] == []


@recorded
def test_a_front_door_open_for_nine_minutes_is_no_alarm() -> None:
    """532 s, once: below the quarter of an hour."""
    assert [a for a in ran("casas_hh_al").answers if a.rule == "door_open"] == []


@recorded
def test_many_departures_are_an_empty_home_and_no_alarm_by_day() -> None:
    """58 times away by label: most are seen as such; nobody is called about an empty home."""
    made = only(home("casas_hh_al"), "at_home", "inactivity", "bed")
    assert kinds(made)["home.emptied"] >= 30
    assert [a for a in made.answers if a.word == "inactivity"] == []


# --- switches that stay, a change of the clock: mit_s1 --------------------------------------------


@recorded
def test_switches_left_on_for_hours_are_no_life() -> None:
    """Doors and lights stay open for hours: the off that comes late is one sign, no more."""
    made = ran("mit_s1")
    assert kinds(made)["rule.failed"] == 0
    assert sum(a.look for a in made.answers) == 0


@recorded
def test_summer_time_begins_inside_a_recording() -> None:
    """2003-04-06 has 23 hours: no row goes back, none is refused."""
    recording = home("mit_s1")
    assert recording.problems == []
    assert all(a.at <= b.at for a, b in zip(recording.rows, recording.rows[1:], strict=False))
    offsets = {
        row.at.astimezone(ZoneInfo("America/New_York")).utcoffset() for row in recording.rows
    }
    assert len(offsets) == 2


# --- what is no recorded home ---------------------------------------------------------------------


@recorded
def test_a_pressure_recording_is_refused_by_its_line() -> None:
    """Loads up to 4095 are no 0 and 1: they need a calibrated mat first."""
    path = DATA / "pmat_load_1to6" / "events.csv.gz"
    if not path.exists():
        pytest.skip("the pressure recording is not here")
    with pytest.raises(RecordingError, match=r"line 2: the value \d+ is a pressure"):
        read(path, "UTC")


@recorded
def test_positions_are_no_events() -> None:
    """A train ride by phone: refused at its header."""
    path = DATA / "gps_posmo" / "positions.csv.gz"
    if not path.exists():
        pytest.skip("the positions are not here")
    with pytest.raises(RecordingError, match=r"line 1: the header is not"):
        read(path, "UTC")


# --- bad recordings, made here --------------------------------------------------------------------

BAD = {
    "an impossible date": ("2026-02-30T10:00:00,h,bed,bed_mat,1", "is no date"),
    "a year that cannot be": ("0001-01-01T10:00:00,h,bed,bed_mat,1", "cannot be"),
    "no time at all": ("yesterday,h,bed,bed_mat,1", "is no date"),
    "an offset": ("2026-11-23T22:00:01+01:00,h,bed,bed_mat,1", "has an offset"),
    "long before the row above": ("2026-11-22T22:00:00,h,bed,bed_mat,1", "lies before"),
    "an unknown kind": ("2026-11-23T22:00:02,h,bed,sofa,1", "is unknown"),
    "no value": ("2026-11-23T22:00:02,h,bed,bed_mat,", "neither 0 nor 1"),
    "another home": ("2026-11-23T22:00:02,h2,bed,bed_mat,1", "the home is"),
    "a column too few": ("2026-11-23T22:00:02,h,bed,1", "columns stand"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_is_refused_by_its_line_number(what: str, tmp_path: Path) -> None:
    """Said in one sentence with file and line; left out and listed when the caller goes on."""
    row, why = BAD[what]
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}2026-11-23T22:00:00,h,bed,bed_mat,1\n{row}\n"
                    "2026-11-23T23:00:00,h,bed,bed_mat,0\n", encoding="utf-8")  # fmt: skip
    with pytest.raises(RecordingError, match=rf"line 3: .*{why}"):
        read(path, "Europe/Stockholm")
    left = read(path, "Europe/Stockholm", skip_bad=True)
    assert len(left.rows) == 2 and [p.data["line"] for p in left.problems] == [3]


def test_rows_a_little_out_of_order_are_sorted_and_counted(tmp_path: Path) -> None:
    """Two radios, one clock: up to five seconds is repaired, and said."""
    path = tmp_path / "unsorted.csv.gz"
    text = f"{HEADER}2026-11-23T22:00:05,h,hall,motion,1\n2026-11-23T22:00:02,h,bed,bed_mat,1\n"
    path.write_bytes(gzip.compress(text.encode()))
    recording = read(path, "Europe/Stockholm")
    assert [row.device for row in recording.rows] == ["bed", "hall"]
    assert recording.repaired == {"sorted": 1}


def test_overlapping_intervals_are_kept_and_do_no_harm(tmp_path: Path) -> None:
    """Two intervals of one sensor that overlap come as on, on, off, off: the first off is the end,
    the second is nothing; a repeated row is left out and counted."""
    stamps = ("22:00:00,1", "22:30:00,1", "23:00:00,0", "23:30:00,0", "23:30:00,0")
    rows = [f"2026-11-23T{s.split(',')[0]},h,bed,bed_mat,{s.split(',')[1]}\n" for s in stamps]
    path = tmp_path / "overlap.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    recording = read(path, "Europe/Stockholm")
    assert recording.repaired == {"duplicate": 1}
    left = [e for e in run_pass(recording, None, {}).decided if e.kind == "bed.left"]
    assert [e.data.empty_since for e in left] == [recording.rows[2].at]  # type: ignore[attr-defined]


# --- robustness: the homes, disturbed -------------------------------------------------------------


def disturbed(
    recording: Recording, rows: list[Row], drop: frozenset[str] = frozenset()
) -> Recording:
    made = Recording(recording.path, recording.home, recording.timezone)
    made.devices = {n: d for n, d in recording.devices.items() if n not in drop}
    made.rows = [row for row in rows if row.device not in drop]
    return made


@recorded
@pytest.mark.slow
def test_half_the_pulses_of_a_mat_gone() -> None:
    """A mat that chatters even worse: no more than three alarms of the bed, no rule breaks, the
    sleeper is still found in bed on most nights."""
    recording = home("kasteren_b")
    thin, count = [], 0
    for row in recording.rows:
        if recording.devices[row.device].role == "bed":
            count += 1
            if count // 2 % 2:
                continue
        thin.append(row)
    made = run_pass(disturbed(recording, thin), None, {})
    assert kinds(made)["rule.failed"] == 0
    assert sum(a.word == "bed_exit" for a in made.answers) <= 3
    assert kinds(made)["bed.entered"] >= 20


@recorded
@pytest.mark.slow
def test_a_home_that_loses_its_other_sensors() -> None:
    """Only the mats and the front door are left: no rule breaks, and no more than three alarms in
    30 nights; what is not known becomes a look."""
    recording = home("kasteren_b")
    drop = frozenset(
        name for name, d in recording.devices.items() if d.role not in ("bed", "front_door")
    )
    made = run_pass(disturbed(recording, recording.rows, drop), None, {})
    assert kinds(made)["rule.failed"] == 0
    zone = ZoneInfo(recording.timezone)
    night = [a for a in made.answers if not 8 <= a.at.astimezone(zone).hour < 22]
    assert sum(not a.look for a in night) <= 3


@recorded
@pytest.mark.slow
def test_a_clock_that_is_six_hours_off_breaks_nothing() -> None:
    """The whole recording shifted: other numbers, the same machinery."""
    recording = home("ordonez_a")
    shifted = [row._replace(at=row.at + timedelta(hours=6)) for row in recording.rows]
    made = run_pass(disturbed(recording, shifted), None, {})
    assert kinds(made)["rule.failed"] == 0
    assert kinds(made)["bed.entered"] == 15
