"""A driver in a package of its own: built, unpacked into a folder of its own, held to the contract
of all drivers, and run by a home (docs/drivers.md)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests._tree import ROOT
from tests.test_promises import blocks

EXAMPLE = ROOT / "docs/examples/tryggve-door-contact"

pytestmark = pytest.mark.slow

RUN_S = 100
"""Seconds that one step may take on a slow machine."""

HOME = """
[home]
id = "h9"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.front]
driver = "door_contact"
pin = 22
role = "front_door"
"""


def run(folder: Path, *words: str | Path) -> str:
    """What a step prints, with the installed package on the path; it must end well."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        env={**os.environ, "PYTHONPATH": path, "PIP_NO_INDEX": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the example's wheel is unpacked."""
    work = tmp_path_factory.mktemp("outside")
    source, folder = work / "source", work / "installed"
    shutil.copytree(EXAMPLE, source)
    pip = ("pip", "--disable-pip-version-check", "--quiet")
    run(work, *pip, "wheel", "--no-deps", "--no-build-isolation", "-w", work, source)
    (wheel,) = work.glob("*.whl")
    assert wheel.name == "tryggve_door_contact-1.0-py3-none-any.whl", "as the page calls it"
    run(work, "zipfile", "-e", wheel, folder)
    return folder


def test_the_example_is_the_pages() -> None:
    """What docs/drivers.md shows is what is built."""
    driver = EXAMPLE / "tryggve_door_contact/driver.py"
    assert blocks("docs/drivers.md", "python") == [driver.read_text("utf-8")]
    (points,) = blocks("docs/drivers.md", "toml")
    assert points in (EXAMPLE / "pyproject.toml").read_text("utf-8")


def test_the_contract_holds_for_it(installed: Path) -> None:
    """Every part of the contract runs over the driver from outside."""
    said = run(
        installed,
        *(
            "pytest",
            "-n0",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
            "-k",
            "door_contact or twin",
        ),
        "tests/drivers/test_contract.py",
    )
    assert "6 passed" in said, said


def test_a_home_runs_it(installed: Path, tmp_path: Path) -> None:
    """The home's file names it like one of ours."""
    file = tmp_path / "home.toml"
    file.write_text(HOME)
    said = run(installed, "gateway.cli", "gateway", "check", "--config", file, "--state", tmp_path)
    assert "front: door_contact" in said and "pins 22" in said
