"""What the home says about calls and looks, at once or never: on lanes of their own.

Not for: what is said (`gateway.media`).
"""

from __future__ import annotations

import threading

from gateway.link.https import Link, answer
from gateway.wire import (
    LOOK_HEADER,
    PICTURE_HEADER,
    CallSignal,
    HeardSignal,
    LookSignal,
    Noted,
    PictureTaken,
)

_PATHS = {CallSignal: "/call", LookSignal: "/look", HeardSignal: "/heard"}


class Signals:
    """Every call blocks, may come from any thread, and raises `LinkError`."""

    def __init__(self, link: Link) -> None:
        self._words, self._pictures = link.lane(), link.lane()
        self._one_word, self._one_picture = threading.Lock(), threading.Lock()

    def say(self, signal: CallSignal | LookSignal | HeardSignal) -> None:
        """Say something about a call or a look, or what is heard, now or never."""
        path = _PATHS[type(signal)]
        body = signal.model_dump_json(exclude_none=True).encode()
        with self._one_word:
            said = self._words.post(path, body, {"Content-Type": "application/json"})
        answer(Noted, said)

    def picture(self, look: str, number: int, sealed: bytes) -> PictureTaken:
        """Hand over a sealed picture; a slow one holds up no word."""
        headers = {
            "Content-Type": "application/octet-stream",
            LOOK_HEADER: look,
            PICTURE_HEADER: str(number),
        }
        with self._one_picture:
            said = self._pictures.post("/picture", sealed, headers)
        return answer(PictureTaken, said)

    def close(self) -> None:
        """Drop both connections."""
        self._words.close()
        self._pictures.close()
