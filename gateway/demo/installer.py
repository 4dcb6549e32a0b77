"""A simulated installer: from a new card to an accepted home, by the pages as they are on a phone.

Both programs run as they are, on virtual pins and a virtual radio: the code is made and used, each
thing is touched, found, named, placed and paired, the trial is played by hand and foot, and the
protocol is opened.  Each step has the seconds that a person needs for it (`PERSON_S`) beside those
that the programs took here.

Not for: faults on the way (`tests/e2e/test_install.py`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.config.secrets import FileSecrets
from gateway.demo import home as virtual
from gateway.demo.home_process import HomeProcess, StageError
from gateway.demo.staffclient import StaffClient, StaffError
from gateway.demo.stage import CODE, Stage, Tell, free_port, stage
from gateway.demo.town import FRONT_LOCK, HOME, bare_toml
from gateway.link.enrolment import enroll

MORNING = datetime(2026, 3, 3, 9, 0, tzinfo=ZoneInfo("Europe/Stockholm"))
"""When homes are installed."""

PERSON_S = {
    "code": 90.0,  # sign in, find the home, read 18 characters to the Pi
    "report in": 60.0,  # put the card in, plug it in, wait for the light
    "hear": 5.0,
    "find": 25.0,  # walk there and touch it
    "name": 15.0,  # two pictures and a button
    "mount": 60.0,  # a mat under the mattress, a contact on the frame
    "pair": 60.0,  # hold the button, fetch the key in an app
    "begin": 20.0,  # tell those who take alarms
    "try": 15.0,  # step on, step off, press, turn
    "lie": 75.0,  # until the fall's alarm
    "plug": 60.0,
    "accept": 20.0,
}
"""Seconds of a person by what is done: assumed, with room for somebody who does it the third time;
what the programs take comes on top."""

WAIT_S = 40.0
"""Real seconds that the page may take to show what was done, on a slow machine."""

AGAIN_S = 4.0
"""Real seconds after which somebody whose touch showed nothing touches again."""

LOOK_S = 0.1

SAY_S = 5.0
"""Real seconds between two words of the page that it is open; its script says it every ten."""

FAST = 30.0
"""Domain seconds a real one while somebody lies on the floor."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: seconds of a person (assumed), and seconds that the programs took here."""

    name: str
    person_s: float
    here_s: float


@dataclass(slots=True)
class Installed:
    """A home that was installed.  `protocol` is the page of its trial."""

    steps: list[Step] = field(default_factory=list)
    protocol: str = ""

    @property
    def minutes(self) -> float:
        """From the code to the acceptance (`install_simulated_min`)."""
        return sum(step.person_s + step.here_s for step in self.steps) / 60


