"""What the pages for people say is so: links lead somewhere, named files and tests exist, examples
run.  The pages made from the code are held by tests/test_docs.py."""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from drivers.virtual import VirtualPins
from gateway.config import home_file
from gateway.engine.sequencer import Sequencer
from gateway.envelope import Draft
from gateway.events import AlarmRaised, Data, DoorClosed, DoorOpened
from gateway.rules import DeviceFacts, HomeFacts, Rule
from gateway.rules.fold import Fold
from tests._tree import ROOT, tracked
from tests.drivers.parts import Heard, driver_context, until
from web.home.port import HomePort
from web.staff.core.config import load_config

PAGES = sorted(path for path in tracked("*.md") if "data" not in path.parts)
OURS = ("gateway", "drivers", "web", "tests", "tools", "systemd", "docs", "requirements")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of one language, also those in a list."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return [textwrap.dedent(text) for _, text in found]


@cache
def functions_of(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


# --- links, paths, tests --------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files that exist, and headings that they have."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text)
    broken = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        headed = not anchor or target.suffix != ".md"
        if not target.exists() or not (headed or anchor in anchors(target)):
            broken.append(link)
    assert broken == []


@each_page
def test_every_named_file_exists(page: Path) -> None:
    """A path of the project in a page is a path in the tree."""
    pattern = rf"(?<![\w/.-])((?:{'|'.join(OURS)})/[\w./-]*\w)"
    named = set(re.findall(pattern, page.read_text()))
    assert {path for path in named if not (ROOT / path).exists()} == set()


@each_page
def test_every_named_test_exists(page: Path) -> None:
    """A promise is tied to a test by its name; renaming the test must not untie it."""
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text())
    assert [
        f"{path}::{test}" for path, test in named if test not in functions_of(ROOT / path)
    ] == []


def test_every_page_is_found_from_the_readme() -> None:
    """Whoever looks for something reads README's list, and no page is missing there."""
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", (ROOT / "README.md").read_text()))
    assert {name for page in PAGES if re.match(r"docs/[\w-]+\.md", name := name_of(page))} == linked


