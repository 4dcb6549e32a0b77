"""The score: what it counts, how falls are put in, and the numbers on the recorded homes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.errors import ConfigError
from gateway.replay.injected_falls import exits, injected, picked
from gateway.replay.recording import Recording, read
from gateway.replay.run import facts_of
from gateway.replay.score import (
    Pass,
    is_night,
    least_questions,
    naive,
    night_span,
    pictures,
    run_pass,
    score,
    tried,
)

pytestmark = pytest.mark.slow

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
TZ = "Europe/Stockholm"
KEYS = [
    "recording",
    "nights",
    "alarms_per_30_nights",
    "looks_per_30_nights",
    "inactivity_per_30_days",
    "falls_injected",
    "falls_answered",
    "answer_p50_min",
    "answer_max_min",
]
HEADER = "timestamp_local,home,sensor,kind,value\n"


@cache
def home(name: str) -> Recording:
    path = DATA / name / "events.csv.gz"
    if not path.exists():
        pytest.skip(f"the recorded home {name} is not here")
    return read(path, TZ)


def nights(tmp_path: Path, count: int = 6, *, chatter: bool = False) -> Path:
    """A made home: to bed at 23, once up at 03 for six minutes, up at 07 and about."""
    rows: list[tuple[datetime, str, str, int]] = []
    for night in range(count):
        eve = datetime.fromisoformat("2026-11-02T23:00") + timedelta(days=night)
        for begin, end in (
            (eve, eve + timedelta(hours=4)),
            (eve + timedelta(hours=4, minutes=6), eve + timedelta(hours=8)),
        ):
            at = begin
            while chatter and at < end - timedelta(seconds=30):
                rows += [(at, "bed", "bed_mat", 1)]
                rows += [(at + timedelta(seconds=2), "bed", "bed_mat", 0)]
                at += timedelta(seconds=20)
            if not chatter:
                rows += [(begin, "bed", "bed_mat", 1), (end, "bed", "bed_mat", 0)]
            for second in (30, 90, 300):
                rows.append((end + timedelta(seconds=second), "hall_pir", "motion", 1))
        for minute in range(10, 120, 10):
            rows.append((eve + timedelta(hours=8, minutes=minute), "kitchen_pir", "motion", 1))
        for hour in range(9, 22):
            rows.append((eve - timedelta(hours=23 - hour), "kitchen_pir", "motion", 1))
    path = tmp_path / "made.csv"
    lines = [f"{at.isoformat()},made,{name},{kind},{on}\n" for at, name, kind, on in sorted(rows)]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def test_a_quiet_home_has_no_alarm_and_every_fall_is_found(tmp_path: Path) -> None:
    """Six nights with a visit to the toilet: nothing; both kinds of fall are answered, a good mat's
    by an alarm after a quarter of an hour."""
    made = score(read(nights(tmp_path), TZ))
    told = made.json()
    assert list(told) == KEYS
    assert (told["alarms_per_30_nights"], told["looks_per_30_nights"]) == (0.0, 0.0)
    assert told["falls_injected"] == told["falls_answered"] == 12
    assert {found.fall.evidence for found in made.falls} == {False, True}
    assert all(found.by is not None and found.by.because for found in made.falls)


def test_a_chattering_home_is_asked_about_and_not_rung(tmp_path: Path) -> None:
    """A mat that is on for a tenth of the night: before it is learned, falls there are looks; when
    it has shown that it loses nobody for long, alarms."""
    made = score(read(nights(tmp_path, chatter=True), TZ))
    assert made.json()["alarms_per_30_nights"] == 0.0
    assert made.json()["falls_answered"] == made.json()["falls_injected"] == 12
    ways = [found.by.look for found in made.falls if found.by is not None]
    assert ways[0] and not ways[5]


def test_the_rules_that_are_judged_do_not_choose_the_falls(tmp_path: Path) -> None:
    """With every rule about the bed switched off the same falls are injected, and none is found:
    the score can fail."""
    recording = read(nights(tmp_path), TZ)
    off = tried({}, ["bed_exit.enabled=false", "wandering.enabled=false", "look.enabled=false"])
    told = score(recording, None, off).json()
    assert told["falls_injected"] == 12
    assert told["falls_answered"] == 0
    assert told["answer_p50_min"] is None


def test_a_slow_answer_is_no_answer(tmp_path: Path) -> None:
    """An alarm after 50 minutes is counted as missed, and its time is told."""
    told = score(
        read(nights(tmp_path), TZ),
        None,
        tried({}, ["bed_exit.back_within_min=50", "bed_exit.look_min=50"]),
    ).json()
    assert told["falls_answered"] == 0
    assert told["answer_max_min"] == 50.0


def test_after_a_fall_nothing_of_the_person_is_heard_for_two_hours(tmp_path: Path) -> None:
    """The last row is at the fall, the next two hours later; a fall with evidence is right after
    the first sign outside the bedroom.  The same seed picks the same."""
    recording = read(nights(tmp_path), TZ)
    facts = facts_of(recording)
    found = exits(recording.rows, facts, is_night)
    assert len(found) == 12
    for evidence in (False, True):
        falls = picked(found, 7, evidence=evidence)
        assert falls == picked(found, 7, evidence=evidence)
        assert len(falls) == 6
        rows = list(injected(recording.rows, falls))
        for fall in falls:
            assert not [row for row in rows if fall.at < row.at < fall.until]
            last = [row for row in rows if row.at <= fall.at][-1]
            assert last.at == fall.at
            assert last.device == ("hall_pir" if evidence else "bed")
    assert picked(found, 1, evidence=False) != picked(found, 2, evidence=False)


def test_two_runs_are_the_same(tmp_path: Path) -> None:
    """Event for event."""
    recording = read(nights(tmp_path, chatter=True), TZ)
    assert run_pass(recording, None, {}) == run_pass(recording, None, {})


def test_another_threshold_is_tried_and_a_wrong_one_refused() -> None:
    """`rule.key=value`, with one sentence for what is none."""
    made = tried({}, ["bed_exit.back_within_min=20", "bed_exit.look_min=10"])
    assert made["bed_exit"].model_dump()["back_within_min"] == 20
    assert made["bed_exit"].model_dump()["look_min"] == 10
    for wrong in ("bed_exitt.look_min=1", "bed_exit.look=1", "bed_exit.look_min", "bed.home=x",
                  "bed_exit.look_min=soon"):  # fmt: skip
        with pytest.raises(ConfigError, match="--try"):
            tried({}, [wrong])


def test_a_night_is_the_homes_own(tmp_path: Path) -> None:
    """22 to 08 local, an hour shorter when the clocks go forward."""
    begin, end = night_span(date(2026, 3, 28), TZ)
    assert (end - begin).total_seconds() == 9 * 3600
    assert score(read(nights(tmp_path), TZ), falls_seed=None).nights == pytest.approx(6.0, abs=0.2)


def test_a_picture_is_drawn_of_each_night(tmp_path: Path) -> None:
    """Well-formed SVG with a title, a bar for the mat, and a mark for each answer; a home's name
    cannot choose the folder."""
    text = nights(tmp_path).read_text(encoding="utf-8").replace(",made,", ",../m<a>de,")
    path = tmp_path / "odd.csv"
    path.write_text(text, encoding="utf-8")
    recording = read(path, TZ)
    made = score(recording, None, tried({}, ["bed_exit.back_within_min=1"]), falls_seed=None)
    drawn = dict(pictures(recording, None, made))
    assert all("/" not in name and "<" not in name for name in drawn)
    roots = [ET.fromstring(svg) for svg in drawn.values()]  # noqa: S314 - our own
    assert len(roots) >= 6
    words = ["".join(root.itertext()) for root in roots]
    marks = sum(text.count("LARM: ") + text.count("titt: ") for text in words)
    assert marks == len(made.night_answers) > 0


def test_the_command_prints_one_object_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`replay --score --json FILE FILE`, and `--svg` beside it, without any configuration."""
    path = str(nights(tmp_path))
    folder = tmp_path / "pictures"
    main(["gateway", "replay", "--score", "--json", "--svg", str(folder), path, path])
    out = capsys.readouterr().out.splitlines()
    told = [json.loads(line) for line in out]
    assert [list(one) for one in told] == [KEYS, KEYS]
    assert told[0]["recording"] == "made"
    assert sorted(folder.glob("made-*.svg"))


