"""The virtual home as a process of its own: its orders, its answers, and its end.

Not for: what the home does (`home`), or what is set up around it (`stage`).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from gateway.demo.leash import STOP_S
from gateway.demo.tree import HERE, Tree
from gateway.errors import TryggveError

START_S = 120.0
"""Seconds that a program may take to be ready on a slow machine: two cores with ten times the work
that they can do took more than 40 s for the server.  One that dies is told at once."""


class StageError(TryggveError):
    """The stage could not be set; `text` says what failed."""


class HomeProcess:
    """The virtual home's process, with its orders and answers."""

    def __init__(self, command: list[str], log: Path, tree: Tree = HERE) -> None:
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                start_new_session=True,  # Ctrl-C is for the demo, which ends the home in order
                **tree.started,
            )
        self.said: SimpleQueue[str] = SimpleQueue()
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._await(log)
        except BaseException:
            self.stop()
            raise

    def _await(self, log: Path) -> None:
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
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
