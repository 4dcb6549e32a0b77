"""A worker's garbage collector goes through what comes and goes, not through the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests._tree import ROOT
from web.staff.core.config import StaffConfig

WORKER = """\
import gc, json, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from web.staff.core.config import load_config
from web.staff.runtime.serve import Server

server = Server(load_config(Path(sys.argv.pop())))
app = server.load()
gc.collect()
before = len(gc.get_objects())
with ThreadPoolExecutor(server.cfg.threads) as pool:
    server._ready(SimpleNamespace(app=SimpleNamespace(callable=app), tpool=pool))
print(json.dumps([before, len(gc.get_objects()), gc.get_threshold()]), flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_a_worker_that_is_ready_goes_through_its_program_no_more(
    config: StaffConfig, tmp_path: Path
) -> None:
    """Everybody would stand still for that, two tenths of a second for some pages each."""
    file = tmp_path / "staff.toml"
    file.write_text(
        f'database = "{config.database}"\nsecrets_dir = "{config.secrets_dir}"\n'
        "secure_cookies = false\n[listen]\nhomes = 4\nscreens = 8\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", WORKER, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    program, left, (young, *_) = json.loads(said.stdout)
    assert program > 100_000
    assert left < program / 20
    assert young > 5_000, "a page makes twenty thousand"
