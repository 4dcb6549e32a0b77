"""One HTTP request to a provider, and its answer as an `Outcome`.

Bounded in time and size, and where it may lead: `web.staff.core.reaching`.  Not for: what is sent,
or trying again (`web.staff.ladders`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from web.staff.channels.contract import Outcome, Why
from web.staff.core.connections import Answer
from web.staff.core.reaching import Reach, Unreached

AGAIN_S = 5.0
"""Real seconds until a request that found nobody, or a broken provider, may be tried again."""

AGAIN_MAX_S = 60.0
"""The most that a provider's `Retry-After` counts for: an alarm takes another way before."""


class Failed(Exception):
    """No answer.  `why` is UNREACHABLE, or BAD where the address itself may not be used."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why
        self.text = text

    def outcome(self) -> Outcome:
        """As what came of sending."""
        again_s = AGAIN_S if self.why is Why.UNREACHABLE else None
        return Outcome(None, self.why, again_s, text=self.text)


class Http(Reach):
    """Sends requests, and fails as channels do."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request.  Raises `Failed`; nothing else, and within `timeout_s` (and a little)."""
        try:
            return super().send(method, url, headers=headers, body=body)
        except Unreached as error:
            raise Failed(Why.BAD if error.unusable else Why.UNREACHABLE, error.text) from error


# --- what an answer means -------------------------------------------------------------------------


def failure(answer: Answer, *, gone: frozenset[int] = frozenset()) -> Outcome | None:
    """What an answer that is no success means; None for a success (2xx).  `gone`: statuses with
    which this provider says that the address is no longer."""
    status = answer.status
    said = f"the provider answered {status}"
    if 200 <= status < 300:
        return None
    if status in gone:
        return Outcome(None, Why.GONE, text=said)
    if status in (401, 402, 403, 407):
        return Outcome(None, Why.REFUSED, text=said)
    if status in (408, 425, 429) or status >= 500:
        return Outcome(None, Why.BUSY, again_s(answer), text=said)
    return Outcome(None, Why.BAD, text=said)


def again_s(answer: Answer) -> float:
    """When to try again, by `Retry-After` (seconds or a date), within bounds."""
    said = answer.headers.get("retry-after", "").strip()
    wait_s = AGAIN_S
    if said.isascii() and said.isdigit() and len(said) < 10:
        wait_s = float(said)
    elif said:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            at = parsedate_to_datetime(said)
            wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(AGAIN_MAX_S, max(1.0, wait_s if math.isfinite(wait_s) else AGAIN_S))
