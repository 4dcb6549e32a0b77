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
import textwrap
import typing


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


def _own_texts(cls: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return {}
    body = typing.cast("ast.ClassDef", tree.body[0]).body
    return {
        field.target.id: flat(text.value.value)
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
