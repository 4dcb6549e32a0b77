"""Whoever runs a unit needs no terminal: each command of `tryggve staff` has its page, by the table
of docs/operations.md."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from tests._tree import ROOT
from web.staff import pages
from web.staff.cli import main

HEAD = "| `tryggve staff …` | page |\n| --- | --- |\n"

MACHINES = "the machine's: "
"""How a row begins that says why a unit does not need the command."""


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """Every command, with its sub-commands: `team join`."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name
    for action in below:
        for word, child in action.choices.items():
            yield from commands(child, f"{name} {word}".strip())


def table() -> dict[str, str]:
    """What the table says of each command."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8").split(HEAD, 1)[1]
    said: dict[str, str] = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        _, named, page, _ = line.split("|")
        for command in re.findall(r"`([^`]+)`", named):
            assert command not in said, f"{command} is there twice"
            said[command] = page.strip()
    return said


def test_every_command_has_its_page() -> None:
    """A command that is new is in the table, and one that is gone is not; a page that is named is
    an address of ours, and where there is none the table says why."""
    parser = argparse.ArgumentParser()
    main.add_commands(parser.add_subparsers())
    said = table()
    assert set(said) == set(commands(parser))
    addresses = {route.path for route in pages.discover() if route.method == "GET"}
    for command, page in said.items():
        named = re.findall(r"`(/[^`]+)`", page)
        assert named or page.startswith(MACHINES), f"{command}: {page}"
        assert set(named) <= addresses, f"{command}: {page}"
