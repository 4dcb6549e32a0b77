"""Turns what tomllib and pydantic say into one sentence: file, key, what is wrong, how to mend it.

Not for: deciding what is right (the models of `gateway.config.home_file` do).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.field_texts import field_texts
from gateway.errors import ConfigError

SEE = "see docs/configuration.md"


def from_toml(file: str, error: tomllib.TOMLDecodeError) -> ConfigError:
    """A file that is no TOML, or that says something twice.

    Before Python 3.14 the error carries its line only in its text, so the text is read here.
    """
    text = str(error)
    place = re.search(r"line (\d+)", text)
    where = f"line {place.group(1)}" if place else "at its end"
    twice = re.match(r"Cannot declare \((.*?)\) twice", text)
    if twice:
        key = ".".join(re.findall(r"'([^']*)'", twice.group(1)))
        return ConfigError(
            file, key, f"is written twice (again in {where})", "give one of them another name"
        )
    said = re.sub(r"\s*\(at .*\)$", "", text)
    if said == "Cannot overwrite a value":
        return ConfigError(file, where, "a key is written twice", "remove one of them")
    return ConfigError(
        file, where, f"is not TOML: {said[:1].lower()}{said[1:]}", "correct that line"
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` as a mend, or the list of what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]!r}? Else remove it"
    return f"choose one of {', '.join(names)}" if names else "remove it"


def from_validation(
    file: str, prefix: str, model: type[BaseModel], error: ValidationError, extra: Iterable[str]
) -> ConfigError:
    """The first thing that pydantic refused, in words.  `extra` are keys known beside the model's.

    An unknown key goes before a missing one: a misspelt key is both.
    """
    refusals = error.errors(include_url=False, include_context=True)
    refusals.sort(key=lambda item: item["type"] != "extra_forbidden")
    first = refusals[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join([prefix, *path] if prefix else path)
    where = _model_at(model, path[:-1])
    last = path[-1] if path else ""
    fields = where.model_fields if where is not None else {}
    if last.isdigit() and len(path) > 1:  # one item of a list: the list's own field tells
        where, last = _model_at(model, path[:-2]), path[-2]
        fields = where.model_fields if where is not None else {}
    if first["type"] == "extra_forbidden":
        known = [*fields, *(extra if len(path) == 1 else ())]
        unknown = "is no key that Tryggve knows"
        return ConfigError(file, key, unknown, suggestion(last, known), fault="key")
    about = ""
    if where is not None and last in fields:
        about = _first_sentence(field_texts(where).get(last))
    if first["type"] == "missing":
        return ConfigError(file, key, "is missing", f"add it ({about or SEE})", fault="missing")
    problem = _problem(first)
    return ConfigError(file, key, problem, f"correct it ({about})" if about else SEE)


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    for part in path:
        info = model.model_fields.get(part)
        inner = _model_in(info.annotation) if info is not None else None
        if inner is None:
            return None
        model = inner
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        inner = _model_in(part)
        if inner is not None:
            return inner
    return None


def _problem(item: Any) -> str:
    given = item.get("input")
    shown = "" if isinstance(given, dict | list) else f"{given!r} "
    said = str(item["msg"]).removeprefix("Value error, ").replace("Input should", "It should")
    context = item.get("ctx", {})
    if item["type"] == "literal_error":
        return f"{shown}is not one of {context['expected']}"
    if item["type"] == "string_pattern_mismatch":
        return f"{shown}has characters that it may not have"
    plain = said[:1].islower()  # our own sentences begin so
    return f"{shown}{said}" if plain else f"{shown}is not accepted: {said[:1].lower()}{said[1:]}"


def _first_sentence(text: str | None) -> str:
    flat = " ".join((text or "").split())
    return re.split(r"(?<=[a-z`)])\.(?:\s|$)", flat, maxsplit=1)[0].rstrip(".")
