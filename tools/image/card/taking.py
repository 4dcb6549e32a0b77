"""What is done when, from a new card to a home that runs.

Each round begins with what is on the machine and repeats nothing that is done: a round that was cut
anywhere is made whole by the next.  The home's key and the server's word are kept before the file
that says who it is; the code leaves the partition only after that; the gateway starts last.

A code that the server refused is not sent again.  Nothing is taken from the partition before the
home is enrolled.  Not for: how any of it is done (`box`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from .box import Box, Trouble
from .given import Given, Wrong, pictured

FIRST_S, LONGEST_S = 5.0, 60.0
"""Seconds until a server that did not answer is asked again: from a router that has just begun to a
line that is down for a day."""

IDLE_S = 15.0
"""Seconds from one look for a file or a code to the next, where nothing is to be tried."""


class Step(Enum):
    """What follows a round."""

    DONE = auto()
    AGAIN = auto()
    """It may go by itself: the server did not answer."""
    STUCK = auto()
    """A person must do something."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person is told now: Swedish, English, and a technician's word."""

    sv: str
    en: str
    detail: str = ""


NOTHING = Said(
    "Kortet väntar på hemmets kod: skriv den i tryggve.txt på kortet, eller håll QR-koden framför "
    "kameran.",
    "The card waits for the home's code: write it into tryggve.txt on the card, or hold the QR "
    "code to the camera.",
)
REFUSED = Said(
    "Servern tog inte emot koden; ta fram en ny på hemmets sida, och skriv den i tryggve.txt eller "
    "visa den för kameran.",
    "The server did not take the code; get a new one on the home's page, and write it into "
    "tryggve.txt or show it to the camera.",
)
SILENT = Said(
    "Servern svarar inte än; är nätverkskabeln i, eller är Wi-Fi rätt skrivet? Det provas igen av "
    "sig självt.",
    "The server does not answer yet; is the network cable in, or the Wi-Fi written right? It is "
    "tried again by itself.",
)
KEPT = Said(
    "Hemmet är anslutet, men koden kunde inte tas bort från kortet; den går inte att använda igen.",
    "The home is connected, but the code could not be removed from the card; it is used up.",
)
JOINED = Said("Hemmet är anslutet och startar.", "The home is connected and starts.")


class Taking:
    """`tell` is told what a person should know, each time that it changes; `look` waits for a code
    before the camera, at the most so long, and returns what it says or None."""

    def __init__(
        self, box: Box, tell: Callable[[Said], None], look: Callable[[float], str | None]
    ) -> None:
        self._box, self._look = box, look
        self._show = tell
        self._told: Said | None = None
        self._refused: dict[str, Said] = {}
        self._shown: Given | None = None

    def run(self, wait: Callable[[float], None]) -> None:
        """Until the home is enrolled and its gateway was started."""
        pause_s = FIRST_S
        while (step := self.round()) is not Step.DONE:
            if step is Step.AGAIN:
                wait(pause_s)
                pause_s = min(LONGEST_S, 2 * pause_s)
                continue
            pause_s = FIRST_S
            self._watch(wait)

    def _watch(self, wait: Callable[[float], None]) -> None:
        seen = self._look(IDLE_S)
        if seen is None:
            wait(IDLE_S)
            return
        try:
            self._shown = pictured(seen)
        except Wrong as wrong:
            self._tell(Said(wrong.sv, wrong.en))

    def round(self) -> Step:
        """One."""
        wrong: Said | None = None
        read = Given()
        try:
            read = self._box.read()
        except Wrong as error:
            wrong = Said(error.sv, error.en)
        except (Trouble, OSError) as error:
            wrong = Said(NOTHING.sv, NOTHING.en, str(error))
        try:
            if read.wifi is not None:
                self._box.join(read.wifi)
            if self._box.home() is not None:
                return self._done(read, wrong)
            return self._enrolled(read, wrong)
        except (Trouble, OSError) as error:
            self._tell(Said(SILENT.sv, SILENT.en, str(error)))
            return Step.AGAIN

    def _enrolled(self, read: Given, wrong: Said | None) -> Step:
        asked = self._shown or read
        if asked.server is None or asked.code is None:
            self._tell(wrong or NOTHING)
            return Step.STUCK
        if asked.code in self._refused:
            self._tell(self._refused[asked.code])
            self._shown = None
            return Step.STUCK
        answer = self._box.enroll(asked.server, asked.code)
        if answer.good:
            return self._done(read, wrong)
        if answer.refused:
            self._refused[asked.code] = Said(REFUSED.sv, REFUSED.en, answer.said)
            self._tell(self._refused[asked.code])
            self._shown = None
            return Step.STUCK
        self._tell(Said(SILENT.sv, SILENT.en, answer.said))
        return Step.AGAIN

    def _done(self, read: Given, wrong: Said | None) -> Step:
        home = self._box.home()
        if home is None:
            raise Trouble("the enrolment left nothing")
        self._box.settle(home)
        if read.anything:
            try:
                self._box.wipe(home.id)
            except Trouble as error:  # the code is used up; the next start tries again
                wrong = Said(KEPT.sv, KEPT.en, str(error))
        self._tell(wrong or JOINED)
        return Step.DONE

    def _tell(self, said: Said) -> None:
        if said != self._told:
            self._told = said
            self._show(said)
