"""An open page as a way to be told: it rings, counts in its title, keeps the screen awake, and says
itself what it really showed.

It is always there and needs no settings.  The address is the account's id; there is something to
send to while one of the account's pages is open.  The page hears of the alarm by the live link
(`web.staff.pages.live`), as of every change: nothing more is sent here.  What it showed on a screen
that somebody may look at it tells by a small form (`web.staff.pages.seen`), which is the proof
(SHOWN); without it within seconds the page was open and nobody's.

Not for: pages of who may not see the home, or the sound (`static/js/sound.js`).
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from web.staff.channels.contract import Address, Health, Incoming, Message, Outcome, Proof, Why
from web.staff.core.context import Staff
from web.staff.core.secret_files import SecretFiles
from web.staff.realtime.broker import Broker

ALWAYS = True

SHOWN_WITHIN_S = 10.0
"""Real seconds in which a page says that it showed an alarm: it hears of it at once, fetches within
half a second, and tells within two."""


class Config(BaseModel):
    """`[channels.live_page]`: nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def open_channel(config: Config, staff: Staff, secrets: SecretFiles) -> LivePage:  # noqa: ARG001
    """The channel."""
    return LivePage(staff.broker, alone=not staff.db.postgres)


class LivePage:
    """See the module.  `alone`: there is no other worker, at which a page may be open."""

    name = "live_page"
    proof = Proof.SHOWN
    delivered_within_s: float | None = SHOWN_WITHIN_S

    def __init__(self, broker: Broker, *, alone: bool) -> None:
        self._broker = broker
        self._alone = alone

    def send(self, message: Message, to: Address) -> Outcome:  # noqa: ARG002 - it is heard of already
        """See `Channel`."""
        if not (to.value.isascii() and to.value.isdigit() and len(to.value) < 18):
            return Outcome(None, Why.NO_CHANNEL, text="the address is no account")
        if self._alone and not self._broker.looks_in(int(to.value)):
            return Outcome(None, Why.NO_CHANNEL, text="no page of this account is open")
        return Outcome(Proof.SENT)

    def check(self) -> Health:
        """It works as long as the server does."""
        return Health(True)

    def incoming(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - a channel is given them
        form: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Incoming:
        """Nobody outside answers for a page."""
        return Incoming()

    def close(self) -> None:
        """Nothing is kept open."""
