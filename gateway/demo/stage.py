"""Sets the stage: a folder, a staff server with accounts, an enrolled virtual home; starts and
stops both programs as processes of their own.

The demo talks to the staff server as anybody does: by its command line, its link and its pages.
Not for: what is played (`smoke`, `cli`).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import urllib3

from gateway.clock import FileClock
from gateway.enroll import enroll
from gateway.errors import TryggveError
from gateway.secrets import FileSecrets

HOME = "h1"
RESIDENT = "r1"
ORGANISATION = "demo"

START_S = 40.0
"""Seconds that a program may take to be ready on a slow machine."""

STOP_S = 15.0
"""Seconds that a program may take to stop before it is killed."""

HOME_TOML = """\
# The virtual home of the demo: a mat under the bed's mattress and one beside the bed, a detector in
# the bathroom, a lock and a contact on the front door, a pendant, a button and a lamp.
[home]
id = "{home}"
timezone = "Europe/Stockholm"
resident = "{resident}"

[staff]
url = "{url}"

[gpio]
factory = "mock"

[web]
port = {home_port}

[devices.bed]
driver = "mat_gpio"
role = "bed"
room = "bedroom"
pin = {pin}

[devices.floor]
driver = "mat_gpio"
role = "floor"
room = "bedroom"
pin = {floor_pin}

[devices.bathroom]
driver = "motion_gpio"
role = "motion"
room = "bathroom"
pin = {bathroom_pin}

[devices.front]
driver = "door_gpio"
role = "front_door"
room = "hall"
pin = {front_pin}

[devices.pendant]
driver = "bthome"
role = "pendant"
address = "{pendant_address}"

[devices.answer]
driver = "button_gpio"
role = "button"
room = "kitchen"
pin = {answer_pin}

[devices.lamp]
driver = "indicator"
room = "kitchen"
light_pin = {light_pin}
tone_pin = {tone_pin}

[devices.door]
driver = "lock_nuki"
role = "front_door"
room = "hall"
address = "{address}"

[devices.door_terrace]
driver = "lock_yale"
role = "terrace_door"

[devices.door_store]
driver = "lock_danalock"
role = "store_door"

