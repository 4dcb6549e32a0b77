"""A real staff server for tests: gunicorn in a process of its own, and a home that talks to it.

Not for: what can be seen without a socket (use `staff_app`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import urllib3

from tests.processes import children, tell_each, tell_group

START_TIMEOUT_S = 240
REQUEST_TIMEOUT_S = 60


class Process:
    """`tryggve staff run`, in a process group of its own."""

    def __init__(self, config: Path, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        command = [sys.executable, "-m", "web.staff.cli.main", "run", "--config", str(config)]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*command, "--port", str(port)],
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        try:
            self.wait()
        except BaseException:
            self.kill()
            raise

    def wait(self) -> None:
        """Until it answers."""
        pool = urllib3.PoolManager(retries=False, timeout=20.0)
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            assert self._process.poll() is None, self._log.read_text()
            try:
                if pool.request("GET", f"{self.url}/healthz").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """SIGKILL to all of it."""
        tell_group(self._process.pid)
        self._process.wait(60)

    def kill_worker(self) -> None:
        """SIGKILL to gunicorn's worker only; its master starts another."""
        tell_each(children(self._process.pid))

    def threads(self) -> int:
        """Threads of gunicorn's worker."""
        (worker,) = children(self._process.pid)
        return len(list(Path(f"/proc/{worker}/task").iterdir()))

    def stop(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """SIGTERM; returns the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout_s)

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None


class Wire:
    """Looks like Flask's test client to `EnrolledHome`, and goes over a socket."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(retries=False, timeout=REQUEST_TIMEOUT_S)

    def post(self, path: str, data: bytes | None = None, **more: Any) -> Any:
        """An HTTP POST.  Raises `urllib3.exceptions.HTTPError` when the connection is cut."""
        answer = self.pool.request("POST", self.url + path, body=data, **more)
        return _Answer(answer)


class _Answer:
    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.status_code = answer.status
        self.text = answer.data.decode()

    def get_json(self) -> Any:
        """The body as JSON."""
        return self._answer.json()
