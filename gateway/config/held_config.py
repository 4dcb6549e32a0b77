"""The configuration that the server gave a home: read, checked as the file is, and kept beside it.

Which holds is one rule: the newest one of the server's that this home took, in place of the tables
`[devices.*]` and `[rules.*]` of its file, both whole; and where it took none, the file.  What was
added at the Pi's own page, where there was no server, is as if the file said it, as long as that
says what it said then: who changes the file has the last word.  All other tables are the file's
alone: what only the home may say (its id, its server, its network, its pins' owner).  Secrets are
in neither.

What was taken is kept in the state folder, `config/held.json`, and the one before it beside it:
each replaced whole, so that after a power cut one of them is there; a lost log changes nothing.
One that this version cannot read, or a card gave back damaged, gives way to the one before, and
that to the file; it is told, and put aside when the next one is kept.

Not for: when one is taken (`gateway.app.configuration`), or who may change it (the server).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.config.home_file import DeviceConfig, HomeConfig, of_tables
from gateway.config.put_aside import put_aside
from gateway.config.secrets import FileSecrets, write_durably
from gateway.config.toml_file import read
from gateway.errors import ConfigError
from gateway.events import ConfigFault, ConfigRefused, GatewayFellBack, StandIn, StartFile

log = logging.getLogger(__name__)

TABLES = ("devices", "rules")
"""What the server may say.  Plans of night checks have events of their own."""

TEXT_MAX = 20_000
"""Characters of a configuration, as many as an event's prose may have: a hundred devices."""

DEVICES_MAX = 100
"""Devices of a home: a demanding one has twenty."""

FOLDER, HELD, BEFORE, TRIED = "config", "held.json", "before.json", "tried.json"
HERE = "here.json"

TRIES_MAX = 5
"""How often one is begun: a gateway that ended so often while taking it, by a power cut or because
of it, goes on with what it had."""

THE_FILE = 0
"""The number of the home's file."""


@dataclass(frozen=True, slots=True)
class Held:
    """A configuration of the server's, as it came."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds: `number` (`THE_FILE`: the file) and the whole `config`; `left` are those that
    were kept and cannot be read any more, with what is wrong with each; `here`: with what was added
    at the Pi's own page; `damaged` tells of what the card did not give back."""

    number: int
    config: HomeConfig
    left: tuple[tuple[int, ConfigError], ...] = ()
    here: bool = False
    damaged: tuple[GatewayFellBack, ...] = ()


