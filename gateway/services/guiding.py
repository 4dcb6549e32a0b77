"""Pairs or calibrates a device for somebody who is not at this Pi's keyboard: what the driver says
goes up to their page, what they answer comes down.

The driver's own `pair` and `calibrate` do the work, as for `tryggve gateway pair`.  An answer may
be a PIN: it is handed on, and kept and logged nowhere.

Not for: who may (`gateway.app.installing`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

from gateway.errors import TryggveError, UserError
from gateway.wire import SAID_MAX, SENTENCE_MAX, Guided

log = logging.getLogger(__name__)

ANSWER_S = 180.0
"""Seconds that somebody has to answer: time to find a key in an app."""

LIMITS_S = {"pair": 300.0, "calibrate": 900.0}
"""Seconds at the most: a pairing waits for who holds a button and types a key, a calibration for a
bed that is made and lain in."""

What = Literal["pair", "calibrate"]

_DONE: tuple[Literal["done", "failed"], str, str] = ("done", "", "")


class RemoteGuide:
    """Somebody at a page (`gateway.ports.Guide`)."""

    def __init__(self, device: str, what: What) -> None:
        self.device, self.what = device, what
        self._said: deque[str] = deque(maxlen=SAID_MAX)
        self._number = 0
        self._question = ""
        self._hidden = False
        self._answered: asyncio.Future[str] | None = None
        self._ended: tuple[Literal["done", "failed"], str, str] | None = None

    def __call__(self, text: str, /) -> None:
        """See `gateway.ports.Guide`."""
        self._said.append(text.strip()[:SENTENCE_MAX])

    async def ask(self, question: str, *, hidden: bool = False) -> str:
        """See `gateway.ports.Guide`."""
        self._number += 1
        self._question, self._hidden = question.strip()[:SENTENCE_MAX], hidden
        self._answered = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                return (await self._answered).strip()
        except TimeoutError as error:
            raise UserError("nobody answered.") from error
        finally:
            self._question, self._answered = "", None

    def answer(self, number: int, text: str) -> None:
        """What they say to question `number`; to one that is over, nothing."""
        if number == self._number and self._answered is not None and not self._answered.done():
            self._answered.set_result(text)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._ended is not None

    def told(self) -> Guided:
        """How it stands."""
        outcome, code, why = self._ended or ("", "", "")
        return Guided(
            device=self.device,
            what=self.what,
            said=tuple(self._said),
            number=self._number,
            question=self._question,
            hidden=self._hidden,
            outcome=outcome,
            code=code,
            why=why[:SENTENCE_MAX],
        )

    async def run(self, work: Callable[[RemoteGuide], Awaitable[None]]) -> bool:
        """Do it; whether it was done.  Never raises: how it ended is told."""
        try:
            async with asyncio.timeout(LIMITS_S[self.what]):
                await work(self)
        except TimeoutError:
            self._ended = "failed", "timeout", "it took too long"
        except TryggveError as error:
            code = str(error.data.get("why") or type(error).__name__)
            self._ended = "failed", code[:60], error.text
        except Exception as error:  # the edge: a driver's fault is told, and ends nothing else
            log.error("a guided device failed: %s", type(error).__name__)
            self._ended = "failed", type(error).__name__[:60], ""
        else:
            self._ended = _DONE
        return self._ended == _DONE
