"""Makes docs/events.md and docs/configuration.md from the code: `python -m gateway.docs --write`.

`--check` exits with 1 when a page is not what the code says; a test and `make check` run it.

Not for: prose that the code cannot know.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import drivers
from gateway import events, rules
from gateway.config import held_config, home_file
from gateway.config.field_texts import field_texts, flat
from gateway.events import tolerance
from gateway.schedule import Plan

FOLDER = Path(__file__).resolve().parents[1] / "docs"

UNITS = {
    "_s": "seconds",
    "_min": "minutes",
    "_h": "hours",
    "_days": "days",
    "_ms": "milliseconds",
    "_pct": "percent",
    "_m": "metres",
    "_hz": "hertz",
    "_dbm": "dBm",
}
"""What the end of a name says of its unit."""

_MADE = "<!-- made by `python -m gateway.docs --write`; change the code, not this page -->"


def first_sentence(text: str | None) -> str:
    """A docstring's first sentence, without what stands in it as a name of ours."""
    return re.split(r"(?<=[a-z`\")])[.:](?:\s|$)", flat(text), maxsplit=1)[0].rstrip(".")


def unit_of(name: str) -> str:
    """The unit that a name carries; "" for none."""
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return unit
    return ""


def type_text(annotation: Any) -> str:
    """A type for a reader: `text`, `number`, `one of …`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_text(args[0])
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{value}`" for value in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(part) for part in args if part is not type(None))
    if origin in (tuple, list, frozenset):
        return f"list of {type_text(args[0])}"
    if origin is not None:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table: " + ", ".join(f"`{name}`" for name in annotation.model_fields)
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if isinstance(annotation, type) and annotation in names:
        return names[annotation]
    if isinstance(annotation, type) and issubclass(annotation, str):
        return "text"
    named = getattr(annotation, "__name__", str(annotation))
    return {"datetime": "time", "time": "local time", "date": "date", "Path": "path"}.get(
        named, "object" if named in ("Any", "Mapping") else named
    )


# --- docs/events.md -------------------------------------------------------------------------------


def events_page() -> str:
    """Every kind of event, with its fields."""
    out = ["# Events", "", _MADE, "", _first_lines(events.__doc__), ""]
    out += [
        (
            "The envelope around each (`origin`, `seq`, `at`, `clock`, `boot`, `mono_s`, `device`, "
            "`person`, `because`, `hash`) is described in `gateway/envelope.py`. Urgent kinds also "
            "go at once over the urgent lane. Times are UTC with milliseconds. What a home sends "
            "of a kind that only the server writes is kept, and counts for nothing."
        ),
        "",
        (
            "Another version may write more: a field that is not known is kept and passed over, "
            "and a value that cannot be read is what stands under *else*, so that the rest of the "
            "event counts (`gateway/events/tolerance.py`). With `—` the event cannot be read "
            "without the field, and in a kind that gives a right nothing is read that is not "
            "understood whole."
        ),
        "",
        "| kind | written by | urgent | what it means |",
        "| --- | --- | --- | --- |",
    ]
    for name, cls in events.KINDS.items():
        urgent = "yes" if cls.URGENT else ""
        out.append(
            f"| [`{name}`](#{_anchor(name)}) | {cls.BY.value} | {urgent} "
            f"| {_cell(first_sentence(cls.__doc__))} |"
        )
    for name, cls in events.KINDS.items():
        out += ["", f"## {name}", "", flat(cls.__doc__)]
        if cls.STRICT:
            out += ["", "It gives a right: it is read whole or not at all."]
        fields = list(_event_fields(cls))
        if fields:
            out += ["", *_head("field", "else")]
            out += fields
    return "\n".join(out) + "\n"


def _event_fields(cls: type[events.Data]) -> Iterator[str]:
    hints = typing.get_type_hints(cls, include_extras=True)
    texts = field_texts(cls)
    meant = {} if cls.STRICT else {one.name: one.otherwise for one in tolerance.readers(cls)}  # type: ignore[arg-type]
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        hint = hints[field.name]
        default = "" if field.default is dataclasses.MISSING else _value(field.default)
        text = texts.get(field.name, "")
        if isinstance(hint, type) and issubclass(hint, Enum) and not text:
            text = flat(hint.__doc__)
        instead = _else(meant[field.name]) if field.name in meant else "—"
        yield _row(field.name, type_text(hint), unit_of(field.name), default, text, instead)


def _else(otherwise: events.Else) -> str:
    """What a field is read as where it cannot be read."""
    match otherwise.value:
        case events.Unread.WHOLE:
            return "—"
        case events.Unread.OWN_TIME:
            return "the event's time"
        case "":
            return "no words"
        case value:
            return _value(value)


# --- docs/configuration.md ------------------------------------------------------------------------


def configuration_page() -> str:
    """Every key of a home's file."""
    out = ["# A home's configuration", "", _MADE, "", _first_lines(home_file.__doc__), ""]
    out += [
        (
            "The file is TOML; `tryggve gateway check --config FILE` says in one sentence what is "
            f"wrong with it. Without `--config` it is `{home_file.DEFAULT_FILE}`. A key without a "
            "default must be given."
        ),
        "",
        *("## The file, or the server", "", flat((held_config.__doc__ or "").split("\n\n")[1])),
    ]
    for name, info in home_file.Root.model_fields.items():
        model = _model_in(info.annotation)
        out += ["", f"## [{name}]", "", flat(model.__doc__), "", *_keys(model)]
    out += [
        "",
        "## [devices.&lt;id&gt;]",
        "",
        flat(home_file.DeviceSection.__doc__),
        _FROM_SERVER,
        "",
    ]
    out += _keys(home_file.DeviceSection)
    for name in drivers.names():
        if name.startswith("virtual"):
            continue
        driver = drivers.load(name)
        about = first_sentence(sys.modules[driver.Driver.__module__].__doc__)
        out += ["", f'### driver = "{name}"', "", f"A {driver.kind}. {about}.", ""]
        out += _keys(driver.Config)
    out += ["", "## [rules.&lt;name&gt;]", "", "Every rule runs unless it is switched off."]
    out += [_FROM_SERVER, ""]
    out += _keys(rules.RuleSettings)
    for name in rules.names():
        settings = rules.settings_class(name)
        own = [key for key in settings.model_fields if key not in rules.RuleSettings.model_fields]
        out += ["", f"### [rules.{name}]", "", f"{first_sentence(_doc_of(settings))}.", ""]
        out += _keys(settings, only=own)
    out += ["", "## [checks.&lt;plan&gt;]", "", flat(Plan.__doc__), ""]
    out += _keys(Plan, only=[key for key in Plan.model_fields if key != "name"])
    return "\n".join(out) + "\n"