def test_a_file_that_is_refused_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good one is scored, the bad ones are named with their lines, and the command fails."""
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{HEADER}2026-02-30T10:00:00,h,bed,bed_mat,1\n", encoding="utf-8")
    arguments = [str(bad), str(nights(tmp_path)), str(tmp_path / "none.csv")]
    assert main(["gateway", "replay", "--score", "--json", *arguments]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["recording"] == "made"
    assert "bad.csv: line 2: " in told.err
    assert "none.csv: cannot be read" in told.err


def test_the_command_shows_what_a_threshold_would_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--try`: the present and the tried one, side by side."""
    main(["gateway", "replay", "--score", "--try", "bed_exit.back_within_min=2",
          str(nights(tmp_path))])  # fmt: skip
    out = capsys.readouterr().out
    assert "  now: 0 alarms" in out
    assert "  bed_exit.back_within_min=2: " in out
    assert "bed_exit: bed_exit:" in out


def test_the_cost_grows_with_the_events(tmp_path: Path) -> None:
    """Twice the nights: twice the steps of the rules, give or take a quarter; not timed."""
    steps = []
    for count in (8, 16):
        recording = read(nights(tmp_path, count, chatter=True), TZ)
        steps.append(_steps(recording))
    assert steps[1] / steps[0] == pytest.approx(2.0, rel=0.25)


