"""The real gateway, started on damaged files: it runs, its server is told, and doors stay shut."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.cli import main
from gateway.config.secrets import FileSecrets
from gateway.engine.log_reader import LogReader
from gateway.link.enrolment import enroll
from gateway.wire import EnrollRequest
from tests.start_damage import cut_off, zeroed, zeroed_at_its_end
from tests.test_enroll import CODE, answer
from tests.test_start_files import HOME
from tests.test_watchdog import Systemd
from tests.wireserver import Request, WireServer

pytestmark = pytest.mark.slow

WAIT_S = 120.0


@pytest.fixture
def server() -> Iterator[WireServer]:
    running = WireServer().start()
    running.enroll_answer = answer()

    def note(request: Request) -> bool:
        if request.path.endswith("/enroll"):
            asked = EnrollRequest.model_validate_json(request.body)
            key = load_pem_public_key(asked.public_key.encode())
            assert isinstance(key, Ed25519PublicKey)
            running.key = key
        return False

    running.faults.append(note)
    yield running
    running.stop()


@contextmanager
def gateway(folder: Path) -> Iterator[Path]:
    """`tryggve gateway run`, ready; gives what it says on standard error."""
    said = folder / "said"
    (folder / "notify").unlink(missing_ok=True)
    systemd = Systemd(folder / "notify")
    with said.open("w") as errors:
        program = subprocess.Popen(
            [
                *(sys.executable, "-m", "gateway.cli", "gateway", "run"),
                *("--config", str(folder / "home.toml"), "--state", str(folder / "state")),
            ],
            env={"NOTIFY_SOCKET": str(folder / "notify"), "PYTHONPATH": ":".join(sys.path)},
            stderr=errors,
        )
    try:
        assert systemd.hears("READY=1", WAIT_S), said.read_text()
        yield said
        program.send_signal(signal.SIGTERM)
        assert program.wait(WAIT_S) == 0, said.read_text()
    finally:
        program.kill()
        program.wait()
        systemd.close()


def log_of(state: Path) -> list[dict[str, Any]]:
    return list(LogReader(state / "events.sqlite").events())


def kinds(server: WireServer) -> set[str]:
    """What has come to the server, by whichever lane."""
    return {one["kind"] for one in (*server.urgent, *server.events)}


def until(held: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_home_on_damaged_files_runs_tells_its_server_and_is_well_when_they_are(
    tmp_path: Path, server: WireServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file, its enrolment, its key and a lock's after a power cut: one run on copies, with the
    alarm at the server; the next one, mended, takes it back.  `check` says what to do."""
    state, file = tmp_path / "state", tmp_path / "home.toml"
    state.mkdir()
    file.write_text(HOME)
    secrets = FileSecrets(state)
    enroll(server.url, CODE, state, secrets)
    secrets.write("nuki-door", '{"not": "a lock\'s"}')
    kept = state / "kept"
    with gateway(tmp_path):
        until((kept / "secrets" / "nuki-door").exists)
    assert "gateway.fell_back" not in [one["kind"] for one in log_of(state)]

    zeroed(file)
    zeroed_at_its_end(state / "server.json")
    cut_off(state / "secrets" / "home_key")
    zeroed(state / "secrets" / "nuki-door")
    check = ["gateway", "check", "--config", str(file), "--state", str(state)]
    assert main(check) == 2
    assert capsys.readouterr().err == (
        f"tryggve: {file}: holds nothing but zeros; write it anew, or put back a copy of it.\n"
    )
    with gateway(tmp_path) as said:
        until(lambda: "alarm.raised" in kinds(server))
    raised = {
        one["seq"]: one for one in (*server.urgent, *server.events) if one["kind"] == "alarm.raised"
    }.values()
    assert [(one["data"]["type"], one["data"]["severity"]) for one in raised] == [
        ("home_fell_back", "technical")
    ]
    events = log_of(state)
    told = [one["data"] for one in events if one["kind"] == "gateway.fell_back"]
    assert [(one["what"], one["stand_in"]) for one in told] == [
        *(("home_file", "copy"), ("enrolment", "copy"), ("home_key", "copy"), ("key", "copy")),
    ]
    described = [one["data"]["devices"] for one in events if one["kind"] == "home.described"]
    assert described[0] == described[1], "the whole home"
    journal = said.read_text()
    assert "Traceback" not in journal
    assert journal.count("a file of the home cannot be used as it is") == len(told)
    assert file.read_bytes() == b"\0" * len(HOME), "the technician's file is never written"

    file.write_text(HOME)
    secrets.write("nuki-door", '{"not": "a lock\'s"}')
    with gateway(tmp_path):
        until(lambda: "alarm.cancelled" in kinds(server))
    assert [one["kind"] for one in log_of(state)].count("gateway.fell_back") == len(told)


def test_a_home_that_never_kept_a_copy_runs_all_the_same(
    tmp_path: Path, server: WireServer
) -> None:
    """Its first start with this version, and half of its file is gone: what is left of it runs,
    with its alarms, and without a server key no door opens."""
    state, file = tmp_path / "state", tmp_path / "home.toml"
    state.mkdir()
    file.write_text(HOME)
    enroll(server.url, CODE, state, FileSecrets(state))
    file.write_text(HOME.replace("[checks.night]\ntimes", "[checks.ni\0\0"))
    (state / "server.json").write_text("{")
    (state / "config").mkdir()
    (state / "config" / "held.json").write_text("[" * 5000)
    with gateway(tmp_path) as said:
        until(lambda: any(one["kind"] == "alarm.raised" for one in log_of(state)))
    assert "Traceback" not in said.read_text()
    events = log_of(state)
    told = [one["data"] for one in events if one["kind"] == "gateway.fell_back"]
    assert [(one["what"], one["stand_in"]) for one in told] == [
        *(("home_file", "part"), ("enrolment", "nothing"), ("configuration", "nothing")),
    ]
    (described,) = [one["data"]["devices"] for one in events if one["kind"] == "home.described"]
    assert {one["id"] for one in described} == {"bed", "door"}
    assert (state / "server.json").read_text() == "{", "nothing is overwritten"
    assert json.loads(json.dumps(events[0]))["kind"] == "gateway.fell_back"