class Installer:
    """A technician with a phone, in a home whose hardware hangs on the wall and is not known."""

    def __init__(self, made: Stage, folder: Path, tell: Tell) -> None:
        self.stage, self._folder, self._tell = made, folder, tell
        self.done = Installed()
        self.home: HomeProcess | None = None
        self.pendant_key = self.code = ""
        self.pi_port = 0
        self._said_s = 0.0
        account = made.account("technician")
        self.phone = StaffClient(made.url, account.email, account.password)
        self.page = f"/hem/{HOME.id}/installera"
        self.near = f"{self.page}/hitta"

    @property
    def state_dir(self) -> Path:
        """The new home's state folder."""
        return self._folder / "new"

    @contextmanager
    def step(self, what: str, name: str = "") -> Iterator[None]:
        """Measure what is done within."""
        began = time.perf_counter()
        yield
        took = Step(name or what, PERSON_S[what], time.perf_counter() - began)
        self.done.steps.append(took)
        self._tell(f"{took.name}: {took.person_s:.0f} s + {took.here_s:.1f} s")

    def shows(self, path: str, *parts: str, within_s: float = WAIT_S) -> str:
        """The page, once all of this stands on it.  Raises `StageError`."""
        until = time.monotonic() + within_s
        while True:
            page = unescape(self.phone.get(f"{path}?fragment=1"))
            if all(part in page for part in parts):
                return page
            if time.monotonic() > until:
                raise StageError(f"{path} never showed {parts}")
            if "data-keep=" in page and time.monotonic() - self._said_s >= SAY_S:
                self._said_s = time.monotonic()
                with suppress(StaffError):  # it has ended meanwhile
                    self.phone.post(self.near, do="go_on")
            time.sleep(LOOK_S)

    def until(self, touch: Callable[[], object], part: str) -> None:
        """Touch it, again and again as people do, until the page shows it.  Raises `StageError`."""
        until = time.monotonic() + WAIT_S
        while True:
            touch()
            try:
                self.shows(self.near, part, within_s=AGAIN_S)
                return
            except StageError:
                if time.monotonic() > until:
                    raise

    def act(self, what: str, **more: object) -> None:
        """Do something with the hardware."""
        assert self.home is not None  # noqa: S101 - it was started
        self.home.do(what, **more)

    # --- the gateway ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Make the code, type it at the Pi, and see it report in."""
        with self.step("code"):
            shown = self.phone.show(f"/administration/hem/{HOME.id}", do="code", back="install")
            code = CODE.search(shown)
            if code is None:
                raise StageError("no code was shown")
            self.code = code[0]
        with self.step("report in"):
            state = self.state_dir
            state.mkdir(mode=0o700)
            self.pi_port = free_port()
            toml = bare_toml(HOME, self.stage.url, self.pi_port)
            state.with_suffix(".toml").write_text(toml)
            secrets = FileSecrets.from_environment(state)
            enroll(self.stage.url, self.code, state, secrets, home=HOME.id)
            self.start_home()
            self.shows(self.page, 'data-test="gateway" data-state="up"')

    def start_home(self) -> None:
        """Plug the Pi in."""
        state = self.state_dir
        command = ["gateway.demo.home", "--config", f"{state}.toml", "--state", str(state)]
        options = ["--clock", str(self.stage.clock_file), "--new", FRONT_LOCK, "--still", "--awake"]
        self.home = HomeProcess(
            self.stage.home_from.module(*command, *options), Path(f"{state}.log")
        )

    # --- what it hears ----------------------------------------------------------------------------

    def hear(self) -> None:
        """Ask what it hears."""
        with self.step("hear"):
            self.shows(self.near, 'data-test="form-begin"')
            self.phone.post(self.near, do="begin")
            self.shows(self.near, 'data-test="hearing"', 'data-state="hearing"')

    def find(self, thing: str, touch: Callable[[], None], use: str, room: str) -> None:
        """Touch a thing until the page says that it moves, and name it."""
        with self.step("mount", f"mount {use}"):
            pass
        with self.step("find", f"find {use}"):
            self.until(touch, f'data-near="{thing}" data-moves="yes"')
        with self.step("name", f"name {use}"):
            self.phone.post(self.near, do="add", thing=thing, use=use, room=room)
            self.shows(self.near, f'data-device="{use}"', 'data-follows="yes"')

    def pair(
        self, device: str, touch: Callable[[], None], key: str = "", ends: str = "done"
    ) -> None:
        """Pair a thing that was named, with its key where it has one, until that has ended so."""
        with self.step("pair", f"pair {device}"):
            self.phone.post(self.near, do="pair", device=device)
            if key:
                page = self.shows(self.near, 'data-test="answer"')
                number = re.search(r'name="number" value="(\d+)"', page)
                assert number is not None  # noqa: S101 - it stands beside the answer
                self.phone.post(self.near, do="answer", number=number[1], text=key)
            self.until(touch, f'data-guided="{device}" data-outcome="{ends}"')

    def press(self, what: str, release: str = "") -> None:
        """A hand or a foot, for as long as one is there."""
        self.act(what)
        if release:
            time.sleep(virtual.BUTTON_S)
            self.act(release)

    # --- the trial --------------------------------------------------------------------------------

    def ticked(self, key: str) -> None:
        """Wait until the home has told of this step."""
        self.shows(self.page, f'data-step="{key}" data-state="seen"')

    def try_it(self, *acts: tuple[str, Callable[[], object]], what: str = "try") -> None:
        """Do each, and see it ticked."""
        for key, act in acts:
            with self.step(what, f"try {key}"):
                act()
                self.ticked(key)

    def accept(self) -> None:
        """Accept the home, and open the protocol."""
        with self.step("accept"):
            self.shows(self.page, 'data-test="trial" data-left="0"')
            self.done.protocol = self.phone.post(self.page, do="accept")["go"]
            self.phone.get(self.done.protocol)


