"""A whole home that starts with what its enrolment left: whom it believes, and with which clock."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.app.home import Home
from gateway.clock import SystemClock
from gateway.config import home_file
from gateway.config.secrets import FileSecrets
from gateway.errors import LinkDown
from gateway.link.enrolment import enroll, load_enrolment
from gateway.services import clock_watch
from tests.test_enroll import CODE, answer
from tests.test_link import DAY, NOW, serve_tls
from tests.wireserver import WireServer

TOML = """
[home]
id = "h1"
[web]
enabled = false
[gpio]
factory = "mock"
[devices.bed]
driver = "mat_gpio"
pin = 17
"""
WITHIN_S = 60.0


def enrolled_over_tls(folder: Path, state: Path) -> tuple[WireServer, Path]:
    """A home's state folder, enrolled at a server whose signer only it knows."""
    folder.mkdir()
    server, cert = serve_tls(folder, NOW - DAY, NOW + DAY)
    server.enroll_answer = answer()
    state.mkdir()
    enroll(server.url, CODE, state, FileSecrets(state), ca_file=cert)
    server.key = None  # who signs a request is not what is tried here
    return server, cert


def test_the_signer_that_was_given_at_enrolment_is_kept(tmp_path: Path) -> None:
    """Each start finds its server; what the home's file names goes before it."""
    state = tmp_path / "state"
    server, cert = enrolled_over_tls(tmp_path / "tls", state)
    own = f'{TOML}[staff]\nurl = "{server.url}"\n'
    try:
        for toml, signer in ((TOML, cert), (own, cert), (own + 'ca_file = "no.pem"\n', None)):
            config = home_file.parse(toml.encode(), tmp_path / "home.toml")
            again = load_enrolment(state, FileSecrets(state), config)
            assert again is not None
            lane = again.link.lane()
            if signer is None:
                with pytest.raises(LinkDown, match=r"no\.pem cannot be used"):
                    lane.events([], 0)
            else:
                assert lane.events([], 0) == 0
            lane.close()
    finally:
        server.stop()


async def test_a_home_that_is_not_sure_of_the_time_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Pi that was off for months starts with an old clock, by which the server's certificate is
    not valid yet, or no longer: it speaks all the same, until it knows the time."""
    state = tmp_path / "state"
    first, _cert = enrolled_over_tls(tmp_path / "tls", state)
    first.stop()
    (tmp_path / "old").mkdir()
    server, cert = serve_tls(tmp_path / "old", NOW - 3 * DAY, NOW - 2 * DAY)
    server.key = None
    kept = state / "server.json"
    pinned = json.loads(kept.read_text()) | {"url": server.url, "ca_file": str(cert)}
    kept.write_text(json.dumps(pinned))
    is_set = False
    monkeypatch.setattr(clock_watch, "system_synced", lambda: is_set)
    config = home_file.parse(TOML.encode(), tmp_path / "home.toml")
    home = Home(config, state_dir=state, clock=SystemClock(), memory_dir=tmp_path)
    assert home.enrolment is not None
    running = asyncio.create_task(home.run())
    try:
        heard = await asyncio.to_thread(server.wait, lambda: bool(server.arrived), WITHIN_S)
        assert heard
    finally:
        home.stop()
        await running
        server.stop()
    is_set = True
    home.clock_watch.look()
    assert home.enrolment.link.clock_sure()
