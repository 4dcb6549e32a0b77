"""*Versioner*: what an administrator sees of releases, and of the homes' operating systems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gateway.clock import ManualClock
from gateway.events import GatewayStarted, PreviousRun, UpdateSystemTold
from gateway.updates import archive
from tests.staff.pages.conftest import post, text_of
from tests.staff.parts import EnrolledHome, parts_of
from tests.updates.signed import HERE, Signed, small
from tools import sbom
from tools.release import listed
from web.staff.homelink.mirror import Mirror
from web.staff.releases import rounds

PAGE = "/administration/versioner"
NEW = "0.3.0"


@pytest.fixture
def config(config: object, tmp_path: Path) -> object:
    """A server whose releases lie in a folder of the test's."""
    return config.model_copy(update={"releases": tmp_path / "releases"})  # type: ignore[attr-defined]


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signed:
    """A release that mends a hole, with its bill of materials, and one before it with neither."""
    advisories = tmp_path / "advisories.md"
    advisories.write_text(f"| GHSA-1-2 | 2026-11-30 | 0.2 | {NEW} | 8.1 | x |\n")
    monkeypatch.setattr(listed, "ADVISORIES", advisories)
    made = Signed(tmp_path / "signed")
    bill = sbom.bill("gateway")
    bill["metadata"]["component"]["version"] = NEW
    file = tmp_path / f"tryggve-gateway-{NEW}.cdx.json"
    file.write_text(json.dumps(bill))
    packed = tmp_path / HERE.target(NEW)
    archive.pack(small(tmp_path / "one", NEW), packed, preset=0)
    made.repo.add([packed], file)
    made.add("0.2.1")
    return made


@pytest.fixture
def admin(staff_app: Flask, as_role: Callable[..., FlaskClient], signed: Signed) -> FlaskClient:
    Mirror(parts_of(staff_app).config.releases).add(signed.repo.folder, signed.root)
    return as_role("administrator")


def test_how_each_home_s_operating_system_is_kept_up_to_date(
    admin: FlaskClient, staff_app: Flask, clock: ManualClock
) -> None:
    """Whether Debian's security updates come by themselves, how many wait, whether the machine
    must be started anew: as the home told it last."""
    home = EnrolledHome(staff_app, staff_app.test_client(), "h1", clock)
    home.enroll()
    told = "Operativsystemets säkerhetsuppdateringar"
    assert told not in text_of(admin, PAGE)
    home.send(UpdateSystemTold(automatic=False, pending=3, restart=True))
    assert f"{told}: installeras inte automatiskt, 3 väntar, enheten behöver startas om" in text_of(
        admin, PAGE
    )
    home.send(UpdateSystemTold(automatic=True, pending=0))
    assert f"{told}: installeras automatiskt<" in text_of(admin, PAGE)


def test_what_a_release_is_made_of_comes_with_it(
    admin: FlaskClient, as_role: Callable[..., FlaskClient], staff_app: Flask
) -> None:
    """Which holes it mends, and the bill of materials that was signed, byte for byte; a changed one
    is not given out, and none of another version."""
    page = text_of(admin, PAGE)
    assert "rättar säkerhetsbrister (GHSA-1-2)" in page
    assert page.count("rättar inga kända säkerhetsbrister") == 1
    assert page.count("/innehall?version=") == 1
    link = f"{PAGE}/innehall?version={NEW}"
    assert link in page
    answer = admin.get(link)
    assert answer.get_json()["bomFormat"] == "CycloneDX"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert admin.get(f"{PAGE}/innehall?version=9.9.9").status_code == 404
    assert as_role("caregiver", person="p8").get(link).status_code == 403
    [file] = (parts_of(staff_app).config.releases / "targets").glob("*.cdx.json")
    file.write_bytes(file.read_bytes() + b" ")
    assert admin.get(link).status_code == 404


def test_a_withdrawn_release_says_so(
    admin: FlaskClient, staff_app: Flask, clock: ManualClock, signed: Signed
) -> None:
    """And cannot be let go on from the page."""
    home = EnrolledHome(staff_app, staff_app.test_client(), "h1", clock)
    home.enroll()
    home.send(GatewayStarted(version="0.2.0", config_sha256="", previous=PreviousRun.CLEAN))
    post(admin, PAGE, do="ring", home="h1", ring="1")
    post(admin, PAGE, do="start", version=NEW, limit_pct="5", wait_h="0")
    rounds.look(parts_of(staff_app))
    assert 'data-test="withdrawn"' not in text_of(admin, PAGE)
    signed.repo.drop(NEW)
    signed.sign()
    Mirror(parts_of(staff_app).config.releases).add(signed.repo.folder, signed.root)
    rounds.look(parts_of(staff_app))
    page = text_of(admin, PAGE)
    assert 'data-test="withdrawn"' in page
    assert 'data-test="go-on"' not in page
    assert 'data-test="call-off"' in page


def test_homes_that_wait_for_days_are_counted(
    admin: FlaskClient, staff_app: Flask, clock: ManualClock
) -> None:
    """Nobody is held up by them: so the page says that they are there."""
    home = EnrolledHome(staff_app, staff_app.test_client(), "h1", clock)
    home.enroll()
    home.send(GatewayStarted(version="0.2.0", config_sha256="", previous=PreviousRun.CLEAN))
    post(admin, PAGE, do="ring", home="h1", ring="1")
    post(admin, PAGE, do="start", version=NEW, limit_pct="5", wait_h="24")
    rounds.look(parts_of(staff_app))
    waits = "1 på väg (1 väntar sedan mer än två dygn på ett lugnt tillfälle)"
    assert waits not in text_of(admin, PAGE)
    clock.advance(rounds.LATE.total_seconds() + 60)
    assert waits in text_of(admin, PAGE)


def test_a_list_that_cannot_be_read_is_not_called_withdrawn(
    admin: FlaskClient, staff_app: Flask, clock: ManualClock
) -> None:
    """The folder is away for a moment: the page says that there is none, and nothing of those who
    sign."""
    home = EnrolledHome(staff_app, staff_app.test_client(), "h1", clock)
    home.enroll()
    home.send(GatewayStarted(version="0.2.0", config_sha256="", previous=PreviousRun.CLEAN))
    post(admin, PAGE, do="ring", home="h1", ring="1")
    post(admin, PAGE, do="start", version=NEW, limit_pct="5", wait_h="24")
    folder = parts_of(staff_app).config.releases
    folder.rename(folder.with_name("away"))
    page = text_of(admin, PAGE)
    assert 'data-test="none"' in page
    assert 'data-test="withdrawn"' not in page
