"""Nothing is kept that nothing uses: a name that stands only where it is defined is taken out, or
wired to what it was for.

Looked at are functions, classes and constants of a module, and methods of classes that inherit
nothing; without those that a decorator registers (pages, folds, commands).  A name that only a test
says is unused.  Not for: fields and members of enums, whose values come from outside; what another
library calls, which inherits from it; the virtual devices, which stand in for what others call.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests._tree import Module, modules, tracked, within

KEPT = {
    "web.staff.events.projections.rebuild._FOLDS": "imported so that their handlers register",
    "web.staff.homelink.enrolment.forget_tries": "a seam for tests: tries are counted in memory",
    "web.staff.people.first_start.forget_wrong_codes": "the same, of the first code",
    "web.staff.signin.grace.DEFAULT_H": "the schema's own number; a test holds the two together",
    "gateway.clock.ManualClock": "a clock for tests, which ships as part of the product",
}
"""What nothing in the product says, with the reason to keep it."""

STANDS_IN = ("drivers.virtual",)

HARMLESS = {"property", "staticmethod", "classmethod", "cache", "contextmanager", "dataclass"}
"""Decorators that register nothing."""

SAID_IN = ("*.py", "*.html", "*.js", "*.toml", "*.sh", "*.service")


def _said() -> Counter[str]:
    """How often each word stands in what runs: code, templates, scripts, units."""
    words: Counter[str] = Counter()
    for path in tracked(*SAID_IN):
        if "tests" not in path.parts:
            words.update(re.findall(r"\w+", path.read_text("utf-8")))
    return words


def _defined(module: Module) -> Iterator[str]:
    """The names that this module defines."""
    for node in module.tree.body:
        yield from _names(node)
        if isinstance(node, ast.ClassDef) and not node.bases:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from _names(inner)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if not node.name.startswith("__") and all(map(_harmless, node.decorator_list)):
            yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("__"):
                yield target.id


def _harmless(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(named, ast.Name) and named.id in HARMLESS


def unused(found: dict[str, Module], said: Counter[str]) -> list[str]:
    """Each name that is said once, where it is defined: `module.name`, in order."""
    return sorted(
        f"{module.name}.{name}"
        for module in found.values()
        if not within(module.name, *STANDS_IN)
        for name in _defined(module)
        if said[name] == 1
    )


def test_nothing_is_kept_that_nothing_uses() -> None:
    """No left-over of a feature, and no feature that was written and never wired."""
    assert unused(modules(), _said()) == sorted(KEPT)


def unread(found: dict[str, Module], read: set[str]) -> list[str]:
    """Each field of a dataclass that no code and no template asks for: `module.Class.field`.
    Not those of `gateway.events`: what an event says is read by whoever reads the log."""
    return sorted(
        f"{module.name}.{node.name}.{field.target.id}"
        for module in found.values()
        if not within(module.name, "gateway.events")
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and "dataclass" in map(_called, node.decorator_list)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if field.target.id not in read
    )


def _called(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _read() -> set[str]:
    """Every word that is asked for as `thing.word`, or by its name in a text."""
    words: set[str] = set()
    for path in tracked(*SAID_IN):
        if "tests" not in path.parts:
            words.update(re.findall(r"[.\"'](\w+)", path.read_text("utf-8")))
    return words


def test_nothing_is_reckoned_that_nobody_reads() -> None:
    """A value that is filled in and never looked at costs, and misleads whoever reads the code."""
    assert unread(modules(), _read()) == []


def test_what_is_left_over_is_found() -> None:
    """A function, a constant, a class and a method that nothing says; a page and a hook are not."""
    code = """
LEFT_OVER_S = 3
USED = 1
def forgotten(): return USED
class Old:
    def aged(self): ...
class Base(Old):
    def hook(self): ...
@page("/x")
def shown(): ...
"""
    made = Module("m", tracked("pyproject.toml")[0], ast.parse(code), ())
    said = Counter(re.findall(r"\w+", code))
    assert unused({"m": made}, said) == ["m.Base", "m.LEFT_OVER_S", "m.aged", "m.forgotten"]
    kept = ast.parse("@dataclass(frozen=True)\nclass Kept:\n    asked: int\n    never: int\n")
    assert unread({"m": Module("m", made.path, kept, ())}, {"asked"}) == ["m.Kept.never"]