@contextmanager
def at_work(
    folder: Path, tell: Tell = lambda _line: None, kept: Path | None = None
) -> Iterator[Installer]:
    """An installer in a town whose first home is to be installed; `kept` as for `stage`."""
    with stage(folder, at=MORNING, home=False, sound=False, looks=False, kept=kept) as made:
        installer = Installer(made, folder, tell)
        try:
            yield installer
        finally:
            if installer.home is not None:
                installer.home.stop()


def install(folder: Path, tell: Tell = lambda _line: None, kept: Path | None = None) -> Installed:
    """Install a home from a new card to its protocol."""
    with at_work(folder, tell, kept) as who:
        who.connect()
        furnish(who)
        try_all(who)
        return who.done


def furnish(who: Installer) -> None:
    """Find, name and pair what hangs there."""
    who.hear()
    pin = {
        "bed": virtual.MAT_PIN,
        "floor": virtual.FLOOR_PIN,
        "front": virtual.FRONT_PIN,
        "button": virtual.ANSWER_PIN,
    }
    who.find(f"pin-{pin['bed']}", lambda: who.press("press", "release"), "bed", "bedroom")
    who.find(f"pin-{pin['floor']}", lambda: who.act("step"), "floor", "bedroom")
    who.find(f"pin-{pin['front']}", lambda: who.press("open_front", "close_front"), "front", "hall")
    who.find(f"pin-{pin['button']}", lambda: who.act("answer"), "button", "kitchen")
    assert who.home is not None  # noqa: S101 - it was started
    who.pendant_key = key = str(who.home.do("tell")["pendant_key"])
    address = virtual.PENDANT_ADDRESS
    who.find(address, lambda: who.act("pendant"), "pendant", "bedroom")
    who.pair("pendant", lambda: who.act("pendant"), key)
    lock = who.home.do("tell")["lock_address"]
    who.find(lock, lambda: who.act("hold_button"), "front", "hall")
    who.pair("front_2", lambda: who.act("hold_button"))
    who.phone.post(who.near, do="end")


def try_all(who: Installer) -> None:
    """Step on, step off, lie, fall, press, unlock, pull the plug."""
    with who.step("begin"):
        who.phone.post(who.page, do="begin")
        who.shows(who.page, 'data-test="trial" data-left=')
    who.try_it(
        ("stepped_on bed", lambda: who.act("press")),
        ("lay_down bed", lambda: who.stage.clock.set(rate=FAST)),
        ("stepped_off bed", lambda: who.act("release")),
        ("stepped_on floor", lambda: who.act("floor_press")),
    )
    who.try_it(("fell floor", lambda: None), what="lie")
    who.try_it(
        ("stepped_off floor", lambda: who.act("floor_release")),
        ("pressed pendant", lambda: who.act("pendant")),
        ("called pendant", lambda: None),
        ("answered button", lambda: who.act("answer")),
        ("opened front", lambda: who.act("open_front")),
        ("closed front", lambda: who.act("close_front")),
        ("unlocked front_2", lambda: who.act("turn_by_hand", state="UNLOCKED")),
        ("locked front_2", lambda: who.act("turn_by_hand", state="LOCKED")),
    )

    def pull() -> None:
        assert who.home is not None  # noqa: S101 - it was started
        who.home.process.kill()
        who.home.stop()
        who.start_home()

    who.try_it(("unplugged", pull), ("plugged_in", lambda: None), what="plug")
    who.accept()
