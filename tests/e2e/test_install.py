"""A home's first hour with both programs: from a new card to an accepted home, by the pages as they
are on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.demo.installer import at_work, furnish, try_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_new_card_becomes_an_accepted_home(tmp_path: Path, kept: Path) -> None:
    """Found, named, paired and tried by touch, in less than half an hour of a person's; the key
    that was typed for the pendant is in no file of the server's and in no journal."""
    with at_work(tmp_path / "stage", kept=kept) as who:
        who.connect()
        furnish(who)
        try_all(who)
        done = who.done
        key = who.pendant_key
    assert len(done.steps) > 30
    assert done.minutes < 30
    print(f"install_steps {len(done.steps)}, install_simulated_min {done.minutes:.1f}")
    written = [one for one in (tmp_path / "stage" / "staff").rglob("*") if one.is_file()]
    assert written
    for file in (*written, tmp_path / "stage" / "staff.log", tmp_path / "stage" / "new.log"):
        assert key.encode() not in file.read_bytes(), file.name
