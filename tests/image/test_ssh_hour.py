"""Root's half of an hour of SSH, as a process of its own (`tests.image.ssh_card`): the card's
program with the card's own `sshd_config`, and whoever asks being a stranger."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests._tree import ROOT
from tests.image.ssh_card import BOOT, ME, OTHER, SSHD, WAIT_S, Card, wait_for
from tests.processes import children, tell_each
from tools.image.__main__ import lay_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.access(SSHD, os.X_OK), reason="openssh-server is not installed"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card's program, as it lies on one."""
    made = tmp_path_factory.mktemp("root")
    lay_root(made)
    return made / "usr/lib/tryggve-card"


@pytest.fixture
def card(tmp_path: Path, program: Path) -> Iterator[Card]:
    """Ended with all that it started."""
    made = Card(tmp_path, program)
    yield made
    for one in made.running:
        if one.poll() is None:
            one.terminate()
            one.wait(WAIT_S)


def test_a_key_enters_and_nothing_else_does(card: Card) -> None:
    """The key that was given, by the host key that was told; no other key, no password, no user but
    that one, no way on into the network; and at the end who is in is cut off at once."""
    card.ask()
    running = card.start()
    said = card.until("open")
    assert said["host_key"].startswith("ssh-ed25519 ") and said["boot"] == BOOT
    assert not card.request.exists()
    done = card.enter("id -un")
    assert (done.stdout.strip(), done.returncode) == (ME, 0), done.stderr
    assert card.enter("id", key="wrong").returncode == 255
    for way in ("none", "password", "keyboard-interactive"):
        done = card.enter("id", "-v", "-o", f"PreferredAuthentications={way}")
        assert done.returncode == 255
        ways = [one for one in done.stderr.splitlines() if "that can continue" in one]
        assert ways and {one.rpartition(": ")[2] for one in ways} == {"publickey"}
    assert card.enter("id", "-l", "daemon").returncode == 255
    done = card.enter("id", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1")
    assert done.returncode == 255 and "forwarding failed" in done.stderr
    done = card.enter("id", "-W", "127.0.0.1:22")
    assert done.returncode == 255 and "prohibited" in done.stderr

    sleeps = f"sleep {300 + os.getpid() / 1e8:.8f}"  # ours, whoever else sleeps
    inside = subprocess.Popen(
        card.client(f"trap '' TERM HUP; (setsid {sleeps} &); echo in; {sleeps}"),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert inside.stdout is not None and inside.stdout.readline() == b"in\n"
    card.ask(key="")
    assert card.until("closed")["why"] == "asked"
    assert running.wait(WAIT_S) == 0
    assert inside.wait(WAIT_S) == 255
    inside.stdout.close()
    card.is_shut()
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f":{card.port}" not in left and str(card.place) not in left and sleeps not in left


def test_an_hour_ends_by_itself_whatever_the_clock_says(card: Card) -> None:
    """The clock is set an hour on and back all the time: the hour is neither shorter nor longer."""
    card.ask()
    begun = time.monotonic()
    running = card.start(hour_s=15, clock=True)
    said = card.until("open")
    assert abs(said["until_s"] - time.clock_gettime(time.CLOCK_BOOTTIME)) < 15
    card.ask()  # once more for the same: it gets no longer
    time.sleep(1)
    assert card.said() == said and card.listens()
    assert card.until("closed")["why"] == "time"
    assert 15 <= time.monotonic() - begun < 90
    assert running.wait(WAIT_S) == 0
    card.is_shut()


def test_another_key_is_another_run_and_ends_the_first(card: Card) -> None:
    """systemd counts a run's time: an hour that began in the midst of one would be cut short.  The
    request is left, so that the path unit starts the next."""
    card.ask()
    first = card.start()
    key = card.until("open")["host_key"]
    card.ask("staff:h1/2", (card.folder / "wrong.pub").read_text())
    assert card.until("closed")["why"] == "asked" and first.wait(WAIT_S) == 0
    card.is_shut()
    assert card.request.exists()
    card.start()
    assert card.until("open", "staff:h1/2")["host_key"] != key
    assert card.enter("id", key="key").returncode == 255
    assert card.enter("id", key="wrong").returncode == 0


def test_a_request_that_is_left_opens_no_second_hour(card: Card) -> None:
    """On a card that went read-only it cannot be taken away, and systemd begins the unit again."""
    card.ask()
    assert card.start(hour_s=2).wait(WAIT_S) == 0
    assert card.said()["why"] == "time"
    card.ask()
    assert card.start().wait(WAIT_S) == 0
    assert card.said()["why"] == "time"
    card.is_shut()


def test_two_runs_at_once_open_one(card: Card) -> None:
    """Not that systemd would: a request is taken once."""
    card.ask()
    runs = [card.start(), card.start()]
    card.until("open")
    wait_for(lambda: [one.poll() for one in runs].count(0) == 1)
    assert card.enter("id").returncode == 0


def test_a_bad_key_never_hides_that_it_is_open(card: Card) -> None:
    """What the state says is so: open ends first, and then it is refused."""
    card.ask()
    first = card.start()
    card.until("open")
    card.ask("staff:h1/2", "ssh-rsa AAAA")
    assert first.wait(WAIT_S) == 0
    card.is_shut()
    assert card.start().wait(WAIT_S) == 0
    assert card.until("refused", "staff:h1/2")["why"] == "broken"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_killed_in_mid_hour_it_is_shut_and_says_so(card: Card, how: int) -> None:
    """Ended by systemd, or for want of memory: what the unit runs afterwards says what is so (there
    systemd has ended all of the unit; here sshd is, by its own number)."""
    card.ask()
    running = card.start()
    card.until("open")
    below = children(running.pid)
    assert below
    running.send_signal(how)
    running.wait(WAIT_S)
    tell_each(below)
    card.after()
    assert card.said()["why"] == "failed" and card.said()["state"] == "closed"
    wait_for(lambda: not card.listens())
    card.is_shut()
    card.after()  # and says nothing more
    assert card.said()["why"] == "failed"


def _link(one: Path) -> None:
    one.symlink_to("/etc/shadow")


def _device(one: Path) -> None:
    one.symlink_to("/dev/zero")


def _socket(one: Path) -> None:
    folder = os.open(one.parent, os.O_DIRECTORY)  # its own path may be too long for a socket
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{one.name}")
    os.close(folder)


def _endless(one: Path) -> None:
    one.touch()
    os.truncate(one, 1 << 40)


def _other_name(one: Path) -> None:
    (one.parent / "x").write_text(_whole())
    one.symlink_to("x")


def _whole(**more: Any) -> str:
    return json.dumps({"id": "staff:h1/1", "key": OTHER, "boot": BOOT} | more)


NO_REQUEST: dict[str, Callable[[Path], Any] | str | bytes] = {
    "a link": _link,
    "a link to a good one": _other_name,
    "a device": _device,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a folder": lambda one: one.mkdir(),
    "a full folder": lambda one: (one / "x").mkdir(parents=True),
    "huge": lambda one: one.write_text(_whole() + " " * 5_000),
    "endless": _endless,
    "empty": "",
    "no JSON": "{",
    "no text": b"\xff\xfe\0",
    "deep": "[" * 3_900,
    "a list": "[]",
    "a number": "NaN",
    "endless digits": "9" * 3_999,
    "hours": _whole(hours=100),
    "no hours": _whole(hours=float("nan")),
    "endless hours": _whole(until_s=float("inf")),
    "a number for a key": _whole(key=1),
    "a list for a key": _whole(key=[OTHER]),
    "nothing for a key": _whole(key=None),
    "no name": _whole(id=""),
    "a long name": _whole(id="a" * 200),
    "two lines for a name": _whole(id="a\nb"),
    "a number for a name": _whole(id=1),
    "another run of the machine": _whole(boot="00000000"),
    "any run of the machine": _whole(boot=""),
    "a piece of a run": _whole(boot=BOOT[:3]),
    "no run": json.dumps({"id": "staff:h1/1", "key": OTHER}),
}


@pytest.mark.parametrize("name", NO_REQUEST)
def test_what_is_no_request_opens_nothing_and_is_gone(card: Card, name: str) -> None:
    """Nor does it stop the next one, or stay to start the unit again and again."""
    what = NO_REQUEST[name]
    if isinstance(what, str | bytes):
        card.request.write_bytes(what if isinstance(what, bytes) else what.encode())
    else:
        what(card.request)
    assert card.start().wait(WAIT_S) == 0
    assert not os.path.lexists(card.request) and card.said() == {}
    card.is_shut()


@pytest.mark.parametrize("key", [f"{OTHER}\n{OTHER}", f'command="sh" {OTHER}', "hej", OTHER[:-2]])
def test_what_is_no_key_is_refused(card: Card, key: str) -> None:
    card.ask(key=key)
    assert card.start().wait(WAIT_S) == 0
    assert card.said()["state"] == "refused"
    card.is_shut()


def test_the_folder_itself_may_be_a_link_or_not_there(card: Card, tmp_path: Path) -> None:
    """It is the gateway's; what it leads to is not followed."""
    card.ask()
    card.asked.rename(tmp_path / "elsewhere")
    assert card.start().wait(WAIT_S) == 0
    card.asked.symlink_to(tmp_path / "elsewhere")
    assert card.start().wait(WAIT_S) == 0
    assert card.said() == {} and (tmp_path / "elsewhere/request.json").exists()


def test_where_sshd_cannot_start_it_is_refused(card: Card) -> None:
    """Its port is another's."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", card.port))
        other.listen()
        card.ask()
        assert card.start().wait(WAIT_S) == 0
    assert (card.said()["state"], card.said()["why"]) == ("refused", "failed")
    card.is_shut()


def test_sshd_finds_nothing_wrong_with_what_it_is_told(program: Path) -> None:
    """And the card's own file says no to all but a key."""
    text = (ROOT / "tools/image/files/usr/lib/tryggve-card/sshd_config").read_text()
    assert (program / "sshd_config").read_text() == text
    for said in ("AllowUsers technician", "PermitRootLogin no", "PasswordAuthentication no"):
        assert f"\n{said}\n" in text