def text_of(config: HomeConfig) -> str:
    """What a configuration says of what the server may say; empty where that is too long."""
    tables = {name: config.tables.get(name, {}) for name in TABLES}
    text = json.dumps(tables, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if len(text) <= TEXT_MAX else ""


def checked(file: HomeConfig, held: Held) -> HomeConfig:
    """The configuration of a home with this `file` where `held` holds.  Raises `ConfigError` for
    the first thing that is wrong with it."""
    name = f"configuration {held.number}"
    kept = {key: value for key, value in file.tables.items() if key not in TABLES}
    try:
        given = _read(name, held.text)
        config = of_tables({**kept, **given}, Path(name), _digest(held.text))
    except ConfigError:
        raise
    except Exception as error:  # a driver whose libraries are not here; whatever it is, it is told
        said = f"cannot be used ({type(error).__name__}: {str(error)[:200]})"
        raise ConfigError(name, "", said, "see docs/configuration.md", fault="driver") from error
    for device in config.devices.values():
        _only_what_is_not_the_files(name, device, file.devices.get(device.id))
    return replace(config, path=file.path)


def refusal(number: int | None, error: ConfigError) -> ConfigRefused:
    """What the home tells of a configuration that it does not take."""
    parts = error.key.split(".")
    about = parts[1] if len(parts) > 1 and parts[0] in TABLES else None
    field = ".".join(parts[2:]) if about else error.key
    return ConfigRefused(
        number=number,
        why=ConfigFault(error.fault),
        about=about,
        field=field or None,
        said=error.text[:600],
    )


def unpaired(config: HomeConfig, secrets: FileSecrets) -> tuple[str, ...]:
    """The devices that must be paired: their secret is not in the home."""
    wanted = ((device.id, _secret_of(device)) for device in config.devices.values())
    return tuple(id_ for id_, name in wanted if name is not None and not secrets.has(name))


class KeptConfig:
    """What was taken, in the home's state folder."""

    def __init__(self, state: Path) -> None:
        self._state, self._folder = state, state / FOLDER

    def keep(self, held: Held) -> None:
        """Keep it, and the one before it.  Raises `OSError`: the card refuses."""
        newest, before = self._folder / HELD, self._folder / BEFORE
        for path in (newest, before):
            if os.path.lexists(path) and _held_at(path) is None:
                put_aside(self._state, path)
        if newest.is_file():
            write_durably(before, newest.read_bytes())
        kept = {"number": held.number, "text": held.text, "sha256": _digest(held.text)}
        write_durably(newest, json.dumps(kept, ensure_ascii=False).encode())
        (self._folder / TRIED).unlink(missing_ok=True)

    def keep_here(self, text: str, file: HomeConfig) -> None:
        """Keep what was set at the Pi's own page in place of what `file` says.  Raises `OSError`:
        the card refuses."""
        kept = {"text": text, "sha256": _digest(text), "instead_of": _digest(text_of(file))}
        if (self._folder / HERE).is_dir():
            put_aside(self._state, self._folder / HERE)
        write_durably(self._folder / HERE, json.dumps(kept, ensure_ascii=False).encode())

    def tries(self, number: int) -> int:
        """Note that it is begun; how often it was before.  Raises `OSError`: the card refuses."""
        path, before = self._folder / TRIED, 0
        with suppress(ConfigError, ValueError, KeyError, TypeError, RecursionError):
            tried = json.loads(read(path))
            before = int(tried["tries"]) if tried["number"] == number else 0
        if path.is_dir():  # nothing can be written over a folder
            put_aside(self._state, path)
        write_durably(path, json.dumps({"number": number, "tries": before + 1}).encode())
        return before

    def in_force(self, file: HomeConfig) -> InForce:
        """What holds at a start: the last one that is good, else the file."""
        left: list[tuple[int, ConfigError]] = []
        damaged: list[Path] = []
        found = self._first_good(file, left, damaged)
        stand_in = StandIn.NOTHING if found.number == THE_FILE else StandIn.COPY
        told = tuple(
            GatewayFellBack(
                what=StartFile.CONFIGURATION,
                stand_in=stand_in,
                said=f"{path} is damaged; set the home's configuration anew, at the server or at "
                "the Pi's own page.",
            )
            for path in damaged
        )
        return replace(found, left=tuple(left), damaged=told)

    def _first_good(
        self, file: HomeConfig, left: list[tuple[int, ConfigError]], damaged: list[Path]
    ) -> InForce:
        for name in (HELD, BEFORE):
            path = self._folder / name
            if not os.path.lexists(path):
                continue
            held = _held_at(path)
            if held is None:
                damaged.append(path)
                continue
            try:
                return InForce(held.number, checked(file, held))
            except ConfigError as error:
                left.append((held.number, error))
        here = self._here(file, damaged)
        if here is not None:
            try:
                return InForce(THE_FILE, checked(file, here), here=True)
            except ConfigError as error:
                left.append((THE_FILE, error))
        return InForce(THE_FILE, file)

    def _here(self, file: HomeConfig, damaged: list[Path]) -> Held | None:
        """What was set at the Pi's page, unless the file says something else since."""
        path = self._folder / HERE
        kept = _kept_at(path)
        if kept is None:
            if os.path.lexists(path):
                damaged.append(path)
            return None
        is_same = kept.get("instead_of") == _digest(text_of(file))
        return Held(THE_FILE, kept["text"]) if is_same else None


def _held_at(path: Path) -> Held | None:
    """What is kept there; None: nothing that is whole."""
    kept = _kept_at(path)
    number = None if kept is None else kept.get("number")
    return None if kept is None or type(number) is not int else Held(number, kept["text"])


def _kept_at(path: Path) -> dict[str, Any] | None:
    """The fields of a kept file whose `text` is as it was written; None: missing, or damaged."""
    try:
        kept = json.loads(read(path))
        if _digest(kept["text"]) == kept["sha256"] and isinstance(kept, dict):
            return kept
    except (ConfigError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if os.path.lexists(path):
            log.error("a kept configuration cannot be read", extra={"why": repr(error)})
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(name: str, text: str) -> Mapping[str, Any]:
    fault, mend = "not_understood", "see docs/configuration.md"
    if len(text) > TEXT_MAX:
        raise ConfigError(name, "", f"is longer than {TEXT_MAX} characters", mend, fault=fault)
    try:
        given = json.loads(text, parse_constant=_no_number)
        json.dumps(given, ensure_ascii=False).encode()  # half a character: no event can say it
    except (ValueError, RecursionError) as error:
        raise ConfigError(name, "", "is no JSON", mend, fault=fault) from error
    if not isinstance(given, dict) or set(given) - set(TABLES):
        known = " and ".join(TABLES)
        raise ConfigError(name, "", f"is no table of {known}", mend, fault=fault)
    devices = given.get("devices", {})
    if isinstance(devices, dict) and len(devices) > DEVICES_MAX:
        raise ConfigError(name, "devices", f"are more than {DEVICES_MAX}", mend, fault=fault)
    return given


def _only_what_is_not_the_files(
    name: str, device: DeviceConfig, beside: DeviceConfig | None
) -> None:
    """A path is where a program of the home reads or writes, and a secret of another name may be
    the home's own key: those come from somebody who is there.  What the file says of the same
    device may be said again."""
    told = beside.settings.model_dump() if beside is not None else {}
    for field, value in device.settings.model_dump().items():
        is_path = isinstance(value, Path) and not value.is_relative_to("/dev")
        if (is_path or (field == "secret" and value is not None)) and told.get(field) != value:
            key, mend = f"devices.{device.id}.{field}", "leave it out"
            wrong = "is only the home's own file to say"
            raise ConfigError(name, key, wrong, mend, fault="file_only")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _secret_of(device: DeviceConfig) -> str | None:
    named = device.driver.secret_name
    return None if named is None else named(device.settings, device.id)
