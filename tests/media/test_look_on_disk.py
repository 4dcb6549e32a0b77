"""Nothing of a look reaches a disk: what its process does is watched call by call."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from gateway.events import LookEnd
from gateway.media.process import COMMAND, MediaProcess
from tests.media.home_parts import until
from tests.media.look_parts import BlindPage, LookHome
from tests.media.test_looks import seen

CALLS = "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,memfd_create,link"
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|\b(?:creat|mkdir\w*|rename\w*|link)\(")
HARMLESS = re.compile(r'"/dev/null"|= -1 E')
"""Nothing is kept there, or it was not let."""


async def test_nothing_is_written(tmp_path: Path) -> None:
    """By strace, over the whole life of a process that sends video and then sealed pictures: no
    file is opened to be written, made or renamed; and the folder it works in stays empty."""
    pytest.importorskip("aiortc")
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: strace)")
    from gateway.wire import LookOrder
    from tests.media.look_parts import Page

    trace = tmp_path / "trace.txt"
    home, page, blind = LookHome(tmp_path), Page(), BlindPage()
    home.driver.note = ""
    watched = ("strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(trace), *COMMAND)
    home.start = lambda: MediaProcess.start(watched)
    home.looks.find_s = home.looks.beat_within_s = 30.0  # all is slower so
    home.looks.kill_after_s = 20.0  # it ends by itself: to kill strace ends nothing
    await seen(home, page, within_s=60.0)
    home.say(LookOrder(what="relay", look="l1", key=blind.key))
    await until(lambda: len(home.taken) > 1, within_s=60)
    home.say(LookOrder(what="end", look="l1"))
    await home.settled(60)
    assert home.ended() is LookEnd.CLOSED
    await page.close()
    calls = trace.read_text().splitlines()
    assert any("eyes" in call or "libvpx" in call for call in calls)  # it was watched
    assert [call for call in calls if WRITES.search(call) and not HARMLESS.search(call)] == []


def _told_of(child: MediaProcess, what: str) -> str:
    return Path(f"/proc/{child.process.pid}/{what}").read_text()


async def test_its_memory_is_its_own() -> None:
    """No core dump, not to be read by others of the same user; out of the swap where the system
    lets it (root does)."""
    child = await MediaProcess.start()
    words = child.said(20)
    ready = await anext(words)
    status = _told_of(child, "status")
    locked_kb = int(re.search(r"VmLck:\s+(\d+)", status)[1])  # type: ignore[index]
    assert (locked_kb > 0) == ready["locked"]
    limits = _told_of(child, "limits")
    assert re.search(r"Max core file size\s+0\s+0", limits)
    child.kill()
    await child.gone()


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(60)
"""


async def test_it_ends_with_a_gateway_that_is_killed() -> None:
    """Also one that is stopped and can do nothing itself: no camera stays open behind it."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, *COMMAND), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert json.loads(await parent.stdout.readline())["say"] == "ready"
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    await until(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_program_says_so_too() -> None:
    """Python's own byte code is not written either."""
    assert COMMAND[:2] == (sys.executable, "-B")
