"""Sets the stage: a folder, a staff server with accounts, an enrolled virtual home; starts and
stops both programs as processes of their own.

The demo talks to the staff server as anybody does: by its command line, its link and its pages.
Not for: what is played (`smoke`, `cli`).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Timer

import urllib3

from gateway.clock import FileClock
from gateway.config.secrets import FileSecrets
from gateway.demo import kept_server, town
from gateway.demo.home_process import START_S, HomeProcess, StageError, stop
from gateway.demo.phones import Phones, be_told
from gateway.demo.town import Account
from gateway.demo.tree import HERE, Tree
from gateway.doors.page_pin import make_pin
from gateway.link.enrolment import enroll

SET_UP_S = 180.0
"""Seconds that setting the server up may take on a slow machine: five passwords are hashed slowly,
which is their point."""

Tell = Callable[[str], None]
"""Is told what is being done, a line a step."""

CODE = re.compile(r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{8}")
"""What `tryggve staff enroll-code` prints (`gateway.wire.make_code`)."""


@dataclass(slots=True)
class Stage:
    """A set stage.  `url` is the staff server's, `home_url` that of the page the home serves, which
    the resident's `pin` opens.  `staff_from` and `home_from` say whose code each program runs when
    it is started next; `phones` show what staff are told outside the pages (None: there are none).
    """

    folder: Path
    clock: FileClock
    url: str
    home_url: str
    accounts: list[Account]
    pin: str = ""
    seed: int = 1
    staff: subprocess.Popen[str] | None = None
    home: HomeProcess | None = None
    neighbour: HomeProcess | None = None
    staff_from: Tree = HERE
    home_from: Tree = HERE
    phones: Phones | None = None
    sound: bool = True
    looks: bool = True

    @property
    def clock_file(self) -> Path:
        return self.folder / "clock"

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan.csv"

    @property
    def database(self) -> Path:
        return self.folder / "staff" / "staff.db"

    @property
    def home_log(self) -> Path:
        return self.folder / "home" / "events.sqlite"

    def account(self, role: str) -> Account:
        """The first account with this role."""
        return next(account for account in self.accounts if role in account.roles)

    def staff_says(self, *lines: list[str], stdin: str = "", tell: Tell | None = None) -> str:
        """Run lines of `tryggve staff …` on the stage's server, in one process, because each start
        of Python costs a second; what they printed.  `tell` hears of each before it runs.  Raises
        `StageError`."""
        config = str(self.folder / "staff" / "staff.toml")
        words = json.dumps([[*line, "--config", config] for line in lines])
        with subprocess.Popen(
            self.staff_from.script(_RUN_LINES, words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.staff_from.started,
        ) as process:
            assert process.stdin is not None  # noqa: S101 - they are pipes
            assert process.stdout is not None  # noqa: S101 - as above
            overdue = Timer(SET_UP_S, process.kill)
            overdue.start()
            printed = []
            try:
                process.stdin.write(stdin)
                process.stdin.close()
                for line in process.stdout:
                    if not line.startswith(_BEGINS):
                        printed.append(line)
                    elif tell is not None:
                        tell(town.step_text(lines[int(line.removeprefix(_BEGINS))]))
            except BaseException:
                process.kill()
                raise
            finally:
                overdue.cancel()
        if process.returncode:
            raise StageError(f"`tryggve staff` did not: {''.join(printed).strip()[-500:]}")
        return "".join(printed)

    def start_staff(self) -> None:
        """Start the staff server and wait until it answers."""
        port = self.url.rsplit(":", 1)[1]
        log = (self.folder / "staff.log").open("a")
        self.staff = subprocess.Popen(
            self.staff_from.module(
                *("gateway.demo.leash", "web.staff.cli.main", "run"),
                *("--config", str(self.folder / "staff" / "staff.toml"), "--port", port),
            ),
            stdin=subprocess.PIPE,  # the leash: it ends with this process, however that ends
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,  # gunicorn's workers go with it when it is killed
            **self.staff_from.started,
        )
        log.close()
        self._await_staff()

    def kill_staff(self) -> None:
        """Kill the server and its workers as a power cut does."""
        if self.staff is not None:
            os.killpg(self.staff.pid, signal.SIGKILL)
            stop(self.staff, ask=False)

    def _await_staff(self) -> None:
        assert self.staff is not None  # noqa: S101 - it was started just now
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self.staff.poll() is not None:
                raise StageError(f"the staff server stopped; see {self.folder / 'staff.log'}")
            try:
                if urllib3.request("GET", f"{self.url}/healthz", timeout=20, retries=False).status:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        log = self.folder / "staff.log"
        raise StageError(f"the staff server did not answer within {START_S:.0f} s; see {log}")

    def start_home(self, *options: str) -> None:
        """Start the virtual home and wait until it is ready."""
        self.home = self._start(self.folder / "home", self.seed, *options)

    def start_neighbour(self, *options: str) -> None:
        """The same for the neighbour's, where somebody else lives."""
        self.neighbour = self._start(self.folder / "neighbour", self.seed + 1, *options)

    def _start(self, state: Path, seed: int, *options: str) -> HomeProcess:
        return HomeProcess(
            self.home_from.module(
                "gateway.demo.home",
                *("--config", f"{state}.toml", "--state", str(state)),
                *("--clock", str(self.clock_file), "--seed", str(seed), *options),
            ),
            Path(f"{state}.log"),
            self.home_from,
        )

    def close(self) -> None:
        """Stop all programs."""
        for home in (self.home, self.neighbour):
            if home is not None:
                home.stop()
        if self.staff is not None:
            stop(self.staff)
        if self.phones is not None:
            self.phones.stop()


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
    plan: bool = False,
    neighbour: bool = False,
    phones: bool = False,
    sound: bool = True,
    looks: bool = True,
    staff_from: Tree = HERE,
    home_from: Tree = HERE,
    database: str = "",
    options: str = "",
    kept: Path | None = None,
    tell: Tell = lambda _step: None,
) -> Iterator[Stage]:
    """Set the stage in `folder` and clear it afterwards (the folder stays).

    `at` is the domain time at which it begins (aware, in the homes' zone) and `rate` its pace; a
    port of 0 is any free one.  With `home` False the home is enrolled and not started.  With `plan`
    a team has a plan for this home and the next one; with `neighbour` that one runs too; with
    `phones` staff have phones that alarms reach (`gateway.demo.phones`); without `sound` nobody can
    speak with the homes, without `looks` nobody can look into them, and without both
    every release knows what is in their files.
    `staff_from` and `home_from` are whose code sets up and runs the server and the homes;
    `database` is the server's URL (empty: SQLite in `folder`), `options` lines that its file begins
    with.  In the folder `kept` a server that was set up is kept, and begins the next stage.  `tell`
    hears of each step before it is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, home_port = port or free_port(), home_port or free_port()
    set_stage = Stage(
        folder=folder,
        clock=FileClock.create(folder / "clock", at, rate),
        url=f"http://127.0.0.1:{port}",
        home_url=f"https://127.0.0.1:{home_port}",
        accounts=town.accounts(),
        seed=seed,
        staff_from=staff_from,
        home_from=home_from,
        sound=sound,
        looks=looks,
    )
    if plan:
        set_stage.plan_file.write_text(town.plan(at), encoding="utf-8")
    if phones:
        owners = {one.number: one.name for one in set_stage.accounts}
        set_stage.phones = Phones(owners, set_stage.clock.now)
        set_stage.phones.start()
        home_options = (*home_options, "--modem", set_stage.phones.url)
    codes = _set_up_staff(set_stage, plan=plan, database=database, kept=kept, tell=tell)
    if options:
        file = folder / "staff" / "staff.toml"
        file.write_text(options + file.read_text())
    if set_stage.phones is not None:
        be_told(folder / "staff", set_stage.url, set_stage.phones.url)
    try:
        tell("starting the staff server")
        set_stage.start_staff()
        tell(f"a gateway for {town.HOME.label}, enrolled with the home's code")
        set_stage.pin = furnish(set_stage, town.HOME, folder / "home", home_port, codes[0])
        if home:
            tell(f"starting the home of {town.HOME.name}: locks, sensors, somebody who lives there")
            set_stage.start_home(*home_options)
        if plan and neighbour:
            tell(f"the same next door, at {town.NEIGHBOUR.name}'s")
            furnish(set_stage, town.NEIGHBOUR, folder / "neighbour", free_port(), codes[1])
            set_stage.start_neighbour(*home_options)
        yield set_stage
    finally:
        set_stage.close()


def furnish(stage: Stage, home: town.Dwelling, state: Path, page_port: int, code: str) -> str:
    """As a technician leaves a home: its file, its gateway enrolled, and the resident's PIN."""
    if stage.home_from != HERE:
        return _furnish_from(stage, home, state, page_port, code)
    scene = Path(f"{state}.scene").resolve() if stage.looks else None
    toml = town.home_toml(home, stage.url, page_port, sound=stage.sound, scene=scene)
    Path(f"{state}.toml").write_text(toml)
    state.mkdir(mode=0o700, exist_ok=True)
    secrets = FileSecrets.from_environment(state)
    enroll(stage.url, code, state, secrets)
    return make_pin(secrets)


