"""How the suite is run: on every core, what takes long first, and `--quick`.

`ALONE` names folders whose tests run one after the other, because they share what is costly to
start or watch the real time.  Marks say the rest.  `slow`: more than a second of a processor, or
processes of its own.  `--quick` leaves out whatever is slow, or needs a browser,
PostgreSQL or the recorded homes: what a change can be tried with every few minutes.

Not for: fixtures (`tests/conftest.py`).
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.staff import reach

LEFT_OUT_BY_QUICK = ("slow", "browser", "postgres", "recordings")

ALONE = {"tests/browser/": "browser", "tests/e2e/": "processes"}
"""Folders whose tests run one at a time: one Chromium; homes and servers as processes."""

RECORDED_HOME = re.compile(r"tests/test_score\.py::.+\[(?:\w+-)?(\w+)\]")
"""Tests of one recorded home: one worker reads it and runs its real nights once."""


def group_of(nodeid: str) -> str:
    """What must not run side by side with this test has the same group, and what is made once for
    both; else a test is its own."""
    if home := RECORDED_HOME.match(nodeid):
        return home[1]
    return next((name for folder, name in ALONE.items() if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give a group to one worker.  pytest-xdist's own groups (`xdist_group`) are written into the
    ids of tests in a way that pytest 9.2 no longer reads: they hold nothing there."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


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
        items.sort(key=lambda item: not _marked(item, "slow", "browser"))


def _marked(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


# --- every statement was sent to PostgreSQL -------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells which modules reached PostgreSQL; who started the run judges."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["reached"] = sorted(reach.reached)
        return
    if session.exitstatus == pytest.ExitCode.OK and _everything(session.config) and reach.reached:
        missing = reach.missing(reach.reached)
        if missing:
            session.config.stash[_MISSING] = missing


_MISSING = pytest.StashKey[list[str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker tells."""
    reach.reached.update(getattr(node, "workeroutput", {}).get("reached", ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the modules whose statements no test sent to PostgreSQL."""
    for name in config.stash.get(_MISSING, ()):
        terminalreporter.write_line(
            f"PostgreSQL: {name} sends statements and none went to PostgreSQL: "
            "name a test of it in tests/staff/databases.py",
            yellow=True,
        )


def _everything(config: pytest.Config) -> bool:
    chosen = ("keyword", "markexpr", "quick", "lf", "deselect", "ignore", "ignore_glob")
    from_settings = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return from_settings and not any(config.getoption(name, None) for name in chosen)
