"""How the suite is spread over the cores: what must not run side by side, and what is made once."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests._tree import ROOT
from tests.running import ALONE, TOGETHER, WAITERS, choose, from_another_end, group_of, waits
from tests.test_score import each


def test_what_shares_a_browser_or_processes_runs_one_at_a_time() -> None:
    """Each place is one group, and is there."""
    for place, name in ALONE.items():
        assert (ROOT / place).exists()
        group = group_of(f"{place}::test_one[desk]")
        assert (group.strip(), waits(group)) == (name, True)


def test_what_starts_programs_is_given_out_by_the_file() -> None:
    """Half of the time that is waited for is theirs: else one worker would be alone with it."""
    first, second = (group_of(f"tests/e2e/test_{name}.py::test_one") for name in ("a", "b"))
    assert (first, second) == ("processes test_a.py", "processes test_b.py")
    assert waits(first) and not waits("tests/test_link.py::test_a processes")


def test_a_file_that_makes_something_once_goes_to_one_worker() -> None:
    """Else each worker would play the simulator's morning and storm."""
    ids = ("test_the_table_is_whole", "test_nothing_is_lost_or_doubled[day]")
    load = "tests/load/test_load.py"
    for file, name in {load: load, **TOGETHER}.items():
        assert (ROOT / file).exists()
        assert {group_of(f"{file}::{one}") for one in ids} == {name}


WORKERS = (*WAITERS, "gw2", "gw3")
QUEUE = ("processes test_a.py", "browser", "tests/test_link.py::test_a")


@pytest.mark.parametrize(
    ("waiting", "worker", "workers", "group"),
    [
        (QUEUE, "gw0", WORKERS, QUEUE[0]),
        (QUEUE, "gw2", WORKERS, "tests/test_link.py::test_a"),
        (QUEUE[:2], "gw3", WORKERS, QUEUE[0]),
        (QUEUE[2:], "gw1", WORKERS, None),
        ((), "gw2", WORKERS, None),
        (QUEUE, "gw1", WAITERS, QUEUE[0]),
        (QUEUE[2:], "gw1", WAITERS, QUEUE[2]),
        (QUEUE, "gw4", ("gw2", "gw3", "gw4"), QUEUE[0]),
    ],
)
def test_who_takes_what(
    waiting: tuple[str, ...], worker: str, workers: tuple[str, ...], group: str | None
) -> None:
    """What waits goes to those that wait, and they take nothing else; who computes helps when there
    is nothing to compute.  With two workers, or when those that wait are gone, each does all."""
    assert choose(waiting, worker, workers) == group


@pytest.mark.parametrize("test", ["test_a", "test_b[desk]"])
def test_any_other_test_is_its_own(test: str) -> None:
    """It goes to whoever is free."""
    nodeid = f"tests/rules/test_bed.py::{test}"
    assert group_of(nodeid) == nodeid


def test_the_tests_of_one_recorded_home_go_together() -> None:
    """Whatever else they vary."""
    assert each("aras_a").args[0] == "name"
    ids = ("test_x[aras_a]", "test_y[3-aras_a]")
    assert {group_of(f"tests/test_score.py::{one}") for one in ids} == {"aras_a"}


def test_no_two_workers_begin_to_read_at_the_same_file() -> None:
    """Each reads all of them, from another end."""
    files = [Path(f"test_{number}.py") for number in range(8)]
    orders = [from_another_end(files, number) for number in range(8)]
    assert {tuple(sorted(order)) for order in orders} == {tuple(files)}
    begun = ["".join(path.stem[-1] for path in order) for order in orders]
    assert begun[:4] == ["01234567", "76543210", "45670123", "32107654"]
    assert {order[:1] for order in begun} == set("01234567")


