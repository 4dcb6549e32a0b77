"""What whoever installs a home is told to do, and why something was refused, as the reader speaks.

Not for: the sentences themselves (`gateway.installs.words`), or the words of codes
(`install_enums`).
"""

from __future__ import annotations

from gateway.events import TrialStep
from gateway.installs import words
from web.staff.core.i18n import say as _


def to_do(step: TrialStep, role: str | None) -> str:
    """What to do for a step, with a thing of this role."""
    return _(words.to_do(step, role))


def refusal(code: str) -> str:
    """Why something was refused, in a sentence."""
    return _(words.REFUSALS[code])
