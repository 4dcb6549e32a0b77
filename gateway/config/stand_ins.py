"""What a home runs with when its file, `home.toml`, cannot be used.

    copy     the last one with which it ran, kept in the state folder (`kept/home.toml`)
    part     what is right in the file, or in the copy: whatever is wrong is left out
    least    its id and its server, as its enrolment says them, and the pins of a Pi

A typing mistake and a block that the card does not give back are the same here: alarms go on, and
somebody is told.  The file itself is never written: it is the technician's.

Of a part: a key that is not known is left out alone, for a newer version may have written it; with
a wrong value goes the whole device, plan or table that has it, for half of a device could mean the
opposite.

Not for: judging a file for a technician (`home_file.load`, `tryggve gateway check`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.config.home_file import OPEN_TABLES, HomeConfig, load, of_tables, parse
from gateway.config.put_aside import KEPT
from gateway.config.toml_file import read, readable_tables
from gateway.errors import ConfigError
from gateway.events import GatewayFellBack, StandIn, StartFile

log = logging.getLogger(__name__)

COPY = "home.toml"

LEFT_OUT_MAX = 200
"""What is left out of a file at the most: each is found by reading the whole anew."""

SAID_MAX = 600
"""Characters of a sentence that is told."""

OTHER_HOME = "other_home"
"""The fault of a file that is of another home than the enrolment.  Nothing stands in for it: who
took the gateway to another home would have its alarms answered at the first one."""

Check = Callable[[HomeConfig], None]
"""Raises `ConfigError` for a file that is of another home or server than the enrolment."""


@dataclass(frozen=True, slots=True)
class Least:
    """What the enrolment says of the home."""

    home: str
    url: str


@dataclass(frozen=True, slots=True)
class FileFound:
    """`told` None: the file is good; `raw` are its bytes then."""

    config: HomeConfig
    raw: bytes | None = None
    told: GatewayFellBack | None = None


def find(
    path: Path, state: Path, least: Least | None, check: Check = lambda _config: None
) -> FileFound:
    """What the home runs with.  Raises `ConfigError` when nothing says what home this is, or the
    file says that it is another one."""
    try:
        raw = read(path)
        config = parse(raw, path)
        check(config)
        return FileFound(config, raw)
    except ConfigError as error:
        if error.fault == OTHER_HOME:
            raise
        wrong = error
    stood_in, config = _stand_in(path, state / KEPT / COPY, least, check, wrong)
    return FileFound(config, told=told(StartFile.HOME_FILE, stood_in, wrong.text))


def told(what: StartFile, stand_in: StandIn, said: str) -> GatewayFellBack:
    """What is told of a file."""
    return GatewayFellBack(what=what, stand_in=stand_in, said=said[:SAID_MAX])


def _stand_in(
    path: Path, copy: Path, least: Least | None, check: Check, wrong: ConfigError
) -> tuple[StandIn, HomeConfig]:
    try:
        config = load(copy)
        check(config)
        return StandIn.COPY, _at(path, config)
    except ConfigError as error:
        log.info("no copy of the home's file", extra={"why": error.text})
    for source in (path, copy):
        part = _part_of(source, least, check)
        if part is not None:
            return StandIn.PART, _at(path, part)
    if least is None:
        raise wrong
    return StandIn.LEAST, _at(path, of_tables(_least(least), path, _digest(b"")))


def _part_of(source: Path, least: Least | None, check: Check) -> HomeConfig | None:
    """What is right in a file; None: not even which home it is of."""
    try:
        raw = read(source)
    except ConfigError:
        return None
    given = readable_tables(raw)
    if not given:
        return None
    for _ in range(LEFT_OUT_MAX):
        try:
            config = of_tables(given, source, _digest(raw))
            check(config)
        except ConfigError as error:
            if not _left_out(given, error, least):
                return None
            continue
        return config
    return None


def _left_out(given: dict[str, Any], error: ConfigError, least: Least | None) -> bool:
    """Leave out what the error is about; whether there was anything to leave out."""
    log.info("left out of the home's file", extra={"what": error.key})
    steps = error.key.split(".")
    if steps[0] == "home":
        return _home_mended(given, error, least)
    if steps[0] == "gpio":  # a Pi's own: without them no device on a pin would be there
        mended = given.get("gpio") != _PINS
        given["gpio"] = dict(_PINS)
        return mended
    # the device, plan or rule; of what is not known the key alone
    whole = steps[:2] if steps[0] in OPEN_TABLES else steps[:1]
    within: Any = given
    *way, last = steps if error.fault == "key" else whole
    for step in way:
        within = within.get(step) if isinstance(within, dict) else None
    if isinstance(within, dict) and last in within:
        del within[last]
        return True
    return given.pop(steps[0], None) is not None


_PINS = {"factory": "lgpio"}


def _home_mended(given: dict[str, Any], error: ConfigError, least: Least | None) -> bool:
    """The home's own table: what is wrong in it goes, and its id comes from the enrolment."""
    own = given.get("home")
    key = error.key.partition(".")[2]
    if key and key != "id" and isinstance(own, dict) and key in own:
        del own[key]
        return True
    had = own.get("id") if isinstance(own, dict) else None
    if least is None or had == least.home or error.fault == OTHER_HOME:
        return False  # a file of another home is no part of this one's
    given["home"] = {**(own if isinstance(own, dict) else {}), "id": least.home}
    return True


def _least(known: Least) -> Mapping[str, Any]:
    return {"home": {"id": known.home}, "staff": {"url": known.url}, "gpio": dict(_PINS)}


def _at(path: Path, config: HomeConfig) -> HomeConfig:
    return replace(config, path=path)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