_FROM_SERVER = "Once the server has set a configuration, its table holds in place of this one."


def _doc_of(settings: type) -> str | None:
    return sys.modules[settings.__module__].__doc__


def _keys(model: type[BaseModel], only: Sequence[str] | None = None) -> list[str]:
    out = _head("key")
    for name, info in model.model_fields.items():
        if info.exclude or (only is not None and name not in only):
            continue
        if info.default is not PydanticUndefined:
            default = _value(info.default)
        else:
            default = "" if info.is_required() else "made"
        text = flat(info.description) or field_texts(model).get(name, "")
        out.append(_row(name, type_text(info.annotation), unit_of(name), default, text))
    return out if len(out) > 2 else ["It has no keys of its own."]


def _model_in(annotation: Any) -> type[BaseModel]:
    for part in (annotation, *typing.get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    raise TypeError(f"no table in {annotation}")


# --- words ----------------------------------------------------------------------------------------


def _first_lines(doc: str | None) -> str:
    return inspect.cleandoc(doc or "").split("\n\n", maxsplit=1)[0]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, tuple | list):
        return ", ".join(_value(item) for item in value) or "empty"
    if hasattr(value, "isoformat"):
        return f"`{value.isoformat()[:5]}`"
    return f"`{value}`"


def _head(first: str, *more: str) -> list[str]:
    names = (first, "type", "unit", "default", *more, "meaning")
    return [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |"]


def _row(name: str, type_: str, unit: str, default: str, text: str, *more: str) -> str:
    cells = (_cell(type_), unit, _cell(default), *map(_cell, more), _cell(text))
    return f"| `{name}` | {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace(".", "").lower()


PAGES = {"events.md": events_page, "configuration.md": configuration_page}


def stale(folder: Path = FOLDER) -> list[str]:
    """The pages that are not what the code says."""
    names = []
    for name, make in PAGES.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != make():
            names.append(name)
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """`--check` or `--write`."""
    parser = argparse.ArgumentParser(prog="python -m gateway.docs", description=flat(__doc__))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="1 when a page is out of date")
    what.add_argument("--write", action="store_true", help="write the pages")
    args = parser.parse_args(argv)
    old = stale()
    if args.write:
        for name in old:
            (FOLDER / name).write_text(PAGES[name](), encoding="utf-8")
        return 0
    for name in old:
        sys.stderr.write(
            f"docs/{name} is not what the code says; run: python -m gateway.docs --write\n"
        )
    return 1 if old else 0


if __name__ == "__main__":
    raise SystemExit(main())
