"""A home's configuration as it is edited: its devices and its rules' settings, each a table.

The server knows the form of it, not what each driver takes: a home of another version knows another
list.  What is wrong there the home says, by device and field.  Settings are written as in a home's
file, a line each (`pin = 17`).  Not for: setting one (`changes`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from enum import StrEnum
from typing import Any

from gateway.errors import TryggveError

TEXT_MAX = 20_000
"""Characters of a configuration: as many as a home takes (`gateway.config.held_config`)."""

DEVICES_MAX = 100
"""Devices of a home, as it takes them."""

DEPTH_MAX = 3
"""Tables within a table of settings: no driver has more than one."""

COMMON = ("driver", "role", "room")
"""What every device has, in this order; its driver's own settings come after."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")

Table = Mapping[str, Any]


class Fault(StrEnum):
    """What is wrong with what somebody wrote; the page has a sentence for each."""

    NAME = "name"
    DRIVER = "driver"
    WORD = "word"
    """A role or a room is no word."""
    SETTINGS = "settings"
    """A line is no setting."""
    TAKEN = "taken"
    """Another device has that name."""
    GONE = "gone"
    """There is no such device or rule."""
    MANY = "many"
    LONG = "long"


class BadConfig(TryggveError):
    """It cannot be sent: `why` is a `Fault`, `device` and `field` where."""

    def __init__(self, why: Fault, device: str | None = None, field: str | None = None) -> None:
        super().__init__(f"no configuration: {why}", why=why, device=device, field=field)
        self.why, self.device, self.field = why, device, field


@dataclass(frozen=True, slots=True)
class HomeConfig:
    """Devices by id and rules by name, each with its settings."""

    devices: Mapping[str, Table] = field(default_factory=dict)
    rules: Mapping[str, Table] = field(default_factory=dict)

    def text(self) -> str:
        """As the home gets it.  Raises `BadConfig`: too long, too many."""
        if len(self.devices) > DEVICES_MAX:
            raise BadConfig(Fault.MANY)
        tables = {"devices": self.devices, "rules": self.rules}
        text = json.dumps(tables, ensure_ascii=False, separators=(",", ":"))
        if len(text) > TEXT_MAX:
            raise BadConfig(Fault.LONG)
        return text

    def with_device(self, id_: str, keys: Table) -> HomeConfig:
        """The same with this device, in its old place where there was one.  Raises `BadConfig`."""
        if not _ID.fullmatch(id_):
            raise BadConfig(Fault.NAME, id_)
        if not isinstance(keys.get("driver"), str) or not _ID.fullmatch(keys["driver"]):
            raise BadConfig(Fault.DRIVER, id_, "driver")
        for name in ("role", "room"):
            if name in keys and not (isinstance(keys[name], str) and _WORD.fullmatch(keys[name])):
                raise BadConfig(Fault.WORD, id_, name)
        common = {name: keys[name] for name in COMMON if name in keys}
        return replace(self, devices={**self.devices, id_: {**common, **keys}})

    def without_device(self, id_: str) -> HomeConfig:
        """The same without it.  Raises `BadConfig`."""
        if id_ not in self.devices:
            raise BadConfig(Fault.GONE, id_)
        return replace(self, devices={k: v for k, v in self.devices.items() if k != id_})

    def with_rule(self, name: str, keys: Table) -> HomeConfig:
        """The same with this rule's settings; without any the rule has its usual ones.  Raises
        `BadConfig`."""
        if not _ID.fullmatch(name):
            raise BadConfig(Fault.NAME, name)
        rules = {k: v for k, v in self.rules.items() if k != name}
        return replace(self, rules={**rules, name: keys} if keys else rules)


def read(text: str) -> HomeConfig | None:
    """The configuration in a text that a home or this server wrote; None where it is none."""
    try:
        tables = json.loads(text)
        devices, rules = tables.get("devices", {}), tables.get("rules", {})
    except (ValueError, AttributeError, RecursionError):
        return None
    every = [*devices.values(), *rules.values()] if _are_tables(devices, rules) else [None]
    return HomeConfig(devices, rules) if _are_tables(*every) else None


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


# --- settings as lines ----------------------------------------------------------------------------


def settings(lines: str) -> dict[str, Any]:
    """Settings from lines as a home's file has them.  Raises `BadConfig`."""
    try:
        table = tomllib.loads(lines.replace("\r\n", "\n"))
        return {key: _plain(value, 0) for key, value in table.items()}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfig(Fault.SETTINGS) from error


def lines(table: Table) -> str:
    """Settings as `settings` reads them; without what every device has."""
    own = {key: value for key, value in table.items() if key not in COMMON}
    return "\n".join(f"{_key(key)} = {_toml(value)}" for key, value in own.items())


def _plain(value: object, depth: int) -> Any:
    if isinstance(value, dict | list) and depth >= DEPTH_MAX:
        raise BadConfig(Fault.SETTINGS)
    if isinstance(value, dict):
        return {key: _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise BadConfig(Fault.SETTINGS)
    return value


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # TOML writes these as JSON does


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
