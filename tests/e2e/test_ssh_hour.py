"""SSH for an hour with both programs and root's half: from the server's page to the machine's port
and back; and a home that has none says so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage
from tests.e2e.second_path import wait
from tests.image.ssh_card import SSHD, WAIT_S, Card
from tools.image.__main__ import lay_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not os.access(SSHD, os.X_OK), reason="openssh-server is not installed"),
]

PAGE = "/hem/h1/ssh"
STILL = ("--still", "--awake")


def test_from_the_server_s_page_to_the_machine_s_port_and_back(
    set_stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unit: one sentence.  With one: it is asked for, a technician enters by the key alone, both
    pages say so, and it is ended from the page."""
    lay_root(tmp_path / "card")
    card = Card(tmp_path, tmp_path / "card/usr/lib/tryggve-card")
    card.place.rmdir()
    patch = f"import gateway.services.ssh_hour as s\ns.ROOT = type(s.ROOT)({str(card.place)!r})\n"
    (tmp_path / "sitecustomize.py").write_text(patch)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)  # where root's half of this machine would be
    made = set_stage(home_options=STILL, looks=False, sound=False)
    account = made.account("administrator")
    by = StaffClient(made.url, account.email, account.password)
    card.asked.rmdir()
    card.asked = made.folder / "home" / "ssh"
    card.request = card.asked / "request.json"

    form = {"do": "open", "key": (card.folder / "key.pub").read_text(), "why": "fault"}
    by.post(PAGE, **form)
    wait(lambda: "inte startad från Tryggves minneskort" in by.get(PAGE), "it did not refuse it")
    assert not card.request.exists()

    card.place.mkdir()
    by.post(PAGE, **form)
    wait(card.request.exists, "nothing was asked of root's half")
    running = card.start()
    wait(lambda: 'data-hour="opened"' in by.get(PAGE), "the page does not say that it is open")
    page = by.get(PAGE)
    assert "SSH är öppet till" in page and card.said()["host_key"] in page
    assert card.enter("true").returncode == 0
    assert card.enter("true", key="wrong").returncode == 255

    request = re.search(r'name="request" value="([^"]+)"', page)
    assert request is not None and request[1] == card.said()["id"]
    by.post(PAGE, do="end", request=request[1])
    wait(lambda: "SSH är stängt: någon avslutade det." in by.get(PAGE), "it was not closed")
    assert running.wait(WAIT_S) == 0
    card.is_shut()