[checks.night]
times = ["23:00", "02:30", "05:00"]
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account; its password is made up at each start."""

    email: str
    name: str
    roles: tuple[str, ...]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))


def accounts() -> list[Account]:
    """Who can sign in: a role and its name in Swedish, nobody real."""
    return [
        Account("natt@demo.example", "Nattpatrullen", ("night_watcher",)),
        Account("hemtjanst@demo.example", "Hemtjänsten", ("caregiver",)),
        Account("samordnare@demo.example", "Samordnaren", ("coordinator", "administrator")),
    ]


class StageError(TryggveError):
    """The stage could not be set; `text` says what failed."""


@dataclass(slots=True)
class Stage:
    """A set stage.  `url` is the staff server's, `home_url` that of the page the home serves."""

    folder: Path
    clock: FileClock
    url: str
    home_url: str
    accounts: list[Account]
    seed: int = 1
    staff: subprocess.Popen[str] | None = None
    home: HomeProcess | None = None

    @property
    def clock_file(self) -> Path:
        return self.folder / "clock"

    @property
    def database(self) -> Path:
        return self.folder / "staff" / "staff.db"

    @property
    def home_log(self) -> Path:
        return self.folder / "home" / "events.sqlite"

    def account(self, role: str) -> Account:
        """The first account with this role."""
        return next(account for account in self.accounts if role in account.roles)

    def start_staff(self) -> None:
        """Start the staff server and wait until it answers."""
        port = self.url.rsplit(":", 1)[1]
        log = (self.folder / "staff.log").open("a")
        self.staff = subprocess.Popen(
            [
                *(sys.executable, "-m", "web.staff.cli", "run"),
                *("--config", str(self.folder / "staff" / "staff.toml")),
                *("--clock", str(self.clock_file), "--port", port),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,  # gunicorn's workers go with it when it is killed
        )
        log.close()
        self._await_staff()

    def kill_staff(self) -> None:
        """Kill the server and its workers as a power cut does."""
        if self.staff is not None:
            os.killpg(self.staff.pid, signal.SIGKILL)
            self.staff.wait(STOP_S)

    def _await_staff(self) -> None:
        assert self.staff is not None  # noqa: S101 - it was started just now
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self.staff.poll() is not None:
                raise StageError(f"the staff server stopped; see {self.folder / 'staff.log'}")
            try:
                if urllib3.request("GET", f"{self.url}/healthz", timeout=2, retries=False).status:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        raise StageError(f"the staff server did not answer within {START_S:.0f} s")

    def start_home(self, *options: str) -> None:
        """Start the virtual home and wait until it is ready."""
        self.home = HomeProcess(
            [
                *(sys.executable, "-m", "gateway.demo.home"),
                *("--config", str(self.folder / "home.toml"), "--state", str(self.folder / "home")),
                *("--clock", str(self.clock_file), "--seed", str(self.seed), *options),
            ],
            self.folder / "home.log",
        )

    def close(self) -> None:
        """Stop both programs."""
        if self.home is not None:
            self.home.stop()
        if self.staff is not None:
            stop(self.staff)


class HomeProcess:
    """The virtual home's process, with its orders and answers."""

    def __init__(self, command: list[str], log: Path) -> None:
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )
        self.said: SimpleQueue[str] = SimpleQueue()
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._answers.get(timeout=START_S)
        except Empty:
            raise StageError(f"the home did not start; see {log}") from None
        if self.process.poll() is not None:
            raise StageError(f"the home stopped at once; see {log}")

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Give an order; its answer.  Raises `StageError` when the home does not answer."""
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
            self.process.stdin.flush()
            answer = self._answers.get(timeout=START_S)
        except (OSError, Empty) as error:
            raise StageError(f"the home does not answer to {what}") from error
        if "error" in answer:
            raise StageError(f"the home could not {what}: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End it in order."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        stop(self.process, ask=False)
        self._reader.join(STOP_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self.process.stdout:
            answer = json.loads(line)
            if "say" in answer:
                self.said.put(answer["say"])
            else:
                self._answers.put(answer)
        self._answers.put({"error": "it has stopped"})


def stop(process: subprocess.Popen[str], *, ask: bool = True) -> None:
    """Stop a process: ask, wait, then kill."""
    if ask and process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


@contextmanager
def stage(
    folder: Path,
    *,
    at: datetime,
    rate: float = 1.0,
    seed: int = 1,
    port: int = 0,
    home_port: int = 0,
    home: bool = True,
    home_options: tuple[str, ...] = (),
) -> Iterator[Stage]:
    """Set the stage in `folder` and clear it afterwards (the folder stays).

    `at` is the domain time at which it begins and `rate` its pace; a port of 0 is any free one.
    With `home` False the home is enrolled and not started.
    """
    from gateway.demo import home as virtual

    folder.mkdir(parents=True, exist_ok=True)
    port, home_port = port or free_port(), home_port or free_port()
    made = Stage(
        folder=folder,
        clock=FileClock.create(folder / "clock", at, rate),
        url=f"http://127.0.0.1:{port}",
        home_url=f"http://127.0.0.1:{home_port}",
        accounts=accounts(),
        seed=seed,
    )
    code = _set_up_staff(made)
    (folder / "home.toml").write_text(
        HOME_TOML.format(
            home=HOME,
            resident=RESIDENT,
            url=made.url,
            home_port=home_port,
            pin=virtual.MAT_PIN,
            floor_pin=virtual.FLOOR_PIN,
            bathroom_pin=virtual.BATHROOM_PIN,
            front_pin=virtual.FRONT_PIN,
            answer_pin=virtual.ANSWER_PIN,
            light_pin=virtual.LIGHT_PIN,
            tone_pin=virtual.TONE_PIN,
            pendant_address=virtual.PENDANT_ADDRESS,
            address=virtual.ADDRESS,
        )
    )
    (folder / "home").mkdir(mode=0o700, exist_ok=True)
    try:
        made.start_staff()
        enroll(made.url, code, folder / "home", FileSecrets.from_environment(folder / "home"))
        if home:
            made.start_home(*home_options)
        yield made
    finally:
        made.close()


def _set_up_staff(made: Stage) -> str:
    """Make the server's configuration, home and accounts; the home's enrolment code."""
    lines: list[list[str]] = [
        ["init", "--plain-http", "--no-second-factor"],
        [
            *("home", "add", HOME, "--label", "Björkgatan 3", "--org", ORGANISATION),
            *("--org-name", "Demokommunen", "--resident", RESIDENT, "Demo Demosson"),
            *("--fallback", "Nyckelskåp vid entrén. Ring nattpatrullen om det inte går."),
        ],
    ]
    for account in made.accounts:
        roles = [word for role in account.roles for word in ("--role", role)]
        lines.append(
            [
                *("user", "add", account.email, "--name", account.name, "--org", ORGANISATION),
                *(*roles, "--home", HOME, "--password-stdin"),
            ]
        )
    lines.append(["enroll-code", HOME])
    passwords = "".join(f"{account.password}\n" for account in made.accounts)
    return _staff(made.folder, lines, stdin=passwords).split()[-1]


def _staff(folder: Path, lines: list[list[str]], *, stdin: str = "") -> str:
    """Run lines of `tryggve staff …` on the stage's server, in one process, because each start of
    Python costs a second; what they printed."""
    config = str(folder / "staff" / "staff.toml")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _RUN_LINES,
            json.dumps([[*words, "--config", config] for words in lines]),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    if done.returncode:
        raise StageError(f"the staff server could not be set up: {done.stderr.strip()[-500:]}")
    return done.stdout


_RUN_LINES = """
import json, sys
from web.staff.cli import main
for line in json.loads(sys.argv[1]):
    status = main(line)
    if status:
        sys.exit(status)
"""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
