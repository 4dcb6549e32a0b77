"""`tryggve demo`: virtual homes and a staff server on this machine, and `--smoke` to judge them.

Not for: setting the stage (`stage`) or the script (`smoke`).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from queue import Empty
from types import FrameType
from zoneinfo import ZoneInfo

from gateway.demo import town
from gateway.demo.home_process import HomeProcess, StageError
from gateway.demo.pace import FASTEST
from gateway.demo.smoke import smoke
from gateway.demo.staffclient import StaffClient
from gateway.demo.stage import Stage, free_port, stage
from gateway.doors.page_pin import written
from gateway.errors import TryggveError

PORT, HOME_PORT = 8800, 8801
"""Where the pages are looked for first; a taken one is replaced by any free one."""

SPEED = 60.0
"""Domain seconds a real one while nobody is needed: a night in eight minutes."""

BEGIN = (21, 55)
"""Local time at which the demo begins: soon to bed, and the first check is near."""

LOOK_S = 0.5
"""Seconds between looks at what the home says."""

HERE = ZoneInfo("Europe/Stockholm")

KEYS: dict[str, tuple[str, str]] = {
    "b": ("to_bed", "the resident goes to bed"),
    "u": ("get_up", "… gets up and goes to the bathroom"),
    "f": ("fall", "… falls onto the mat beside the bed"),
    "g": ("fall_beyond", "… falls beyond it, where nothing feels it"),
    "p": ("pendant", "… presses the pendant"),
    "a": ("answer", "… presses the answer button (when the home asks)"),
    "h": ("take_handle", "somebody takes the door's handle (wakes the lock)"),
    "c": ("cut_mat", "the mat's cable is cut"),
}

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What tells the demo to end: Ctrl-C, whoever runs it, the terminal that is closed."""