def test_no_example_is_judged_by_the_clock() -> None:
    """A machine that is busy takes seconds for one that takes a moment elsewhere."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


def test_every_run_has_the_same_examples() -> None:
    """A landing does not fail for what the change before it brought; who seeks has a profile for
    it (`--hypothesis-profile=seeking`)."""
    settings.get_profile("seeking")
    assert settings.get_profile("patient").derandomize
    assert not settings.get_profile("seeking").derandomize


def test_what_another_run_left_mounted_fails_none() -> None:
    """pytest takes away the folders of runs before the last three: one that was killed may have
    left a disk mounted in its own.  Any other warning is an error."""
    warnings.warn(pytest.PytestWarning("(rm_rf) error removing /tmp/x/disk\nbusy"), stacklevel=1)
    with pytest.raises(pytest.PytestWarning):
        warnings.warn(pytest.PytestWarning("another"), stacklevel=1)


# --- a whole run ----------------------------------------------------------------------------------

CONFTEST = """\
from pathlib import Path

import tests.running

tests.running.ROOT = Path(__file__).parent
if Path(__file__).with_name("dies").exists():
    from xdist.workermanage import WorkerController

    send = WorkerController.sendcommand
    given = []

    def sendcommand(self, name, **kwargs):
        # who is given work for a second time, whoever comes to it first, dies just before
        if name == "runtests" and "died" not in given:
            if self.gateway.id in given:
                given.append("died")
                self.gateway._io.popen.kill()
                self.gateway._io.popen.wait(60)
            given.append(self.gateway.id)
        send(self, name, **kwargs)

    WorkerController.sendcommand = sendcommand
"""

NOTE = """\
import os
from pathlib import Path

import pytest

def note(request):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    with (Path(request.config.rootpath) / "ran").open("a") as file:
        file.write(f"{worker} {request.node.nodeid}\\n")

@pytest.mark.parametrize("number", range(COUNT))
def test_it(request, number):
    note(request)
    deadly = Path(request.config.rootpath) / "deadly"
    if deadly.exists() and request.node.nodeid in deadly.read_text().splitlines():
        os._exit(3)
"""


HALF = """\
import logging

def test_a_log():
    logging.warning("half: \\udc80")

def test_a_failure():
    logging.warning("half: \\udc80")
    assert "\\udc80" == ""

def test_after_it():
    pass
"""


WITHOUT_THE_REST = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
"""What else is installed for pytest takes three quarters of such a run, and has no part in it."""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder, with what says how ours is run."""
    said = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "tests.running"),
            *("--import-mode=importlib", "-p", "no:cacheprovider", *words),
        ],
        cwd=folder,
        env={**os.environ, **WITHOUT_THE_REST, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert "INTERNALERROR" not in said.stdout + said.stderr, said.stdout + said.stderr
    return said


def a_run(folder: Path, workers: int, *, failed: int = 0) -> Counter[str]:
    """A suite of two places that go alone, a file that shares and one that does not, run by so many
    workers: how often each of its 19 tests was begun."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    for file, count in (("e2e/test_a", 4), ("browser/test_b", 3), ("test_c", 7), ("test_d", 5)):
        path = folder / "tests" / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        shared = '# scope="module"\n' if file == "test_d" else ""
        path.write_text(shared + NOTE.replace("COUNT", str(count)))
    said = run(folder, f"-n{workers}", "tests")
    assert said.returncode == (1 if failed else 0), said.stdout + said.stderr
    # who is killed from outside may have told that a test passed, and not that it was done with it
    whole = [f"{failed} failed, {passed} passed" for passed in (19 - failed, 19)]
    assert not failed or any(words in said.stdout for words in whole), said.stdout
    lines = (folder / "ran").read_text().splitlines()
    return Counter(line.partition(" ")[2] for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_each_test_is_run_once(workers: int, tmp_path: Path) -> None:
    """However many workers there are: on one core there are three, on four six."""
    ran = a_run(tmp_path, workers)
    assert (len(ran), set(ran.values())) == (19, {1})


@pytest.mark.slow
@pytest.mark.parametrize(
    "deadly",
    [
        ["tests/test_c.py::test_it[0]"],
        ["tests/e2e/test_a.py::test_it[0]", "tests/test_c.py::test_it[0]"],
        [f"tests/{file}.py::test_it[0]" for file in ("e2e/test_a", "browser/test_b", "test_d")],
    ],
    ids=["one that computes", "two", "all"],
)
def test_what_a_worker_that_died_was_to_do_is_done_by_another(
    deadly: list[str], tmp_path: Path
) -> None:
    """Whether it waits or computes, and also when all of them died: the run comes to its end, what
    was done is not done again, and what a worker died in is not tried again."""
    (tmp_path / "deadly").write_text("\n".join(deadly))
    ran = a_run(tmp_path, 3, failed=len(deadly))
    assert (len(ran), set(ran.values())) == (19, {1})


@pytest.mark.slow
def test_what_is_sent_to_a_worker_that_has_just_died_is_done_by_another(tmp_path: Path) -> None:
    """Nobody was told of its end when the next work was sent."""
    (tmp_path / "dies").touch()
    ran = a_run(tmp_path, 3, failed=1)
    assert set(ran.values()) == {1}
    assert len(ran) in (18, 19), "one failed, begun or not"


@pytest.mark.slow
def test_half_a_character_in_a_log_or_a_failure_ends_no_worker(tmp_path: Path) -> None:
    """The test that says it has failed, and the others are run."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_half.py").write_text(HALF)
    said = run(tmp_path, "-n1", "tests")
    assert "1 failed, 2 passed" in said.stdout, said.stdout + said.stderr
    assert "half: \\udc80" in said.stdout


