"""What stands under a class's fields as their docstring, read from its source when somebody asks.

pydantic can put them into its models by itself (`use_attribute_docstrings`), but it then reads and
parses every model's source at each start of the gateway: a seventh of the start, for texts that
only the pages in `docs/` and an error in the configuration need.

Not for: laying the texts out (`gateway.docs`).
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from functools import cache


def flat(text: str | None) -> str:
    """A docstring on one line."""
    return " ".join(inspect.cleandoc(text or "").split())


def field_texts(cls: type) -> dict[str, str]:
    """The docstrings under the fields of a class and of its bases, each on one line; without those
    whose source is not to be had."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        texts |= _own_texts(base)
    return texts


@cache
def _own_texts(cls: type) -> dict[str, str]:
    body = _classes(cls.__module__).get(cls.__qualname__)
    return {
        field.target.id: flat(text.value.value)
        for field, text in itertools.pairwise(body.body if body is not None else ())
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module by their qualified names.  Its source is parsed once: asked for class
    by class, the page of the configuration cost fourteen seconds, and so less than one."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return {}
    classes: dict[str, ast.ClassDef] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                classes[prefix + child.name] = child
                walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                walk(child, f"{prefix}{child.name}.<locals>.")

    walk(tree, "")
    return classes
