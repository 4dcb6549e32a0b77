"""The bytes of a home's file, and the tables in them: judged as TOML, and no further.

Whatever lies in its place, a folder or a pipe too, is one sentence; nothing is waited for.

Not for: what the tables may say (`gateway.config.home_file`).
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.config.problems import SEE, from_toml
from gateway.errors import ConfigError

FILE_MAX_BYTES = 1_000_000
"""A hundred devices are some 20 kB."""

BLOCKS_MAX = 200
"""Blocks of a damaged file that are left out at the most."""


def read(path: Path) -> bytes:
    """The bytes of a home's file.  Raises `ConfigError` when it cannot be read, or is none."""
    file = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for ever
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(file, "", "is no file", "put the home's file in its place")
            raw = opened.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            file, "", "there is no such file", "write one, or name it with --config FILE"
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(file, "", "is a folder", "put the home's file in its place") from error
    except OSError as error:
        raise ConfigError(
            file, "", f"cannot be read ({error.strerror})", "let the gateway's user read it"
        ) from error
    if len(raw) > FILE_MAX_BYTES:
        raise ConfigError(file, "", f"is longer than {FILE_MAX_BYTES} bytes", SEE)
    return raw


def tables(raw: bytes, path: Path) -> Mapping[str, Any]:
    """The tables in the bytes of a file.  Errors: `load`."""
    file = str(path)
    if not raw.strip(b"\0 \t\r\n"):
        how = "holds nothing but zeros" if b"\0" in raw else "is empty"
        raise ConfigError(file, "", how, "write it anew, or put back a copy of it")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", "is not UTF-8 text", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise from_toml(file, error) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a deep nest
        raise ConfigError(file, "", "says something that cannot be read", SEE) from error


def readable_tables(raw: bytes) -> dict[str, Any]:
    """What can be read of a damaged file: each block, from one `[table]` to the next, that is TOML.
    A block goes as a whole, or what is left of a device could come to stand under another one."""
    text = raw[:FILE_MAX_BYTES].decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        return tomllib.loads(text)
    lines = text.splitlines()
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.lstrip().startswith("["):
            blocks.append([])
        blocks[-1].append(line)
    blocks = [block for block in blocks if not _is_damaged(block)]
    for _ in range(BLOCKS_MAX):
        try:
            return tomllib.loads("\n".join(line for block in blocks for line in block))
        except tomllib.TOMLDecodeError as error:  # a table that is there twice, and the like
            place = re.search(r"line (\d+)", str(error))
            blocks = _without(blocks, int(place.group(1)) if place else None)
    return {}


def _is_damaged(block: list[str]) -> bool:
    if any("\0" in line or "\ufffd" in line for line in block):
        return True
    try:
        tomllib.loads("\n".join(block))
    except (ValueError, RecursionError):
        return True
    return False


def _without(blocks: list[list[str]], line: int | None) -> list[list[str]]:
    """Without the block that the line is in; None: without the last one."""
    left = line if line is not None else sum(map(len, blocks))
    for number, block in enumerate(blocks):
        left -= len(block)
        if left <= 0:
            return [*blocks[:number], *blocks[number + 1 :]]
    return blocks[:-1]
