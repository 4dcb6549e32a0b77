"""Recorded homes are read, repaired by the rules that are written down, or refused by line."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import RecordingError
from gateway.events import (
    ContactChanged,
    DoorClosed,
    DoorOpened,
    MatPressed,
    MatReleased,
    MotionCleared,
    MotionDetected,
    PendantPressed,
)
from gateway.replay.recording import PROBLEMS_MAX, Recording, lines, read, role_of

TZ = "Europe/Stockholm"
HEADER = "timestamp_local,home,sensor,kind,value\n"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(row + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(tmp_path: Path, *rows: str, tz: str = TZ) -> Recording:
    return read(write(tmp_path / "r.csv", *rows), tz)


def refused(tmp_path: Path, *rows: str) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        read_rows(tmp_path, *rows)
    return caught.value


GOOD = "2026-11-23T22:00:00,h,bed,bed_mat,1"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("larmknapp", "pendant"),
        ("pendant_1", "pendant"),
        ("SOS", "pendant"),
        ("doorbell", "button"),
    ],
)
def test_a_button_is_a_pendant_when_its_name_says_so(tmp_path: Path, name: str, role: str) -> None:
    """Recordings know the kind `button` alone; a bell at the door is no call for help."""
    made = read_rows(tmp_path, f"2026-11-23T22:00:00,h,{name},button,1")
    assert made.devices[name].role == role


def test_kinds_become_what_the_devices_would_say(tmp_path: Path) -> None:
    """Each kind's 1 and 0 are the events of such a device, with the role it has."""
    kinds = {
        "bed_mat": ("bed", MatPressed(), MatReleased()),
        "floor_mat": ("floor", MatPressed(), MatReleased()),
        "seat_mat": ("seat", ContactChanged(on=True), ContactChanged(on=False)),
        "door": ("door", DoorOpened(), DoorClosed()),
        "motion": ("motion", MotionDetected(), MotionCleared()),
        "toilet": ("toilet", ContactChanged(on=True), ContactChanged(on=False)),
        "button": ("button", ContactChanged(on=True), ContactChanged(on=False)),
        "pendant": ("pendant", PendantPressed(verified=True), ContactChanged(on=False)),
        "other": (None, ContactChanged(on=True), ContactChanged(on=False)),
    }
    rows = [
        f"2026-11-23T22:00:{2 * number + off:02},h,x_{kind},{kind},{1 - off}"
        for number, kind in enumerate(kinds)
        for off in (0, 1)
    ]
    made = read_rows(tmp_path, *rows)
    assert made.home == "h"
    for kind, (role, on, off) in kinds.items():
        assert made.devices[f"x_{kind}"].role == role
        assert [row.data for row in made.rows if row.device == f"x_{kind}"] == [on, off]
    assert made.rows[0].at == datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    assert [row.line for row in made.rows] == list(range(2, 20))


@pytest.mark.parametrize(
    ("sensor", "role"),
    [
        ("front_door", "front_door"),
        ("OutsideDoor", "front_door"),
        ("entrance_maindoor_magnetic", "front_door"),
        ("house_door", "front_door"),
        ("fridge", "door"),
        ("bathroom_door", "door"),
    ],
)
def test_which_door_leads_out(sensor: str, role: str) -> None:
    """By its name, as the recorded homes call it."""
    assert role_of(sensor, "door") == role


def test_packed_files_and_an_activity_column(tmp_path: Path) -> None:
    """`.csv.gz` is read as `.csv`; what a person labelled is not used."""
    path = tmp_path / "r.csv.gz"
    text = HEADER.replace("value\n", "value,activity\n") + GOOD + ",sleeping\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert [row.data for row in read(path, TZ).rows] == [MatPressed()]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2026-02-30T22:00:00,h,bed,bed_mat,1", "is no date and time"),
        ("2026-11-23T24:61:00,h,bed,bed_mat,1", "is no date and time"),
        ("0001-01-01T00:00:00,h,bed,bed_mat,1", "the year 1 cannot be"),
        ("2026-11-23T22:00:00+01:00,h,bed,bed_mat,1", "has an offset"),
        ("2026-11-23T22:00:00,h,bed,trampoline,1", "the kind 'trampoline' is unknown"),
        ("2026-11-23T22:00:00,h,bed,bed_mat,2145574", "is a pressure"),
        ("2026-11-23T22:00:00,h,door,door,0.5", "neither 0 nor 1"),
        ("2026-11-23T22:00:00,h,door,door,", "neither 0 nor 1"),
        ("2026-11-23T22:00:00,h,,door,1", "no name"),
        ("2026-11-23T22:00:00,other,bed,bed_mat,1", "the home is 'other' here"),
        ("2026-11-23T22:00:00,h,bed,motion,1", "bed was a bed_mat before"),
        ("2026-11-23T21:59:54,h,bed,bed_mat,0", "lies before the row above"),
        ("2026-11-23T22:00:00,h,bed,bed_mat", "4 columns"),
    ],
)
def test_rows_that_cannot_be_used_name_file_and_line(tmp_path: Path, row: str, why: str) -> None:
    """One sentence: file, line, what is wrong.  Asked to go on, the reader leaves just it out."""
    error = refused(tmp_path, GOOD, row)
    assert why in error.text
    assert "r.csv: line 3: " in error.text
    assert error.data["line"] == 3
    after = "2026-11-23T22:10:00,h,bed,bed_mat,0"
    made = read(write(tmp_path / "s.csv", GOOD, row, after), TZ, skip_bad=True)
    assert [row.line for row in made.rows] == [2, 4]
    assert [problem.data["line"] for problem in made.problems] == [3]
    assert len(list(lines(made))) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"when,who\n1,2\n", "the header is not"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_files_that_are_no_recording(tmp_path: Path, content: bytes, why: str) -> None:
    """An empty file, another table, bytes that are no text: one sentence with the file's name."""
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=why):
        read(path, TZ)


