"""The command line: what each command prints, and what a person who made a mistake is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from gateway.cli import logs, main
from gateway.config.home_file import parse
from gateway.config.secrets import FileSecrets
from gateway.engine.event_log import EventLog
from gateway.engine.log_reader import LogReader, connect
from gateway.events import KINDS
from gateway.media import baresip
from tests.conftest import sealed_chain
from tests.test_enroll import CODE, RAW, answer
from tests.wireserver import WireServer

HOME = """
[home]
id = "h1"
[gpio]
factory = "mock"
[web]
port = 0
[devices.bed_mat]
driver = "mat_gpio"
role = "bed"
pin = 17
[checks.night]
times = ["02:30"]
weekdays = ["mon", "tue"]
[rules.visit]
enabled = false
"""

GATEWAY = (sys.executable, "-m", "gateway.cli", "gateway")

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> tuple[int, list[str], str]:
        status = main(argv)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return call


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home.toml"
    path.write_text(HOME)
    return path


def write_log(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "events.sqlite"
    log = EventLog.open(path, "home:h1")
    done = threading.Event()
    log.append(sealed_chain(count), lambda _: done.set())
    assert done.wait(60)
    log.close()
    return path


# --- check ----------------------------------------------------------------------------------------


def test_check_says_what_will_run(run: Run, home: Path, tmp_path: Path) -> None:
    """Devices with their pins, rules, plans; and that alarms reach nobody without a server."""
    status, out, err = run("gateway", "check", "--config", str(home), "--state", str(tmp_path))
    assert (status, err) == (0, "")
    assert "device   bed_mat: mat_gpio, role bed, pins 17 (BCM)" in out
    assert "rule     visit: switched off" in out
    assert "checks   night: 02:30, mon tue" in out
    assert "server   none: alarms reach nobody" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("pin = 17", "pin = 17\nbounce = 1"), "home.toml: devices.bed_mat.bounce: is no key"),
        (
            ("[checks", '[devices.other]\ndriver = "mat_gpio"\npin = 17\n[checks'),
            "home.toml: devices.other: takes pin 17 (BCM), which devices.bed_mat has already",
        ),
        (
            ("[checks", '[devices.door]\ndriver = "lock_nuki"\n[checks'),
            (
                "home.toml: devices.door: needs the secret 'nuki-door', which is missing; pair it: "
                "tryggve gateway pair door."
            ),
        ),
        (
            ("[checks", '[staff]\nurl = "https://staff.example"\n[checks'),
            "run: tryggve gateway enroll https://staff.example CODE",
        ),
    ],
    ids=["unknown key", "pin twice", "missing secret", "not enrolled"],
)
def test_a_mistake_is_one_sentence_and_status_2(
    run: Run, home: Path, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    """On standard error; no traceback; nothing on standard output."""
    home.write_text(HOME.replace(*change, 1))
    status, out, err = run("gateway", "check", "--config", str(home), "--state", str(tmp_path))
    assert (status, out) == (2, [])
    assert words in err
    assert err.startswith("tryggve: ")
    assert err.count("\n") == 1


CALLED = """
[centre_calls]
domain = "hem17.example"
[devices.speaker]
driver = "speakerphone"
system = "files"
[devices.ear]
driver = "indicator"
role = "listening"
light_pin = 16
"""


def test_check_says_what_an_alarm_centres_call_needs(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program first, then a speaker and a lamp; a port range that is none is refused too."""
    check = ("gateway", "check", "--config", str(home), "--state", str(tmp_path))
    monkeypatch.setattr(baresip, "PROGRAM", "no-such-program")
    home.write_text(HOME + CALLED)
    assert "baresip is not installed (Debian: baresip-core); install it" in run(*check)[2]
    monkeypatch.setattr(baresip, "installed", lambda: None)
    assert "calls    of alarm centres at hem17.example, port 5070" in run(*check)[1]
    speaker, ear = CALLED.index("[devices.speaker]"), CALLED.index("[devices.ear]")
    home.write_text(HOME + CALLED[:speaker] + CALLED[ear:])
    assert "needs a speaker with a microphone" in run(*check)[2]
    home.write_text(HOME + CALLED[:ear])
    assert "needs a lamp that shines while somebody listens" in run(*check)[2]
    for wrong in ("sound_ports = [20000, 20001]", "sound_ports = [80, 99]", 'key = "/k.pem"'):
        home.write_text(HOME + CALLED.replace('example"', f'example"\n{wrong}'))
        status, _, err = run(*check)
        assert (status, "centre_calls" in err, "Traceback" in err) == (2, True, False)


