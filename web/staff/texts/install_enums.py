"""What the codes of an installation are called on the screen.

Not for: what whoever tries a home is told to do (`install_words`), or the kinds (`kind_words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway import events
from gateway.installs import words
from web.staff.core.i18n import N_

INSTALL: Mapping[type[StrEnum], Mapping[str, str]] = {
    events.TrialStep: {
        "stepped_on": N_("mattan trycks ner"),
        "stepped_off": N_("mattan släpps upp"),
        "lay_down": N_("någon ligger i sängen"),
        "fell": N_("fallarm"),
        "pressed": N_("larmknappen trycks"),
        "called": N_("larm från larmknappen"),
        "answered": N_("svarsknappen trycks"),
        "opened": N_("dörren öppnas"),
        "closed": N_("dörren stängs"),
        "moved": N_("rörelse"),
        "heard": N_("givaren hör av sig"),
        "unlocked": N_("låset låses upp"),
        "locked": N_("låset låses"),
        "unplugged": N_("strömmen bryts"),
        "plugged_in": N_("strömmen är tillbaka"),
        "unknown": N_("ett prov som servern inte känner till"),
    },
    events.SkipWhy: words.SKIPS,
}
"""By enum; `words.ENUMS` has them."""
