"""Another make of lock is three files: its protocol, its driver, its virtual twin.  No list knows
the makes, and a package of its own can bring one.

What each make must do is in `test_locks_contract.py`, which runs over all of them.
"""

from __future__ import annotations

import ast
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import drivers
import drivers.virtual
from drivers.virtual import State
from gateway.demo import town
from gateway.events import LockOperationOutcome
from gateway.ports import Bolt, LockResult
from tests._tree import ROOT, tracked, within
from tests.drivers import example_lock, twins
from tests.drivers.example_lock.protocol import Credentials
from tests.drivers.locks import (
    EXAMPLE,
    LOCK_DRIVERS,
    MAKES,
    OURS,
    Make,
    another_distribution,
    lock_home,
    make_of,
    over_bluetooth,
)
from tests.drivers.parts import Technician, driver_context

DONE_OPEN = LockResult(LockOperationOutcome.DONE, Bolt.UNLOCKED)
EXAMPLE_FILES = ("protocol", "driver", "twin")
HERE = Path(__file__).parent

each_of_ours = pytest.mark.parametrize("make", OURS, ids=lambda make: make.name)


def test_the_makes_are_found() -> None:
    """Each driver of the kind `lock` has its twin by name, and each twin its driver."""
    assert len(OURS) > 2
    assert tuple(make.driver.name for make in OURS) == drivers.virtual.twins() == LOCK_DRIVERS
    assert EXAMPLE in MAKES


def test_what_is_called_a_lock_is_one() -> None:
    """The name says that a driver is a make's over Bluetooth: no other has such a one."""
    assert {drivers.load(name).kind for name in LOCK_DRIVERS} == {"lock"}


def test_a_lock_that_is_not_on_the_radio_is_a_driver_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A strike on a relay: it is found, no make's twin is looked for, and what it brings as its own
    is."""
    brought = EntryPoint("strike_gpio", "tests.drivers.test_lock_makes", "")
    for where in (drivers, drivers.virtual, twins):
        monkeypatch.setattr(where, "entry_points", lambda group: [brought])
    assert "strike_gpio" in drivers.names()
    assert "strike_gpio" not in over_bluetooth()
    assert list(twins.from_outside()) == ["strike_gpio"]


def twin() -> None:
    """What the entry point of the strike names."""


def test_a_driver_without_a_twin_says_so() -> None:
    """And names those that there are."""
    with pytest.raises(LookupError, match=r"mat_gpio has no virtual twin.*lock_nuki"):
        drivers.virtual.twin("mat_gpio")


@each_of_ours
def test_the_files_of_a_make(make: Make) -> None:
    """As docs/drivers.md says: protocol, driver, twin; its own test; its part of docs/locks.md."""
    name = make.name
    assert (ROOT / f"drivers/lock_{name}.py").is_file()
    assert list((ROOT / "drivers/locks").glob(f"{name}_*.py"))
    assert (ROOT / f"drivers/virtual/lock_{name}.py").is_file()
    assert (HERE / f"test_lock_{name}.py").is_file()
    assert re.search(rf"^## {name}$", (ROOT / "docs/locks.md").read_text(), re.M | re.I)


@each_of_ours
def test_no_other_file_names_a_make(make: Make) -> None:
    """What all makes share does not know them: adding one changes none of it.  The demo's front
    door is a choice, and the manual pages show one."""
    own = re.compile(rf"(^|_){make.name}(_|\.py$)")
    named = {
        path.relative_to(ROOT).as_posix()
        for path in tracked("drivers/*.py", "gateway/*.py", "tests/drivers/*.py")
        if not own.search(path.name) and re.search(make.name, path.read_text(), re.IGNORECASE)
    }
    assert {path for path in named if not path.startswith("tests/drivers/test_")} <= SHOW_ONE


SHOW_ONE = {
    "gateway/demo/town.py",
    "drivers/virtual/__init__.py",
    "drivers/locks/config.py",
    "tests/drivers/conftest.py",
    "gateway/installs/naming.py",
}
"""Files that name one make as an example: the demo's front door, docstrings, the fixture `home`.
And whose lock is found again by its address, which a server says that has no drivers to ask."""


def test_the_example_is_three_files() -> None:
    """Nothing else of the tests is the example's."""
    folder = Path(example_lock.__path__[0])
    assert {file.stem for file in folder.glob("*.py")} == {"__init__", *EXAMPLE_FILES}


@pytest.mark.parametrize("file", EXAMPLE_FILES)
def test_the_example_stands_on_what_is_shared(file: str) -> None:
    """Of the gateway three modules, of the drivers what all makes share; the twin also the virtual
    radio."""
    allowed = ["gateway.errors", "gateway.events", "gateway.ports", "tests.drivers.example_lock"]
    allowed += ["drivers.locks", "drivers.radio"]
    allowed += ["drivers.virtual.locks", "drivers.virtual.radio"] if file == "twin" else []
    tree = ast.parse((HERE / "example_lock" / f"{file}.py").read_text())
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [name for name in named if within(name, "gateway", "drivers", "web", "tests")]
    assert ours
    assert [name for name in ours if not within(name, *allowed)] == []


def test_a_package_of_its_own_is_found_by_its_entry_points() -> None:
    """While it is installed, and not without it."""
    assert "lock_example" not in drivers.names()
    with another_distribution():
        assert "lock_example" in drivers.names()
        assert "lock_example" in drivers.virtual.twins()
        assert make_of("lock_example").secret == "example-door"


async def test_three_files_in_the_project_are_found_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver and a twin in the two folders are loaded, get a door in the demo, and open it."""
    package = "tests.drivers.example_lock"
    (tmp_path / "lock_another.py").write_text(
        f"from {package}.driver import KIND, NEEDS_PINS, NEEDS_RADIO, Config, Driver, secret_name\n"
    )
    virtual = tmp_path / "virtual"
    virtual.mkdir()
    (virtual / "lock_another.py").write_text(f"from {package}.twin import Twin\n")
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    monkeypatch.setattr(drivers.virtual, "__path__", [*drivers.virtual.__path__, str(virtual)])
    assert "lock_another" in drivers.names()
    assert 'driver = "lock_another"' in town.more_doors()
    async with lock_home(make_of("lock_another")) as home:
        assert await home.unlock() == DONE_OPEN
        assert home.virtual.state is State.UNLOCKED


async def test_the_example_is_paired() -> None:
    """The key that the technician types is tried on the lock and kept; it opens the door."""
    async with lock_home(EXAMPLE) as home:
        typed = Credentials.from_json(home.secrets.kept.pop(EXAMPLE.secret))
        technician = Technician(slot=str(typed.slot), key=typed.key.hex())
        context = driver_context(secrets=home.secrets, scanner=home.scanner)
        assert EXAMPLE.driver.pair is not None
        await EXAMPLE.driver.pair(EXAMPLE.driver.Config(), context, technician)
        assert technician.said == ["Paired."]
        driver = EXAMPLE.driver.Driver(EXAMPLE.driver.Config(), context)
        assert await driver.unlock(home.steps.append, 5.0) == DONE_OPEN
        await driver.close()