def test_run_refuses_a_wrong_configuration_the_same_way(run: Run, tmp_path: Path) -> None:
    """Before anything is started."""
    status, _, err = run("gateway", "run", "--config", str(tmp_path / "no"), "--state", "/nowhere")
    assert status == 2
    assert "there is no such file" in err


# --- enroll and pair ------------------------------------------------------------------------------


def test_enroll_says_whose_this_gateway_is(run: Run, tmp_path: Path) -> None:
    """Against a server over HTTP; the files are there afterwards."""
    server = WireServer().start()
    server.enroll_answer = answer()
    state = tmp_path / "new" / "state"
    try:
        status, out, _ = run("gateway", "enroll", server.url, CODE, "--state", str(state))
    finally:
        server.stop()
    assert status == 0
    assert "h1" in out[0]
    assert FileSecrets(state).has("home_key")


def test_a_home_that_is_enrolled_has_the_least_of_a_file(run: Run, tmp_path: Path) -> None:
    """Which home and server, whose pins: read without a complaint; before that one sentence."""
    where = ("gateway", "file", "--state", str(tmp_path))
    status, out, err = run(*where)
    assert (status, out) == (2, []) and "gateway enroll URL CODE" in err
    server = WireServer().start()
    server.enroll_answer = answer()
    try:
        run("gateway", "enroll", server.url, CODE, "--state", str(tmp_path))
    finally:
        server.stop()
    status, out, _ = run(*where)
    read = parse("\n".join(out).encode(), tmp_path / "home.toml")
    assert status == 0 and read.staff is not None and read.gpio is not None
    assert (read.home.id, read.staff.url, read.gpio.factory) == ("h1", server.url, "lgpio")


def test_enroll_at_a_server_that_is_away_is_status_1(run: Run, tmp_path: Path) -> None:
    """Nobody did wrong; it did not work."""
    server = WireServer().start()
    url = server.url
    server.stop()
    status, out, err = run("gateway", "enroll", url, CODE, "--state", str(tmp_path))
    assert (status, out) == (1, [])
    assert "does not answer" in err
    assert len(RAW) == 32


@pytest.mark.parametrize(
    ("device", "words"), [("bed_mat", "needs no pairing"), ("x", "it has: bed_mat.")]
)
def test_pair_says_what_cannot_be_paired(
    run: Run, home: Path, tmp_path: Path, device: str, words: str
) -> None:
    """A mat, or a device that is not there."""
    argv = ("gateway", "pair", device, "--config", str(home), "--state", str(tmp_path))
    status, _, err = run(*argv)
    assert status == 2
    assert words in err


# --- the log --------------------------------------------------------------------------------------


def test_tail_shows_the_last_events(run: Run, home: Path, tmp_path: Path) -> None:
    """As many as asked for, for a person or as JSON."""
    write_log(tmp_path, 30)
    where = ("--state", str(tmp_path), "--config", str(home))
    status, out, _ = run("gateway", "log", "tail", "-n", "3", *where)
    assert status == 0
    assert [line.split()[0] for line in out] == ["home:h1/28", "home:h1/29", "home:h1/30"]
    _, out, _ = run("gateway", "log", "tail", "--json", *where)
    assert [json.loads(line)["seq"] for line in out] == list(range(11, 31))


