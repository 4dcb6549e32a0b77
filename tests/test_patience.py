"""Nothing that is waited for has less than a minute: a busy machine takes half of one for what
takes a moment elsewhere, and a wait that was long enough in dozens of runs fails the next.

Less than a second is left alone: that is how often somebody looks, or how long nothing must come.
Not for: what a program of ours waits for, which is its own setting, and the simulator of a town
(`tests/load`), whose times are its figures.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from gateway.demo import home_process
from tests._tree import ROOT, tracked

SHORT_S, ENOUGH_S = 1, 60
"""Seconds: what lies between is hoped for, not waited for."""

WAITS = {
    **dict.fromkeys(("get", "join", "result", "settimeout", "timeout", "wait"), 1),
    "wait_for": 2,
}
"""Functions whose last number is how long they wait, whoever's they are, and how many arguments say
that it is."""

SAYS_HOW_LONG = frozenset({"timeout", "within_s"})
"""Arguments that say it, of any function."""

CLOCKS = frozenset({"monotonic", "perf_counter"})
"""Functions to whose time a wait's end is added."""

DEFAULTS = SAYS_HOW_LONG | {"timeout_s"}
"""… and of functions that a test defines."""

NAMES = {
    *("ANSWERED_S", "END_S", "GONE_S", "HALT_S", "PATIENCE_S", "REQUEST_TIMEOUT_S", "SETTLED_S"),
    *("START_S", "START_TIMEOUT_S", "STARTED_S", "TOLD_S", "WAIT_S", "WITHIN_S"),
}
"""What a file calls the time that it waits at the longest."""

_NUMBER = r"(?:[1-9]|[1-5]\d)(?:\.\d+)?\b"
WORTH_READING = re.compile(
    rf"\.(?:{'|'.join(sorted(WAITS))})\(.*\b{_NUMBER}"
    rf"|\b(?:{'|'.join(sorted(DEFAULTS))})\b[^=\n]*=\s*{_NUMBER}"
    rf"|\.(?:{'|'.join(sorted(CLOCKS))})\(\) \+ {_NUMBER}"
    rf"|^(?:{'|'.join(sorted(NAMES))}) = {_NUMBER}",
    re.MULTILINE,
)
"""Stands in a file that may have one: to read each of them as a tree takes two seconds."""

MEANT: dict[str, str] = {
    "tests/staff/server.py": "asks again and again until it answers",
    "tests/e2e/test_offline.py": "the same",
    "tests/staff/releases/test_holdups.py": "that nobody comes before is found by waiting",
    "tests/media/look_faults.py": "whether a page that was cut says good-bye makes no difference",
    "tests/test_uplink_line.py": "a batch that is told to wait, of a clock that stands",
}
"""Files in which a short one is right, each with its reason."""


def short(tree: ast.AST) -> Iterator[int]:
    """Lines with a wait that is too short."""
    for node in ast.walk(tree):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given += [one.value for one in node.keywords if one.arg in SAYS_HOW_LONG]
            if isinstance(node.func, ast.Attribute):
                given += node.args[-1:] if len(node.args) == WAITS.get(node.func.attr) else []
        elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Call):
            called = node.left.func
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                given.append(node.right)
        elif isinstance(node, ast.Assign):
            is_one = any(isinstance(one, ast.Name) and one.id in NAMES for one in node.targets)
            given += [node.value] if is_one else []
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            a = node.args
            last = [*a.posonlyargs, *a.args][::-1]
            pairs = [
                *zip(last, a.defaults[::-1], strict=False),
                *zip(a.kwonlyargs, a.kw_defaults, strict=True),
            ]
            given += [value for arg, value in pairs if value and arg.arg in DEFAULTS]
        for one in given:
            number = one.value if isinstance(one, ast.Constant) else None
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            if SHORT_S <= number < ENOUGH_S:
                yield one.lineno


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("done.wait(10)", True),
        ("done.wait(45)", True),
        ("done.wait(60)", False),
        ("done.wait(0.05)", False),
        ("done.wait(timeout=5)", True),
        ("thread.join(5.0)", True),
        ("''.join(parts)", False),
        ("screen.get(10)", True),
        ("most.get(name, 15.0)", False),
        ("line.join(name, lane, 9.0)", False),
        ("done.wait(True)", False),
        ("asyncio.timeout(10)", True),
        ("asyncio.wait_for(x, 10)", True),
        ("until_s = time.monotonic() + 20", True),
        ("sqlite3.connect(path, timeout=10)", True),
        ("def until(what, within_s: float = 20.0): ...", True),
        ("async def until(what, *, timeout_s=20): ...", True),
        ("def until(seconds=20, *, timeout_s): ...", False),
        ("WAIT_S = 30", True),
        ("WAIT_S = 60.0", False),
        ("PAUSE_S = 2.0", False),
    ],
)
def test_what_is_short(line: str, found: bool) -> None:
    """So that the rule below finds what it is for."""
    assert bool(list(short(ast.parse(line)))) is found
    assert not found or WORTH_READING.search(line)


def test_whoever_waits_waits_long_enough() -> None:
    """Anywhere in the tests, and in what they are made of."""
    found: dict[str, list[int]] = {}
    for path in tracked("tests/*.py"):
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text("utf-8")
        if name.startswith(("tests/load/", "tests/bench/")) or not WORTH_READING.search(text):
            continue
        if lines := list(short(ast.parse(text))):
            found[name] = lines
    assert {name: lines for name, lines in found.items() if name not in MEANT} == {}
    assert set(MEANT) <= set(found), "no reason without what it is for"


def test_a_stage_waits_for_its_programs_as_long() -> None:
    """Scenes of `tests/e2e` stand on it: on two cores that twenty others wanted no server was there
    after forty seconds."""
    assert home_process.START_S >= ENOUGH_S


def test_no_test_is_given_less_than_any_other(pytestconfig: pytest.Config) -> None:
    """A time of its own is for one that takes longer: what ends a test that hangs ends one that is
    slow too."""
    usual_s = float(pytestconfig.getini("timeout"))
    own = re.compile(r"mark\.timeout\((\d+)\)")
    less = [
        path.relative_to(ROOT).as_posix()
        for path in tracked("tests/*.py")
        for given in own.findall(path.read_text("utf-8"))
        if float(given) <= usual_s
    ]
    assert less == []
