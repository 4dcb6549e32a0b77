"""Rules, access and the schedule are pure, and each rule keeps the contract of a rule."""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway import docs, rules
from gateway.config.field_texts import field_texts
from gateway.events import KINDS
from gateway.rules import RuleSettings, bind, names, settings_class
from tests.rules.conftest import home_of

ROOT = Path(rules.__file__).parents[1]
PURE = sorted(
    [*(ROOT / "rules").rglob("*.py"), *(ROOT / "access").glob("*.py"), ROOT / "schedule.py"],
    key=lambda path: path.name,
)

IMPURE = {
    "asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "select", "selectors",
    "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
    "urllib3", "uuid",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter"}
"""Methods of `datetime`, `date` and `time` modules that read a clock."""
KNOWN = {
    "gateway.access", "gateway.access.grants", "gateway.access.tokens", "gateway.commands",
    "gateway.envelope", "gateway.errors", "gateway.events", "gateway.origin", "gateway.ports",
    "gateway.rules",
    "gateway.schedule", "gateway.night_plan",
}  # fmt: skip


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _clock_calls(tree: ast.AST) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"datetime", "date", "time"}
    ]


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_no_clock_no_io_no_chance(path: Path) -> None:
    """No import that could read a clock, a disk, a network or dice, and no call of a clock."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = _imports(tree)
    assert not {name for name in imported if name.partition(".")[0] in IMPURE}
    ours = {name for name in imported if name.partition(".")[0] in ("gateway", "drivers", "web")}
    assert {name for name in ours if not name.startswith("gateway.rules")} <= KNOWN
    assert _clock_calls(tree) == []
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]


def test_the_check_sees_what_it_looks_for() -> None:
    """A clock call and a forbidden import in a source text are found."""
    tree = ast.parse("import time\nfrom datetime import datetime\ndatetime.now()\n")
    assert _imports(tree) == {"time", "datetime"}
    assert _clock_calls(tree) == [3]


def test_every_file_is_a_rule_but_the_fold() -> None:
    """One file, one rule; helpers lie in a folder of their own."""
    files = {path.stem for path in (ROOT / "rules").glob("*.py")}
    assert set(names()) == files - {"__init__", "fold"}
    assert {"bed", "bed_exit", "visit"} <= set(names())


def test_a_file_is_all_that_a_rule_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of docs/rules.md lies beside the others: it is bound, has its settings, and
    stands in the page of the configuration."""
    page = (ROOT.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    source = page.split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "door_left_open.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(tmp_path)])
    try:
        assert "door_left_open" in names()
        own = settings_class("door_left_open").model_validate({"open_min": 20})
        bound = {rule.name: rule for rule in bind({"door_left_open": own}, home_of("door"))}
        assert bound["door_left_open"].settings.open_min == 20
        assert "### [rules.door_left_open]" in docs.configuration_page()
    finally:
        sys.modules.pop("gateway.rules.door_left_open", None)
        vars(rules).pop("door_left_open", None)


@pytest.mark.parametrize("name", names())
def test_a_rule_keeps_the_contract(name: str) -> None:
    """Known kinds, a version, a frozen state, settings with a text and a default for each key."""
    (rule,) = [each for each in bind({}, home_of("mat", "door")) if each.name == name]
    assert rule.version >= 1
    assert rule.kinds <= set(KINDS)
    state: Any = rule.start(rule.settings)
    assert dataclasses.is_dataclass(state)
    assert state.__dataclass_params__.frozen  # type: ignore[union-attr]
    assert rule.wake_at(state, rule.settings) is None
    fields = settings_class(name).model_fields
    for key, info in fields.items():
        assert field_texts(settings_class(name)).get(key), f"{name}.{key} says nothing"
        assert not info.is_required(), f"{name}.{key} has no default"


@pytest.mark.parametrize("name", names())
def test_a_key_that_a_rule_does_not_have_is_refused(name: str) -> None:
    """A misspelt key is an error, not a default."""
    with pytest.raises(ValidationError):
        settings_class(name).model_validate({"no_such_key": 1})


def test_a_rule_that_is_switched_off_does_not_run() -> None:
    """`enabled = false` leaves it out."""
    off = settings_class("bed_exit").model_validate({"enabled": False})
    assert "bed_exit" not in {rule.name for rule in bind({"bed_exit": off}, home_of("mat"))}
    with pytest.raises(KeyError):
        settings_class("fold")
    assert issubclass(settings_class("bed"), RuleSettings)