def test_following_shows_each_event_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes between two looks is shown in the next, however much it is."""
    monkeypatch.setattr(logs, "FOLLOW_LOOK", 4)
    write_log(tmp_path, 50)
    reader = LogReader(tmp_path / "events.sqlite")
    assert [e["seq"] for e in logs._new(reader, {"home:h1": 47})] == [48, 49, 50]
    assert [e["seq"] for e in logs._new(reader, {"home:h1": 11})] == list(range(12, 51))
    assert [e["seq"] for e in logs._new(reader, {})] == list(range(1, 51))
    assert logs._new(reader, {"home:h1": 50}) == []


def test_verify_walks_the_whole_chain(run: Run, tmp_path: Path) -> None:
    """A whole log is 0 with its heads; a changed event is 1 with its number."""
    path = write_log(tmp_path, 20)
    status, out, _ = run("gateway", "log", "verify", "--state", str(tmp_path))
    assert (status, out[-1]) == (0, "20 events, every chain is whole.")
    assert out[0].startswith("home:h1  20  ")
    with closing(connect(path)) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE event SET body = replace(body, 'mat', 'cat') WHERE seq = 7")
    status, out, _ = run("gateway", "log", "verify", "--file", str(path))
    assert status == 1
    assert out[-1].startswith("BROKEN at 7: ")


def test_a_log_that_is_not_there_is_a_sentence(run: Run, tmp_path: Path) -> None:
    """It says how to name another."""
    for command in ("tail", "verify"):
        status, _, err = run("gateway", "log", command, "--state", str(tmp_path))
        assert status == 2
        assert "--state DIR, or --file FILE" in err


def test_kinds_lists_every_kind(run: Run) -> None:
    """With what it means, and whether it is urgent."""
    _, out, _ = run("gateway", "kinds", "--json")
    told = [json.loads(line) for line in out]
    assert [kind["kind"] for kind in told] == list(KINDS)
    assert all(kind["about"] for kind in told)
    _, out, _ = run("gateway", "kinds")
    assert "alarm.raised           urgent  Somebody must act" in out


# --- replay ---------------------------------------------------------------------------------------


def test_replay_gives_the_same_twice(run: Run, home: Path, tmp_path: Path) -> None:
    """A recorded evening: the same bytes each time, for a person and as JSON."""
    file = tmp_path / "night.csv"
    rows = ["timestamp_local,home,sensor,kind,value"]
    for minute in range(0, 60, 2):
        rows.append(f"2026-11-23 22:{minute:02}:00,h1,bed_mat,bed_mat,1")
        rows.append(f"2026-11-23 22:{minute:02}:50,h1,bed_mat,bed_mat,0")
    file.write_text("\n".join(rows) + "\n")
    argv = ("gateway", "replay", str(file), "--config", str(home), "--json")
    first, second = run(*argv), run(*argv)
    assert first == second
    assert first[0] == 0, first[2]
    assert "bed.entered" in [json.loads(line)["kind"] for line in first[1]]
    status, out, _ = run("gateway", "replay", str(file), "--config", str(home))
    assert status == 0
    assert "+01:00 bed.entered" in out[0]


def test_replay_of_no_recording_is_a_sentence(run: Run, tmp_path: Path) -> None:
    """File and line."""
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n")
    status, _, err = run("gateway", "replay", str(file))
    assert status == 2
    assert "x.csv" in err


# --- the programs ---------------------------------------------------------------------------------


def test_a_home_runs_stops_and_leaves_a_whole_log(home: Path, tmp_path: Path, run: Run) -> None:
    """The real program: it tells systemd that it is ready, stops in order on SIGTERM, and its log
    says so."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        state = tmp_path / "state"
        program = subprocess.Popen(
            [*GATEWAY, "run", f"--config={home}", f"--state={state}"],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = systemd.recv(1000).decode()
            while "READY=1" not in said:
                said = systemd.recv(1000).decode()
            program.send_signal(signal.SIGTERM)
            _, err = program.communicate(timeout=60)
        finally:
            program.kill()
            program.wait()
    assert program.returncode == 0, err
    assert "Traceback" not in err
    status, out, _ = run("gateway", "log", "tail", "--json", "--state", str(state))
    kinds = [json.loads(line)["kind"] for line in out]
    assert status == 0
    assert (kinds[0], kinds[-1]) == ("gateway.started", "gateway.stopped")
    assert run("gateway", "log", "verify", "--state", str(state))[0] == 0


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """By which a report, or somebody who stands before a box, names what runs there."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == ["tryggve", installed("tryggve")]


@pytest.mark.parametrize("program", ["gateway", "staff"])
def test_each_program_tells_its_commands(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` works and names them."""
    with pytest.raises(SystemExit) as ended:
        main([program, "--help"])
    assert ended.value.code == 0
    assert "run" in capsys.readouterr().out


def test_the_gateway_needs_nothing_of_the_staff_server() -> None:
    """A Pi has neither SQLAlchemy nor Flask-Security: no command of the home imports them."""
    code = (
        "import sys; from gateway.cli import main; main(['gateway', 'kinds']); "
        "import gateway.app.home; "
        "print([m for m in ('sqlalchemy', 'flask_security', 'bumble', 'web.staff') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
