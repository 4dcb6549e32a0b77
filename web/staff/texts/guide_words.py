"""What a driver says and asks while a device is paired or calibrated, and how strong the radio is,
in the reader's language.

Not for: the sentences themselves (`gateway.installs.words`).
"""

from __future__ import annotations

from gateway.installs import words
from web.staff.core.i18n import say as _
from web.staff.texts.states import State


def strength(code: str) -> State:
    """How strong the radio is where a thing stands."""
    text, icon, tone = words.STRENGTHS[code]
    return State(_(text), icon, tone)


def said(text: str) -> str:
    """A sentence of a driver."""
    return _(words.said(text)) if text else ""


def asked(text: str) -> str:
    """A question of a driver."""
    return _(words.asked(text)) if text else ""


def failed(code: str) -> str:
    """Why it failed, and what to do."""
    return _(words.failed(code))


def wants_words(text: str) -> bool:
    """Whether a question is answered in words, or only by saying that one is ready."""
    return words.wants_words(text)