def _furnish_from(stage: Stage, home: town.Dwelling, state: Path, page_port: int, code: str) -> str:
    """The same by the code of another folder."""
    words = (home.id, stage.url, str(page_port), str(state), code)
    done: subprocess.CompletedProcess[str] = subprocess.run(
        stage.home_from.script(_FURNISH, *words),
        check=False,
        capture_output=True,
        text=True,
        timeout=START_S,
        **stage.home_from.started,
    )
    if done.returncode:
        raise StageError(f"the home could not be enrolled: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def _set_up_staff(
    stage: Stage, *, plan: bool, database: str, kept: Path | None, tell: Tell
) -> list[str]:
    """Make the server's configuration and what the town has; an enrolment code for each home."""
    if kept is not None:  # a plan has dates, and another database or release is its own
        assert not plan and not database and stage.staff_from == HERE  # noqa: S101
        kept /= "with phones" if stage.phones is not None else "without phones"
        if kept.is_dir():
            printed, stage.accounts = kept_server.take(kept, stage.folder, stage.clock_file)
            return codes_in(printed)
    lines = town.commands(stage.clock_file, stage.accounts, stage.plan_file if plan else None)
    if database:
        lines[0] += ["--database", database]
    if stage.phones is not None:
        lines[-1:-1] = town.reach(stage.accounts)
    passwords = "".join(f"{one.password}\n" for one in stage.accounts)
    printed = stage.staff_says(*lines, stdin=passwords, tell=tell)
    if kept is not None:
        kept_server.keep(kept, stage.folder, printed, stage.accounts)
    if plan:
        margin = town.OPEN_MIN
        with (stage.folder / "staff" / "staff.toml").open("a") as file:
            file.write(f"\n[plan]\nopen_before_min = {margin}\nopen_after_min = {margin}\n")
    return codes_in(printed)


def codes_in(printed: str) -> list[str]:
    """The enrolment codes among what `tryggve staff` printed."""
    return [line for line in printed.splitlines() if CODE.fullmatch(line)]


_BEGINS = "begins: "
"""How a line begins that says which of the lines is run now."""

_RUN_LINES = f"""
import json, sys
from web.staff.cli.main import main
for number, line in enumerate(json.loads(sys.argv[1])):
    print("{_BEGINS}" + str(number), flush=True)
    status = main(line)
    if status:
        sys.exit(status)
"""


_FURNISH = """
import sys
from pathlib import Path
from gateway.config.secrets import FileSecrets
from gateway.demo import town
from gateway.doors.page_pin import make_pin
from gateway.link.enrolment import enroll
id, url, port, state, code = sys.argv[1:]
home = next(one for one in (town.HOME, town.NEIGHBOUR) if one.id == id)
Path(f"{state}.toml").write_text(town.home_toml(home, url, int(port)))
Path(state).mkdir(mode=0o700, exist_ok=True)
secrets = FileSecrets.from_environment(Path(state))
enroll(url, code, Path(state), secrets)
print(make_pin(secrets))
"""
"""What `furnish` does, for the code of another release: with names that it has too."""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
