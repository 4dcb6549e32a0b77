"""The numbers that a page for people says are the code's: who runs a server plans by them.

Not for: numbers in generated pages (`tests/test_docs.py`), or what was measured.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from gateway.config.home_file import ChainSection, LogSection, SecondPathSection
from gateway.engine import ballast, disk_watch, engine, memory_bound, old_logs
from gateway.updates import archive, keeper, slots
from tests._tree import ROOT
from tests.test_promises import blocks
from tools.release import listed
from web.staff.core.config import ListenConfig, MassAlarmConfig
from web.staff.people import first_start
from web.staff.signin import asking, failed_attempts, hashing
from web.staff.storage import spool
from web.staff.storage.shares import CONNECTIONS

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 10: "ten", 20: "twenty", 30: "thirty"}
NUMBERS |= {50: "fifty", 60: "a minute", 1: "a second"}


def word(value: float) -> str:
    """A number as a page writes it."""
    return NUMBERS[int(value)]


def mb(value: int) -> str:
    return f"{value // 1_000_000} MB"


UNIT = (ROOT / "systemd/tryggve-staff.service").read_text("utf-8")
(TASKS,) = re.findall(r"^TasksMax=(\d+)$", UNIT, re.MULTILINE)

SAID = [
    ("operations", f"{word(old_logs.KEPT_MAX)} are kept, at most {mb(old_logs.KEPT_BYTES)}"),
    ("operations", f"Memory holds {mb(memory_bound.MEMORY_BYTES)}"),
    ("operations", f"it first uses {mb(ballast.BALLAST_BYTES)}"),
    ("operations", f"For {word(engine.LEAVE_S)} seconds they wait, for {word(engine.HANG_S)} when"),
    ("operations", f"tries its disk by itself, after {word(disk_watch.FIRST_S)} and then"),
    ("operations", f"with growing pauses of up to {word(disk_watch.MOST_S)}"),
    ("operations", f"A worker holds up to {sum(CONNECTIONS.values())} connections"),
    ("operations", f"({int(TASKS):,}) is the limit of all together"),
    ("operations", f"After {word(failed_attempts.TRIES_OF_ACCOUNT)} failed tries in a day"),
    ("operations", f"At most {word(hashing.AT_ONCE)} passwords are checked at a time"),
    ("operations", f"who comes while {word(hashing.WAITING_MAX)} wait is told"),
    ("operations", f"after {word(first_start.TRIES)} wrong ones a network waits"),
    ("operations", f"a network waits {word(first_start.TRIES_WINDOW_S / 60)} minutes, after"),
    ("operations", f"after {word(first_start.TRIES_MAX)} from everywhere the code is void"),
    ("operations", f"for {word(asking.TIMEOUT_S)} seconds and 64 kB"),
    ("operations", f"(`retain_days`, {LogSection().retain_days} unless set)"),
    ("operations", f"within {word(ChainSection().answer_s / 60)} minutes is a technical alarm"),
    ("operations", f"each day at {ChainSection().test_at:%H:%M} local time"),
    ("operations", f"for `after_s` ({SecondPathSection().after_s:.0f} s)"),
    ("alarms", f"no answer within {SecondPathSection().after_s:.0f} s"),
    ("architecture", f"or {spool.FULL:,} readings wait"),
    ("updates", f"{mb(archive.RESERVE_BYTES)} of the disk stay free"),
    ("updates", f"it is taken for {listed.DATE_LIVES.days} days"),
    ("updates", f"after {word(slots.TRIAL_S / 60)} minutes without that, at the fifth start"),
    ("updates", f"When for {word(keeper.QUIET_S)} nobody is in an alarm"),
]


@pytest.mark.parametrize(("page", "sentence"), SAID)
def test_a_number_is_the_codes(page: str, sentence: str) -> None:
    """The sentence stands there with the number that is in force."""
    text = " ".join((ROOT / f"docs/{page}.md").read_text("utf-8").split())
    assert sentence in text


def test_a_release_on_trial_has_the_starts_that_are_told() -> None:
    """`at the fifth start`: so many are given before it."""
    assert slots.STARTS == 4


def test_what_stands_in_an_example_as_the_default_is_it() -> None:
    """docs/operations.md: the tables of `staff.toml`."""
    tables: dict[str, dict[str, object]] = {}
    for block in blocks("docs/operations.md", "toml"):
        tables |= tomllib.loads(block)
    assert MassAlarmConfig.model_validate(tables["mass_alarm"]) == MassAlarmConfig()
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    unset = re.findall(r"^(\w+) = \d+ .*; (\d+) unless set$", text, re.MULTILINE)
    assert {name: int(value) for name, value in unset} == {
        "homes": ListenConfig().homes,
        "screens": ListenConfig().screens,
    }
