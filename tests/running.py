"""How the suite is run: on every core, what waits beside what computes, and `--quick`.

`ALONE` names places whose tests run one after the other, because they share what is costly to
start or watch the real time; workers of their own take them, so that no core waits with them.  The
tests of a file with a fixture for all of them stay together too.

Marks say the rest.  `slow`: more than a second of a processor, or processes of its own.  `--quick`
leaves out whatever is slow, or needs a browser, PostgreSQL or the recorded homes: what a change can
be tried with every few minutes.

Not for: fixtures (`tests/conftest.py`).
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Collection, Generator, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests._tree import ROOT
from tests.staff import reach

LEFT_OUT_BY_QUICK = ("slow", "browser", "postgres", "recordings")

ALONE = {
    "tests/browser/": "browser",
    "tests/media/": "media",
    "tests/updates/test_box.py": "box",
    "tests/matrix/": "versions",
    "tests/test_watchdog.py": "watchdog",
    "tests/e2e/": "processes",
}
"""Places whose tests run one at a time: one Chromium; homes and servers as processes; what watches
the real time.  They wait for most of theirs."""

BY_THE_FILE = "processes"
"""The last of them is given out by the file: whoever is free takes the next one, and nobody is left
alone with half of them at the end."""

RECORDED_HOME = re.compile(r"tests/test_score\.py::.+\[(?:\w+-)?(\w+)\]")
"""Tests of one recorded home: one worker reads it and runs its real nights once."""

FOR_A_FILE = 'scope="module"'
"""Stands in a file whose tests share what is made once: one worker makes it, not each of them."""

TOGETHER = {
    "tests/test_traps.py": "traps",
    "tests/test_promises.py": "promises",
    **dict.fromkeys(
        [f"tests/test_{name}.py" for name in ("imports", "unused", "project", "kinds")], "tree"
    ),
}
"""Files that do the same by a cache: the rules go through a recorded home once, our source is read
once, and so are the tests that pages name."""


def group_of(nodeid: str) -> str:
    """What must not run side by side with this test has the same group, and what is made once for
    both; else a test is its own."""
    file = nodeid.partition("::")[0]
    if home := RECORDED_HOME.match(nodeid):
        return home[1]
    for place, name in ALONE.items():
        if nodeid.startswith(place):
            return f"{name} {file.removeprefix(place)}" if name == BY_THE_FILE else name
    return TOGETHER.get(file) or (file if shares(file) else nodeid)


def waits(group: str) -> bool:
    """Whether it is of a place whose tests run one at a time."""
    return group.partition(" ")[0] in ALONE.values()


@cache
def shares(file: str) -> bool:
    """Whether the tests of a file go together."""
    return FOR_A_FILE in (ROOT / file).read_text("utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` means: one for each core, which compute, and those that wait."""
    return len(os.sched_getaffinity(0)) + len(WAITERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give a group to one worker.  pytest-xdist's own groups (`xdist_group`) are written into the
    ids of tests in a way that pytest 9.2 no longer reads: they hold nothing there."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            if node not in self.registered_collections:
                return  # in place of one that died: it says first which tests it found
            nodes = {one.gateway.id for one in self.nodes}
            group = choose(self.workqueue, node.gateway.id, nodes)
            if group is None:
                node.shutdown()
                return
            self.workqueue.move_to_end(group, last=False)
            with suppress(OSError):  # it died: its end is told next, and what it was given goes on
                super()._assign_work_unit(node)

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            """Forget a group that is done: all that a node ever had is counted at each test."""
            super().mark_test_complete(node, item_index, duration)
            group = group_of(self.registered_collections[node][item_index])
            if all(self.assigned_work[node][group].values()):
                del self.assigned_work[node][group]

        def _reschedule(self, node: Any) -> None:
            """A worker begins a test when it knows which comes after it, or that none does: one
            that knows a single test gets more, or it would wait and nobody would tell it."""
            super()._reschedule(node)
            while (
                node in self.registered_collections
                and not node.shutting_down
                and self._pending_of(self.assigned_work[node]) < 2
            ):
                super()._reschedule(node)

        def remove_node(self, node: Any) -> str | None:
            """Give what a worker that died had still to do to others.  The test that it died in
            has failed and is not tried again: it would end one worker after the other."""
            workload = self.assigned_work.pop(node)
            died_in = next(
                (one for unit in workload.values() for one, done in unit.items() if not done), None
            )
            if died_in is not None:
                workload[group_of(died_in)][died_in] = True
                self.workqueue.update(
                    (group, unit) for group, unit in workload.items() if not all(unit.values())
                )
                for other in self.nodes:
                    self._reschedule(other)
            return died_in

    return Groups(config, log)


WAITERS = ("gw0", "gw1")
"""The workers that take what waits (`ALONE`), and nothing else: two such tests at a time, however
many cores there are."""

NICE = 5
"""How far those that compute step back, so that what watches the time has a core when it wants one;
a quarter of it is left to them."""


def choose(waiting: Iterable[str], worker: str, workers: Collection[str]) -> str | None:
    """The group that a worker takes next of those that wait for one; None: it is not needed any
    more.  Where there are too few workers, or those that wait are gone, each takes anything."""
    first = next(iter(waiting), None)
    if len(workers) <= len(WAITERS) or not set(WAITERS) & set(workers):
        return first
    if worker in WAITERS:
        return next((group for group in waiting if waits(group)), None)
    return next((group for group in waiting if not waits(group)), first)


def pytest_sessionstart(session: pytest.Session) -> None:
    """A worker that computes steps back."""
    given = getattr(session.config, "workerinput", {"workerid": "", "workercount": 1})
    if given["workercount"] > len(WAITERS) and given["workerid"] not in WAITERS:
        os.nice(NICE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Read the tests, each worker from another end: what one has rewritten (their assertions) the
    others read, where all would have rewritten the same file at the same time.  On two cores 41 s
    of a processor for four workers where nothing was run before, and 49 without."""
    given = getattr(session.config, "workerinput", None)
    if given is None or not _everything(session.config):
        return
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    for path in from_another_end(files, int(given["workerid"].removeprefix("gw"))):
        with suppress(Exception, pytest.skip.Exception):  # told where it is collected
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def from_another_end(files: list[Path], number: int) -> list[Path]:
    """In the order in which worker `number` reads them: the first forwards, the second backwards,
    others from the middle to both ends, from the quarters, ….  Whoever comes to where another began
    finds it done."""
    half, backwards = divmod(number, 2)
    bits = f"{half:b}"
    at = len(files) * int(bits[::-1], 2) // 2 ** len(bits)
    turned = files[at:] + files[:at]
    return turned[::-1] if backwards else turned


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there now stays until the end, so that nobody looks for garbage in it: a tenth of
    what the suite costs.  (What the tests make is looked through as ever.)"""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick",
        action="store_true",
        help="only what is quick: no browser, no PostgreSQL, no processes, no recorded homes",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long; leave out for `--quick`."""
    if config.getoption("quick"):
        left_out = [item for item in items if _marked(item, *LEFT_OUT_BY_QUICK)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _marked(item, *LEFT_OUT_BY_QUICK)]
    if hasattr(config, "workerinput"):
        # stable: files stay together; no worker begins the longest when the others are done
        items.sort(key=_how_soon)


def _how_soon(item: pytest.Item) -> tuple[int, bool, bool]:
    """What goes one after the other first, for nobody can help there; then what is slow by
    itself."""
    alone = list(ALONE.values())
    group = group_of(item.nodeid)
    place = alone.index(group.partition(" ")[0]) if waits(group) else len(alone)
    return place, group == item.nodeid, not _marked(item, "slow", "recordings")


def _marked(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


# --- what a worker tells --------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Half a character in a log or a failure ends no worker: what is between it and who started the
    run takes none."""
    return _storable((yield))


def _storable(said: object) -> object:
    match said:
        case str():
            return said.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {key: _storable(value) for key, value in said.items()}
        case list():
            return [_storable(one) for one in said]
        case tuple():
            return tuple(_storable(one) for one in said)
    return said


# --- every statement was sent to PostgreSQL -------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells which modules reached PostgreSQL; who started the run judges, and a run in
    which one is missing has failed."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["reached"] = sorted(reach.reached)
    elif session.exitstatus == pytest.ExitCode.OK and _is_judged(session.config):
        missing = reach.missing(reach.reached)
        if missing:
            session.config.stash[_MISSING] = missing
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


_MISSING = pytest.StashKey[list[str]]()
_UNTOLD = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker tells; one that died tells nothing, and its run cannot be judged."""
    told = getattr(node, "workeroutput", {}).get("reached")
    if told is None:
        node.config.stash[_UNTOLD] = True
    else:
        reach.reached.update(told)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the modules whose statements no test sent to PostgreSQL."""
    for name in config.stash.get(_MISSING, ()):
        terminalreporter.write_line(
            f"FAILED PostgreSQL: {name} sends statements and none went to PostgreSQL: "
            "name a test of it in tests/staff/databases.py",
            red=True,
        )


CHOOSING = (
    *("keyword", "markexpr", "quick", "lf", "stepwise", "deselect", "ignore", "ignore_glob"),
    *("collectonly", "setuponly", "setupplan"),
)
"""pytest's options with which some tests are left out, or all."""


def _everything(config: pytest.Config) -> bool:
    """Whether no test is left out."""
    from_settings = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return from_settings and not any(config.getoption(name, None) for name in CHOOSING)


def _is_judged(config: pytest.Config) -> bool:
    """Whether every test was run, and all that was sent to PostgreSQL is known."""
    from tests.staff import postgres  # what it needs takes a tenth of a second to read

    told = not config.stash.get(_UNTOLD, False)
    return _everything(config) and told and postgres.programs() is not None
