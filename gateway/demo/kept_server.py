"""A staff server that was set up once and begins other stages: migrations and passwords that are
hashed slowly, which is their point, cost five seconds of a processor.

Not for: what is set up (`town`), or the server's start (`stage`).
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

from gateway.demo.town import Account

SAID = "said.json"
"""The file beside it: what `tryggve staff` printed, and everybody's password."""


def keep(kept: Path, stage: Path, printed: str, accounts: list[Account]) -> None:
    """Keep the server of this stage."""
    shutil.copytree(stage / "staff", kept / "staff")
    said = {"printed": printed, "accounts": [dataclasses.asdict(one) for one in accounts]}
    (kept / SAID).write_text(json.dumps(said))


def take(kept: Path, stage: Path, clock: Path) -> tuple[str, list[Account]]:
    """Begin this stage with it; what was printed, and its accounts."""
    config = shutil.copytree(kept / "staff", stage / "staff") / "staff.toml"
    line = f'clock = "{clock}"'
    config.write_text(re.sub(r'(?m)^clock = ".*"$', lambda _old: line, config.read_text()))
    said = json.loads((kept / SAID).read_text())
    accounts = [Account(**{**one, "roles": tuple(one["roles"])}) for one in said["accounts"]]
    return said["printed"], accounts