# --- every statement was sent to PostgreSQL -------------------------------------------------------

SENDERS = """\
import os
from pathlib import Path

import pytest

from tests.staff import postgres, reach

HERE = Path(__file__).parent
reach.WEB = HERE / "web"
postgres.programs = lambda: None if (HERE / "no postgres").exists() else HERE

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if (HERE / "dies").exists() and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        os._exit(3)
"""

REACHES = """\
from tests.staff import reach

def test_it():
    reach.reached.add("web.staff.told")

def test_other():
    pass
"""

SENTENCE = "PostgreSQL: web.staff.kept sends statements and none went to PostgreSQL: name a test"


def senders(folder: Path, *files: str) -> None:
    """A suite of two tests over two modules, of which one reaches PostgreSQL."""
    (folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (folder / "conftest.py").write_text(CONFTEST + SENDERS)
    for name, line in (("told", "conn.execute(query)"), ("kept", "read_one(conn, Row, query)")):
        path = folder / "web/staff" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    (folder / "tests").mkdir()
    (folder / "tests/test_a.py").write_text(REACHES)
    for name in files:
        (folder / name).touch()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_run_of_everything_fails_where_a_module_never_reached_postgresql(
    workers: str, tmp_path: Path
) -> None:
    """And says which; with that one reached too it is well."""
    senders(tmp_path)
    said = run(tmp_path, workers)
    assert said.returncode == 1, said.stdout
    assert SENTENCE in said.stdout
    assert "web.staff.told" not in said.stdout
    (tmp_path / "tests/test_a.py").write_text(REACHES.replace("pass", REACHED))
    said = run(tmp_path, workers)
    assert said.returncode == 0, said.stdout
    assert "PostgreSQL" not in said.stdout


REACHED = 'reach.reached.add("web.staff.kept")'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("-n0", "-k", "test_it"), ()),
        (("-n0", "--quick"), ()),
        (("-n0", "tests"), ()),
        (("-n0", "--collect-only"), ()),
        (("-n0", "--deselect", "tests/test_a.py::test_other"), ()),
        (("-n0",), ("no postgres",)),
        (("-n2",), ("dies",)),
    ],
    ids=" ".join,
)
def test_a_run_of_less_is_not_judged(
    words: tuple[str, ...], files: tuple[str, ...], tmp_path: Path
) -> None:
    """Nor one without PostgreSQL, or with a worker that died before it told what it had reached."""
    senders(tmp_path, *files)
    said = run(tmp_path, *words)
    assert said.returncode == 0, said.stdout + said.stderr
    assert SENTENCE not in said.stdout
