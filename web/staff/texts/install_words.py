"""What whoever installs a home is told to do, and why something was refused.

Not for: the words of codes (`install_enums`).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.events import TrialStep
from web.staff.core.i18n import N_
from web.staff.core.i18n import say as _

DO: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Kliv på mattan."),
    TrialStep.STEPPED_OFF: N_("Kliv av mattan."),
    TrialStep.LAY_DOWN: N_("Lägg dig i sängen och ligg still tills det bockas av."),
    TrialStep.FELL: N_("Ligg kvar på mattan tills larmet går."),
    TrialStep.PRESSED: N_("Tryck på larmknappen."),
    TrialStep.CALLED: N_("Larmet ska komma fram hit."),
    TrialStep.ANSWERED: N_("Tryck på knappen."),
    TrialStep.OPENED: N_("Öppna dörren."),
    TrialStep.CLOSED: N_("Stäng dörren."),
    TrialStep.MOVED: N_("Gå förbi givaren."),
    TrialStep.HEARD: N_("Få givaren att höra av sig: tryck, öppna eller blås på den."),
    TrialStep.UNLOCKED: N_("Lås upp, gärna härifrån med tillträde, annars med vredet."),
    TrialStep.LOCKED: N_("Lås igen."),
    TrialStep.UNPLUGGED: N_("Dra ut hemmets enhet ur uttaget."),
    TrialStep.PLUGGED_IN: N_("Sätt i den igen."),
    TrialStep.UNKNOWN: N_("Ett prov som servern inte känner till."),
}

ON_BED: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Sätt dig på sängen, mitt över mattan."),
    TrialStep.STEPPED_OFF: N_("Res dig från sängen."),
}

ON_SEAT: Mapping[TrialStep, str] = {
    TrialStep.STEPPED_ON: N_("Sätt dig på stolen."),
    TrialStep.STEPPED_OFF: N_("Res dig från stolen."),
}

_BY_ROLE = {"bed": ON_BED, "seat": ON_SEAT}

REFUSALS: Mapping[str, str] = {
    "no_reason": N_("Välj varför provet hoppas över."),
    "no_words": N_("Skriv varför provet hoppas över."),
    "not_all": N_("Allt är inte provat än. Prova det som är kvar, eller hoppa över det."),
    "no_trial": N_("Inget prov pågår i hemmet. Börja ett nytt."),
    "no_step": N_("Det provet finns inte längre. Se efter vad som är kvar."),
    "not_connected": N_("Hemmet är inte anslutet just nu. Inget skickades."),
    "not_hearing": N_("Hemmet lyssnar inte längre. Börja leta igen."),
    "no_device": N_("Hemmet har inte den utrustningen."),
    "no_devices": N_("Hemmet har inte berättat vilken utrustning det har."),
}
"""By `web.staff.installs.trial.Fault`."""


def to_do(step: TrialStep, role: str | None) -> str:
    """What to do for a step, with a thing of this role."""
    return _(_BY_ROLE.get(role or "", {}).get(step, DO[step]))


def refusal(code: str) -> str:
    """Why something was refused, in a sentence."""
    return _(REFUSALS[code])
