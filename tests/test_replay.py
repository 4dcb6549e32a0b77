"""A recorded home through the live parts: the same events each time, in order, and sane."""

from __future__ import annotations

import json
from collections import Counter
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft, from_json
from gateway.replay.recording import read
from gateway.replay.run import AFTER, facts_of, json_lines, replay, run, text_lines
from gateway.rules import DeviceFacts, HomeFacts, RuleSettings, bind, settings_class
from gateway.rules.fold import Fold
from gateway.schedule import Plan

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
PLANS = {"night": Plan(times=(time(23, 0), time(2, 30), time(5, 0)))}
TZ = "Europe/Stockholm"

ALARM = "alarm.raised     type=check_no_answer severity=care"

SMALL = """timestamp_local,home,sensor,kind,value
2026-11-23T22:00:00,h,bed,bed_mat,1
2026-11-24T01:00:00,h,bed,bed_mat,0
2026-11-24T01:00:30,h,hall,motion,1
2026-11-24T03:00:00,h,bed,bed_mat,1
2026-11-24T06:30:00,h,bed,bed_mat,0
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text(SMALL, encoding="utf-8")
    return path


def recorded(name: str) -> Path:
    path = DATA / name / "events.csv.gz"
    if not path.exists():
        pytest.skip(f"the recorded home {name} is not here")
    return path


def test_a_small_night_in_words(small: Path) -> None:
    """What the rules made of it, line by line, in the home's time.  Nothing is known of the mat in
    its first night: exits are asked about, and nobody answers a recording."""
    made = run(small, None, {}, {"night": Plan(times=(time(23, 0),))}, TZ)
    night = "check=night@2026-11-23T22:00Z"
    up, off = "2026-11-24T00:00:00.000Z", "2026-11-24T05:30:00.000Z"
    assert list(text_lines(made, TZ)) == [
        "2026-11-23 22:00:10+01:00 bed.entered      (bed: 1)",
        f"2026-11-23 23:00:00+01:00 check.done       {night} by=sensor (night_check: 3,2,1)",
        f"2026-11-24 01:05:00+01:00 bed.left         empty_since={up} certain=false (bed: 5,6)",
        (
            "2026-11-24 01:29:30+01:00 check.asked      "
            "check=look-bed_exit@2026-11-24T00:29:30Z why=all_silent "
            "answer_by=2026-11-24T00:39:30.000Z attempt=1 (bed_exit: 7,6)"
        ),
        (
            "2026-11-24 01:39:30+01:00 check.escalated  "
            "check=look-bed_exit@2026-11-24T00:29:30Z why=no_answer (look: 8)"
        ),
        f"2026-11-24 01:39:30+01:00 {ALARM} since=2026-11-24T00:29:30.000Z (look: 8)",
        "2026-11-24 03:00:10+01:00 bed.entered      (bed: 11)",
        f"2026-11-24 06:35:00+01:00 bed.left         empty_since={off} certain=false (bed: 13)",
        (
            "2026-11-24 06:59:00+01:00 check.asked      "
            "check=look-bed_exit@2026-11-24T05:59:00Z why=bed_doubtful "
            "answer_by=2026-11-24T06:09:00.000Z attempt=1 (bed_exit: 14)"
        ),
        (
            "2026-11-24 07:09:00+01:00 check.escalated  "
            "check=look-bed_exit@2026-11-24T05:59:00Z why=no_answer (look: 15)"
        ),
        f"2026-11-24 07:09:00+01:00 {ALARM} since=2026-11-24T05:59:00.000Z (look: 15)",
    ]


def test_with_everything_the_log_is_whole(small: Path) -> None:
    """Numbers without gaps, each hash after the one before, inputs included."""
    made = list(run(small, None, {}, PLANS, TZ, everything=True))
    assert [event.seq for event in made] == list(range(1, len(made) + 1))
    assert {event.origin for event in made} == {"home:h"}
    assert sum(event.because is None for event in made) == 5 + 3
    for line, event in zip(json_lines(made), made, strict=True):
        assert from_json(json.loads(line)) == event


def test_settings_and_the_configured_home_are_used(small: Path) -> None:
    """A longer patience asks nothing of the first exit; a mat that the configuration gives another
    role is no bed; what it does not name is added from the file."""
    patient: dict[str, RuleSettings] = {
        "bed_exit": settings_class("bed_exit").model_validate({"look_min": 150})
    }
    kinds = [event.kind for event in run(small, None, patient, {}, TZ)]
    stays = ["bed.entered", "bed.left", "bed.entered", "bed.left"]
    assert kinds == [*stays, "check.asked", "check.escalated", "alarm.raised"]
    sofa = HomeFacts("h7", "UTC", devices={"bed": DeviceFacts("bed", "mat_gpio", "sensor", "sofa")})
    assert list(run(small, sofa, {}, {}, TZ)) == []
    facts = facts_of(read(small, TZ), sofa)
    assert (facts.id, facts.timezone, list(facts.devices)) == ("h7", TZ, ["bed", "hall"])


def test_a_file_without_rows_makes_nothing(tmp_path: Path) -> None:
    """A header and no rows: no events, no error."""
    path = tmp_path / "r.csv"
    path.write_text(SMALL.splitlines()[0] + "\n", encoding="utf-8")
    assert list(run(path, None, {}, PLANS, TZ)) == []


def _figures(name: str, tz: str) -> tuple[list[Any], Counter[str], int]:
    recording = read(recorded(name), tz)
    made = list(replay(recording, None, {}, PLANS))
    again = list(replay(read(recorded(name), tz), None, {}, PLANS))
    assert list(json_lines(made)) == list(json_lines(again))
    end = recording.rows[-1].at + AFTER
    assert all(one.at <= other.at for one, other in pairwise(made))
    assert all(one.seq < other.seq for one, other in pairwise(made))
    assert all(recording.rows[0].at <= event.at <= end for event in made)
    assert all(event.because is not None and event.because.events for event in made)
    return made, Counter(event.kind for event in made), len(recording.rows)


@pytest.mark.recordings
@pytest.mark.slow
def test_kasteren_b() -> None:
    """27 nights of mats that chatter and get stuck: the same bytes twice; stays, not pulses; the
    stuck mats found; every check has one outcome."""
    made, kinds, rows = _figures("kasteren_b", "Europe/Amsterdam")
    assert rows > 38_000
    assert kinds["rule.failed"] == 0
    assert 27 <= kinds["bed.entered"] <= 27 * 5, "4,600 pulses are a few stays a night"
    # a stay ends in an exit or in doubt, and a doubt ends in either
    assert kinds["bed.left"] <= kinds["bed.entered"] <= kinds["bed.left"] + kinds["bed.doubted"] + 1
    stuck = {event.device for event in made if event.kind == "mat.faulted"}
    assert stuck == {"bed_pressure_left", "bed_pressure_right"}
    checks = 27 * 3
    closed = Counter(
        event.data.check.partition("@")[0]
        for event in made
        if event.kind in ("check.done", "check.escalated")
    )
    assert closed["night"] == checks, "nobody answers a recording: done by the sensor, or escalated"
    alarms = Counter(event.data.type for event in made if event.kind == "alarm.raised")
    assert alarms["bed_exit"] <= 36, "no worse than the naive rule: 36 in 30 nights"


@pytest.mark.recordings
@pytest.mark.slow
def test_casas_hh_al() -> None:
    """A month without a bed mat: no opinion on a bed; every check is asked for want of one."""
    made, kinds, rows = _figures("casas_hh_al", "America/Los_Angeles")
    assert rows == 61_578
    assert not any(kind.startswith(("bed.", "mat.")) for kind in kinds)
    asked = Counter(event.data.why for event in made if event.kind == "check.asked")
    assert asked["no_sensor"] == 89
    assert asked.total() - 89 <= 2, "who is long in the bathroom at night is asked about"


@pytest.mark.recordings
def test_ordonez_a_is_silent_at_night() -> None:
    """One stay a night, as the mat said: fifteen in, fifteen out, no exit alarm."""
    made, kinds, _ = _figures("ordonez_a", "Europe/Madrid")
    assert kinds["bed.entered"] == kinds["bed.left"] == 15
    assert [e for e in made if e.kind == "alarm.raised" and e.data.type == "bed_exit"] == []


@pytest.mark.recordings
@pytest.mark.slow
def test_a_rebuild_from_the_log_of_a_real_month_is_the_live_state() -> None:
    """All events of kasteren_b, decisions included, fed to a fresh fold: the states of every rule
    are those of the fold that decided them, and it decides nothing that is not in the log."""
    recording = read(recorded("kasteren_b"), "Europe/Amsterdam")
    rules = bind({}, facts_of(recording))
    live = Sequencer(Fold(rules), origin="home:b", boot="b")
    for row in recording.rows:
        live.number(Draft(row.data, device=row.device, at=row.at), at=row.at, mono_s=0.0)
    rebuilt = Fold(rules)
    rebuilt.rebuild((row.event, row.event.at) for row in live.drain().rows)
    for rule in rules:
        assert rebuilt.state_of(rule.name) == live.fold.state_of(rule.name)
    end = recording.rows[-1].at + AFTER
    again = Sequencer(rebuilt, origin="home:b", boot="b", seq=live.seq, head=live.head)
    for sequencer in (live, again):
        sequencer.run_due(end, 0.0)
    assert [row.body for row in again.drain().rows] == [row.body for row in live.drain().rows]


@pytest.mark.recordings
def test_a_pressure_recording_is_refused_in_one_sentence() -> None:
    """Loads of a pressure mattress are no 0 and 1: said by file and line."""
    from gateway.errors import RecordingError

    with pytest.raises(
        RecordingError, match=r"events\.csv\.gz: line 2: the value 609 is a pressure"
    ):
        read(recorded("pmat_load_1to6"), "UTC")