PROMISE_TABLE = re.compile(r"^\| promise \| shown by \|\n\|[ -|]+\n((?:\|.*\n)+)", re.MULTILINE)
PROMISING = [name_of(page) for page in PAGES if PROMISE_TABLE.search(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PROMISING)
def test_every_promise_names_its_test(page: str) -> None:
    """A row of a table of promises without a test would be a wish."""
    assert {"docs/security.md", "docs/privacy.md", "docs/voice.md"} <= set(PROMISING)
    rows = [
        line
        for table in PROMISE_TABLE.findall((ROOT / page).read_text("utf-8"))
        for line in table.splitlines()
    ]
    assert len(rows) > 5
    assert [row for row in rows if "::test_" not in row] == []


def test_every_attack_names_its_test() -> None:
    """A row of the table of attacks without a test would be a guess; the tests named exist
    (`test_every_named_test_exists`)."""
    text = (ROOT / "docs/security.md").read_text()
    table = re.search(r"^\| attack \| result \| test \|\n\|[ -|]+\n((?:\|.*\n)+)", text, re.M)
    assert table is not None
    rows = table.group(1).splitlines()
    assert len(rows) > 15
    assert [row for row in rows if "::test_" not in row] == []


def unbuilt(page: str) -> dict[str, list[str]]:
    """What a page lists as not built yet, to the words that nothing's name has."""
    section = (ROOT / page).read_text().split("\n## Not built yet\n", 1)[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)[2:]
    return {what: re.findall(r"`(\w+)`", words) for what, words in rows}


def built() -> set[str]:
    """The words in the names of all that there is: modules, commands, addresses, kinds."""
    from gateway.cli import _parser
    from gateway.events import KINDS
    from web.home.app import create_app
    from web.staff import pages

    ours = [path.relative_to(ROOT) for path in tracked("*.py")]
    modules = [
        path.stem
        for path in ours
        if path.parts[0] in ("gateway", "drivers", "web") and "migrations" not in path.parts
    ]
    paths = [route.path for route in pages.discover()]
    home = create_app(cast(HomePort, None)).url_map.iter_rules()
    commands = [name for of in ("gateway", "staff") for name in commands_of(_parser([of]))]
    names = [*modules, *KINDS, *paths, *(rule.rule for rule in home), *commands]
    return {word for name in names for word in re.findall(r"[a-z0-9]+", name.lower())}


def commands_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The words that a command line understands, at every depth."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield name
                yield from commands_of(inner)


@pytest.mark.parametrize("page", ["docs/security.md", "docs/privacy.md"])
def test_what_is_listed_as_unbuilt_is(page: str) -> None:
    """A thing that is built and still listed as missing is a lie too: whoever builds it gives it
    one of these words, and takes the row away."""
    rows = unbuilt(page)
    assert len(rows) >= 2
    there = built()
    assert {"ledger", "codes", "rotate", "sample", "alarm"} <= there, "are names still found?"
    assert {what: words for what, words in rows.items() if not words or there & set(words)} == {}


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_what_is_not_built_is_said_in_a_held_list(page: Path) -> None:
    """Anywhere else it is a link to one.  (The changelog tells what was, and may say so.)"""
    text = page.read_text()
    said = re.findall(r"[^\n]*(?:not built|no camera yet)[^\n]*", text, re.IGNORECASE)
    loose = [line for line in said if "#not-built-yet" not in line and line != "## Not built yet"]
    assert loose == []


def test_the_readme_says_what_it_must() -> None:
    """What it must not be relied on for, the two commands, a picture, an alarm's path, and how to
    add a driver."""
    text = (ROOT / "README.md").read_text()
    for part in (
        "must not be relied on",
        "make demo",
        "make test",
        "docs/images/now.png",
        "```mermaid",
        "docs/drivers.md",
    ):
        assert part in text, part


def test_every_make_target_that_is_named_exists() -> None:
    """`make …` in a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
        assert named <= targets, page


def not_there(text: str) -> list[str]:
    """The commands and modules named in a text that do not exist: `tryggve staff org grace`,
    `tryggve-gateway enroll`, `python -m tools.release`."""
    from gateway.cli import _parser

    missing = []
    for program, *words in re.findall(
        r"(?<!-u )tryggve[ -](gateway|staff) ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", text
    ):
        parser = _parser([program])
        for word in (program, *words):
            below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
            if not below or not word:
                break
            if word not in below[0].choices:
                missing.append(" ".join(["tryggve", program, *words]))
                break
            parser = below[0].choices[word]
    for module in re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", text):
        if module.split(".")[0] in OURS and importlib.util.find_spec(module) is None:
            missing.append(f"python -m {module}")
    return missing


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Whoever types what a page says is understood; what options mean stands in `--help`."""
    assert not_there(page.read_text("utf-8")) == []


def test_a_command_that_is_not_there_is_found() -> None:
    """The search above can fail, and passes over users and units, which are named alike."""
    good = (
        "`tryggve staff org grace ORG`, `sudo -u tryggve-staff sqlite3`, `python -m gateway.docs`"
    )
    bad = "`tryggve staff org shut`, `tryggve-gateway enrol URL`, `python -m tools.gone`"
    assert not_there(good) == []
    assert len(not_there(bad)) == 3


# --- examples -------------------------------------------------------------------------------------


@contextmanager
def loaded(source: str, path: Path) -> Iterator[ModuleType]:
    """An example as the module that it would be."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[path.stem]


def test_the_example_of_a_rule_works(tmp_path: Path) -> None:
    """docs/rules.md: a door that stands open is an alarm, once; shut in time it is none."""
    (source,) = blocks("docs/rules.md", "python")
    facts = HomeFacts(
        "h1", "UTC", devices={"front": DeviceFacts("front", "door_contact", "sensor", "front_door")}
    )
    with loaded(source, tmp_path / "door_left_open.py") as module:
        settings = module.Settings().model_copy(update={"home": facts})
        rule = Rule(
            name=module.NAME,
            version=module.VERSION,
            kinds=module.KINDS,
            settings=settings,
            start=module.start,
            step=module.step,
            wake_at=module.wake_at,
        )
        home = Sequencer(Fold((rule,)), origin="home:h1", boot="b1")
        begin = datetime(2026, 11, 23, 20, tzinfo=UTC)

        def at(minute: float, data: Data) -> None:
            moment = begin + timedelta(minutes=minute)
            home.number(Draft(data, device="front", at=moment), at=moment, mono_s=0.0)

        def alarms_until(minute: float) -> list[timedelta]:
            home.run_due(begin + timedelta(minutes=minute), 0.0)
            rows = [row.event for row in home.drain().rows]
            return [e.at - begin for e in rows if isinstance(e.data, AlarmRaised)]

        at(0, DoorOpened())
        at(9, DoorClosed())
        assert alarms_until(60) == []
        at(60, DoorOpened())
        assert alarms_until(600) == [timedelta(minutes=70)]


async def test_the_example_of_a_driver_works(tmp_path: Path) -> None:
    """docs/drivers.md: the contact tells its present state, then each change, on virtual pins."""
    (source,) = blocks("docs/drivers.md", "python")
    board = VirtualPins()
    board.wire(22, False)
    with loaded(source, tmp_path / "door_contact.py") as module:
        heard = Heard()
        driver = module.Driver(module.Config(pin=22), driver_context(pin_factory=board.factory))
        task = asyncio.create_task(driver.run(heard))
        await until(lambda: heard.kinds() == ["door.closed"])
        board.wire(22, None)
        await until(lambda: heard.kinds() == ["door.closed", "door.opened"])
        board.wire(22, False)
        await until(lambda: heard.kinds()[2:] == ["door.closed"])
        task.cancel()
        await asyncio.wait({task})
        await driver.close()
        assert module.pins(module.Config(pin=22)) == (22,)
    board.close()


def test_the_examples_of_configuration_are_accepted(tmp_path: Path) -> None:
    """docs/install.md: both files are read without a complaint."""
    server, home = blocks("docs/install.md", "toml")
    loaded_home = home_file.parse(home.encode(), tmp_path / "home.toml")
    assert set(loaded_home.devices) == {"bed", "front"}
    file = tmp_path / "staff.toml"
    file.write_text('database = "sqlite:///x.db"\nsecrets_dir = "secrets"\n' + server)
    assert load_config(file).listen.trusted_proxies == 1