def test_a_torn_archive_and_a_missing_file(tmp_path: Path) -> None:
    """A cut `.gz` and a file that is not there are the user's errors, not tracebacks."""
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD + "\n").encode())[:-12])
    for bad in (path, tmp_path / "none.csv"):
        with pytest.raises(RecordingError, match="cannot be read"):
            read(bad, TZ)
    with pytest.raises(RecordingError, match="no time zone"):
        read(write(tmp_path / "t.csv", GOOD), "Europe/Atlantis")


def test_a_file_full_of_problems_is_given_up(tmp_path: Path) -> None:
    """Going on has an end: a file with nothing but bad rows is no recording."""
    path = write(tmp_path / "r.csv", *["x,h,bed,bed_mat,1"] * (PROBLEMS_MAX + 5))
    with pytest.raises(RecordingError, match="more than"):
        read(path, TZ, skip_bad=True)


def test_rows_a_little_out_of_order_are_sorted_in(tmp_path: Path) -> None:
    """Five seconds back is two radios; counted.  Six is refused (above)."""
    made = read_rows(tmp_path, GOOD, "2026-11-23T21:59:55,h,door,door,1")
    assert [row.device for row in made.rows] == ["door", "bed"]
    assert made.repaired == {"sorted": 1}


def test_a_repeated_row_is_left_out_and_a_pulse_within_a_second_is_not(tmp_path: Path) -> None:
    """The same twice at one moment is one; on, off, on at one moment are three."""
    off = GOOD[:-1] + "0"
    made = read_rows(tmp_path, GOOD, GOOD, off, GOOD)
    assert [row.data for row in made.rows] == [MatPressed(), MatReleased(), MatPressed()]
    assert made.repaired == {"duplicate": 1}


def test_on_while_on_is_kept(tmp_path: Path) -> None:
    """Real sensors say it twice; the rules must bear it."""
    made = read_rows(tmp_path, GOOD, "2026-11-23T22:00:09,h,bed,bed_mat,1")
    assert len(made.rows) == 2
    assert made.repaired == {}


def test_the_autumn_night(tmp_path: Path) -> None:
    """02:50, then 02:10: the hour ran twice.  A lone 02:30 is the first."""
    stamps = ["01:59:00", "02:10:00", "02:50:00", "02:10:00", "02:50:00", "03:00:00"]
    rows = [f"2026-10-25T{stamp},h,bed,bed_mat,{n % 2}" for n, stamp in enumerate(stamps)]
    made = read_rows(tmp_path, *rows)
    at = [f"{row.at:%H:%M}" for row in made.rows]
    assert at == ["23:59", "00:10", "00:50", "01:10", "01:50", "02:00"]
    assert made.repaired == {"second_hour": 2}


def test_the_spring_night(tmp_path: Path) -> None:
    """02:30 was not: the recorder's clock had not moved yet, so it is 01:30 UTC."""
    made = read_rows(
        tmp_path, "2026-03-29T01:59:59,h,bed,bed_mat,1", "2026-03-29T02:30:00,h,bed,bed_mat,0"
    )
    assert [f"{row.at:%H:%M:%S}" for row in made.rows] == ["00:59:59", "01:30:00"]
    assert made.repaired == {"clock_not_moved": 1}


def test_a_zone_with_a_half_hour_change(tmp_path: Path) -> None:
    """Lord Howe: 01:45 occurs twice on 5 April 2026, half an hour apart."""
    rows = [f"2026-04-05T{stamp},h,bed,bed_mat,1" for stamp in ("01:50:00", "01:35:00", "02:10:00")]
    made = read_rows(tmp_path, *rows, tz="Australia/Lord_Howe")
    assert [f"{row.at:%H:%M}" for row in made.rows] == ["14:50", "15:05", "15:40"]