def _steps(recording: Recording) -> int:
    """Calls of any rule's step and wake_at while a recording is replayed."""
    from gateway.rules import fold

    count = 0
    real = fold.Fold._step

    def counted(self: fold.Fold, *args: object) -> object:
        nonlocal count
        count += 1
        return real(self, *args)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold.Fold, "_step", counted)
        run_pass(recording, None, {})
    return count


# --- the recorded homes ---------------------------------------------------------------------------


def each(*names: str) -> pytest.MarkDecorator:
    """The tests of one home go to one worker, which reads it and runs its real nights once
    (`tests.running.RECORDED_HOME`)."""
    return pytest.mark.parametrize("name", names)


@cache
def real(name: str) -> Pass:
    """The rules' pass over a recording as it is."""
    return run_pass(home(name), None, {})


LOOKS_MAX = {"kasteren_b": 22.5}
"""In this home the two goals cannot both be met, whatever the rule (the test below counts it);
docs/detection.md shows the curve and the choice.  Fifteen elsewhere."""


@pytest.mark.recordings
@each("ordonez_a", "kasteren_b", "aras_a")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_numbers_of_the_homes_with_a_bed_mat(name: str, seed: int) -> None:
    """At most three alarms and fifteen looks in 30 nights; every fall answered within half an hour;
    by day at most two false inactivity alarms in 30 days; at default settings."""
    told = score(home(name), falls_seed=seed, real=real(name)).json()
    assert told["alarms_per_30_nights"] <= 3  # type: ignore[operator]
    assert told["looks_per_30_nights"] <= LOOKS_MAX.get(name, 15.0)  # type: ignore[operator]
    assert told["inactivity_per_30_days"] <= 2  # type: ignore[operator]
    assert told["falls_injected"] == told["falls_answered"] > 0  # type: ignore[operator]
    assert told["answer_max_min"] <= 30  # type: ignore[operator]


@pytest.mark.recordings
@each("casas_hh_al", "mit_s1")
def test_the_numbers_of_the_homes_without_one(name: str) -> None:
    """No falls to inject, and hardly a word by day or night."""
    told = score(home(name), real=real(name)).json()
    assert told["falls_injected"] == 0
    assert told["alarms_per_30_nights"] <= 3  # type: ignore[operator]
    assert told["looks_per_30_nights"] <= 3  # type: ignore[operator]
    assert told["inactivity_per_30_days"] <= 2  # type: ignore[operator]


@pytest.mark.recordings
@each("kasteren_b", "aras_a")
def test_a_fall_where_the_mat_most_likely_lost_a_sleeper_is_answered_too(name: str) -> None:
    """Every silence after a stay may be the fall: all are answered within half an hour."""
    told = score(home(name), any_silence=True, real=real(name)).json()
    assert told["falls_injected"] == told["falls_answered"] > 10  # type: ignore[operator]
    assert told["answer_max_min"] <= 30  # type: ignore[operator]


@pytest.mark.recordings
def test_what_any_rule_must_ask_is_more_than_the_goal_in_one_home() -> None:
    """Silences in which a fall leaves the rows that were recorded, in 30 nights: above fifteen in
    kasteren_b, so that no rule can hold both goals there; below it elsewhere."""
    least = {name: least_questions(home(name)) for name in ("ordonez_a", "kasteren_b", "aras_a")}
    assert least == {"ordonez_a": 0.0, "kasteren_b": 18.9, "aras_a": 8.0}


@pytest.mark.recordings
def test_the_naive_rule_is_far_worse() -> None:
    """What the rules are compared with: more than ten times the alarms where mats chatter."""
    assert (naive(home("kasteren_b")) or 0) > 30
    assert (naive(home("aras_a")) or 0) > 40