def main(argv: Sequence[str]) -> int:
    """Run `tryggve demo ARGV`; the exit status."""
    parser = argparse.ArgumentParser(
        prog="tryggve demo", description="Virtual homes and a staff server on this machine."
    )
    parser.add_argument(
        "--smoke", action="store_true", help="play a night in a minute and judge it"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the resident (default 1)")
    parser.add_argument(
        "--speed", type=_speed, default=SPEED, help=f"(default {SPEED:g}, at most {FASTEST:g})"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs and databases here")
    args = parser.parse_args(argv)
    folder = args.keep or Path(tempfile.mkdtemp(prefix="tryggve-demo-"))
    before = {number: signal.signal(number, _told_to_end) for number in ENDS}
    kept = args.keep is not None
    try:
        if args.smoke:
            result = smoke(folder / "stage", args.seed)
            print(json.dumps(result))
            kept = kept or not result["ok"]
            return 0 if result["ok"] else 1
        return _play(folder / "stage", args.seed, args.speed)
    except TryggveError as error:
        kept = True  # its sentence names a log there
        print(f"tryggve: {error.text}", file=sys.stderr)
        return 1
    except Ended as ended:
        return 128 + ended.number
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {FASTEST:g}")
    return speed


class Ended(BaseException):
    """The demo was told to end, by this signal.  No `Exception`: nothing on the way may take it for
    a fault of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _told_to_end(number: int, _frame: FrameType | None) -> None:
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)  # once is enough: the programs are being stopped
    with suppress(OSError):  # the terminal may be gone
        os.write(1, b"\nStopping ...\n")
    raise Ended(number)


def _play(folder: Path, seed: int, speed: float) -> int:
    if folder.exists():
        shutil.rmtree(folder)  # a demo begins from nothing
    hour, minute = BEGIN
    evening = datetime.now(HERE).replace(hour=hour, minute=minute, second=0, microsecond=0)
    print("Setting the stage (a minute on a small machine):", flush=True)
    began, told = time.monotonic(), ""

    def tell(step: str) -> None:
        nonlocal told
        if step != told:
            print(f"  {time.monotonic() - began:3.0f} s  {step} …", flush=True)
        told = step

    with stage(
        folder,
        at=evening,
        seed=seed,
        port=_port(PORT),
        home_port=_port(HOME_PORT),
        home_options=("--pace", str(speed)),
        plan=True,
        neighbour=True,
        phones=True,
        tell=tell,
    ) as set_stage:
        tell("both residents agree to be looked at by their cameras")
        _agree(set_stage)
        _introduce(set_stage)
        _listen(set_stage)
    return 0


def _agree(stage: Stage) -> None:
    """As a coordinator notes it on the page of consents."""
    account, day = stage.account("coordinator"), stage.clock.now().astimezone(HERE).date()
    coordinator = StaffClient(stage.url, account.email, account.password)
    for home in (town.HOME, town.NEIGHBOUR):
        said = {"resident": home.resident, "asked_on": day.isoformat(), "how": "spoken"}
        coordinator.post(f"/hem/{home.id}/samtycke", do="agree", **said)


def _introduce(stage: Stage) -> None:
    width = max(len(account.email) for account in stage.accounts)
    print(f"\n  Open  {stage.url}")
    print(f"\n  Password of every account:  {stage.accounts[0].password}\n")
    for account in stage.accounts:
        role = ", ".join(account.roles).replace("_", " ")
        print(f"  {account.email:{width}}  {role:13}  {account.look}")
    watcher, carer = (stage.account(role).email for role in ("night_watcher", "caregiver"))
    print(f"""
  In two minutes:
  1  Sign in as {watcher} and open Händelser.  Here: b + Enter, and a little later
     u + Enter.  The resident goes to bed and gets up again, and the page tells.
  2  In another browser, as wide as a phone: sign in as {carer}, Mitt pass,
     Öppna dörren.  The lock sleeps; somebody takes the handle after a few seconds.
  3  There: Jag går nu.  Then Besök has what was done beside what was planned.

  4  An alarm: p + Enter.  Provtelefon shows whose phone rings, and who is told next when
     nobody answers; answer OK there, or take it in Nu.  s + Enter pulls the server's plug:
     f + Enter, and the home tells by its own modem.
  5  A night check: u + Enter shortly before 23:00, and {watcher} opens Nattillsyn.
     Jag gör tillsynen, Starta kameratillsyn: the drawn bedroom for 30 seconds, and four answers.
  Provtelefon, the phones of the staff: {stage.phones.url if stage.phones else ""}

  The page that the home itself serves: {stage.home_url}
     The browser warns: its certificate is the home's own.  Go on; its PIN is {written(stage.pin)}.
  The plan, as it was brought in:       {stage.plan_file}
""")
    for key, (_, text) in KEYS.items():
        print(f"  {key} + Enter  {text}")
    print("  s + Enter  pulls the server's plug, and puts it back")
    print("  n + Enter  the night goes on though somebody is needed")
    print(f"  a number   another speed, at most {FASTEST:g};  q  stop\n", flush=True)


def _listen(stage: Stage) -> None:
    """Obey the keyboard, and show what the virtual homes say, until `q` or the end of input."""
    assert stage.home is not None  # noqa: S101 - the stage is set
    keyboard = sys.stdin is not None and not sys.stdin.closed
    homes = [home for home in (stage.home, stage.neighbour) if home is not None]
    while all(home.process.poll() is None for home in homes):
        for said in _said(homes):
            print(f"  {stage.clock.now().astimezone(HERE):%H:%M:%S}  {said}", flush=True)
        ready, _, _ = select.select([sys.stdin] if keyboard else [], [], [], LOOK_S)
        if not ready:
            continue
        line = sys.stdin.readline()
        if not line:
            keyboard = False
        elif not _obey(stage, homes, line.strip()):
            return
    raise StageError(f"a home stopped; see home.log and neighbour.log in {stage.folder}")


def _said(homes: Sequence[HomeProcess]) -> Iterator[str]:
    for home in homes:
        try:
            while True:
                yield home.said.get_nowait()
        except Empty:
            continue


def _obey(stage: Stage, homes: Sequence[HomeProcess], word: str) -> bool:
    """Do what a key says; False to stop."""
    assert stage.home is not None  # noqa: S101 - the stage is set
    if word == "q":
        return False
    if word in KEYS:
        stage.home.do(KEYS[word][0])
    elif word == "s":
        _plug(stage)
    elif word == "n":
        for home in homes:
            home.do("go_on")
    elif word.replace(".", "", 1).isdigit():
        for home in homes:
            home.do("speed", rate=float(word))
    elif word:
        print(f"  {word}? {', '.join(KEYS)}, s, n, a number, or q", flush=True)
    return True


def _plug(stage: Stage) -> None:
    """Pull the server's plug, or put it back."""
    if stage.staff is not None and stage.staff.poll() is None:
        stage.kill_staff()
        print("  the server's plug is out", flush=True)
    else:
        stage.start_staff()
        print("  the server runs again", flush=True)


def _port(wish: int) -> int:
    """`wish` if nobody uses it, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wish))
        except OSError:
            return free_port()
    return wish
