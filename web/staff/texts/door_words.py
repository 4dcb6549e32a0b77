"""Words for doors: what a technician is there for, what became of the request, and why a
turn came to nothing.

As in `web.staff.texts.words`, the Swedish words are the message ids.  Not for: kinds of events and
their enums (`words`).
"""

from __future__ import annotations

from collections.abc import Mapping

from web.staff.core.i18n import N_

SERVICE_WHY: Mapping[str, str] = {
    "battery": N_("Byta batteri"),
    "lock": N_("Låset krånglar"),
    "gateway": N_("Hemmets enhet"),
    "sensor": N_("Matta eller sensor"),
    "mounting": N_("Montering"),
    "test": N_("Prova låset"),
    "other": N_("Annat"),
}
"""What the technician is there for (`web.staff.doors.service_access.WHY`)."""

STANDING: Mapping[str, str] = {
    "waiting": N_("Väntar på svar"),
    "expired": N_("Ingen svarade i tid"),
    "approved": N_("Godkänd"),
    "over": N_("Godkänd, tiden är ute"),
    "declined": N_("Nej"),
    "withdrawn": N_("Återtagen"),
}
"""What became of the request (`web.staff.doors.service_access.Standing`)."""

TURN_WHY: Mapping[str, str] = {
    "asleep": N_("Låset sover och vaknade inte."),
    "unreachable": N_("Låset svarar inte."),
    "radio": N_("Hemmets radio svarar inte."),
    "jammed": N_("Låset har fastnat. Dra dörren mot dig och försök igen."),
    "refused_by_lock": N_("Låset nekade."),
    "no_answer": N_("Låset svarar inte. Vi vet inte om det är öppet. Känn på dörren."),
    "link_lost": N_("Förbindelsen med låset bröts. Vi vet inte om det är öppet. Känn på dörren."),
    "low_voltage": N_("Låsets batteri är för svagt för att vrida."),
    "not_calibrated": N_("Låset är inte inställt efter monteringen."),
    "not_paired": N_("Låset är inte parat med hemmets enhet."),
    "busy": N_("Låset vrids redan. Vänta och se vad som händer."),
    "revoked": N_("Din rätt att öppna har dragits in. Ring samordnaren."),
    "alarm_closed": N_("Larmet är avslutat, så rätten att öppna har upphört."),
    "check_closed": N_("Besöket efter tillsynen är utfört, så rätten att öppna har upphört."),
    "door_open": N_("Dörren öppnades, så hemmet låste inte."),
    "not_approved": N_(
        "Godkännandet för service gäller inte längre, så rätten att öppna har upphört."
    ),
    "not_recorded": N_("Hemmet kunde inte skriva i sin logg och öppnar inte."),
    "no_word": N_("Hemmet svarade aldrig. Vi vet inte om låset är öppet. Känn på dörren."),
    "restarted": N_(
        "Hemmets enhet startade om mitt i. Vi vet inte om låset är öppet. Känn på dörren."
    ),
}
"""Why a turn of a lock came to nothing."""
